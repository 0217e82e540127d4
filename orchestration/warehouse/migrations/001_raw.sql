-- What the loader keeps beside the datasets themselves: the ledger, the quarantine, the profile, the dirty list.
-- The datasets' own tables come from the contract (raw_tables.py).

create sequence raw.load_id;

create table raw.load (
    load_id bigint primary key,
    dataset text not null,
    extract_day date not null,
    outcome text not null check (outcome in ('loaded', 'unchanged', 'refused')),
    reason text,
    files jsonb not null,
    fingerprint text not null,
    unknown_columns text[] not null default '{}',
    warnings jsonb not null default '{}',
    started_at timestamptz not null,
    ended_at timestamptz not null,
    check ((outcome = 'refused') = (reason is not null))
);
create index on raw.load (dataset, extract_day, load_id);
comment on table raw.load is 'The ledger: one row each time that an extract was loaded or refused. Append-only.';
comment on column raw.load.fingerprint is 'What the source showed of the extract: a digest of file names, sizes and times.';
comment on column raw.load.files is 'The files read, in the order that places in the quarantine refer to.';
comment on column raw.load.unknown_columns is 'Columns that the extract has and the contract has not; they were ignored.';
comment on column raw.load.warnings is 'Odd but accepted: rows by pair of instants that stand in an unusual order.';

create table raw.load_count (
    load_id bigint not null references raw.load,
    brand_id text not null,
    rows_read bigint not null,
    rows_loaded bigint not null,
    duplicates bigint not null,
    superseded bigint not null,
    waiting bigint not null,
    rejected bigint not null,
    primary key (load_id, brand_id),
    constraint nothing_is_lost check (rows_read = rows_loaded + duplicates + superseded + waiting + rejected)
);
comment on table raw.load_count is 'What became of the rows of a load, by brand ('''' where a row names none).';
comment on column raw.load_count.duplicates is 'Rows with content that this extract, or another, had brought already.';
comment on column raw.load_count.superseded is 'Rows that lost to another version of the same key.';
comment on column raw.load_count.waiting is 'Rows whose brand is not known yet.';
comment on column raw.load_count.rejected is 'Rows in quarantine; of a refused extract, all.';

create table raw.extract (
    dataset text not null,
    extract_day date not null,
    fingerprint text not null,
    load_id bigint not null references raw.load,
    primary key (dataset, extract_day)
);
comment on table raw.extract is 'What stands now: the last load of each extract that was not refused.';

create table raw.quarantine (
    quarantine_id bigint generated always as identity primary key,
    load_id bigint not null references raw.load,
    dataset text not null,
    extract_day date not null,
    brand_id text not null,
    file text not null,
    line bigint not null,
    place bigint not null,
    rule text not null,
    column_name text,
    value text,
    "row" jsonb,
    digest text not null
);
create index on raw.quarantine (dataset, extract_day);
create index on raw.quarantine (brand_id, dataset) where rule = 'brand_currency';
comment on table raw.quarantine is 'Bad rows of the extracts that stand; they go when their extract is replaced.';
comment on column raw.quarantine.line is 'Line of the file, the first being 1; of Parquet and SQL, the row.';
comment on column raw.quarantine.value is 'The value found at fault, cut to 200 characters; never free text.';
comment on column raw.quarantine."row" is 'The contract''s columns as they came, free text left out; null where none could be read.';
comment on column raw.quarantine.digest is 'SHA-256 of the line (or of the row), by which it is found again in its file.';

create table raw.profile (
    load_id bigint not null references raw.load,
    dataset text not null,
    extract_day date not null,
    brand_id text not null,
    column_name text not null,
    row_count bigint not null,
    null_count bigint not null,
    distinct_count bigint,
    min_value text,
    max_value text,
    value_counts jsonb,
    rejected jsonb not null default '{}',
    primary key (load_id, brand_id, column_name)
);
create index on raw.profile (dataset, extract_day);
comment on table raw.profile is 'What a load looked like, by brand and column; column '''' is the row itself, as read.';
comment on column raw.profile.row_count is 'Good rows; for column '''', rows read.';
comment on column raw.profile.distinct_count is 'Distinct values; null where counting them tells nothing (instants, amounts, free text).';
comment on column raw.profile.value_counts is 'Rows by value, of enumerations and booleans.';
comment on column raw.profile.rejected is 'Rejected rows by rule.';

create table raw.touched (
    brand_id text not null,
    entity text not null,
    entity_id text not null,
    load_id bigint not null
);
create index on raw.touched (load_id);
comment on table raw.touched is 'What must be computed again: entities with rows that are new, gone, or moved. Consumed by a publication.';

-- Written once here, since a row of a table may not call on a check of arbitrary depth.
create function raw.is_working_hours(hours jsonb, within_team boolean default false) returns boolean
language plpgsql immutable parallel safe set search_path = pg_catalog as $$
declare
    entry record;
    part jsonb;
begin
    if jsonb_typeof(hours) <> 'object' then return false; end if;
    for entry in select * from jsonb_each(hours) loop
        if entry.key ~ '^[1-7]$' then
            if jsonb_typeof(entry.value) <> 'array' then return false; end if;
            for part in select * from jsonb_array_elements(entry.value) loop
                if jsonb_typeof(part) <> 'array' or jsonb_array_length(part) <> 2
                   or not coalesce(part ->> 0, '') ~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$'
                   or not coalesce(part ->> 1, '') ~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$' then
                    return false;
                end if;
            end loop;
        elsif entry.key = 'closed' then
            if jsonb_typeof(entry.value) <> 'array' then return false; end if;
            for part in select * from jsonb_array_elements(entry.value) loop
                if not coalesce(part #>> '{}', '') ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
                   or not pg_input_is_valid(part #>> '{}', 'date') then
                    return false;
                end if;
            end loop;
        elsif entry.key = 'teams' and not within_team then
            if jsonb_typeof(entry.value) <> 'object' then return false; end if;
            for part in select value from jsonb_each(entry.value) loop
                if not raw.is_working_hours(part, true) then return false; end if;
            end loop;
        else
            return false;
        end if;
    end loop;
    return true;
end $$;
comment on function raw.is_working_hours is 'Is this a brand''s working hours as the contract describes them?';
