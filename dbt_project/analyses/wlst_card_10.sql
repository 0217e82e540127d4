-- Requests handled
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Wlst-Card-10}')
;

-- the rows behind it
select *
from marts.kpi_rows('Wlst-Card-10', 'my-brand', date '2026-03-01', date '2026-03-31')
