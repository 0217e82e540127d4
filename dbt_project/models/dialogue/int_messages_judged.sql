{{ config(materialized='view', post_hook=[]) }}

-- The messages of the touched conversations: whose message each one is, and from when it counts. A view, since both the
-- lifecycle and the messages' own rows are computed from it.
with

message as (
    select
        m.*,
        c.visitor_id,
        c.source,
        c.inbox,
        c.channel as conversation_channel,
        c.handled_basis,
        c.member_id,
        c.requested_at,
        c.handled_at,
        c.started_at,
        {{ written_by('m', 'c') }} as written_by
    from {{ ref('stg_chat__messages') }} as m
    inner join {{ ref('int_conversations_started') }} as c
        on c.brand_id = m.brand_id and c.conversation_id = m.conversation_id
)

select
    m.*,
    m.sender_type <> 'system' or m.written_by is not null as is_exchanged,
    {{ counted_at('m') }} as message_at,
    case when m.written_by = 'member' then coalesce(m.sender_id, m.member_id) end as author_id
from message as m
