{{ mart_rows(ref('int_requests_made'), touched=ref('touched_conversation')) }}
