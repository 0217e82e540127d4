{{ config(indexes=[{'columns': ['brand_id', 'hours_of', 'starts_at']}]) }}

-- When somebody is at work: the one place where working hours become instants. An instant is working time if the
-- brand's clock then shows a time within an interval of that date's weekday, and the date is not closed. Only the days
-- that the touched turns run over.
with

asked as (
    select
        t.brand_id,
        min(t.began_at) as first_at,
        max(t.reply_at) as last_at
    from {{ ref('int_turns_taken') }} as t
    where t.reply_at is not null
    group by t.brand_id
),

dated as (
    select
        d.brand_id,
        d.local_date,
        d.starts_at,
        d.ends_at,
        b.timezone,
        -- The clock runs through the day without a change.
        d.ends_at - d.starts_at = interval '24 hours'
        and d.starts_at at time zone b.timezone = d.local_date
        and d.ends_at at time zone b.timezone = d.local_date + 1 as is_plain
    from asked as a
    inner join {{ ref('int_brands_current') }} as b on b.brand_id = a.brand_id
    inner join {{ ref('dim_date') }} as d
        on d.brand_id = a.brand_id and d.ends_at > a.first_at and d.starts_at <= a.last_at
    where b.working_hours is not null
),

-- Stretches in which the clock runs on: the day, or each minute of a day on which the clock changes.
stretch as (
    select
        d.brand_id,
        d.local_date,
        d.starts_at,
        d.ends_at,
        s.from_at,
        s.to_at,
        (s.from_at at time zone d.timezone)::date as clock_date,
        s.from_at - (s.from_at at time zone d.timezone)::time::interval as midnight_at
    from dated as d
    cross join lateral (
        select
            d.starts_at as from_at,
            d.ends_at as to_at
        where d.is_plain
        union all
        select
            minute.at as from_at,
            minute.at + interval '1 minute' as to_at
        from generate_series(d.starts_at, d.ends_at - interval '1 minute', interval '1 minute') as minute (at)
        where not d.is_plain
    ) as s
)

select
    s.brand_id,
    h.hours_of,
    s.local_date,
    s.starts_at,
    s.ends_at,
    range_agg(
        tstzrange(s.midnight_at + h.opens, s.midnight_at + h.closes) * tstzrange(s.from_at, s.to_at)
    ) as opened
from stretch as s
inner join {{ ref('int_working_hours_listed') }} as h
    on h.brand_id = s.brand_id and h.iso_weekday = extract(isodow from s.clock_date - h.days_later)
where not h.closed_dates @> to_jsonb((s.clock_date - h.days_later)::text)
group by s.brand_id, h.hours_of, s.local_date, s.starts_at, s.ends_at
