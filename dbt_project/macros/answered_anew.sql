{#- The answers of the reports over the schema next for the touched periods, by each of these dimensions. -#}
{% macro answered_anew(dimensions) %}
{{ facts_of_the_reports() }}
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
    a.settled_share as final_share,
    a.missing
from (values {% for dimension in dimensions %}('{{ dimension }}'){{ ', ' if not loop.last }}{% endfor %}) as d (dimension)
cross join (select distinct extent from {{ ref('touched_indicator') }}) as t
cross join lateral next.kpi_answers(d.dimension, 'now', t.extent) as a
{% endmacro %}
