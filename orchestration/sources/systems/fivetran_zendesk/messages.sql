-- A public comment; never what it says. Internal notes are no messages. Whoever is no person of this Zendesk (a trigger,
-- an automation) is nobody: sender_type system. A comment whose ticket is not there is of no brand, and left out until
-- it is.
select t.brand_id as zendesk_brand_id, c.id::text as message_id, c.ticket_id as conversation_id,
       case when u.role in ('agent', 'admin') then 'member' when u.id is not null or c.user_id = t.requester_id then 'visitor'
            else 'system' end as sender_type,
       case when u.role in ('agent', 'admin') then c.user_id::text end as sender_id,
       c.created::timestamptz as sent_at, u.id is null and c.user_id is distinct from t.requester_id as is_automatic,
       'text' as content_type, case when t.id is null then 'a comment of a ticket that is not there' end as left_out,
       c._fivetran_synced::timestamptz as written_at
  from ticket_comment c
  left join ticket t on t.id = c.ticket_id
  left join "user" u on u.id = c.user_id
 where c.public and coalesce(t.status, '') <> 'deleted'
