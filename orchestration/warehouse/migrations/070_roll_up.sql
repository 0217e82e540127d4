-- How the periods of a number make a longer one's, and the scans that bi_daily is counted by.

alter table marts.dim_kpi
    add column roll_up text check (roll_up in ('sum', 'ratio', 'none')),
    add column roll_up_by_member text check (roll_up_by_member in ('sum', 'ratio', 'none'));
comment on column marts.dim_kpi.roll_up is 'How periods of one grain and one value of a dimension make a longer period''s: sum of the values; ratio: sum of the numerators divided by the sum of the denominators; none: they don''t, ask kpi_report.';
comment on column marts.dim_kpi.roll_up_by_member is 'The same told apart by member or role: none too where the member is judged at the end of the period.';
comment on column marts.dim_kpi.is_additive is 'Whether the total is the sum of its buckets, whatever they are by: days, sources, inboxes, members. Of ratios never: see roll_up.';

alter table marts.kpi_scan drop constraint kpi_scan_form_check;
alter table marts.kpi_scan
    add constraint kpi_scan_form_check check (form in ('shared', 'apart', 'apart_now', 'rows', 'list', 'rollup'));
comment on column marts.kpi_scan.form is 'What it is read for: the report, where no dimension keeps indicators apart (shared) or one does (apart; apart_now: with members as known now); the rows behind an indicator; a list; a daily rollup, which scans read.';

alter table marts.kpi_line add column is_additive boolean not null default false;
comment on column marts.kpi_line.is_additive is 'Whether it, or what is above and below its line, adds up over days, sources, inboxes and members.';

comment on column marts.brand_generation.brand_id is 'Which brand, as in dim_brand.';
comment on column marts.kpi_published.brand_id is 'Which brand the value is of, as in dim_brand.';
