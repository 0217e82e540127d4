-- What became of a conversation, as its parts record: closed, opened again, put off, given to somebody. A part may do two
-- of these at once (assign_and_reopen).
select 'workspace' as workspace, p.id || what.suffix as event_id, p.conversation_id, p.created_at::timestamptz as occurred_at,
       what.event_type,
       case when p.author_type in ('user', 'lead', 'contact') then 'visitor' when p.author_type = 'admin' then 'member'
            when p.author_type = 'bot' then 'bot' end as actor_type,
       case when what.event_type = 'assigned' then p.assigned_to_id::text when p.author_type = 'admin' then p.author_id::text
       end as member_id,
       p._fivetran_synced::timestamptz as written_at
  from conversation_part_history p
 cross join lateral (
       select '' as suffix, 'closed' as event_type where p.part_type = 'close'
        union all
       select '', 'snoozed' where p.part_type = 'snoozed'
        union all
       select '', 'reopened' where p.part_type = 'open' or p.part_type like '%reopen'
        union all
       select case when p.part_type in ('close', 'snoozed', 'open') or p.part_type like '%reopen' then '-assigned' else '' end,
              'assigned'
        where p.assigned_to_type = 'admin' and p.assigned_to_id is not null) what
 where p._fivetran_active
