-- Active and new dialogues by day
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Chat-Card-20,Chat-Card-10}', p_breakdown => '{day}')
