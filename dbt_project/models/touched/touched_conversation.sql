{{ config(indexes=[{'columns': ['brand_id', 'conversation_id']}]) }}

-- A conversation is touched by its own rows, by its brand (whose zone dates its days) and by the members whose roles
-- its facts carry: the one it is attributed to, every author and every one rated.
{{ touched_rows('conversation') }}
union
select
    c.brand_id,
    c.conversation_id
from {{ source('raw', 'conversations') }} as c
inner join {{ ref('touched_brand') }} as b on b.brand_id = c.brand_id
union
select
    c.brand_id,
    c.conversation_id
from {{ source('raw', 'conversations') }} as c
inner join {{ ref('touched_member') }} as m on m.brand_id = c.brand_id and m.member_id = c.member_id
union
select
    s.brand_id,
    s.conversation_id
from {{ source('raw', 'messages') }} as s
inner join {{ ref('touched_member') }} as m on m.brand_id = s.brand_id and m.member_id = s.sender_id
where s.sender_type = 'member'
union
select
    g.brand_id,
    g.conversation_id
from {{ source('raw', 'ratings') }} as g
inner join {{ ref('touched_member') }} as m on m.brand_id = g.brand_id and m.member_id = g.member_id
