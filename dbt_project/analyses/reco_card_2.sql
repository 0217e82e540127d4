-- Assisted revenue of recommendations
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Reco-Card-2}')
;

-- the rows behind it
select *
from marts.kpi_rows('Reco-Card-2', 'my-brand', date '2026-03-01', date '2026-03-31')
