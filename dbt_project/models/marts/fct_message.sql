{{ mart_rows(ref('int_messages_counted'), touched=ref('touched_conversation')) }}
