{{ config(indexes=[{'columns': ['brand_id', 'visitor_id']}]) }}

-- A visitor is touched by widget and site events and orders of their own (new ones, and those of replaced extracts), by
-- each of their conversations and orders that is touched, and by the brand. Sessions run over days and extracts: only
-- the whole of a visitor tells where they begin. A browser that several visitors share touches all of them, since a
-- site session is whose first event it is.
{{ touched_rows('visitor') }}
union
{{ visitors_of_touched('conversation') }}
union
{{ visitors_of_touched('order') }}
{%- for dataset in ['widget_events', 'site_events'] %}
union
select
    e.brand_id,
    e.visitor_id
from {{ source('raw', dataset) }} as e
inner join {{ ref('touched_brand') }} as b on b.brand_id = e.brand_id
{%- endfor %}
union
select
    e.brand_id,
    e.visitor_id
from {{ source('raw', 'site_events') }} as e
inner join {{ ref('touched_session') }} as s on s.brand_id = e.brand_id and s.session_id = e.session_id
