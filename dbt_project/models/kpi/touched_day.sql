{{ config(indexes=[{'columns': ['brand_id', 'local_date']}]) }}

-- The days among the touched periods, those that no longer exist too. Where a period is touched for the sake of some
-- indicators its day is counted whole: a row of fct_indicator_day holds all of them.
select
    p.brand_id,
    p.period_start as local_date
from {{ ref('touched_period') }} as p
where p.grain = 'day'
