select
    r.brand_id,
    r.event_id,
    r.session_id,
    r.visitor_id,
    r.occurred_at,
    r.event_type,
    r.page_url,
    r.product_id,
    r.quantity,
    r.experience_id,
    r.goal_id,
    r.revenue,
    r.ad_id,
    r.ad_payload
{{ current_rows('site_events', ['brand_id', 'event_id']) }}
