-- Dialogues by duration
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Chat-Bar-50}')
;

-- the rows behind it
select *
from marts.kpi_rows('Chat-Bar-50', 'my-brand', date '2026-03-01', date '2026-03-31')
