{{ config(materialized='view', post_hook=[]) }}

-- The messages of the touched conversations: whose message each one is, and from when it counts. A view, since both the
-- lifecycle and the messages' own rows are computed from it.
with

message as (
    select
        m.*,
        c.source,
        c.member_id,
        c.requested_at,
        c.handled_at,
        c.started_at,
        -- Bots, the system and automatic texts are not conversation. The marker of a phygital conversation is: the
        -- platform writes it in the visitor's place.
        case
            when m.content_type = 'phygital_marker' and m.is_automatic and c.source = 'phygital' then 'visitor'
            when m.sender_type in ('visitor', 'member') and not m.is_automatic then m.sender_type
        end as written_by
    from {{ ref('stg_chat__messages') }} as m
    inner join {{ ref('int_conversations_started') }} as c
        on c.brand_id = m.brand_id and c.conversation_id = m.conversation_id
)

select
    m.*,
    -- A question left in the waiting list counts at the moment of handling, and never before the start.
    case when m.written_by is not null and m.started_at is not null then greatest(m.sent_at, m.started_at) end
        as message_at,
    case when m.written_by = 'member' then coalesce(m.sender_id, m.member_id) end as author_id
from message as m
