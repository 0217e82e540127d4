{{
    config(
        indexes=[
            {'columns': ['brand_id', 'requested_at']},
            {'columns': ['brand_id', 'started_at']},
            {'columns': ['brand_id', 'established_at']},
            {'columns': ['brand_id', 'two_way_at']},
            {'columns': ['brand_id', 'first_call_answered_at']},
            {'columns': ['brand_id', 'handled_at']},
            {'columns': ['brand_id', 'cancelled_at']},
            {'columns': ['brand_id', 'first_member_sent_at']},
            {'columns': ['brand_id', 'last_sent_at']},
            {'columns': ['brand_id', 'conversation_id']},
        ]
    )
}}

-- The life of each touched conversation: every instant is written once and never moves, but those of the last message
-- and the last event.
with

written as (
    select
        m.brand_id,
        m.conversation_id,
        min(m.message_at) filter (where m.written_by = 'visitor') as first_visitor_message_at,
        min(m.message_at) filter (where m.written_by = 'member') as first_member_message_at,
        min(m.sent_at) filter (where m.written_by = 'visitor') as question_at,
        min(m.sent_at) filter (where m.written_by = 'visitor' and not {{ is_marker('m') }}) as first_visitor_sent_at,
        min(m.sent_at) filter (where m.written_by = 'member') as first_member_sent_at,
        (array_agg(m.sender_id order by m.sent_at, m.message_id collate "C") filter (where m.written_by = 'member'))[1]
            as first_response_author_id,
        max(m.message_at) as last_message_at,
        max(m.sent_at) filter (where m.written_by is not null) as last_sent_at
    from {{ ref('int_messages_judged') }} as m
    group by m.brand_id, m.conversation_id
),

called as (
    select
        c.brand_id,
        c.conversation_id,
        min(c.answered_at) as first_call_answered_at,
        min(least(c.answered_at, c.ended_at)) as first_call_event_at,
        max(greatest(c.answered_at, c.ended_at)) as last_call_event_at
    from {{ ref('stg_chat__calls') }} as c
    inner join {{ ref('touched_conversation') }} as t
        on t.brand_id = c.brand_id and t.conversation_id = c.conversation_id
    group by c.brand_id, c.conversation_id
),

met as (
    select
        c.*,
        w.question_at,
        w.first_visitor_sent_at,
        w.first_member_sent_at,
        w.first_response_author_id,
        w.first_visitor_message_at,
        w.first_member_message_at,
        {{ established_at('w') }} as established_at,
        k.first_call_answered_at,
        k.first_call_event_at,
        k.last_call_event_at,
        w.last_message_at,
        w.last_sent_at
    from {{ ref('int_conversations_started') }} as c
    left join written as w on w.brand_id = c.brand_id and w.conversation_id = c.conversation_id
    left join called as k on k.brand_id = c.brand_id and k.conversation_id = c.conversation_id
),

lived as (
    select
        m.*,
        -- Two-way as soon as both sides have written, or a call was answered; and what an event of such a one is.
        least(m.established_at, m.first_call_answered_at) as two_way_at,
        least(m.first_visitor_message_at, m.first_member_message_at, m.first_call_event_at) as first_event_at,
        greatest(m.last_message_at, m.last_call_event_at) as last_event_at,
        case
            when m.first_visitor_sent_at < m.first_member_sent_at then m.first_member_sent_at - m.first_visitor_sent_at
        end as first_response,
        case
            when m.first_member_sent_at is not null then coalesce(m.first_response_author_id, m.member_id)
        end as first_response_member_id
    from met as m
),

clocked as (
    select
        l.*,
        {{ local_clock('l.requested_at', 'b.timezone') }} as requested_clock,
        {{ local_clock('l.started_at', 'b.timezone') }} as started_clock,
        {{ local_clock('l.established_at', 'b.timezone') }} as established_clock
    from lived as l
    inner join {{ ref('int_brands_current') }} as b on b.brand_id = l.brand_id
    offset 0
)

select
    l.brand_id,
    l.conversation_id,
    l.visitor_id,
    l.source,
    l.channel,
    l.inbox,
    l.labels,
    l.handled_basis,
    l.medium,
    l.initiated_by,
    l.member_id,
    l.requested_at,
    l.cancelled_at,
    l.handled_at,
    l.started_at,
    l.question_at,
    l.first_visitor_message_at,
    l.first_member_message_at,
    l.first_visitor_sent_at,
    l.first_member_sent_at,
    extract(epoch from l.first_response) as first_response_seconds,
    l.first_response_author_id,
    l.first_response_member_id,
    first_response.role as first_response_role,
    l.established_at,
    l.first_call_answered_at,
    l.two_way_at,
    l.first_event_at,
    l.last_event_at,
    l.last_message_at,
    l.last_sent_at,
    extract(epoch from l.handled_at - l.requested_at) as handling_seconds,
    extract(epoch from l.established_at - l.started_at) as establishment_seconds,
    extract(epoch from l.established_at - l.requested_at) as conversion_seconds,
    requested.role as requested_role,
    handled.role as handled_role,
    started.role as started_role,
    established.role as established_role,
    two_way.role as two_way_role,
    answered.role as first_call_answered_role,
    l.established_at is not null as is_dialogue,
    l.is_blocked,
    {{ on_local_clock('l', 'requested') }},
    {{ on_local_clock('l', 'started') }},
    {{ on_local_clock('l', 'established') }},
    l.page_url,
    l.ad_id,
    l.ad_payload
from clocked as l
{{ join_day_of_clock('l', 'requested') }}
{{ join_day_of_clock('l', 'started') }}
{{ join_day_of_clock('l', 'established') }}
{{ join_role_at('requested', 'l.brand_id', 'l.member_id', 'l.requested_at') }}
{{ join_role_at('handled', 'l.brand_id', 'l.member_id', 'l.handled_at') }}
{{ join_role_at('started', 'l.brand_id', 'l.member_id', 'l.started_at') }}
{{ join_role_at('established', 'l.brand_id', 'l.member_id', 'l.established_at') }}
{{ join_role_at('two_way', 'l.brand_id', 'l.member_id', 'l.two_way_at') }}
{{ join_role_at('first_response', 'l.brand_id', 'l.first_response_member_id', 'l.first_member_sent_at') }}
{{ join_role_at('answered', 'l.brand_id', 'l.member_id', 'l.first_call_answered_at') }}
