{{ config(indexes=[{'columns': ['brand_id', 'occurred_at']}, {'columns': ['brand_id', 'session_id']}]) }}

-- The widget events of the touched sessions, by local day.
select
    w.brand_id,
    w.event_id,
    w.session_id,
    w.visitor_id,
    w.occurred_at,
    w.event_type,
    w.widget_version,
    w.page_url,
    w.ad_id,
    w.ad_payload,
    {{ local_date('w.occurred_at') }} as local_date
from {{ ref('stg_widget__widget_events') }} as w
inner join {{ ref('touched_session') }} as t on t.brand_id = w.brand_id and t.session_id = w.session_id
{{ join_local_day('w.brand_id', 'w.occurred_at') }}
