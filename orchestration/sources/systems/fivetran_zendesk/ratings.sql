-- A ticket's satisfaction survey: offered, then good or bad, as the history of its field records. The newest answer
-- stands: good is 5, bad is 1.
select t.brand_id as zendesk_brand_id, asked.ticket_id as rating_id, asked.ticket_id as conversation_id,
       t.assignee_id as member_id, asked.at as requested_at, asked.given_at,
       case when asked.score like 'good%' then 5 when asked.score like 'bad%' then 1 end as score,
       case when asked.score is not null then 'submitted' else 'pending' end as status,
       asked.updated_at, case when t.id is null then 'a survey of a ticket that is not there' end as left_out,
       asked.synced as written_at
  from (select h.ticket_id, min(h.updated::timestamptz) as at,
               min(h.updated::timestamptz) filter (where h.value ~ '^(good|bad)') as given_at,
               (array_agg(h.value order by h.updated desc) filter (where h.value ~ '^(good|bad)'))[1] as score,
               max(h.updated::timestamptz) as updated_at, max(h._fivetran_synced::timestamptz) as synced
          from ticket_field_history h
         where h.field_name = 'satisfaction_score' and h.value ~ '^(offered|good|bad)'
         group by h.ticket_id) asked
  left join ticket t on t.id = asked.ticket_id
 where coalesce(t.status, '') <> 'deleted'
