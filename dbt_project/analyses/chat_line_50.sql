-- Conversion into sales by day
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Chat-Card-85,Chat-Card-86}', p_breakdown => '{day}')
