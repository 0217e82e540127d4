{{ carried_rows(ref('int_requests_made'), touched=ref('touched_conversation'), keys=['brand_id', 'conversation_id']) }}
