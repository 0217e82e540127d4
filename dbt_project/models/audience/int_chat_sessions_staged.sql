{{ config(indexes=[{'columns': ['brand_id', 'started_at']}]) }}

-- The chat sessions of the touched visitors with the first instant of each stage on the way to a paid order.
with

bought as (
    select
        o.brand_id,
        o.session_key,
        -- An order is known from when it was placed, whatever its other instants say.
        min(greatest(o.ordered_at, o.checked_out_at)) filter (where o.checked_out_at is not null) as checked_out_at,
        min(greatest(o.ordered_at, o.paid_at)) filter (where o.paid_at is not null) as paid_at
    from {{ ref('int_session_orders_placed') }} as o
    group by o.brand_id, o.session_key
)

select
    s.brand_id,
    s.session_key,
    'chat' as kind,
    s.visitor_id,
    s.started_at,
    s.last_action_at,
    s.engaged_at,
    s.cart_at,
    least(s.checkout_start_at, b.checked_out_at) as checkout_at,
    b.paid_at,
    a.ad_id,
    a.ad_payload
from {{ ref('int_chat_sessions_cut') }} as s
left join bought as b on b.brand_id = s.brand_id and b.session_key = s.session_key
left join {{ ref('int_chat_sessions_sourced') }} as a on a.brand_id = s.brand_id and a.session_key = s.session_key
