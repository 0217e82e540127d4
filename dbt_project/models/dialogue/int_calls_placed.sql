{{ config(indexes=[{'columns': ['brand_id', 'requested_at']}]) }}

-- The calls of the touched conversations.
with

clocked as (
    select
        k.*,
        {{ local_clock('k.requested_at', 'b.timezone') }} as requested_clock
    from {{ ref('stg_chat__calls') }} as k
    inner join {{ ref('touched_conversation') }} as t
        on t.brand_id = k.brand_id and t.conversation_id = k.conversation_id
    inner join {{ ref('int_brands_current') }} as b on b.brand_id = k.brand_id
    offset 0
)

select
    k.brand_id,
    k.call_id,
    k.conversation_id,
    k.initiated_by,
    k.requested_at,
    k.answered_at,
    k.ended_at,
    {{ on_local_clock('k', 'requested') }},
    c.source,
    c.inbox,
    c.channel as conversation_channel,
    c.handled_basis,
    c.member_id,
    c.handled_at,
    requested.role as member_role
from clocked as k
inner join {{ ref('int_conversations_started') }} as c
    on c.brand_id = k.brand_id and c.conversation_id = k.conversation_id
{{ join_day_of_clock('k', 'requested') }}
{{ join_role_at('requested', 'k.brand_id', 'c.member_id', 'k.requested_at') }}
