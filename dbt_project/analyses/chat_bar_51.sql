-- Sales by conversion delay
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Chat-Bar-51}')
;

-- the rows behind it
select *
from marts.kpi_rows('Chat-Bar-51', 'my-brand', date '2026-03-01', date '2026-03-31')
