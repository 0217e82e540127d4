{{ config(indexes=[{'columns': ['brand_id', 'order_id']}]) }}

-- An order is touched by its own rows, lines and refunds, by its brand (currency, attribution window), by the
-- conversation that it names and by any conversation of its visitor: each may give or take its credit. A conversation
-- that changed visitor touches the orders of both, so the published visitor is asked too. Who an order's visitor is may
-- rest on an identity.
with

visitor_of_touched as (
    {{ visitors_of_touched('conversation') }}
)

{{ touched_rows('order') }}
union
select
    o.brand_id,
    o.order_id
from {{ source('raw', 'orders') }} as o
inner join {{ ref('touched_brand') }} as b on b.brand_id = o.brand_id
union
select
    r.brand_id,
    r.order_id
from {{ source('raw', 'refunds') }} as r
inner join {{ ref('touched_brand') }} as b on b.brand_id = r.brand_id
union
select
    o.brand_id,
    o.order_id
from {{ source('raw', 'orders') }} as o
inner join {{ ref('touched_identity') }} as i on i.brand_id = o.brand_id and i.identity_id = o.identity_id
where o.visitor_id is null
union
select
    o.brand_id,
    o.order_id
from {{ source('raw', 'orders') }} as o
inner join {{ ref('touched_conversation') }} as t
    on t.brand_id = o.brand_id and t.conversation_id = o.conversation_id
union
select
    o.brand_id,
    o.order_id
from {{ source('raw', 'orders') }} as o
inner join visitor_of_touched as v on v.brand_id = o.brand_id and v.visitor_id = o.visitor_id
union
{{ orders_linked_to('visitor_of_touched') }}
