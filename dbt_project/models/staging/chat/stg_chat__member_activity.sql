select
    r.brand_id,
    r.event_id,
    r.member_id,
    r.occurred_at,
    r.action
{{ current_rows('member_activity', ['brand_id', 'event_id']) }}
