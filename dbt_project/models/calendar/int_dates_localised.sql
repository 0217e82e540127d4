{{ config(indexes=[{'columns': ['brand_id', 'local_date']}]) }}

-- The brand's calendar: the one place where a local date gets its instants. A local day begins at the first instant
-- that has its date on the brand's clock, so the day of a second midnight (the Azores, Havana) keeps both, and a date
-- that the zone skipped is empty. PostgreSQL reads an ambiguous midnight as the second one: near a clock change the
-- minutes around it are tried one by one (no zone has changed its clock off the minute in this calendar's years).
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

judged as (
    select
        a.*,
        ((a.naive_midnight - interval '30 hours') at time zone a.timezone) + interval '60 hours'
        <> (a.naive_midnight + interval '30 hours') at time zone a.timezone as is_near_clock_change
    from asked as a
),

begun as (
    select
        j.brand_id,
        j.local_date,
        case
            when not j.is_near_clock_change then j.naive_midnight
            else (
                select min(minute.at)
                from
                    generate_series(
                        j.naive_midnight - interval '3 hours',
                        j.naive_midnight + interval '3 hours',
                        interval '1 minute'
                    ) as minute (at)
                where (minute.at at time zone j.timezone)::date >= j.local_date
            )
        end as starts_at
    from judged as j
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
