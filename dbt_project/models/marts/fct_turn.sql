{{ mart_rows(ref('int_turns_answered'), touched=ref('touched_conversation')) }}
