{{ config(indexes=[{'columns': ['brand_id', 'ordered_at']}, {'columns': ['brand_id', 'two_way_at']}]) }}

-- The touched orders, each with every conversation of its visitor that may have had a part in it: two-way before the
-- order, with an event (a message, a call answered or ended) before it that is no older than the attribution window.
with

candidate as (
    select
        o.brand_id,
        o.order_id,
        o.visitor_id,
        o.channel,
        o.ordered_at,
        o.sale_amount,
        o.sale_amount - o.tax_amount as attributed_amount,
        o.ordered_at - make_interval(hours => 24 * b.attribution_window_days) as window_from,
        c.conversation_id,
        c.source,
        c.inbox,
        c.channel as conversation_channel,
        c.handled_basis,
        c.member_id,
        c.handled_at,
        c.first_call_answered_at,
        c.two_way_at,
        c.two_way_role
    from {{ ref('int_orders_credited') }} as o
    inner join {{ ref('int_brands_current') }} as b on b.brand_id = o.brand_id
    inner join {{ ref('fct_conversation') }} as c on c.brand_id = o.brand_id and c.visitor_id = o.visitor_id
    where c.two_way_at < o.ordered_at
),

event as (
    select
        c.brand_id,
        c.order_id,
        c.conversation_id,
        m.message_at as event_at
    from candidate as c
    inner join {{ ref('fct_message') }} as m
        on
            m.brand_id = c.brand_id
            and m.conversation_id = c.conversation_id
            and m.message_at >= c.window_from
            and m.message_at < c.ordered_at
    union all
    select
        c.brand_id,
        c.order_id,
        c.conversation_id,
        k.answered_at as event_at
    from candidate as c
    inner join {{ ref('fct_call') }} as k
        on
            k.brand_id = c.brand_id
            and k.conversation_id = c.conversation_id
            and k.answered_at >= c.window_from
            and k.answered_at < c.ordered_at
    union all
    select
        c.brand_id,
        c.order_id,
        c.conversation_id,
        k.ended_at as event_at
    from candidate as c
    inner join {{ ref('fct_call') }} as k
        on
            k.brand_id = c.brand_id
            and k.conversation_id = c.conversation_id
            and k.ended_at >= c.window_from
            and k.ended_at < c.ordered_at
),

latest as (
    select
        e.brand_id,
        e.order_id,
        e.conversation_id,
        max(e.event_at) as last_event_before_at
    from event as e
    group by e.brand_id, e.order_id, e.conversation_id
)

select
    c.brand_id,
    c.order_id,
    c.conversation_id,
    c.visitor_id,
    c.channel,
    c.ordered_at,
    c.sale_amount,
    c.attributed_amount,
    l.last_event_before_at,
    c.source,
    c.inbox,
    c.conversation_channel,
    c.handled_basis,
    c.member_id,
    c.handled_at,
    c.two_way_at,
    c.two_way_role,
    c.two_way_at >= c.window_from as is_within_window,
    coalesce(c.first_call_answered_at < c.ordered_at, false) as is_by_video,
    ordered.role as member_role
from candidate as c
inner join latest as l
    on l.brand_id = c.brand_id and l.order_id = c.order_id and l.conversation_id = c.conversation_id
{{ join_role_at('ordered', 'c.brand_id', 'c.member_id', 'c.ordered_at') }}
