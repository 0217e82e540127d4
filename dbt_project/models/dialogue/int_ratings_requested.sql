{{ config(indexes=[{'columns': ['brand_id', 'requested_at']}, {'columns': ['brand_id', 'given_at']}]) }}

-- The ratings of the touched conversations. A rating that names no member is its conversation's member's.
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
    c.source,
    c.inbox,
    c.channel as conversation_channel,
    c.handled_basis,
    r.member_id as rated_member_id,
    coalesce(r.member_id, c.member_id) as member_id,
    c.handled_at,
    requested.role as member_role,
    given.role as given_role
from {{ ref('stg_chat__ratings') }} as r
inner join {{ ref('int_conversations_started') }} as c
    on c.brand_id = r.brand_id and c.conversation_id = r.conversation_id
{{ join_role_at('requested', 'r.brand_id', 'coalesce(r.member_id, c.member_id)', 'r.requested_at') }}
{{ join_role_at('given', 'r.brand_id', 'coalesce(r.member_id, c.member_id)', 'r.given_at') }}
