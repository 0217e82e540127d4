-- What became of a conversation, as its parts record: closed, opened again, put off, given to somebody.
select 'workspace' as workspace, p.id as event_id, p.conversation_id, p.created_at as occurred_at, what.event_type,
       case when p.author_type in ('user', 'lead', 'contact') then 'visitor' when p.author_type = 'admin' then 'member'
            when p.author_type = 'bot' then 'bot' end as actor_type,
       case when what.event_type = 'assigned' then p.assigned_to_id::text when p.author_type = 'admin' then p.author_id::text
       end as member_id,
       p._fivetran_synced as written_at
  from conversation_part_history p
 cross join lateral (
       select case when p.part_type = 'close' then 'closed' when p.part_type = 'open' then 'reopened'
                   when p.part_type = 'snoozed' then 'snoozed'
                   when p.assigned_to_type = 'admin' and p.assigned_to_id is not null then 'assigned' end as event_type) what
 where p._fivetran_active and what.event_type is not null
