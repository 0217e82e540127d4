{{ config(indexes=[{'columns': ['brand_id', 'ordered_at']}]) }}

-- The influenced orders by agent: whoever had written in such a conversation before the order, and the conversation's
-- member where a call had been answered, since no call says who took it. An order may stand here for several of them.
with

part as (
    select
        i.brand_id,
        i.order_id,
        i.conversation_id,
        m.author_id as agent_id
    from {{ ref('int_orders_influenced') }} as i
    inner join {{ ref('fct_message') }} as m
        on m.brand_id = i.brand_id and m.conversation_id = i.conversation_id and m.message_at < i.ordered_at
    where m.written_by = 'member' and m.author_id is not null
    union
    select
        i.brand_id,
        i.order_id,
        i.conversation_id,
        i.member_id as agent_id
    from {{ ref('int_orders_influenced') }} as i
    where i.is_by_video and i.member_id is not null and (i.source <> 'waiting_list' or i.handled_at < i.ordered_at)
)

select
    p.brand_id,
    p.order_id,
    p.conversation_id,
    p.agent_id,
    i.ordered_at,
    i.sale_amount,
    i.source,
    i.inbox,
    i.conversation_channel,
    i.handled_basis,
    ordered.role as agent_role
from part as p
inner join {{ ref('int_orders_influenced') }} as i
    on i.brand_id = p.brand_id and i.order_id = p.order_id and i.conversation_id = p.conversation_id
{{ join_role_at('ordered', 'p.brand_id', 'p.agent_id', 'i.ordered_at') }}
