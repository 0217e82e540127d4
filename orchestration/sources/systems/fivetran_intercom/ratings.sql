-- A conversation's rating. Intercom tells when it was asked for, and not when it was given: the same instant stands for it.
-- Where nothing was ever rated, its column may be of any type.
select 'workspace' as workspace, c.id as rating_id, c.id as conversation_id,
       case when c.assignee_type = 'admin' then c.assignee_id end as member_id,
       asked.at as requested_at, case when c.conversation_rating_value is not null then asked.at end as given_at,
       c.conversation_rating_value as score,
       case when c.conversation_rating_value is not null then 'submitted' else 'pending' end as status,
       c.updated_at::timestamptz as updated_at, c._fivetran_synced::timestamptz as written_at
  from conversation_history c
 cross join lateral (select c.conversation_rating_created_at::text::timestamptz as at) asked
 where c._fivetran_active and asked.at is not null
