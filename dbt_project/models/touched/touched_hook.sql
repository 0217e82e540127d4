{{ config(indexes=[{'columns': ['brand_id', 'hook_id']}]) }}

-- A hook is touched by its events, by its brand and by the members whose roles its events carry.
{{ touched_rows('hook') }}
union
select
    h.brand_id,
    h.hook_id
from {{ source('raw', 'hook_events') }} as h
inner join {{ ref('touched_brand') }} as b on b.brand_id = h.brand_id
union
select
    h.brand_id,
    h.hook_id
from {{ source('raw', 'hook_events') }} as h
inner join {{ ref('touched_member') }} as m on m.brand_id = h.brand_id and m.member_id = h.member_id
