-- A conversation's rating. Intercom tells when it was asked for, and not when it was given: the same instant stands for it.
select 'workspace' as workspace, c.id as rating_id, c.id as conversation_id,
       case when c.assignee_type = 'admin' then c.assignee_id end as member_id,
       c.conversation_rating_created_at as requested_at,
       case when c.conversation_rating_value is not null then c.conversation_rating_created_at end as given_at,
       c.conversation_rating_value as score,
       case when c.conversation_rating_value is not null then 'submitted' else 'pending' end as status,
       c.updated_at, c._fivetran_synced as written_at
  from conversation_history c
 where c._fivetran_active and c.conversation_rating_created_at is not null
