{{ config(indexes=[{'columns': ['brand_id', 'local_date']}]) }}

-- The exchange-days: all that was sent in a conversation on one local day, by bots and rules too, by when it was sent
-- and whether or not the conversation had started. Apart for each role of the conversation's member.
with

dated as (
    select
        m.*,
        {{ local_date('m.sent_at') }} as local_date,
        day.iso_weekday
    from {{ ref('int_messages_counted') }} as m
    {{ join_local_day('m.brand_id', 'm.sent_at') }}
    where m.is_exchanged
),

summed as (
    select
        m.brand_id,
        m.conversation_id,
        m.local_date,
        m.iso_weekday,
        m.member_role_sent as member_role,
        min(m.sent_at) as first_sent_at,
        max(m.sent_at) as last_sent_at,
        count(*)::integer as messages
    from dated as m
    group by 1, 2, 3, 4, 5
)

select
    s.brand_id,
    s.conversation_id,
    s.local_date,
    row_number() over (
        partition by s.brand_id, s.conversation_id, s.local_date order by s.member_role, s.iso_weekday
    )::integer as part,
    s.iso_weekday,
    s.member_role,
    s.first_sent_at,
    s.last_sent_at,
    s.messages,
    l.visitor_id,
    l.source,
    l.member_id,
    l.handled_at,
    l.ad_id,
    l.ad_payload
from summed as s
inner join {{ ref('int_conversations_lived') }} as l
    on l.brand_id = s.brand_id and l.conversation_id = s.conversation_id
