-- Conversion rate of recommendations
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Reco-Card-5}')
;

-- the rows behind it
select *
from marts.kpi_rows('Reco-Card-5', 'my-brand', date '2026-03-01', date '2026-03-31')
