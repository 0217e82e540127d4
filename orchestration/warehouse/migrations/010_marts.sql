-- The tables of marts that no dbt model describes: the histories, the catalogue of indicators, who may read what.
-- Everything else in marts is made from the dbt manifest (schema.py); roles, policies and grants
-- are orchestration/access.py's.

create schema if not exists build;
comment on schema build is 'Working area of dbt: the entities that the last run touched. Not for readers.';
create schema if not exists next;
comment on schema next is 'What marts would be after the run under way; the audits look here. Not for readers.';
create schema if not exists marts;
comment on schema marts is 'The published data: complete, audited generations. The only schema that readers use.';

create table marts.publication (
    generation bigint primary key,
    run_id text not null,
    extract_days date[] not null,
    rows_inserted bigint not null,
    rows_updated bigint not null,
    rows_deleted bigint not null,
    tables jsonb not null,
    data_through timestamptz,
    published_at timestamptz not null
);
comment on table marts.publication is 'One row per publication: every change of the published data, and how much it changed. Append-only.';
comment on column marts.publication.generation is 'Number of the publication, rising from 1.';
comment on column marts.publication.run_id is 'The run that published.';
comment on column marts.publication.extract_days is 'The UTC extract days that the run took in, in order.';
comment on column marts.publication.rows_inserted is 'Rows that are new, over all tables.';
comment on column marts.publication.rows_updated is 'Rows that differ from what was published before, over all tables.';
comment on column marts.publication.rows_deleted is 'Rows that vanished, over all tables.';
comment on column marts.publication.tables is 'The same three counts by table; tables without a change are left out.';
comment on column marts.publication.data_through is 'End (UTC) of the newest complete extract day; null while none is complete.';
comment on column marts.publication.published_at is 'Instant of the publishing run.';

create table marts.brand_generation (
    brand_id text primary key,
    generation bigint not null
);
comment on table marts.brand_generation is 'The generation that each brand''s published data belong to. An answer over all brands joins it and is asked again if the generations differ.';
comment on column marts.brand_generation.brand_id is 'The brand.';
comment on column marts.brand_generation.generation is 'The newest publication, which every brand takes part in.';

create table marts.load_ledger (
    brand_id text not null,
    load_id bigint not null,
    dataset text not null,
    extract_day date not null,
    outcome text not null,
    reason text,
    files jsonb,
    rows_read bigint,
    rows_loaded bigint,
    duplicates bigint,
    superseded bigint,
    waiting bigint,
    rejected bigint,
    started_at timestamptz not null,
    ended_at timestamptz,
    primary key (brand_id, load_id)
);
comment on table marts.load_ledger is 'One row per load of an extract and brand: what was read and what became of each row. Rows read = loaded + duplicates + superseded + waiting + rejected.';
comment on column marts.load_ledger.brand_id is 'The brand; empty for what can''t be ascribed to one (a refused extract, a line that can''t be read).';
comment on column marts.load_ledger.load_id is 'Number of the load.';
comment on column marts.load_ledger.dataset is 'The dataset that the extract belongs to.';
comment on column marts.load_ledger.extract_day is 'The UTC day of the extract.';
comment on column marts.load_ledger.outcome is 'What became of the extract as a whole: loaded, unchanged or refused.';
comment on column marts.load_ledger.reason is 'Why the extract was refused; null for a loaded one.';
comment on column marts.load_ledger.files is 'The files (or the query) that the extract consisted of.';
comment on column marts.load_ledger.rows_read is 'Rows that the extract held; null when it could not be read.';
comment on column marts.load_ledger.rows_loaded is 'Rows that stand.';
comment on column marts.load_ledger.duplicates is 'Rows equal to another one that stands.';
comment on column marts.load_ledger.superseded is 'Rows that a newer version of the same key replaces.';
comment on column marts.load_ledger.waiting is 'Rows whose brand is not known yet.';
comment on column marts.load_ledger.rejected is 'Bad rows, which wait in quarantine.';
comment on column marts.load_ledger.started_at is 'Start of the load.';
comment on column marts.load_ledger.ended_at is 'End of the load.';

