select
    r.brand_id,
    r.run_id,
    r.journey_id,
    r.visitor_id,
    r.started_at,
    r.completed_at,
    r.cancelled_at,
    r.goal_converted_at,
    r.updated_at
{{ current_rows('journey_runs', ['brand_id', 'run_id'], ['updated_at', 'extract_day', 'content_hash']) }}
