{{ mart_rows(ref('int_conversation_events_judged'), touched=ref('touched_conversation')) }}
