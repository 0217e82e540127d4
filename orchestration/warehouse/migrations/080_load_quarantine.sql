-- What waits in quarantine, where readers can see it: by rule, without a value of any row.

create table marts.load_quarantine (
    brand_id text not null,
    dataset text not null,
    extract_day date not null,
    rule text not null,
    column_name text not null,
    rows bigint not null,
    first_lines text[] not null,
    primary key (brand_id, dataset, extract_day, rule, column_name)
);
comment on table marts.load_quarantine is 'The bad rows that waited in quarantine at the newest publication: how many of each extract break which rule in which column, and where the first of them stand. Their values are not published.';
comment on column marts.load_quarantine.brand_id is 'The brand that the row names; empty for what can''t be ascribed to one (a line that can''t be read).';
comment on column marts.load_quarantine.dataset is 'The dataset that the extract belongs to.';
comment on column marts.load_quarantine.extract_day is 'The UTC day of the extract.';
comment on column marts.load_quarantine.rule is 'The rule that the rows break, by its short name.';
comment on column marts.load_quarantine.column_name is 'The column at fault; empty where the line as a whole is.';
comment on column marts.load_quarantine.rows is 'Rows that break it there.';
comment on column marts.load_quarantine.first_lines is 'The first five of them as file:line, in the order of the files.';
