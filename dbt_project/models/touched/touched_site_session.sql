{{ config(indexes=[{'columns': ['brand_id', 'session_id']}]) }}

-- A browser's site events are cut anew where one of them, its visitor or its brand is touched: the whole of a browser
-- tells where its sessions begin.
select
    t.brand_id,
    t.session_id
from {{ ref('touched_session') }} as t
union
select
    e.brand_id,
    e.session_id
from {{ source('raw', 'site_events') }} as e
inner join {{ ref('touched_visitor') }} as v on v.brand_id = e.brand_id and v.visitor_id = e.visitor_id
