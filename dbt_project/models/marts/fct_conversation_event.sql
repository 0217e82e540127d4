{{
    carried_rows(
        ref('int_conversation_events_judged'),
        touched=ref('touched_conversation'),
        keys=['brand_id', 'conversation_id']
    )
}}
