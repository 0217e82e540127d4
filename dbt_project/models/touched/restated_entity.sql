{{ config(indexes=[{'columns': ['brand_id', 'entity', 'entity_id']}]) }}

-- Entities of which this run's loads say something that the last publication should have known, had it come in time: of
-- before the end of what was then complete. Settings of a brand are another matter: they are compared themselves.
select
    row_number() over (order by t.brand_id, t.entity, t.entity_id, t.load_id) as restatement_id,
    t.brand_id,
    t.entity,
    t.entity_id,
    t.load_id,
    t.since,
    t.is_correction
from {{ source('raw', 'touched') }} as t
cross join {{ source('build', 'run') }} as r
where
    t.entity <> 'brand'
    and t.load_id <= r.newest_load_id
    and t.since < r.published_through
