-- Refunds of credited sales
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Sale-Card-11}')
;

-- the rows behind it
select *
from marts.kpi_rows('Sale-Card-11', 'my-brand', date '2026-03-01', date '2026-03-31')
