{{ config(indexes=[{'columns': ['brand_id', 'visitor_id', 'started_at']}]) }}

-- The chat sessions of the touched visitors: their actions, cut where none came for half an hour. A later action only
-- lengthens a session, so what is known at any instant is a beginning of it.
with

paused as (
    select
        e.*,
        e.happened_at - lag(e.happened_at) over (
            partition by e.brand_id, e.visitor_id order by e.happened_at
        ) as pause
    from {{ ref('int_visitor_events_gathered') }} as e
    where e.is_action
),

numbered as (
    select
        p.*,
        count(*) filter (where p.pause is null or p.pause >= interval '{{ var('spans').session_pause }}') over (
            partition by p.brand_id, p.visitor_id order by p.happened_at
        ) as session_number
    from paused as p
)

select
    n.brand_id,
    n.visitor_id,
    n.visitor_id || to_char(min(n.happened_at) at time zone 'UTC', ' YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as session_key,
    min(n.happened_at) as started_at,
    max(n.happened_at) as last_action_at,
    array_agg(n.happened_at order by n.happened_at) as acted_at,
    min(n.happened_at) filter (where n.is_engaging) as engaged_at,
    min(n.happened_at) filter (where n.is_of_cart) as cart_at,
    min(n.happened_at) filter (where n.is_of_checkout) as checkout_start_at
from numbered as n
group by n.brand_id, n.visitor_id, n.session_number
