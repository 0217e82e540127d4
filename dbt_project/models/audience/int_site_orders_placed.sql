{{ config(indexes=[{'columns': ['brand_id', 'ordered_at']}, {'columns': ['brand_id', 'session_key']}]) }}

-- The orders that the touched visitors placed within their site sessions: from the first event to half an hour after
-- the last one, both included. Two browsers at once, or a session that begins at that last instant, share an order.
select
    s.brand_id,
    s.session_key,
    o.order_id,
    s.visitor_id,
    o.ordered_at,
    o.gross_amount,
    s.personalised_at,
    recommended.order_id is not null as is_recommended
from {{ ref('int_site_sessions_cut') }} as s
inner join {{ ref('int_orders_identified') }} as o
    on
        o.brand_id = s.brand_id
        and o.visitor_id = s.visitor_id
        and o.ordered_at >= s.started_at
        and o.ordered_at <= s.last_action_at + interval '{{ var('spans').session_pause }}'
left join (
    select distinct
        l.brand_id,
        l.order_id
    from {{ ref('int_visitor_lines_bought') }} as l
    where l.recommended_view_at is not null or l.recommendation_shown_at is not null
) as recommended
    on recommended.brand_id = o.brand_id and recommended.order_id = o.order_id
