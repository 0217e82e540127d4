{{ config(indexes=[{'columns': ['brand_id', 'sent_at']}]) }}

-- The notifications of the touched journey runs; a run that is not known yet leaves its journey and visitor empty.
select
    n.brand_id,
    n.notification_id,
    n.run_id,
    r.journey_id,
    r.visitor_id,
    n.channel,
    n.sent_at
from {{ ref('stg_personalisation__journey_notifications') }} as n
inner join {{ ref('touched_run') }} as t on t.brand_id = n.brand_id and t.run_id = n.run_id
left join {{ ref('int_journey_runs_started') }} as r on r.brand_id = n.brand_id and r.run_id = n.run_id
