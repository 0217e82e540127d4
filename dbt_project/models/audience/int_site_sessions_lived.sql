{{
    config(
        indexes=[
            {'columns': ['brand_id', 'kind', 'started_at']},
            {'columns': ['brand_id', 'first_order_at']},
            {'columns': ['brand_id', 'visitor_id']},
        ]
    )
}}

-- The site sessions of the touched visitors with what came of them.
select
    s.brand_id,
    'site' as kind,
    s.session_key,
    s.session_id,
    s.visitor_id,
    s.started_at,
    s.last_action_at,
    s.personalised_at,
    s.goal_converted_at,
    s.recommendation_shown_at,
    s.recommendation_followed_at,
    bought.recommended_bought_at,
    ordered.first_order_at,
    ordered.first_recommended_order_at
from {{ ref('int_site_sessions_cut') }} as s
left join (
    select
        r.brand_id,
        r.session_key,
        min(r.bought_at) as recommended_bought_at
    from {{ ref('int_recommendations_shown') }} as r
    group by r.brand_id, r.session_key
) as bought
    on bought.brand_id = s.brand_id and bought.session_key = s.session_key
left join (
    select
        o.brand_id,
        o.session_key,
        min(o.ordered_at) as first_order_at,
        min(o.ordered_at) filter (where o.is_recommended) as first_recommended_order_at
    from {{ ref('int_site_orders_placed') }} as o
    group by o.brand_id, o.session_key
) as ordered
    on ordered.brand_id = s.brand_id and ordered.session_key = s.session_key
