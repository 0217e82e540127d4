{{ carried_rows(ref('int_messages_counted'), touched=ref('touched_conversation'), keys=['brand_id', 'conversation_id']) }}
