-- Sessions paid from ads
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Ads-Funnel-6}')
;

-- the rows behind it
select *
from marts.kpi_rows('Ads-Funnel-6', 'my-brand', date '2026-03-01', date '2026-03-31')
