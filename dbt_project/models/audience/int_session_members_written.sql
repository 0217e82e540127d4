{{ config(indexes=[{'columns': ['brand_id', 'started_at']}]) }}

-- The members who wrote to a visitor in a chat session or the half hour after it, each by the first message since it
-- began: if a later one counts, so does the first. The actions stand beside it, since as of an instant the session is
-- shorter.
select distinct on (s.brand_id, s.session_key, m.author_id)
    s.brand_id,
    s.session_key,
    m.message_id,
    s.visitor_id,
    m.author_id as member_id,
    author_then.role as member_role,
    m.message_at as wrote_at,
    s.started_at,
    s.last_action_at,
    s.acted_at
from {{ ref('int_chat_sessions_cut') }} as s
inner join {{ ref('int_visitor_messages_sent') }} as m
    on
        m.brand_id = s.brand_id
        and m.visitor_id = s.visitor_id
        and m.written_by = 'member'
        and m.message_at >= s.started_at
        and m.message_at <= s.last_action_at + interval '{{ var('spans').session_pause }}'
{{ join_role_at('author_then', 's.brand_id', 'm.author_id', 's.started_at') }}
order by s.brand_id, s.session_key, m.author_id, m.message_at, m.message_id
