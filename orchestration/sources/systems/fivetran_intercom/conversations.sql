-- A conversation. It is handled when it is first assigned to a person, which a part of it records; without such a part the
-- first answer stands for it. What an admin or a campaign began waited for nobody.
select 'workspace' as workspace, c.id as conversation_id,
       coalesce(contact.id, case when c.source_author_type in ('user', 'lead', 'contact') then c.source_author_id::text end,
                'conversation-' || c.id) as visitor_id,
       'customer' as kind, began.source,
       case when c.source_type in ('email', 'whatsapp', 'instagram', 'facebook', 'telegram', 'sms', 'line') then c.source_type
            when c.source_type in ('conversation', 'inapp', 'push', 'banner', 'post', 'chat') then 'web'
            when c.source_type = 'twitter' then 'x' when c.source_type like 'phone%' then 'phone' else 'other' end as channel,
       'text' as medium, null::timestamptz as cancelled_at,
       case when began.source = 'waiting_list' then 'visitor' else 'member' end as initiated_by,
       c.created_at::timestamptz as requested_at,
       case when began.source = 'waiting_list' and coalesce(assigned.at, answered.at) is not null
            then greatest(coalesce(assigned.at, answered.at), c.created_at::timestamptz) end as handled_at,
       case when began.source <> 'waiting_list' and c.source_author_type = 'admin' then c.source_author_id::text
            when assigned.at is not null then assigned.member_id else answered.member_id end as member_id,
       false as is_blocked,
       case when began.source = 'waiting_list' and assigned.at is null and answered.at is not null then 'first_reply' end
       as handled_basis,
       greatest(c.updated_at::timestamptz, assigned.at, answered.at) as updated_at,
       greatest(c._fivetran_synced::timestamptz, assigned.synced, answered.synced) as written_at
  from conversation_history c
 cross join lateral (
       select case when c.source_delivered_as in ('campaigns_initiated', 'automated') then 'hook'
                   when c.source_author_type = 'admin' then 'direct' else 'waiting_list' end as source) began
  left join (
       select x.conversation_id::text as conversation_id, min(x.contact_id::text) as id
         from conversation_contact_history x
        where x._fivetran_active
        group by 1) contact on contact.conversation_id = c.id::text
  left join (
       select distinct on (p.conversation_id) p.conversation_id::text as conversation_id, p.created_at::timestamptz as at,
              p.assigned_to_id::text as member_id, p._fivetran_synced::timestamptz as synced
         from conversation_part_history p
        where p._fivetran_active and p.assigned_to_type = 'admin' and p.assigned_to_id is not null
        order by p.conversation_id, p.created_at, p.id) assigned on assigned.conversation_id = c.id::text
  left join (
       select distinct on (p.conversation_id) p.conversation_id::text as conversation_id, p.created_at::timestamptz as at,
              p.author_id::text as member_id, p._fivetran_synced::timestamptz as synced
         from conversation_part_history p
        where p._fivetran_active and p.part_type = 'comment' and p.author_type = 'admin'
        order by p.conversation_id, p.created_at, p.id) answered on answered.conversation_id = c.id::text
 where c._fivetran_active
