{{
    config(
        indexes=[
            {'columns': ['brand_id', 'event_type', 'occurred_at']},
            {'columns': ['brand_id', 'session_key']},
            {'columns': ['brand_id', 'visitor_id', 'event_type', 'product_id', 'occurred_at']},
        ]
    )
}}

-- The site events of the touched browsers, in sessions: a pause of half an hour or more since the browser's previous
-- event begins a new one. A session is called by its browser and its first instant (whatever the zone of the database
-- session, hence the pattern), and is whose first event it is.
with

paused as (
    select
        e.*,
        e.occurred_at - lag(e.occurred_at) over browser as pause
    from {{ ref('stg_widget__site_events') }} as e
    inner join {{ ref('touched_site_session') }} as t on t.brand_id = e.brand_id and t.session_id = e.session_id
    window browser as (partition by e.brand_id, e.session_id order by e.occurred_at, e.event_id collate "C")
),

numbered as (
    select
        p.*,
        count(*) filter (where p.pause is null or p.pause >= interval '{{ var('spans').session_pause }}') over (
            partition by p.brand_id, p.session_id order by p.occurred_at, p.event_id collate "C"
        ) as session_number
    from paused as p
)

select
    n.brand_id,
    n.event_id,
    n.session_id,
    n.session_id || to_char(
        min(n.occurred_at) over session at time zone 'UTC', ' YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
    ) as session_key,
    n.visitor_id,
    n.occurred_at,
    n.event_type,
    n.page_url,
    n.product_id,
    n.quantity,
    n.experience_id,
    n.goal_id,
    n.revenue,
    n.ad_id,
    n.ad_payload,
    first_value(n.visitor_id) over (
        partition by n.brand_id, n.session_id, n.session_number order by n.occurred_at, n.event_id collate "C"
    ) as session_visitor_id,
    min(n.occurred_at) filter (where n.event_type = 'personalisation_shown') over session as session_personalised_at,
    case
        when n.product_id is not null
            then min(n.occurred_at) filter (where n.event_type = 'recommendation_shown') over product
    end as product_recommended_at
from numbered as n
window
    session as (partition by n.brand_id, n.session_id, n.session_number),
    product as (partition by n.brand_id, n.session_id, n.session_number, n.product_id)
