{{ config(indexes=[{'columns': ['brand_id', 'visitor_id', 'started_at']}, {'columns': ['brand_id', 'session_key']}]) }}

-- The site sessions of the touched visitors, by their events alone.
select
    e.brand_id,
    e.session_key,
    e.session_id,
    e.session_visitor_id as visitor_id,
    min(e.occurred_at) as started_at,
    max(e.occurred_at) as last_action_at,
    min(e.session_personalised_at) as personalised_at,
    min(e.occurred_at) filter (
        where e.event_type = 'goal_converted' and e.session_personalised_at < e.occurred_at
    ) as goal_converted_at,
    min(e.occurred_at) filter (where e.event_type = 'recommendation_shown') as recommendation_shown_at,
    min(e.occurred_at) filter (
        where
        e.event_type = 'recommendation_click'
        or (e.event_type = 'product_view' and e.product_recommended_at < e.occurred_at)
    ) as recommendation_followed_at
from {{ ref('int_site_events_cut') }} as e
inner join {{ ref('touched_visitor') }} as t on t.brand_id = e.brand_id and t.visitor_id = e.session_visitor_id
group by e.brand_id, e.session_key, e.session_id, e.session_visitor_id
