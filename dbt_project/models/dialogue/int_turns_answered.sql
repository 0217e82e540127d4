{{ config(indexes=[{'columns': ['brand_id', 'began_at']}]) }}

-- The visitor's turns: a run of the visitor's messages with no member's message between them, by the time they were
-- sent. Messages of the same instant are told apart by their identifier. The phygital marker opens no turn.
with

spoken as (
    select
        m.brand_id,
        m.message_id,
        m.conversation_id,
        m.written_by,
        m.sent_at,
        m.source,
        m.member_id,
        m.requested_at,
        m.handled_at,
        m.member_role_sent
    from {{ ref('int_messages_counted') }} as m
    where m.written_by is not null and not (m.content_type = 'phygital_marker' and m.is_automatic)
),

ordered as (
    select
        s.*,
        lag(s.written_by) over sent as previous_by,
        -- Walking back from the end, the earliest member's message met so far is the next one.
        min(s.sent_at) filter (where s.written_by = 'member') over (
            partition by s.brand_id, s.conversation_id
            order by s.sent_at desc, s.message_id desc
            rows between unbounded preceding and current row
        ) as answered_at
    from spoken as s
    window sent as (partition by s.brand_id, s.conversation_id order by s.sent_at, s.message_id)
)

select
    o.brand_id,
    o.message_id as turn_id,
    o.conversation_id,
    o.sent_at as began_at,
    o.answered_at,
    extract(epoch from o.answered_at - o.sent_at) as answer_seconds,
    o.source,
    o.member_id,
    o.requested_at,
    o.handled_at,
    o.member_role_sent as member_role
from ordered as o
where o.written_by = 'visitor' and o.previous_by is distinct from 'visitor'
