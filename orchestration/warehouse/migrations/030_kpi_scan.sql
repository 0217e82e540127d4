-- What the functions of marts put their statements together from: the SQL of the catalogue, a piece a row. Nothing of a
-- brand stands here; every reader's functions read it with the reader's own rights.

create table marts.kpi_scan (
    form text not null check (form in ('shared', 'apart', 'rows', 'list', 'rollup')),
    name text not null,
    position integer not null,
    refs text[] not null,
    buckets jsonb not null,
    sql jsonb not null,
    primary key (form, name)
);
comment on table marts.kpi_scan is 'Private to the functions of marts: the SQL that they put their statements together from, as the catalogue says.';
comment on column marts.kpi_scan.form is 'What it is read for: the report, where no dimension keeps indicators apart (shared) or one does (apart); the rows behind an indicator; a list; a daily rollup, which scans read.';
comment on column marts.kpi_scan.name is 'The scan; of rows, the indicator and the part of it; of a list, its ref; of a rollup, what stands for it in scans.';
comment on column marts.kpi_scan.position is 'Place in the order of the catalogue.';
comment on column marts.kpi_scan.refs is 'The indicators that it answers for.';
comment on column marts.kpi_scan.buckets is 'The breakdowns that its rows can be told apart by, each with the SQL of the bucket of a row.';
comment on column marts.kpi_scan.sql is 'The pieces of SQL, by name; parameters by number.';

create table marts.kpi_line (
    position integer primary key,
    ref text not null,
    bin text,
    kind text not null check (kind in ('count', 'ratio', 'median')),
    filters text[] not null,
    dimensions text[] not null,
    ignores text[] not null,
    is_fixed boolean not null,
    settling_days integer not null
);
comment on table marts.kpi_line is 'Private to the functions of marts: a row for each number that the report can state of a bucket, an indicator or one of its bins.';
comment on column marts.kpi_line.position is 'Place in the order of the report.';
comment on column marts.kpi_line.ref is 'The indicator, as in dim_kpi.';
comment on column marts.kpi_line.bin is 'Class of a histogram or donut; null for other indicators.';
comment on column marts.kpi_line.kind is 'How the value is made of its parts: count (also a sum), ratio (also an average) or median.';
comment on column marts.kpi_line.filters is 'The filters that apply to it.';
comment on column marts.kpi_line.dimensions is 'The breakdowns that it can be asked by.';
comment on column marts.kpi_line.ignores is 'What of the window does not apply to it: dates, slot, weekdays.';
comment on column marts.kpi_line.is_fixed is 'Whether it never changes once its period is over.';
comment on column marts.kpi_line.settling_days is 'Days after the end of a period from which its value counts as final.';
