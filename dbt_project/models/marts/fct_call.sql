{{ mart_rows(ref('int_calls_placed'), touched=ref('touched_conversation')) }}
