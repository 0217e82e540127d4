-- Average credited sale
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Chat-Card-82}')
;

-- the rows behind it
select *
from marts.kpi_rows('Chat-Card-82', 'my-brand', date '2026-03-01', date '2026-03-31')
