{{
    config(
        indexes=[
            {'columns': ['brand_id', 'started_at']},
            {'columns': ['brand_id', 'completed_at']},
            {'columns': ['brand_id', 'cancelled_at']},
        ]
    )
}}

-- The touched journey runs as they now stand.
select
    r.brand_id,
    r.run_id,
    r.journey_id,
    r.visitor_id,
    r.started_at,
    r.completed_at,
    r.cancelled_at,
    r.goal_converted_at
from {{ ref('stg_personalisation__journey_runs') }} as r
inner join {{ ref('touched_run') }} as t on t.brand_id = r.brand_id and t.run_id = r.run_id
