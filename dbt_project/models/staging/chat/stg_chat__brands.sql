select
    r.brand_id,
    r.name,
    r.timezone,
    r.currency,
    r.locale,
    r.attribution_window_days,
    r.working_hours,
    r.updated_at
{{ current_rows('brands', ['brand_id'], ['updated_at', 'extract_day', 'content_hash']) }}
