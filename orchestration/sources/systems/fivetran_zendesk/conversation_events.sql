-- What became of a ticket, as the history of its fields records: solved, taken up again, put on hold, given to somebody.
-- That Zendesk closes a solved ticket for good some days later is no closing. What has no ticket is of no brand.
select t.brand_id as zendesk_brand_id,
       concat_ws('-', h.ticket_id, h.field_name, trunc(extract(epoch from h.at) * 1000000)) as event_id,
       h.ticket_id as conversation_id, h.at as occurred_at, what.event_type,
       case when u.role in ('agent', 'admin') then 'member' when u.id is not null then 'visitor' else 'system' end as actor_type,
       case when h.field_name = 'assignee_id' then h.value when u.role in ('agent', 'admin') then u.id::text end as member_id,
       case when t.id is null then 'an event of a ticket that is not there' end as left_out, h.synced as written_at
  from (select h.ticket_id, h.field_name, h.user_id, h.value, h.updated::timestamptz as at,
               h._fivetran_synced::timestamptz as synced,
               lag(h.value) over (partition by h.ticket_id, h.field_name order by h.updated) as value_before
          from ticket_field_history h
         where h.field_name in ('status', 'assignee_id')) h
  left join ticket t on t.id = h.ticket_id
  left join "user" u on u.id = h.user_id
 cross join lateral (
       select case when h.field_name = 'assignee_id' and coalesce(h.value, '') <> '' then 'assigned'
                   when h.field_name = 'assignee_id' then null
                   when h.value = 'solved' and h.value_before is distinct from 'solved' then 'closed'
                   when h.value = 'closed' and coalesce(h.value_before, '') <> 'solved' then 'closed'
                   when h.value in ('new', 'open', 'pending', 'hold', 'on-hold') and h.value_before in ('solved', 'closed')
                   then 'reopened'
                   when h.value in ('hold', 'on-hold') then 'snoozed' end as event_type) what
 where what.event_type is not null and coalesce(t.status, '') <> 'deleted'
