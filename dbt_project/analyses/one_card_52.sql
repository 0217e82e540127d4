-- Widget click rate
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{One-Card-52}')
;

-- the rows behind it
select *
from marts.kpi_rows('One-Card-52', 'my-brand', date '2026-03-01', date '2026-03-31')
