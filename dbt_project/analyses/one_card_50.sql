-- Visitors who saw the widget
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{One-Card-50}')
;

-- the rows behind it
select *
from marts.kpi_rows('One-Card-50', 'my-brand', date '2026-03-01', date '2026-03-31')
