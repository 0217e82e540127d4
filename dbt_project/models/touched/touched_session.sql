{{ config(indexes=[{'columns': ['brand_id', 'session_id']}]) }}

-- A browser session is touched by its widget events and by its brand, whose zone dates its visits.
{{ touched_rows('session') }}
union
select
    w.brand_id,
    w.session_id
from {{ source('raw', 'widget_events') }} as w
inner join {{ ref('touched_brand') }} as b on b.brand_id = w.brand_id
