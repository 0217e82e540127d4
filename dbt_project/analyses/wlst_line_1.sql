-- Waiting list by day
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Wlst-Card-1,Wlst-Card-10,Chat-Card-10}', p_breakdown => '{day}')
