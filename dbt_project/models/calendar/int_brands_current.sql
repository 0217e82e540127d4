select
    b.brand_id,
    b.name,
    b.timezone,
    b.currency,
    b.locale,
    coalesce(b.attribution_window_days, 14) as attribution_window_days,
    b.working_hours,
    b.updated_at,
    z.rules as zone_rules,
    z.changes as zone_changes,
    z.offsets as zone_offsets
from {{ ref('stg_chat__brands') }} as b
left join {{ source('build', 'zone') }} as z on z.timezone = b.timezone
