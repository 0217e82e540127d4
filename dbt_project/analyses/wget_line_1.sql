-- Widget by day
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Wget-Card-01,Wget-Card-03,Wget-Card-05,Wget-Card-18}', p_breakdown => '{day}')
