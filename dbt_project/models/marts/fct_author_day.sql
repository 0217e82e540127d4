{{ carried_rows(ref('int_author_days_summed'), touched=ref('touched_conversation'), keys=['brand_id', 'conversation_id']) }}
