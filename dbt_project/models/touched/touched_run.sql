{{ config(indexes=[{'columns': ['brand_id', 'run_id']}]) }}

-- A journey run is touched by its own rows, by its notifications and by its brand.
{{ touched_rows('run') }}
{%- for dataset in ['journey_runs', 'journey_notifications'] %}
union
select
    r.brand_id,
    r.run_id
from {{ source('raw', dataset) }} as r
inner join {{ ref('touched_brand') }} as b on b.brand_id = r.brand_id
{%- endfor %}
