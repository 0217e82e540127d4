-- Surveys by score
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{One-Donut-1}')
;

-- the rows behind it
select *
from marts.kpi_rows('One-Donut-1', 'my-brand', date '2026-03-01', date '2026-03-31')
