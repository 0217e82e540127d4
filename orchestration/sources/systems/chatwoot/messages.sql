-- What was sent in a conversation; never what it said. Private notes and activity lines are no messages. What templates,
-- automations and campaigns send is nobody's: sender_type system. A message is of each kind that it is marked as or
-- that was attached to it.
select m.account_id, m.id, m.conversation_id,
       case when m.message_type = 0 then 'visitor'
            when m.message_type = 3 or automatic.yes then 'system'
            when m.sender_type is null or m.sender_type = 'User' then 'member'
            else 'bot' end as sender_type,
       case when m.message_type = 1 and m.sender_type = 'User' and not automatic.yes then m.sender_id end as sender_id,
       m.created_at at time zone 'UTC' as sent_at,
       m.message_type = 3 or automatic.yes or m.message_type = 1 and m.sender_type <> 'User' is true as is_automatic,
       coalesce(nullif(concat_ws('|', files.kinds, kind.named), ''), 'text') as content_type
  from messages m
  cross join lateral (
       select m.message_type = 1
              and (coalesce(m.additional_attributes::text, '') ~ 'campaign_id\\*" *: *\\*"?[0-9]'
                   or m.content_attributes::text ~ 'automation_rule_id\\*" *: *\\*"?[0-9]') is true as yes) automatic
  cross join lateral (
       select case m.content_type when 5 then 'product' when 3 then 'email_request' end as named) kind
  left join (
       select a.message_id,
              string_agg(distinct case a.file_type when 0 then 'photo' when 2 then 'video' else 'other' end, '|') as kinds
         from attachments a group by a.message_id) files on files.message_id = m.id
 where m.message_type in (0, 1, 3) and not m.private
