{{ carried_rows(ref('int_ratings_requested'), touched=ref('touched_conversation'), keys=['brand_id', 'conversation_id']) }}
