-- The dates over which a brand has periods: from its first fact as far as the complete extract days go, but for a brand
-- that has stopped only until its last days have settled. A function of the facts: the extracts that told of them don't
-- matter, for the same row may come again in a later one.
with

lived as (
    select
        f.brand_id,
        min(f.first_at) as first_at,
        max(f.last_at) as last_at
    from (
        {{ lived_instants() }}
    ) as f
    group by f.brand_id
),

spanned as (
    select
        b.brand_id,
        b.timezone,
        l.first_at,
        greatest(
            l.first_at,
            least(
                l.last_at + interval '{{ var('settling_ages')[-1] }} days' + interval '1 day',
                coalesce(r.data_through - interval '1 microsecond', l.last_at)
            )
        ) as last_at
    from {{ ref('int_brands_current') }} as b
    inner join lived as l on l.brand_id = b.brand_id
    cross join {{ source('build', 'run') }} as r
)

select
    s.brand_id,
    (s.first_at at time zone s.timezone)::date as first_date,
    (s.last_at at time zone s.timezone)::date as last_date
from spanned as s
