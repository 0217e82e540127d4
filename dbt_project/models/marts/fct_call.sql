{{ carried_rows(ref('int_calls_placed'), touched=ref('touched_conversation'), keys=['brand_id', 'conversation_id']) }}
