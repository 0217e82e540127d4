{{ config(indexes=[{'columns': ['brand_id', 'local_date']}]) }}

-- The calendar of each brand: local dates with their first instant and their end. A date the zone skipped is empty.
with

begun as (
    select
        b.brand_id,
        d.local_date::date as local_date,
        {{ day_begins('d.local_date', 'b.timezone') }} as starts_at
    from {{ ref('int_brands_current') }} as b
    inner join {{ ref('touched_brand') }} as t on t.brand_id = b.brand_id
    cross join generate_series(timestamp '2000-01-01', timestamp '2050-01-01', interval '1 day') as d (local_date)
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
