-- Dialogues by time from the request
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Chat-Bar-12}')
;

-- the rows behind it
select *
from marts.kpi_rows('Chat-Bar-12', 'my-brand', date '2026-03-01', date '2026-03-31')
