{{ config(indexes=[{'columns': ['brand_id', 'ref', 'period_start']}]) }}

-- What the fluctuating indicators said of the sampled days at each age, and say now (no age).
{{ facts_of_the_reports() }}
select
    p.brand_id,
    p.period_start,
    p.days_after_end,
    a.ref,
    a.bin,
    a.value,
    a.numerator,
    a.denominator
from next.kpi_answers('all', 'sample') as a
inner join {{ ref('settling_period') }} as p
    on p.brand_id = a.brand_id and p.period_start = a.period_start and p.known_at = a.known_at
