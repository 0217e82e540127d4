-- What an indicator rests on that not every system records.

alter table marts.dim_kpi add column rests_on text check (rests_on = 'handling');
comment on column marts.dim_kpi.rests_on is 'handling, where the number depends on when waiting-list requests were handled or started, which some systems do not record: the report then tells its basis.';
