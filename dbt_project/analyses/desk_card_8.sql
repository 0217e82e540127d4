-- Share closed without a reply
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Desk-Card-8}')
;

-- the rows behind it
select *
from marts.kpi_rows('Desk-Card-8', 'my-brand', date '2026-03-01', date '2026-03-31')
