{{ config(indexes=[{'columns': ['brand_id', 'started_at']}]) }}

-- The orders of the touched visitors, each in the chat session in which it was placed.
select
    s.brand_id,
    o.order_id,
    s.session_key,
    s.visitor_id,
    s.started_at,
    o.ordered_at,
    o.checked_out_at,
    o.paid_at,
    a.ad_id,
    a.ad_payload
from {{ ref('int_orders_identified') }} as o
inner join {{ ref('int_chat_sessions_cut') }} as s
    on
        s.brand_id = o.brand_id
        and s.visitor_id = o.visitor_id
        and s.started_at <= o.ordered_at
        and o.ordered_at <= s.last_action_at
left join {{ ref('int_chat_sessions_sourced') }} as a
    on a.brand_id = s.brand_id and a.session_key = s.session_key
