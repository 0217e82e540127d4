{{ config(indexes=[{'columns': ['brand_id', 'local_date']}]) }}

-- The brand's calendar: the one place where a local date gets its instants. A local day begins at the first instant
-- that has its date on the brand's clock, so the day of a second midnight (the Azores, Havana) keeps both, and a date
-- that the zone skipped is empty. PostgreSQL reads an ambiguous midnight as the second one: near a clock change
-- midnight is tried with the offsets before and after it, and where the clock jumped over it from another minute,
-- minute by minute (no zone has changed its clock off the minute in this calendar's years).
with

asked as (
    select
        b.brand_id,
        b.timezone,
        d.local_date::date as local_date,
        d.local_date::timestamp at time zone b.timezone as naive_midnight
    from {{ ref('int_brands_current') }} as b
    inner join {{ ref('touched_brand') }} as t on t.brand_id = b.brand_id
    cross join generate_series(timestamp '2000-01-01', timestamp '2050-01-01', interval '1 day') as d (local_date)
),

-- The same midnight by the offset of a day before, and of a day after: where they differ, the clock changed.
tried as (
    select
        a.*,
        a.local_date::timestamp at time zone 'UTC'
        - (
            ((a.naive_midnight - interval '30 hours') at time zone a.timezone)
            - ((a.naive_midnight - interval '30 hours') at time zone 'UTC')
        ) as midnight_before,
        a.local_date::timestamp at time zone 'UTC'
        - (
            ((a.naive_midnight + interval '30 hours') at time zone a.timezone)
            - ((a.naive_midnight + interval '30 hours') at time zone 'UTC')
        ) as midnight_after
    from asked as a
),

begun as (
    select
        t.brand_id,
        t.local_date,
        case
            when t.midnight_before = t.midnight_after then t.naive_midnight
            else coalesce(
                (
                    select min(c.at)
                    from (values (t.naive_midnight), (t.midnight_before), (t.midnight_after)) as c (at)
                    where
                        (c.at at time zone t.timezone)::date >= t.local_date
                        and ((c.at - interval '1 minute') at time zone t.timezone)::date < t.local_date
                ),
                (
                    select min(minute.at)
                    from
                        generate_series(
                            t.naive_midnight - interval '3 hours',
                            t.naive_midnight + interval '3 hours',
                            interval '1 minute'
                        ) as minute (at)
                    where (minute.at at time zone t.timezone)::date >= t.local_date
                )
            )
        end as starts_at
    from tried as t
),

dated as (
    select
        b.brand_id,
        b.local_date,
        b.starts_at,
        lead(b.starts_at) over (partition by b.brand_id order by b.local_date) as ends_at
    from begun as b
)

select
    d.brand_id,
    d.local_date,
    d.starts_at,
    d.ends_at,
    (extract(epoch from d.ends_at - d.starts_at) / 3600)::numeric(6, 2) as hours,
    extract(isodow from d.local_date)::integer as iso_weekday,
    extract(week from d.local_date)::integer as iso_week,
    extract(isoyear from d.local_date)::integer as iso_year,
    (d.local_date - (extract(isodow from d.local_date)::integer - 1))::date as week_start_date,
    date_trunc('month', d.local_date::timestamp)::date as month_start_date,
    date_trunc('quarter', d.local_date::timestamp)::date as quarter_start_date,
    extract(year from d.local_date)::integer as calendar_year
from dated as d
where d.ends_at is not null
