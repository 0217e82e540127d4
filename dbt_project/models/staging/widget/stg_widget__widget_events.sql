select
    r.brand_id,
    r.event_id,
    r.session_id,
    r.visitor_id,
    r.occurred_at,
    r.event_type,
    r.widget_version,
    r.page_url,
    r.ad_id,
    r.ad_payload
{{ current_rows('widget_events', ['brand_id', 'event_id']) }}
