{{ mart_rows(ref('int_conversations_lived'), touched=ref('touched_conversation')) }}
