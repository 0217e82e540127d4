{{ config(indexes=[{'columns': ['brand_id', 'local_date']}]) }}

-- The conversation-days: what a conversation held on one local day, apart for each author and role, with the lifecycle
-- that the report asks for beside it. Whole-day reports read these rows instead of the messages: that is their speed.
with

dated as (
    select
        m.*,
        {{ local_date('m.message_at') }} as local_date,
        day.iso_weekday
    from {{ ref('int_messages_counted') }} as m
    {{ join_local_day('m.brand_id', 'm.message_at') }}
    where m.message_at is not null
),

summed as (
    select
        m.brand_id,
        m.conversation_id,
        m.visitor_id,
        m.local_date,
        m.iso_weekday,
        m.written_by,
        m.author_id,
        m.author_role,
        m.member_role,
        m.source,
        m.member_id,
        m.started_at,
        m.established_at,
        min(m.message_at) as first_message_at,
        max(m.message_at) as last_message_at,
        min(m.sent_at) as first_sent_at,
        max(m.sent_at) as last_sent_at,
        count(*)::integer as messages,
        bool_or(m.content_type = 'product') as has_product,
        bool_or(m.content_type = 'photo') as has_photo,
        bool_or(m.content_type = 'video') as has_video,
        bool_or(m.content_type = 'connect_invite') as has_connect_invite,
        bool_or(m.content_type = 'email_request') as has_email_request,
        min(m.message_at) filter (where m.content_type = 'email_request') as first_email_request_at,
        min(m.email_provided_at) as email_provided_at,
        min(m.answered_at) as answered_at
    from dated as m
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
)

select
    s.brand_id,
    s.conversation_id,
    s.local_date,
    row_number() over (
        partition by s.brand_id, s.conversation_id, s.local_date
        order by s.written_by, s.author_id, s.author_role, s.member_role, s.iso_weekday
    )::integer as part,
    s.iso_weekday,
    s.written_by,
    s.author_id,
    s.author_role,
    s.member_role,
    s.first_message_at,
    s.last_message_at,
    s.first_sent_at,
    s.last_sent_at,
    s.messages,
    s.has_product,
    s.has_photo,
    s.has_video,
    s.has_connect_invite,
    s.has_email_request,
    s.first_email_request_at,
    s.email_provided_at,
    s.answered_at,
    s.visitor_id,
    s.source,
    s.member_id,
    s.started_at,
    s.established_at
from summed as s
