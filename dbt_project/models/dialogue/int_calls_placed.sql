{{ config(indexes=[{'columns': ['brand_id', 'requested_at']}]) }}

-- The calls of the touched conversations.
select
    k.brand_id,
    k.call_id,
    k.conversation_id,
    k.initiated_by,
    k.requested_at,
    k.answered_at,
    k.ended_at,
    c.source,
    c.inbox,
    c.channel as conversation_channel,
    c.handled_basis,
    c.member_id,
    c.handled_at,
    requested.role as member_role
from {{ ref('stg_chat__calls') }} as k
inner join {{ ref('int_conversations_started') }} as c
    on c.brand_id = k.brand_id and c.conversation_id = k.conversation_id
{{ join_role_at('requested', 'k.brand_id', 'c.member_id', 'k.requested_at') }}
