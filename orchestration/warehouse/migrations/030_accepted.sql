-- What a person has accepted although an entrance audit would hold it back. Kept for ever: it says why readers saw it.

create table raw.accepted (
    dataset text not null,
    extract_day date not null,
    reason text not null check (reason <> ''),
    accepted_by text not null,
    accepted_at timestamptz not null default clock_timestamp(),
    primary key (dataset, extract_day)
);
comment on table raw.accepted is 'Extract days that a person has accepted whatever the entrance audits say of them.';
comment on column raw.accepted.reason is 'Why, in the words of whoever accepted it.';
comment on column raw.accepted.accepted_by is 'The account of the machine from which it was accepted.';

comment on column raw.load.warnings is
    'Odd but accepted: rows by what is odd about them (instants in an unusual order, rows of one event that contradict'
    ' each other, identifiers that are words for nothing).';
