select
    r.brand_id,
    r.experience_id,
    r.name,
    r.kind,
    r.started_at,
    r.ended_at,
    r.updated_at
{{ current_rows('experiences', ['brand_id', 'experience_id'], ['updated_at', 'extract_day', 'content_hash']) }}
