{{ config(indexes=[{'columns': ['brand_id', 'visitor_id', 'message_at']}]) }}

-- What the touched visitors and the members wrote to one another: the messages of their rebuilt conversations, and the
-- published ones of the others.
select
    m.brand_id,
    m.visitor_id,
    m.message_id,
    m.written_by,
    m.author_id,
    m.sent_at,
    m.message_at
from {{ ref('int_messages_counted') }} as m
where m.written_by is not null
union all
select
    m.brand_id,
    m.visitor_id,
    m.message_id,
    m.written_by,
    m.author_id,
    m.sent_at,
    m.message_at
from marts.fct_conversation as c
inner join {{ ref('touched_visitor') }} as v on v.brand_id = c.brand_id and v.visitor_id = c.visitor_id
inner join marts.fct_message as m on m.brand_id = c.brand_id and m.conversation_id = c.conversation_id
left join {{ ref('touched_conversation') }} as t
    on t.brand_id = c.brand_id and t.conversation_id = c.conversation_id
where m.written_by is not null and t.conversation_id is null
