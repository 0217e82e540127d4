-- Members in one-to-one
select *
from marts.kpi_list('One-List-3', 'my-brand', date '2026-03-01', date '2026-03-31')
