select
    b.brand_id,
    b.name,
    b.timezone,
    b.currency,
    b.locale,
    coalesce(b.attribution_window_days, 14) as attribution_window_days,
    b.working_hours,
    b.updated_at
from {{ ref('stg_chat__brands') }} as b
