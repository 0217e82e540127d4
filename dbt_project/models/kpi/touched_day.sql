{{ config(indexes=[{'columns': ['brand_id', 'local_date']}]) }}

-- The days among the touched periods, those that no longer exist too.
select
    p.brand_id,
    p.period_start as local_date
from {{ ref('touched_period') }} as p
where p.grain = 'day'
