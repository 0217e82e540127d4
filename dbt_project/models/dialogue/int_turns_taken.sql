-- The visitor's turns: a run of the visitor's messages with no member's message between them, by the time they were
-- sent; the next run's first message answers it. Messages of the same instant are told apart by their identifier. The
-- phygital marker opens no turn.
with

spoken as (
    select
        m.*,
        lag(m.written_by) over (
            partition by m.brand_id, m.conversation_id order by m.sent_at, m.message_id
        ) as previous_by
    from {{ ref('int_messages_counted') }} as m
    where m.written_by is not null and not {{ is_marker('m') }}
),

run as (
    select
        s.*,
        lead(s.sent_at) over next_run as next_sent_at,
        lead(s.message_at) over next_run as reply_at,
        lead(s.author_id) over next_run as reply_author_id
    from spoken as s
    where s.previous_by is distinct from s.written_by
    window next_run as (partition by s.brand_id, s.conversation_id order by s.sent_at, s.message_id)
)

select
    r.brand_id,
    r.message_id as turn_id,
    r.conversation_id,
    r.sent_at as began_at,
    r.next_sent_at as answered_at,
    r.reply_at,
    r.reply_author_id,
    author_then.role as reply_author_role,
    author_then.team as reply_author_team,
    r.source,
    r.inbox,
    r.conversation_channel,
    r.handled_basis,
    r.member_id,
    r.requested_at,
    r.handled_at,
    r.member_role_sent as member_role
from run as r
{{ join_role_at('author_then', 'r.brand_id', 'r.reply_author_id', 'r.reply_at') }}
where r.written_by = 'visitor'
