{{ config(indexes=[{'columns': ['brand_id', 'local_date']}]) }}

-- The calendar of each brand: local dates with their first instant and their end. A date the zone skipped is empty.
with

begun as (
    select
        b.brand_id,
        d.local_date::date as local_date,
        b.working_hours,
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
        b.working_hours,
        lead(b.starts_at) over (partition by b.brand_id order by b.local_date) as ends_at
    from begun as b
),

-- As calendars write them in each language.
month (number, name_en, name_fr, name_es) as (
    values
    (1, 'January', 'janvier', 'enero'),
    (2, 'February', 'février', 'febrero'),
    (3, 'March', 'mars', 'marzo'),
    (4, 'April', 'avril', 'abril'),
    (5, 'May', 'mai', 'mayo'),
    (6, 'June', 'juin', 'junio'),
    (7, 'July', 'juillet', 'julio'),
    (8, 'August', 'août', 'agosto'),
    (9, 'September', 'septembre', 'septiembre'),
    (10, 'October', 'octobre', 'octubre'),
    (11, 'November', 'novembre', 'noviembre'),
    (12, 'December', 'décembre', 'diciembre')
),

weekday (number, name_en, name_fr, name_es) as (
    values
    (1, 'Monday', 'lundi', 'lunes'),
    (2, 'Tuesday', 'mardi', 'martes'),
    (3, 'Wednesday', 'mercredi', 'miércoles'),
    (4, 'Thursday', 'jeudi', 'jueves'),
    (5, 'Friday', 'vendredi', 'viernes'),
    (6, 'Saturday', 'samedi', 'sábado'),
    (7, 'Sunday', 'dimanche', 'domingo')
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
    extract(year from d.local_date)::integer as calendar_year,
    to_char(d.local_date, 'IYYY-"W"IW') as iso_week_label,
    month.name_en as month_name_en,
    month.name_fr as month_name_fr,
    month.name_es as month_name_es,
    weekday.name_en as weekday_name_en,
    weekday.name_fr as weekday_name_fr,
    weekday.name_es as weekday_name_es,
    extract(isodow from d.local_date) in (6, 7) as is_weekend,
    -- Hours that the day before runs into it with open no day.
    d.working_hours is not null
    and (
        coalesce(d.working_hours -> 'closed' ? d.local_date::text, false)
        or coalesce(jsonb_array_length(d.working_hours -> extract(isodow from d.local_date)::text), 0) = 0
    ) as is_closed
from dated as d
inner join month on month.number = extract(month from d.local_date)
inner join weekday on weekday.number = extract(isodow from d.local_date)
where d.ends_at is not null
