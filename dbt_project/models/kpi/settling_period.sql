-- A brand's newest settled days, each asked as of several ages and as it stands now (no age): what settling is measured
-- on. A sample, so that a night measures a few weeks and never the whole past again.
{%- set ages = var('settling_ages') %}
with

day_settled as (
    select
        d.brand_id,
        d.local_date,
        d.starts_at,
        d.ends_at,
        row_number() over (partition by d.brand_id order by d.local_date desc) as place
    from {{ ref('int_brands_spanned') }} as b
    inner join {{ ref('dim_date') }} as d
        on
            d.brand_id = b.brand_id
            and d.local_date between b.first_date and b.last_date - {{ ages[-1] }} - 1
),

age as (
    select unnest(array[{{ ages | join(', ') }}, null]) as days_after_end
)

select
    row_number() over (order by s.brand_id, s.local_date, a.days_after_end) as period_number,
    s.brand_id,
    'day' as grain,
    s.local_date as period_start,
    s.local_date + 1 as next_period_start,
    s.starts_at,
    s.ends_at,
    a.days_after_end,
    coalesce(s.ends_at + make_interval(hours => 24 * a.days_after_end), 'infinity') as known_at,
    false as is_gone,
    'whole' as extent
from day_settled as s
cross join age as a
where s.place <= {{ var('settling_days_sampled') }}
