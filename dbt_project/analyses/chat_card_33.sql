-- Dialogues with a visitor's photo
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Chat-Card-33}')
;

-- the rows behind it
select *
from marts.kpi_rows('Chat-Card-33', 'my-brand', date '2026-03-01', date '2026-03-31')
