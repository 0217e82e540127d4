-- Active dialogues with a member's message
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Chat-Card-21}')
;

-- the rows behind it
select *
from marts.kpi_rows('Chat-Card-21', 'my-brand', date '2026-03-01', date '2026-03-31')
