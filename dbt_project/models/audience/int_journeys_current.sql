select
    j.brand_id,
    j.journey_id,
    j.name,
    j.started_at,
    j.ended_at,
    j.updated_at
from {{ ref('stg_personalisation__journeys') }} as j
