{{ config(indexes=[{'columns': ['brand_id', 'requested_at']}, {'columns': ['brand_id', 'given_at']}]) }}

-- The ratings of the touched conversations. A rating that names no member is its conversation's member's.
with

clocked as (
    select
        r.*,
        {{ local_clock('r.requested_at', 'b.timezone') }} as requested_clock,
        {{ local_clock('r.given_at', 'b.timezone') }} as given_clock
    from {{ ref('stg_chat__ratings') }} as r
    inner join {{ ref('touched_conversation') }} as t
        on t.brand_id = r.brand_id and t.conversation_id = r.conversation_id
    inner join {{ ref('int_brands_current') }} as b on b.brand_id = r.brand_id
    offset 0
)

select
    r.brand_id,
    r.rating_id,
    r.conversation_id,
    c.visitor_id,
    r.requested_at,
    r.given_at,
    r.score,
    r.status,
    r.comment,
    {{ on_local_clock('r', 'requested') }},
    {{ on_local_clock('r', 'given') }},
    c.source,
    c.inbox,
    c.channel as conversation_channel,
    c.handled_basis,
    r.member_id as rated_member_id,
    coalesce(r.member_id, c.member_id) as member_id,
    c.handled_at,
    requested.role as member_role,
    given.role as given_role
from clocked as r
inner join {{ ref('int_conversations_started') }} as c
    on c.brand_id = r.brand_id and c.conversation_id = r.conversation_id
{{ join_day_of_clock('r', 'requested') }}
{{ join_day_of_clock('r', 'given') }}
{{ join_role_at('requested', 'r.brand_id', 'coalesce(r.member_id, c.member_id)', 'r.requested_at') }}
{{ join_role_at('given', 'r.brand_id', 'coalesce(r.member_id, c.member_id)', 'r.given_at') }}
