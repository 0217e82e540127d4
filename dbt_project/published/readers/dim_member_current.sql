select
    m.brand_id as brand_id,
    m.member_id as member_id,
    m.first_name as first_name,
    m.last_name as last_name,
    nullif(concat_ws(' ', m.first_name, m.last_name), '') as name,
    m.role as role,
    m.team as team,
    m.valid_from as held_since
from {{ ref('dim_member') }} as m
where m.is_current
