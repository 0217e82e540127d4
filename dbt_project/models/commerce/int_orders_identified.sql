{{ config(indexes=[{'columns': ['brand_id', 'order_id']}, {'columns': ['brand_id', 'visitor_id']}]) }}

-- The touched orders and all orders of the touched visitors, each with its visitor: the one that the shop names, else
-- the one whom the brand's identities name for the buyer. Who is who holds for all time, whenever it was learnt.
with

asked as (
    select
        t.brand_id,
        t.order_id
    from {{ ref('touched_order') }} as t
    union
    select
        o.brand_id,
        o.order_id
    from {{ source('raw', 'orders') }} as o
    inner join {{ ref('touched_visitor') }} as v on v.brand_id = o.brand_id and v.visitor_id = o.visitor_id
    union
    {{ orders_linked_to(ref('touched_visitor')) }}
)

select
    o.brand_id,
    o.order_id,
    coalesce(o.visitor_id, i.visitor_id) as visitor_id,
    o.customer_id,
    o.conversation_id,
    o.member_id,
    o.channel,
    o.origin,
    o.ordered_at,
    o.checked_out_at,
    o.paid_at,
    o.cancelled_at,
    o.payment_method,
    o.currency,
    o.gross_amount,
    o.tax_amount,
    o.shipping_amount,
    o.discount_amount,
    case when o.visitor_id is null then o.identity_id end as linked_by
from {{ ref('stg_sales__orders') }} as o
inner join asked as a on a.brand_id = o.brand_id and a.order_id = o.order_id
left join {{ ref('stg_chat__identities') }} as i
    on i.brand_id = o.brand_id and i.system = o.identity_system and i.external_id = o.identity_id
