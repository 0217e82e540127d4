{{ config(indexes=[{'columns': ['brand_id', 'visitor_id', 'happened_at']}]) }}

-- All that the touched visitors did, and what of it is an action of theirs in the chat: what cuts and fills a session.
-- Other events only tell by which ad the visitor came. Bots and members neither open a session nor keep it open.
select
    m.brand_id,
    m.visitor_id,
    m.sent_at as happened_at,
    m.message_id as event_id,
    true as is_action,
    true as is_engaging,
    false as is_of_cart,
    false as is_of_checkout,
    null as ad_id,
    null as ad_payload
from {{ ref('int_visitor_messages_sent') }} as m
where m.written_by = 'visitor'
union all
select
    w.brand_id,
    w.visitor_id,
    w.occurred_at as happened_at,
    w.event_id,
    w.event_type <> 'impression' as is_action,
    w.event_type not in ('impression', 'open', 'close') as is_engaging,
    false as is_of_cart,
    false as is_of_checkout,
    w.ad_id,
    w.ad_payload
from {{ ref('stg_widget__widget_events') }} as w
inner join {{ ref('touched_visitor') }} as v on v.brand_id = w.brand_id and v.visitor_id = w.visitor_id
union all
select
    e.brand_id,
    e.visitor_id,
    e.occurred_at as happened_at,
    e.event_id,
    e.event_type in (
        'add_to_cart', 'remove_from_cart', 'checkout_start', 'checkout_complete', 'recommendation_click'
    ) as is_action,
    false as is_engaging,
    e.event_type in ('add_to_cart', 'checkout_start', 'checkout_complete') as is_of_cart,
    e.event_type = 'checkout_start' as is_of_checkout,
    e.ad_id,
    e.ad_payload
from {{ ref('stg_widget__site_events') }} as e
inner join {{ ref('touched_visitor') }} as v on v.brand_id = e.brand_id and v.visitor_id = e.visitor_id
union all
select
    o.brand_id,
    o.visitor_id,
    step.happened_at,
    o.order_id as event_id,
    true as is_action,
    false as is_engaging,
    step.is_of_cart,
    false as is_of_checkout,
    null as ad_id,
    null as ad_payload
from {{ ref('int_orders_identified') }} as o
inner join {{ ref('touched_visitor') }} as v on v.brand_id = o.brand_id and v.visitor_id = o.visitor_id
cross join lateral (values (o.ordered_at, true), (o.checked_out_at, false)) as step (happened_at, is_of_cart)
where step.happened_at is not null
