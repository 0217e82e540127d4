{{ config(indexes=[{'columns': ['brand_id', 'refunded_at']}, {'columns': ['brand_id', 'refund_at']}]) }}

-- The refunds of the touched orders, known or not, each with the dialogue that its order is credited to.
with

made as (
    select
        r.brand_id,
        r.refund_id,
        r.order_id,
        r.refunded_at,
        r.amount,
        r.currency
    from {{ ref('stg_sales__refunds') }} as r
    inner join {{ ref('touched_order') }} as t on t.brand_id = r.brand_id and t.order_id = r.order_id
),

placed as (
    select
        m.*,
        o.order_id is not null as is_of_known_order,
        o.channel,
        o.origin,
        o.ordered_at,
        o.credited_conversation_id,
        o.credited_source,
        o.credited_inbox,
        o.credited_conversation_channel,
        o.credited_ad_id,
        o.credited_ad_payload,
        o.credited_handled_basis,
        o.credited_member_id,
        -- Of a credited sale: not before the order, before which nothing is known of it.
        case when o.credited_conversation_id is not null then greatest(m.refunded_at, o.ordered_at) end as refund_at
    from made as m
    left join {{ ref('int_orders_credited') }} as o on o.brand_id = m.brand_id and o.order_id = m.order_id
)

select
    p.brand_id,
    p.refund_id,
    p.order_id,
    p.refunded_at,
    p.amount as refund_amount,
    p.currency,
    p.is_of_known_order,
    p.channel,
    p.origin,
    p.ordered_at,
    p.refund_at,
    p.credited_conversation_id,
    p.credited_source,
    p.credited_inbox,
    p.credited_conversation_channel,
    p.credited_ad_id,
    p.credited_ad_payload,
    p.credited_handled_basis,
    p.credited_member_id,
    refunded.role as credited_refunded_role
from placed as p
{{ join_role_at('refunded', 'p.brand_id', 'p.credited_member_id', 'p.refund_at') }}
