-- The indicators of the touched periods. Those that are not stated anew of a period stand as published. How settled a
-- period is that may still move follows from the brand's newest curve, of all its fluctuating indicators.
-- depends_on: {{ ref('kpi_settling') }}
with

answered as (
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
        case when k.is_final then k.settled_share end as final_share,
        k.missing
    from {{ ref('touched_period') }} as p
    inner join marts.kpi_period as k
        on k.brand_id = p.brand_id and k.grain = p.grain and k.period_start = p.period_start
    -- What the catalogue has no more is stated of no period.
    inner join {{ source('build', 'indicator') }} as i on i.ref = k.ref
    where (p.extent, k.ref) not in (select t.extent, t.ref from {{ ref('touched_indicator') }} as t)
)

select
    a.*,
    coalesce(a.final_share, s.settled_share) as settled_share
from answered as a
left join next.kpi_shares() as s
    on s.brand_id = a.brand_id and s.grain = a.grain and s.period_start = a.period_start and s.ref = a.ref
