{{ config(indexes=[{'columns': ['brand_id', 'opened_at']}]) }}

-- The visits of the touched sessions: a session on a local day on which it opened the widget, dated by its first
-- opening, with whatever else it did that day, even before. The visitor is the one who opened it.
select
    w.brand_id,
    w.session_id,
    w.local_date,
    min(w.occurred_at) filter (where w.event_type = 'open') as opened_at,
    (array_agg(w.visitor_id order by w.occurred_at, w.event_id) filter (where w.event_type = 'open'))[1] as visitor_id,
    min(w.occurred_at) filter (where w.event_type not in ('open', 'close', 'impression')) as first_action_at,
    min(w.occurred_at) filter (where w.event_type = 'request_waiting_list') as first_waiting_request_at,
    min(w.occurred_at) filter (where w.event_type = 'request_direct') as first_direct_request_at
from {{ ref('int_widget_events_dated') }} as w
group by w.brand_id, w.session_id, w.local_date
having bool_or(w.event_type = 'open')
