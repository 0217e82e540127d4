{{
    config(
        indexes=[
            {'columns': ['brand_id', 'ordered_at']},
            {'columns': ['brand_id', 'cancellation_at']},
            {'columns': ['brand_id', 'credited_established_at']},
        ]
    )
}}

-- The touched orders, each with the dialogue that it is credited to, as decided by what was known when it was placed.
with

placed as (
    select
        o.*,
        -- A cancellation dated before its order counts from the order on, before which nothing is known of it.
        case when o.cancelled_at is not null then greatest(o.cancelled_at, o.ordered_at) end as cancellation_at,
        {{ local_clock('o.ordered_at', 'b.timezone') }} as ordered_clock
    from {{ ref('int_orders_identified') }} as o
    inner join {{ ref('touched_order') }} as t on t.brand_id = o.brand_id and t.order_id = o.order_id
    inner join {{ ref('int_brands_current') }} as b on b.brand_id = o.brand_id
    offset 0
),

pieced as (
    select
        l.brand_id,
        l.order_id,
        sum(l.quantity)::bigint as quantity
    from {{ ref('stg_sales__order_lines') }} as l
    inner join {{ ref('touched_order') }} as t on t.brand_id = l.brand_id and t.order_id = l.order_id
    group by l.brand_id, l.order_id
),

-- The dialogues that may have earned it: the one that the shop names, and nothing else then; or those of its visitor.
candidate as (
    select
        o.brand_id,
        o.order_id,
        o.ordered_at,
        c.conversation_id,
        'explicit' as credit_method
    from placed as o
    inner join {{ ref('fct_conversation') }} as c
        on c.brand_id = o.brand_id and c.conversation_id = o.conversation_id
    where o.origin <> 'publication' and c.established_at <= o.ordered_at
    union all
    select
        o.brand_id,
        o.order_id,
        o.ordered_at,
        c.conversation_id,
        'window' as credit_method
    from placed as o
    inner join {{ ref('fct_conversation') }} as c on c.brand_id = o.brand_id and c.visitor_id = o.visitor_id
    where o.origin <> 'publication' and o.conversation_id is null and c.established_at < o.ordered_at
),

dated as (
    select
        c.brand_id,
        c.order_id,
        c.ordered_at,
        c.conversation_id,
        c.credit_method,
        max(m.message_at) as last_message_before_at
    from candidate as c
    left join {{ ref('fct_message') }} as m
        on m.brand_id = c.brand_id and m.conversation_id = c.conversation_id and m.message_at < c.ordered_at
    group by c.brand_id, c.order_id, c.ordered_at, c.conversation_id, c.credit_method
),

-- Of a visitor's dialogues the one with the most recent message earns it, unless that is older than the window.
credited as (
    select distinct on (d.brand_id, d.order_id) d.*
    from dated as d
    inner join {{ ref('int_brands_current') }} as b on b.brand_id = d.brand_id
    where
        d.credit_method = 'explicit'
        or d.last_message_before_at >= d.ordered_at - make_interval(hours => 24 * b.attribution_window_days)
    order by d.brand_id, d.order_id, d.last_message_before_at desc nulls last, d.conversation_id collate "C" desc
)

select
    o.brand_id,
    o.order_id,
    o.visitor_id,
    o.customer_id,
    -- A customer and a visitor are never known to be the same person.
    coalesce('customer ' || o.customer_id, 'visitor ' || o.visitor_id) as buyer,
    o.conversation_id,
    o.member_id,
    o.channel,
    o.origin,
    o.ordered_at,
    o.checked_out_at,
    o.paid_at,
    o.cancelled_at,
    o.cancellation_at,
    o.payment_method,
    o.currency,
    o.gross_amount,
    o.tax_amount,
    o.shipping_amount,
    o.discount_amount,
    o.gross_amount - o.shipping_amount as sale_amount,
    {{ on_local_clock('o', 'ordered') }},
    coalesce(p.quantity, 0) as quantity,
    k.conversation_id as credited_conversation_id,
    k.credit_method,
    k.last_message_before_at,
    c.source as credited_source,
    c.inbox as credited_inbox,
    c.channel as credited_conversation_channel,
    c.ad_id as credited_ad_id,
    c.ad_payload as credited_ad_payload,
    c.handled_basis as credited_handled_basis,
    c.member_id as credited_member_id,
    c.established_at as credited_established_at,
    c.established_role as credited_established_role,
    ordered.role as credited_role,
    cancelled.role as credited_cancelled_role
from placed as o
left join pieced as p on p.brand_id = o.brand_id and p.order_id = o.order_id
left join credited as k on k.brand_id = o.brand_id and k.order_id = o.order_id
left join {{ ref('fct_conversation') }} as c on c.brand_id = k.brand_id and c.conversation_id = k.conversation_id
{{ join_day_of_clock('o', 'ordered') }}
{{ join_role_at('ordered', 'c.brand_id', 'c.member_id', 'o.ordered_at') }}
{{ join_role_at('cancelled', 'c.brand_id', 'c.member_id', 'o.cancellation_at') }}
