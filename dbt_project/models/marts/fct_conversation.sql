{{ carried_rows(ref('int_conversations_lived'), touched=ref('touched_conversation'), keys=['brand_id', 'conversation_id']) }}
