-- Ratings given
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Chat-Card-72}')
;

-- the rows behind it
select *
from marts.kpi_rows('Chat-Card-72', 'my-brand', date '2026-03-01', date '2026-03-31')
