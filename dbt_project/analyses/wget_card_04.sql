-- Share of active visits
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Wget-Card-04}')
;

-- the rows behind it
select *
from marts.kpi_rows('Wget-Card-04', 'my-brand', date '2026-03-01', date '2026-03-31')
