{{ config(indexes=[{'columns': ['brand_id', 'local_date']}]) }}

-- The exchange-days: all that was sent in a conversation on one local day, by bots and rules too, by when it was sent
-- and whether or not the conversation had started; with the visitor's turns that began then. Apart for each role of the
-- conversation's member. The columns of fixed width come first, which is quicker to read.
with

dated as (
    select
        m.*,
        t.turn_id,
        coalesce(t.answered_at <= t.began_at + interval '{{ var('spans').answer_time }}', false) as is_answered_in_time,
        {{ local_date('m.sent_at') }} as local_date,
        day.iso_weekday
    from {{ ref('int_messages_counted') }} as m
    left join {{ ref('int_turns_taken') }} as t on t.brand_id = m.brand_id and t.turn_id = m.message_id
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
        count(*)::integer as messages,
        count(m.turn_id)::integer as turns,
        count(m.turn_id) filter (where not m.is_answered_in_time)::integer as unanswered_turns
    from dated as m
    group by 1, 2, 3, 4, 5
)

select
    s.local_date,
    s.turns,
    s.unanswered_turns,
    s.messages,
    s.iso_weekday,
    s.first_sent_at,
    s.last_sent_at,
    s.member_role,
    l.handled_at,
    row_number() over (
        partition by s.brand_id, s.conversation_id, s.local_date order by s.member_role, s.iso_weekday
    )::integer as part,
    s.brand_id,
    s.conversation_id,
    l.source,
    l.inbox,
    l.channel as conversation_channel,
    l.handled_basis,
    l.member_id,
    l.visitor_id,
    l.ad_id,
    l.ad_payload
from summed as s
inner join {{ ref('int_conversations_lived') }} as l
    on l.brand_id = s.brand_id and l.conversation_id = s.conversation_id
