select
    r.brand_id,
    r.event_id,
    r.conversation_id,
    r.occurred_at,
    r.event_type,
    r.actor_type,
    r.member_id
{{ current_rows('conversation_events', ['brand_id', 'event_id']) }}
