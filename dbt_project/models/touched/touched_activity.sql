{{ config(indexes=[{'columns': ['brand_id', 'member_id']}]) }}

-- A member's activity is touched by its events, by the member's versions (roles) and by the brand.
select
    t.brand_id,
    t.activity_id as member_id
from (
    {{ touched_rows('activity') }}
) as t
union
select
    m.brand_id,
    m.member_id
from {{ ref('touched_member') }} as m
union
select
    a.brand_id,
    a.member_id
from {{ source('raw', 'member_activity') }} as a
inner join {{ ref('touched_brand') }} as b on b.brand_id = a.brand_id
