-- What was published of each period that was over, and why it moved since. For that the dirty list says of each entity
-- from which instant on a load changed what is known of it, and whether that corrected something.

alter table raw.touched add column since timestamptz not null default '-infinity';
alter table raw.touched add column is_correction boolean not null default false;
comment on column raw.touched.since is 'The earliest instant of which the load says something new about the entity; infinity where it says nothing new.';
comment on column raw.touched.is_correction is 'Whether the load took back or altered something, rather than adding to it.';

create table marts.kpi_published (
    brand_id text not null,
    grain text not null,
    period_start date not null,
    dimension text not null,
    dimension_value text not null,
    ref text not null,
    bin text not null,
    generation bigint not null,
    published_at timestamptz not null,
    value numeric,
    previous_value numeric,
    cause text not null
    check (cause in ('first', 'fluctuating', 'late data', 'corrected data', 'settings', 'definition')),
    loads bigint[] not null,
    primary key (brand_id, grain, period_start, dimension, dimension_value, ref, bin, generation)
);
create index on marts.kpi_published (published_at) where cause <> 'first';
comment on table marts.kpi_published is 'The life of each published number after its period was over: its first value, and every change with its cause. Append-only.';
comment on column marts.kpi_published.brand_id is 'The brand.';
comment on column marts.kpi_published.grain is 'day, week (ISO), month, quarter or year.';
comment on column marts.kpi_published.period_start is 'First local date of the period.';
comment on column marts.kpi_published.dimension is 'all, or what the rows are told apart by: source, channel, role, member.';
comment on column marts.kpi_published.dimension_value is 'Value of the dimension; all where there is none, (none) where there is no member.';
comment on column marts.kpi_published.ref is 'The indicator, as in dim_kpi.';
comment on column marts.kpi_published.bin is 'Class of a histogram or donut; empty for other indicators.';
comment on column marts.kpi_published.generation is 'The publication that brought the value.';
comment on column marts.kpi_published.published_at is 'Instant of the publishing run.';
comment on column marts.kpi_published.value is 'The value from then on, in the indicator''s unit; null where there is nothing to average, or nothing any more.';
comment on column marts.kpi_published.previous_value is 'The value published before; null at first, or where there was nothing.';
comment on column marts.kpi_published.cause is 'first: the period was over; fluctuating: the indicator may still move, and nothing arrived late; late data: rows arrived after the data had been published as complete beyond them; corrected data: rows were altered, replaced or taken back; settings: the brand''s zone, window or hours, or its members'' roles; definition: the indicator is computed in another way than before.';
comment on column marts.kpi_published.loads is 'Late or corrected data and settings: the loads (load_ledger) that brought them; empty otherwise.';
