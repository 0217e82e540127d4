{{
    config(
        indexes=[
            {'columns': ['brand_id', 'message_at']},
            {'columns': ['brand_id', 'conversation_id', 'sent_at']},
        ]
    )
}}

-- The messages of the touched conversations, with the roles of their time and the instants of their conversation.
select
    m.brand_id,
    m.message_id,
    m.conversation_id,
    m.visitor_id,
    m.sender_type,
    m.sender_id,
    m.sent_at,
    m.is_automatic,
    m.content_type,
    m.content_types,
    m.is_exchanged,
    m.written_by,
    m.author_id,
    m.message_at,
    -- For a request of an email address, the first one that the visitor gave after it.
    case
        when 'email_request' = any(m.content_types) and m.written_by = 'member'
            then
                min(m.message_at)
                filter (where 'email_provided' = any(m.content_types) and m.written_by = 'visitor') over later
    end as email_provided_at,
    case when m.written_by = 'visitor' then min(m.message_at) filter (where m.written_by = 'member') over later end
        as answered_at,
    m.source,
    m.inbox,
    m.conversation_channel,
    m.handled_basis,
    m.member_id,
    m.requested_at,
    m.handled_at,
    m.started_at,
    l.established_at,
    member_then.role as member_role,
    author_then.role as author_role,
    member_sent.role as member_role_sent
from {{ ref('int_messages_judged') }} as m
inner join {{ ref('int_conversations_lived') }} as l
    on l.brand_id = m.brand_id and l.conversation_id = m.conversation_id
{{ join_role_at('member_then', 'm.brand_id', 'm.member_id', 'm.message_at') }}
{{ join_role_at('author_then', 'm.brand_id', 'm.author_id', 'm.message_at') }}
{{ join_role_at('member_sent', 'm.brand_id', 'm.member_id', 'm.sent_at') }}
-- Walking back from the end of a conversation: what was sent after this message, the next such one being the earliest.
window later as (
    partition by m.brand_id, m.conversation_id
    order by m.sent_at desc
    range between unbounded preceding and interval '1 microsecond' preceding
)
