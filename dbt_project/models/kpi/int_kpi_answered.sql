-- The indicators of the touched periods, from the report's own scans over the schema next.
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
    a.settled_share
from (values ('all'), ('source'), ('channel'), ('role'), ('member')) as d (dimension)
cross join lateral next.kpi_answers(d.dimension) as a
