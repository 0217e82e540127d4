-- A ticket's satisfaction survey: offered, then good or bad, as the history of its field records. The newest answer
-- stands: good is 5, bad is 1.
select t.brand_id as zendesk_brand_id, h.ticket_id as rating_id, h.ticket_id as conversation_id, t.assignee_id as member_id,
       min(h.updated) as requested_at,
       case when score.value is not null then min(h.updated) filter (where h.value ~ '^(good|bad)') end as given_at,
       case when score.value like 'good%' then 5 when score.value like 'bad%' then 1 end as score,
       case when score.value is not null then 'submitted' else 'pending' end as status,
       max(h.updated) as updated_at, max(h._fivetran_synced) as written_at
  from ticket_field_history h
  left join ticket t on t.id = h.ticket_id
  left join lateral (
       select n.value from ticket_field_history n
        where n.ticket_id = h.ticket_id and n.field_name = 'satisfaction_score' and n.value ~ '^(good|bad)'
        order by n.updated desc limit 1) score on true
 where h.field_name = 'satisfaction_score' and h.value ~ '^(offered|good|bad)' and coalesce(t.status, '') <> 'deleted'
 group by t.brand_id, h.ticket_id, t.assignee_id, score.value
