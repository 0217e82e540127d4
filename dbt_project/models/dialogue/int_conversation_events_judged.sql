{{ config(indexes=[{'columns': ['brand_id', 'event_at']}]) }}

-- The events of the touched conversations, from when each counts: when it happened, but not before the request. The
-- first closing of a conversation tells how long it took, and whether a member had written by then.
with

counted as (
    select
        e.brand_id,
        e.event_id,
        e.conversation_id,
        e.event_type,
        e.actor_type,
        e.member_id as event_member_id,
        e.occurred_at,
        greatest(e.occurred_at, c.requested_at) as event_at,
        c.visitor_id,
        c.source,
        c.inbox,
        c.channel as conversation_channel,
        c.handled_basis,
        c.member_id,
        c.requested_at,
        c.handled_at,
        c.first_member_sent_at
    from {{ ref('stg_chat__conversation_events') }} as e
    inner join {{ ref('int_conversations_lived') }} as c
        on c.brand_id = e.brand_id and c.conversation_id = e.conversation_id
),

ordered as (
    select
        c.*,
        c.event_type = 'closed'
        and row_number() over (
            partition by c.brand_id, c.conversation_id, c.event_type order by c.event_at, c.event_id collate "C"
        ) = 1 as is_first_closing
    from counted as c
)

select
    o.brand_id,
    o.event_id,
    o.conversation_id,
    o.event_type,
    o.actor_type,
    o.event_member_id,
    o.occurred_at,
    o.event_at,
    o.is_first_closing,
    case when o.is_first_closing then extract(epoch from o.event_at - o.requested_at) end as closing_seconds,
    case when o.is_first_closing then coalesce(o.first_member_sent_at < o.event_at, false) end as is_answered_before,
    o.visitor_id,
    o.source,
    o.inbox,
    o.conversation_channel,
    o.handled_basis,
    o.member_id,
    o.requested_at,
    o.handled_at,
    member_then.role as member_role
from ordered as o
{{ join_role_at('member_then', 'o.brand_id', 'o.member_id', 'o.event_at') }}
