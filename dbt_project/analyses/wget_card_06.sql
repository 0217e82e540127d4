-- Share of visits with a waiting-list request
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Wget-Card-06}')
;

-- the rows behind it
select *
from marts.kpi_rows('Wget-Card-06', 'my-brand', date '2026-03-01', date '2026-03-31')
