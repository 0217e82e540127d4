-- What a conversation began with, and each comment in it; never what it says. Notes are no messages. A robot's are
-- automatic, and so is what a campaign began with.
select 'workspace' as workspace, said.message_id, said.conversation_id,
       case when said.by_campaign then 'system' when said.author_type in ('user', 'lead', 'contact') then 'visitor'
            when said.author_type = 'admin' then 'member' else 'bot' end as sender_type,
       case when said.author_type = 'admin' and not said.by_campaign then said.author_id end as sender_id,
       said.sent_at, said.by_campaign or said.author_type not in ('user', 'lead', 'contact', 'admin') as is_automatic,
       'text' as content_type, case when said.author_type is null then 'words of nobody' end as left_out, said.written_at
  from (select 'source-' || c.id as message_id, c.id::text as conversation_id, c.source_author_type as author_type,
               c.source_author_id::text as author_id, c.created_at::timestamptz as sent_at,
               c._fivetran_synced::timestamptz as written_at,
               coalesce(c.source_delivered_as in ('campaigns_initiated', 'automated'), false) as by_campaign
          from conversation_history c
         where c._fivetran_active
        union all
        select p.id::text, p.conversation_id::text, p.author_type, p.author_id::text, p.created_at::timestamptz,
               p._fivetran_synced::timestamptz, false
          from conversation_part_history p
         where p._fivetran_active and p.part_type = 'comment') said
