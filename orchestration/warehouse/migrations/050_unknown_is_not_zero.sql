-- What each number needs to have been told of: without it, it is unknown, and not zero.

alter table marts.kpi_line
    add column needs_above text[] not null default '{}',
    add column needs_below text[] not null default '{}',
    add column needs_any text[] not null default '{}';
comment on column marts.kpi_line.needs_above is 'The feeds without which the numerator is not known.';
comment on column marts.kpi_line.needs_below is 'The feeds without which the denominator is not known.';
comment on column marts.kpi_line.needs_any is 'The feeds of which one is enough.';
