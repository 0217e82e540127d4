-- A ticket. It is handled when it is first assigned to somebody, which the history of its fields records; where that was
-- not synchronised, the first public answer stands for it. A ticket that an agent opened waited for nobody.
select t.brand_id as zendesk_brand_id, t.id as conversation_id, t.requester_id as visitor_id, 'customer' as kind,
       case when opened.by_agent then 'direct' else 'waiting_list' end as source,
       case when t.via_channel in ('email', 'whatsapp', 'instagram', 'facebook', 'telegram', 'sms', 'line') then t.via_channel
            when t.via_channel in ('web', 'chat', 'help_center', 'web_widget', 'native_messaging', 'web_form') then 'web'
            when t.via_channel like 'instagram%' then 'instagram' when t.via_channel like 'facebook%' then 'facebook'
            when t.via_channel like 'twitter%' then 'x' when t.via_channel = 'voice' then 'phone'
            when t.via_channel like 'mobile%' then 'app' else 'other' end as channel,
       'text' as medium, null::timestamptz as cancelled_at,
       case when opened.by_agent then 'member' else 'visitor' end as initiated_by,
       t.created_at::timestamptz as requested_at,
       case when not opened.by_agent and coalesce(assigned.at, answered.at) is not null
            then greatest(coalesce(assigned.at, answered.at), t.created_at::timestamptz) end as handled_at,
       case when opened.by_agent then t.submitter_id::text
            when assigned.at is not null then assigned.member_id else answered.member_id end as member_id,
       coalesce(v.suspended, false) as is_blocked, nullif(t.recipient, '') as inbox,
       case when not opened.by_agent and assigned.at is null and answered.at is not null then 'first_reply' end
       as handled_basis,
       greatest(t.updated_at::timestamptz, assigned.at, answered.at) as updated_at,
       greatest(t._fivetran_synced::timestamptz, v._fivetran_synced::timestamptz, assigned.synced, answered.synced) as written_at
  from ticket t
  left join "user" v on v.id = t.requester_id
  left join "user" s on s.id = t.submitter_id
 cross join lateral (
       select t.submitter_id <> t.requester_id and coalesce(s.role in ('agent', 'admin'), false) as by_agent) opened
  left join (
       select distinct on (h.ticket_id) h.ticket_id, h.updated::timestamptz as at, h.value as member_id,
              h._fivetran_synced::timestamptz as synced
         from ticket_field_history h
        where h.field_name = 'assignee_id' and coalesce(h.value, '') <> ''
        order by h.ticket_id, h.updated, h.value) assigned on assigned.ticket_id = t.id
  left join (
       select distinct on (c.ticket_id) c.ticket_id, c.created::timestamptz as at, c.user_id::text as member_id,
              c._fivetran_synced::timestamptz as synced
         from ticket_comment c
         join "user" a on a.id = c.user_id and a.role in ('agent', 'admin')
        where c.public
        order by c.ticket_id, c.created, c.id) answered on answered.ticket_id = t.id
 where coalesce(t.status, '') <> 'deleted'
