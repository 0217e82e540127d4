{{ config(materialized='view', post_hook=[]) }}

-- The working hours of brands and their teams, an interval a row. One that ends before it begins runs over midnight:
-- what lies after it belongs to the day before.
with

kept as (
    select
        b.brand_id,
        '' as hours_of,
        b.working_hours as hours
    from {{ ref('int_brands_current') }} as b
    where b.working_hours is not null
    union all
    select
        b.brand_id,
        team.name as hours_of,
        team.hours
    from {{ ref('int_brands_current') }} as b
    cross join lateral jsonb_each(b.working_hours -> 'teams') as team (name, hours)
),

interval_of_weekday as (
    select
        k.brand_id,
        k.hours_of,
        weekday.number as iso_weekday,
        (part.ends ->> 0)::interval as opens,
        (part.ends ->> 1)::interval as closes,
        coalesce(k.hours -> 'closed', '[]') as closed_dates
    from kept as k
    cross join generate_series(1, 7) as weekday (number)
    cross join lateral jsonb_array_elements(k.hours -> weekday.number::text) as part (ends)
)

select
    i.brand_id,
    i.hours_of,
    i.iso_weekday,
    i.closed_dates,
    p.days_later,
    p.opens,
    p.closes
from interval_of_weekday as i
cross join lateral (
    select
        0 as days_later,
        i.opens,
        case when i.closes < i.opens then interval '24 hours' else i.closes end as closes
    union all
    select
        1 as days_later,
        interval '0' as opens,
        i.closes
    where i.closes < i.opens
) as p
