{{ mart_rows(ref('int_session_members_written'), touched=ref('touched_visitor')) }}