create table marts.data_quality (
    brand_id text not null,
    run_id text not null,
    check_name text not null,
    table_name text not null,
    severity text not null check (severity in ('warn', 'error')),
    passed boolean,
    observed text,
    expected text,
    checked_at timestamptz not null,
    primary key (brand_id, run_id, check_name, table_name)
);
comment on table marts.data_quality is 'One row per audit, table and brand of a run, whether it led to a publication or not. Append-only.';
comment on column marts.data_quality.brand_id is 'The brand; empty for an audit of all brands together.';
comment on column marts.data_quality.run_id is 'The run that audited.';
comment on column marts.data_quality.check_name is 'Name of the audit.';
comment on column marts.data_quality.table_name is 'The table or dataset looked at.';
comment on column marts.data_quality.severity is 'warn, or error: what stops a publication.';
comment on column marts.data_quality.passed is 'Whether the data are as expected; null when the audit itself could not be evaluated.';
comment on column marts.data_quality.observed is 'What was found, or why it could not be evaluated.';
comment on column marts.data_quality.expected is 'What was expected.';
comment on column marts.data_quality.checked_at is 'Instant of the auditing run.';

create table marts.dim_kpi (
    ref text primary key,
    area text not null,
    name_en text not null,
    name_fr text not null,
    name_es text not null,
    meaning_en text not null,
    meaning_fr text not null,
    meaning_es text not null,
    unit text not null,
    stability text not null,
    settling_days integer,
    filters text[] not null,
    dimensions text[] not null,
    is_additive boolean not null,
    good_direction text,
    plausible_min numeric,
    plausible_max numeric,
    conversion_step text,
    dashboards text[] not null,
    status text not null
);
comment on table marts.dim_kpi is 'The catalogue of indicators: one row per indicator, as kpi_catalogue.yml defines it.';
comment on column marts.dim_kpi.ref is 'Reference of the indicator, such as Chat-Card-1.';
comment on column marts.dim_kpi.area is 'Area of the business that it belongs to.';
comment on column marts.dim_kpi.name_en is 'Name in English.';
comment on column marts.dim_kpi.name_fr is 'Name in French.';
comment on column marts.dim_kpi.name_es is 'Name in Spanish.';
comment on column marts.dim_kpi.meaning_en is 'What it counts, in English.';
comment on column marts.dim_kpi.meaning_fr is 'What it counts, in French.';
comment on column marts.dim_kpi.meaning_es is 'What it counts, in Spanish.';
comment on column marts.dim_kpi.unit is 'count, ratio, seconds, amount (in the brand''s currency) or score.';
comment on column marts.dim_kpi.stability is 'fixed: final when its period is over; fluctuating: may still move afterwards; live: of the present moment only.';
comment on column marts.dim_kpi.settling_days is 'Days after the period''s end until a fluctuating indicator counts as final; null for the others.';
comment on column marts.dim_kpi.filters is 'The filters that it heeds; a report names the ones it ignored.';
comment on column marts.dim_kpi.dimensions is 'The breakdowns that it has beside the total.';
comment on column marts.dim_kpi.is_additive is 'Whether the total is the sum of its buckets.';
comment on column marts.dim_kpi.good_direction is 'up or down where a change is better or worse; null where it is neither.';
comment on column marts.dim_kpi.plausible_min is 'Lowest value that is plausible, in its unit; null for none.';
comment on column marts.dim_kpi.plausible_max is 'Highest value that is plausible, in its unit; null for none.';
comment on column marts.dim_kpi.conversion_step is 'The step of the way from a visit to a sale that it measures; null for none.';
comment on column marts.dim_kpi.dashboards is 'The dashboards that show it.';
comment on column marts.dim_kpi.status is 'built, or proposed where its definition is still open.';

create table marts.access (
    role_name text not null,
    brand_id text not null,
    primary key (role_name, brand_id)
);
comment on table marts.access is 'Which login role reads which brands. Readers can''t change it. To give one role several brands, add rows here and make it a member of causerie_brands.';
comment on column marts.access.role_name is 'The database role.';
comment on column marts.access.brand_id is 'A brand whose rows the role sees.';

-- A function rather than a subquery in each policy: it is evaluated once per scan, and the planner sees its value.
create function marts.my_brands() returns text[]
language plpgsql stable security invoker parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select coalesce(array_agg(a.brand_id order by a.brand_id), '{}')
        from marts.access as a
        where a.role_name = current_user
    );
end
$$;
comment on function marts.my_brands() is 'The brands whose rows the current role may read. Row policies ask this.';

create table marts.rendered (
    object_name text primary key,
    kind text not null,
    digest text not null
);
comment on table marts.rendered is 'The functions and views that are rendered from the catalogue of indicators, so that only changed ones are made anew. Not for readers.';
comment on column marts.rendered.object_name is 'Name of the function or view in marts.';
comment on column marts.rendered.kind is 'function or view.';
comment on column marts.rendered.digest is 'SHA-256 of the text that made it.';
