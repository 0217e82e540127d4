{{ config(meta={"description": "A local day begins at the first instant of its date, and ends as the next begins."}) }}
-- A local day begins at the first instant that has its date on the brand's clock and lasts until the next one begins.
-- So the instant before it has an earlier date, also where midnight comes twice; a date that the zone skipped is empty.
-- Rows returned are days that do not. Only the calendars that this run built are looked at.
select
    d.brand_id,
    d.local_date,
    d.starts_at,
    d.ends_at
from (
    select
        brand_id,
        local_date,
        starts_at,
        ends_at,
        hours,
        lead(starts_at) over (partition by brand_id order by local_date) as next_starts_at
    from {{ ref('int_dates_localised') }}
) as d
inner join {{ ref('int_brands_current') }} as b on b.brand_id = d.brand_id
where
    ((d.starts_at - interval '1 microsecond') at time zone b.timezone)::date >= d.local_date
    or (d.ends_at > d.starts_at and (d.starts_at at time zone b.timezone)::date <> d.local_date)
    or d.ends_at <> d.next_starts_at
    or d.ends_at < d.starts_at
    or d.hours <> extract(epoch from d.ends_at - d.starts_at) / 3600
