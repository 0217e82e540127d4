-- What was said or sent in a chat, without its words: not what is shown once more of an earlier one, nor who came and
-- went. Agents are known by their number or by `agent:` before it; a trigger, the system and nobody are automatic. Of
-- several tickets of a chat it is the newest that is there. Where no file was ever sent, its column may be of any type.
select t.brand_id as zendesk_brand_id,
       concat_ws('-', 'chat', e.chat_id, e.chat_index, trunc(extract(epoch from e.created_at::timestamptz) * 1000000)) as message_id,
       chat.ticket_id as conversation_id, who.said as sender_type, case when who.said = 'member' then u.id::text end as sender_id,
       e.created_at::timestamptz as sent_at, who.said = 'system' as is_automatic,
       case when e.type = 'ChatMessage' then 'text' when e.mime_type::text like 'image/%' then 'photo'
            when e.mime_type::text like 'video/%' then 'video' else 'other' end as content_type,
       case when t.id is null then 'a line of a chat whose ticket is not there' end as left_out,
       greatest(chat.synced, e.created_at::timestamptz) as written_at
  from ticket_chat_event e
  left join (
       select distinct on (c.chat_id) c.chat_id, c.ticket_id, c._fivetran_synced::timestamptz as synced
         from ticket_chat c
         left join ticket t on t.id = c.ticket_id
        order by c.chat_id, t.id is null, t.created_at desc, c.ticket_id) chat on chat.chat_id = e.chat_id
  left join ticket t on t.id = chat.ticket_id
  left join "user" u on u.id::text = regexp_replace(e.actor_id, '^agent:', '')
 cross join lateral (
       select case when coalesce(e.actor_id, '') in ('', 'agent:') or starts_with(e.actor_id, '__') then 'system'
                   when starts_with(e.actor_id, 'agent:') or u.role in ('agent', 'admin') then 'member'
                   else 'visitor' end as said) who
 where e.type in ('ChatMessage', 'ChatFileAttachment') and coalesce(e.is_history_context::text, 'false') <> 'true'
   and coalesce(t.status, '') <> 'deleted'
