{{ config(indexes=[{'columns': ['brand_id', 'kind', 'started_at']}, {'columns': ['brand_id', 'first_order_at']}]) }}

-- The sessions of both kinds of the touched visitors: what one kind has and the other has not is null there.
select
    s.brand_id,
    s.kind,
    s.session_key,
    s.session_id,
    s.visitor_id,
    s.started_at,
    s.last_action_at,
    s.personalised_at,
    s.goal_converted_at,
    s.recommendation_shown_at,
    s.recommendation_followed_at,
    s.recommended_bought_at,
    s.first_order_at,
    s.first_recommended_order_at,
    null::timestamptz as engaged_at,
    null::timestamptz as cart_at,
    null::timestamptz as checkout_at,
    null::timestamptz as paid_at,
    null::text as ad_id,
    null::text as ad_payload
from {{ ref('int_site_sessions_lived') }} as s
union all
select
    s.brand_id,
    s.kind,
    s.session_key,
    null as session_id,
    s.visitor_id,
    s.started_at,
    s.last_action_at,
    null as personalised_at,
    null as goal_converted_at,
    null as recommendation_shown_at,
    null as recommendation_followed_at,
    null as recommended_bought_at,
    null as first_order_at,
    null as first_recommended_order_at,
    s.engaged_at,
    s.cart_at,
    s.checkout_at,
    s.paid_at,
    s.ad_id,
    s.ad_payload
from {{ ref('int_chat_sessions_staged') }} as s
