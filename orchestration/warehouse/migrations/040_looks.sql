-- What the last look at each source showed, where looking costs a query: databases are asked once a run, and only for
-- what is new since.

create table raw.look (
    dataset text primary key,
    digest text not null,
    resume text,
    looked_at timestamptz not null
);
comment on table raw.look is 'The last look at each dataset that comes from a query without a window.';
comment on column raw.look.digest is 'Of the query and its mapping: when it changes, everything is read again.';
comment on column raw.look.resume is 'Value of the changed_since column from which the next look begins, with an overlap.';

create table raw.shown (
    dataset text not null,
    extract_day date not null,
    fingerprint text not null,
    primary key (dataset, extract_day)
);
comment on table raw.shown is 'The extracts that looks have shown; one that raw.extract holds otherwise is to be loaded.';

create table raw.vanished (
    dataset text not null,
    extract_day date not null,
    key text[] not null,
    primary key (dataset, extract_day, key)
);
comment on table raw.vanished is 'Rows that their source no longer has: the next load of their extract takes them out.';
