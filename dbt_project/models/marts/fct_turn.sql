{{ carried_rows(ref('int_turns_answered'), touched=ref('touched_conversation'), keys=['brand_id', 'conversation_id']) }}
