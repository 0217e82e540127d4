{{ mart_rows(ref('int_conversation_days_summed'), touched=ref('touched_conversation')) }}
