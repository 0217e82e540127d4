select
    r.brand_id,
    r.journey_id,
    r.name,
    r.started_at,
    r.ended_at,
    r.updated_at
{{ current_rows('journeys', ['brand_id', 'journey_id'], ['updated_at', 'extract_day', 'content_hash']) }}
