select
    e.brand_id,
    e.experience_id,
    e.name,
    e.kind,
    e.started_at,
    e.ended_at,
    e.updated_at
from {{ ref('stg_personalisation__experiences') }} as e
