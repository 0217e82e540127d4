-- What became of a conversation: resolved, handed over by a bot, and taken up again by the visitor's next message. An event
-- is of the instant that it is about, not of the one at which a job got round to writing it.
select r.account_id, r.id::text as event_id, r.conversation_id,
       coalesce(r.event_end_time, r.created_at) at time zone 'UTC' as occurred_at,
       case r.name when 'conversation_resolved' then 'closed' else 'handed_off' end as event_type,
       case when r.name = 'conversation_bot_handoff' or exists (
                 select from reporting_events b
                  where b.conversation_id = r.conversation_id and b.account_id = r.account_id
                    and b.name = 'conversation_bot_resolved' and b.event_end_time = r.event_end_time)
            then 'bot' when r.user_id is not null then 'member' end as actor_type,
       r.user_id as member_id, r.created_at at time zone 'UTC' as written_at
  from reporting_events r
 where r.name in ('conversation_resolved', 'conversation_bot_handoff')
union all
select m.account_id, 'message-' || m.id, m.conversation_id, m.created_at at time zone 'UTC', 'reopened', 'visitor', null,
       m.created_at at time zone 'UTC'
  from messages m
 where m.message_type = 0 and not m.private
   and exists (
       select from reporting_events r
        where r.conversation_id = m.conversation_id and r.account_id = m.account_id and r.name = 'conversation_resolved'
          and r.event_end_time < m.created_at
          and not exists (select from messages earlier
                           where earlier.conversation_id = m.conversation_id and earlier.message_type = 0
                             and not earlier.private and earlier.created_at > r.event_end_time
                             and (earlier.created_at, earlier.id) < (m.created_at, m.id))
          and not exists (select from reporting_events later
                           where later.conversation_id = r.conversation_id and later.account_id = r.account_id
                             and later.name = 'conversation_resolved' and later.event_end_time > r.event_end_time
                             and later.event_end_time < m.created_at))
