-- Sessions with a cart from ads
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Ads-Funnel-3}')
;

-- the rows behind it
select *
from marts.kpi_rows('Ads-Funnel-3', 'my-brand', date '2026-03-01', date '2026-03-31')
