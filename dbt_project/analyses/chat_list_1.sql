-- Members
select *
from marts.kpi_list('Chat-List-1', 'my-brand', date '2026-03-01', date '2026-03-31')
