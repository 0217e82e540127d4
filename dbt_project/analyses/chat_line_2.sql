-- Direct conversations by day
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Chat-Card-1,Chat-Card-2,Chat-Card-10}', p_breakdown => '{day}')
