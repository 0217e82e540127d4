-- The indicators of the touched periods, from the report's own scans over the schema next. Those that are not stated anew
-- of a period stand as published.
{{ facts_of_the_reports() }}
-- depends_on: {{ ref('kpi_settling') }}
-- depends_on: {{ ref('touched_period') }}
select
    a.brand_id,
    a.grain,
    a.period_start,
    d.dimension,
    a.dimension_value,
    a.ref,
    a.bin,
    a.value,
    a.numerator,
    a.denominator,
    a.is_final,
    a.settled_share,
    a.missing
from (values ('all'), ('source'), ('channel'), ('role'), ('member')) as d (dimension)
cross join (select distinct extent from {{ ref('touched_indicator') }}) as p
cross join lateral next.kpi_answers(d.dimension, 'now', p.extent) as a
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
inner join {{ source('build', 'indicator') }} as i on i.ref = k.ref
left join {{ ref('touched_indicator') }} as t on t.extent = p.extent and t.ref = k.ref
where t.ref is null
