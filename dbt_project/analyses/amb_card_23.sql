-- Median dialogues per member
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Amb-Card-23}')
;

-- the rows behind it
select *
from marts.kpi_rows('Amb-Card-23', 'my-brand', date '2026-03-01', date '2026-03-31')
