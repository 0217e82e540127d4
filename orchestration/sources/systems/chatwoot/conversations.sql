-- A conversation, with what its first human messages say of how it began and who took it. A human reply is an outgoing
-- message that is no private note, no automation's and no campaign's; it has no sender where its author was deleted.
select c.account_id, c.id as conversation_id,
       coalesce(c.contact_id::text, 'conversation-' || c.id) as visitor_id, 'customer' as kind,
       case when c.campaign_id is not null then 'hook' when began.is_reply then 'direct' else 'waiting_list' end as source,
       case replace(i.channel_type, 'Channel::', '')
            when 'WebWidget' then 'web' when 'Email' then 'email' when 'Whatsapp' then 'whatsapp'
            when 'FacebookPage' then 'facebook' when 'Instagram' then 'instagram' when 'Telegram' then 'telegram'
            when 'Sms' then 'sms' when 'TwilioSms' then 'sms' when 'Line' then 'line' when 'TwitterProfile' then 'x'
            when 'Voice' then 'phone' else 'other' end as channel,
       'text' as medium, null::timestamptz as cancelled_at,
       case when c.campaign_id is not null or began.is_reply then 'member' else 'visitor' end as initiated_by,
       c.created_at at time zone 'UTC' as requested_at,
       case when c.campaign_id is null and not began.is_reply and reply.id is not null
            then greatest(reply.created_at, c.created_at) at time zone 'UTC' end as handled_at,
       case when c.campaign_id is not null then k.sender_id
            else coalesce(reply.sender_id, case when reply.id is not null then answered.user_id end) end as member_id,
       coalesce(p.blocked, false) as is_blocked,
       coalesce(c.additional_attributes ->> 'referer',
                substring(c.additional_attributes #>> '{}' from '"referer" *: *"([^"]*)"')) as page_url,
       i.name as inbox, labels.labels,
       case when c.campaign_id is null and not began.is_reply then 'first_reply' end as handled_basis,
       greatest(c.updated_at, p.updated_at, reply.created_at) at time zone 'UTC' as updated_at
  from conversations c
  join inboxes i on i.id = c.inbox_id
  left join contacts p on p.id = c.contact_id
  left join campaigns k on k.id = c.campaign_id
  left join lateral (
       select m.id, m.created_at, m.sender_id
         from messages m
        where m.conversation_id = c.id and m.message_type = 1 and not m.private
          and (m.sender_type = 'User'
               or m.sender_type is null and m.content_attributes::text !~ 'automation_rule_id\\*" *: *\\*"?[0-9]')
          and coalesce(m.additional_attributes::text, '') !~ 'campaign_id\\*" *: *\\*"?[0-9]'
        order by m.created_at, m.id limit 1) reply on true
  left join lateral (
       select m.id, m.created_at from messages m
        where m.conversation_id = c.id and m.message_type = 0 and not m.private
        order by m.created_at, m.id limit 1) question on true
  cross join lateral (
       select reply.id is not null and (question.id is null
                                        or (reply.created_at, reply.id) < (question.created_at, question.id)) as is_reply
       ) began
  left join lateral (
       select r.user_id from reporting_events r
        where r.conversation_id = c.id and r.account_id = c.account_id and r.name = 'first_response'
        order by r.id limit 1) answered on true
  left join lateral (
       select string_agg(distinct trim(label), '|' order by trim(label)) as labels
         from unnest(string_to_array(replace(c.cached_label_list, '|', '/'), ',')) label where trim(label) <> '') labels
    on true
