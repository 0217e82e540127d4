{{ mart_rows(ref('int_sessions_united'), touched=ref('touched_visitor')) }}
