-- A survey that was sent (a template message) and its answer, if there is one. What the visitor wrote is not read.
select m.account_id, m.id as rating_id, m.conversation_id, s.assigned_agent_id as member_id,
       m.created_at at time zone 'UTC' as requested_at,
       case when s.id is not null then greatest(s.created_at, m.created_at) at time zone 'UTC' end as given_at, s.rating as score,
       case when s.id is null then 'pending' else 'submitted' end as status,
       greatest(m.created_at, s.updated_at) at time zone 'UTC' as updated_at
  from messages m
  left join csat_survey_responses s on s.message_id = m.id
 where m.message_type = 3 and m.content_type = 9
