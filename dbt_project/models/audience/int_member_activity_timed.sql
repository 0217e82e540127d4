{{ config(indexes=[{'columns': ['brand_id', 'occurred_at']}, {'columns': ['brand_id', 'member_id']}]) }}

-- The activity of the touched members: each event stands for the time since the member's previous one, if that is under
-- five minutes, else for a minute.
with

paused as (
    select
        a.*,
        a.occurred_at - lag(a.occurred_at) over (
            partition by a.brand_id, a.member_id order by a.occurred_at, a.event_id
        ) as pause
    from {{ ref('stg_chat__member_activity') }} as a
    inner join {{ ref('touched_activity') }} as t on t.brand_id = a.brand_id and t.member_id = a.member_id
)

select
    p.brand_id,
    p.event_id,
    p.member_id,
    p.occurred_at,
    p.action,
    case
        when p.pause < interval '{{ var('spans').activity_pause }}' then extract(epoch from p.pause)
        else 60
    end as activity_seconds,
    member_then.role as member_role
from paused as p
{{ join_role_at('member_then', 'p.brand_id', 'p.member_id', 'p.occurred_at') }}
