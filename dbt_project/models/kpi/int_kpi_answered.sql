-- The indicators of the touched periods, from the report's own scans over the schema next. Where a period is touched in
-- part, the other indicators stand as published.
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
cross join (values (false), (true)) as p (is_partial)
cross join lateral next.kpi_answers(d.dimension, 'now', p.is_partial) as a
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
where p.is_partial and not i.is_touched
