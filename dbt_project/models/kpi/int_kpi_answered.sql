-- The indicators of the touched periods. Those that are not stated anew of a period stand as published.
select * from {{ ref('int_kpi_totalled') }}
union all
select * from {{ ref('int_kpi_by_source') }}
union all
select * from {{ ref('int_kpi_by_member') }}
union all
select
    k.brand_id,
    k.grain,
    k.period_start,
    k.dimension,
    k.dimension_value,
    k.ref,
    k.bin,
    k.value,
    k.numerator,
    k.denominator,
    k.is_final,
    k.settled_share,
    k.missing
from {{ ref('touched_period') }} as p
inner join marts.kpi_period as k
    on k.brand_id = p.brand_id and k.grain = p.grain and k.period_start = p.period_start
-- What the catalogue has no more is stated of no period.
inner join {{ source('build', 'indicator') }} as i on i.ref = k.ref
left join {{ ref('touched_indicator') }} as t on t.extent = p.extent and t.ref = k.ref
where t.ref is null
