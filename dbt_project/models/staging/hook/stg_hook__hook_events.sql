select
    r.brand_id,
    r.event_id,
    r.member_id,
    r.visitor_id,
    r.occurred_at,
    r.event_type,
    r.hook_id,
    r.conversation_id
{{ current_rows('hook_events', ['brand_id', 'event_id']) }}
