-- Share of visits with a direct request
select *
from marts.kpi_report('my-brand', date '2026-03-01', date '2026-03-31', p_refs => '{Wget-Card-19}')
;

-- the rows behind it
select *
from marts.kpi_rows('Wget-Card-19', 'my-brand', date '2026-03-01', date '2026-03-31')
