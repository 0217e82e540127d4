{{ config(indexes=[{'columns': ['brand_id', 'occurred_at']}, {'columns': ['brand_id', 'hook_id']}]) }}

-- The events of the touched hooks. A display or a click counts once for each visitor of a hook; an event without a
-- visitor is one of its own.
select
    h.brand_id,
    h.event_id,
    h.hook_id,
    h.member_id,
    h.visitor_id,
    h.conversation_id,
    h.event_type,
    h.occurred_at,
    coalesce('visitor ' || h.visitor_id, 'event ' || h.event_id) as seen_by,
    member_then.role as member_role
from {{ ref('stg_hook__hook_events') }} as h
inner join {{ ref('touched_hook') }} as t on t.brand_id = h.brand_id and t.hook_id = h.hook_id
{{ join_role_at('member_then', 'h.brand_id', 'h.member_id', 'h.occurred_at') }}
