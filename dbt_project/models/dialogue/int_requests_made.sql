{{ config(indexes=[{'columns': ['brand_id', 'requested_at']}]) }}

-- The requests of the touched conversations: each conversation, and each of its calls. The first call of a conversation
-- of medium video is that conversation's own request, and no other.
with

called as (
    select
        k.*,
        row_number() over (
            partition by k.brand_id, k.conversation_id order by k.requested_at, k.call_id collate "C"
        ) as call_number
    from {{ ref('int_calls_placed') }} as k
),

made as (
    select
        c.brand_id,
        'conversation' as request_type,
        c.conversation_id as request_id,
        c.conversation_id,
        c.medium,
        c.initiated_by,
        c.requested_at,
        -- A text request succeeds when its conversation becomes two-way, a video request when its own call is answered.
        case when c.medium = 'video' then first_call.answered_at else c.two_way_at end as succeeded_at
    from {{ ref('int_conversations_lived') }} as c
    left join called as first_call
        on
            first_call.brand_id = c.brand_id
            and first_call.conversation_id = c.conversation_id
            and first_call.call_number = 1
    union all
    select
        k.brand_id,
        'call' as request_type,
        k.call_id as request_id,
        k.conversation_id,
        'video' as medium,
        k.initiated_by,
        k.requested_at,
        k.answered_at as succeeded_at
    from called as k
    inner join {{ ref('int_conversations_lived') }} as c
        on c.brand_id = k.brand_id and c.conversation_id = k.conversation_id
    where c.medium = 'text' or k.call_number > 1
)

select
    m.brand_id,
    m.request_type,
    m.request_id,
    m.conversation_id,
    m.medium,
    m.initiated_by,
    m.requested_at,
    m.succeeded_at,
    least(c.first_member_message_at, c.first_call_answered_at) as replied_at,
    c.source,
    c.inbox,
    c.channel as conversation_channel,
    c.handled_basis,
    c.member_id,
    c.handled_at,
    requested.role as member_role,
    c.page_url
from made as m
inner join {{ ref('int_conversations_lived') }} as c
    on c.brand_id = m.brand_id and c.conversation_id = m.conversation_id
{{ join_role_at('requested', 'm.brand_id', 'c.member_id', 'm.requested_at') }}
