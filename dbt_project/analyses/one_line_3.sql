-- Widget click rate by day
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{One-Card-52}', p_breakdown => '{day}')
