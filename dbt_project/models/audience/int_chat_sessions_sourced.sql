-- The ad from which a chat session began: that of its first action, else of the visitor's last widget or site event in
-- the half hour before it, whatever kind of event that was. One that names no ad ends the search.
select distinct on (s.brand_id, s.session_key)
    s.brand_id,
    s.session_key,
    e.ad_id,
    e.ad_payload
from {{ ref('int_chat_sessions_cut') }} as s
inner join {{ ref('int_visitor_events_gathered') }} as e
    on
        e.brand_id = s.brand_id
        and e.visitor_id = s.visitor_id
        and e.happened_at >= s.started_at - interval '{{ var('spans').session_pause }}'
        and e.happened_at <= s.started_at
-- The first action where it has an ad; then what came before it, the last first, and of one instant what has an ad.
order by
    s.brand_id,
    s.session_key,
    e.happened_at = s.started_at and e.is_action and e.ad_id is not null desc,
    e.happened_at = s.started_at and e.is_action,
    e.happened_at desc,
    e.ad_id is null,
    e.event_id
