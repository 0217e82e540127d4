-- Dialogue rates by day
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Chat-Card-11,Chat-Card-12}', p_breakdown => '{day}')
