{{ config(indexes=[{'columns': ['brand_id', 'grain', 'period_start']}]) }}

-- The periods to state anew. Whole: those not stated yet, those that were not over at the last publication, those of a
-- touched brand, those that no longer exist, and those around the first instant of a feed that has moved: what was
-- unknown there is known, or the other way round. Altered, those around a touched date: the indicators that read what
-- is of a touched kind. Those that were over and whose fluctuating indicators may still move (not final at the last
-- publication): these indicators alone. Where an indicator is new or computed in another way, all others too, of these
-- indicators alone. Everything else stands as published.
-- While the data reach no further than published, time alone moves nothing. Only how settled a period is may be another
-- share, where the brand's curve is measured anew: such periods are here, and none of their indicators is stated anew.
{%- set grains = [
    ('day', "d.local_date", "1 day"), ('week', "d.week_start_date", "7 days"), ('month', "d.month_start_date", "1 month"),
    ('quarter', "d.quarter_start_date", "3 months"), ('year', "date_trunc('year', d.local_date::timestamp)::date", "1 year"),
] %}
with

period as (
    {%- for grain, start, length in grains %}
    select
        d.brand_id,
        '{{ grain }}' as grain,
        {{ start }} as period_start,
        ({{ start }} + interval '{{ length }}')::date as next_period_start,
        bool_or(t.local_date is not null) as is_touched
    from {{ ref('int_brands_spanned') }} as b
    inner join {{ ref('dim_date') }} as d
        on d.brand_id = b.brand_id and d.local_date between b.first_date and b.last_date
    left join {{ ref('touched_date') }} as t on t.brand_id = d.brand_id and t.local_date = d.local_date
    group by d.brand_id, {{ start }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

stated as (
    select
        k.brand_id,
        k.grain,
        k.period_start,
        bool_and(k.is_final) as is_final,
        coalesce(bool_and(k.is_final) filter (where i.is_fixed), false) as was_over
    from marts.dim_brand as b
    inner join marts.kpi_period as k on k.brand_id = b.brand_id and k.dimension = 'all'
    left join {{ source('build', 'indicator') }} as i on i.ref = k.ref
    group by k.brand_id, k.grain, k.period_start
),

-- Brands whose curve of settling is measured anew: of which something has come.
told as (
    select t.brand_id from {{ ref('touched_date') }} as t
    union
    select t.brand_id from {{ source('raw', 'touched') }} as t
),

-- Have the data come further than was published?
moved as (
    select bool_or(r.data_through is distinct from r.published_through) as has_moved
    from {{ source('build', 'run') }} as r
),

joined as (
    select
        coalesce(p.brand_id, s.brand_id) as brand_id,
        coalesce(p.grain, s.grain) as grain,
        coalesce(p.period_start, s.period_start) as period_start,
        p.next_period_start,
        p.brand_id is null as is_gone,
        p.brand_id is null or s.brand_id is null or b.brand_id is not null
        or (r.has_moved and not s.was_over) as is_whole,
        coalesce(p.is_touched, false) as is_altered,
        r.has_moved and not s.is_final as is_unsettled,
        t.brand_id is not null and not s.is_final as is_curved_anew
    from period as p
    full join stated as s on s.brand_id = p.brand_id and s.grain = p.grain and s.period_start = p.period_start
    left join {{ ref('touched_brand') }} as b on b.brand_id = coalesce(p.brand_id, s.brand_id)
    left join told as t on t.brand_id = coalesce(p.brand_id, s.brand_id)
    cross join moved as r
),

-- Feeds whose first instant is not the published one: between the two, and as long before as indicators settle.
feed_moved as (
    select
        coalesce(n.brand_id, m.brand_id) as brand_id,
        least(n.began_at, m.began_at) - interval '{{ var('settling_ages')[-1] }} days' as first_at,
        case when n.brand_id is null or m.brand_id is null then 'infinity' else greatest(n.began_at, m.began_at) end
            as last_at
    from {{ ref('int_feeds_begun') }} as n
    full join marts.dim_feed as m on m.brand_id = n.brand_id and m.feed = n.feed
    where n.began_at is distinct from m.began_at
),

dated as (
    select
        j.brand_id,
        j.grain,
        j.period_start,
        j.next_period_start,
        first_day.starts_at,
        next_day.starts_at as ends_at,
        j.is_gone,
        j.is_whole
        or exists (
            select 1
            from feed_moved as m
            where m.brand_id = j.brand_id and next_day.starts_at > m.first_at and next_day.starts_at <= m.last_at
        ) as is_whole,
        j.is_altered,
        j.is_unsettled,
        j.is_curved_anew
    from joined as j
    left join {{ ref('dim_date') }} as first_day
        on first_day.brand_id = j.brand_id and first_day.local_date = j.period_start and not j.is_gone
    left join {{ ref('dim_date') }} as next_day
        on next_day.brand_id = j.brand_id and next_day.local_date = j.next_period_start
)

select
    row_number() over (order by d.brand_id, d.grain, d.period_start) as period_number,
    d.brand_id,
    d.grain,
    d.period_start,
    d.next_period_start,
    d.starts_at,
    d.ends_at,
    d.is_gone,
    d.extent
from (
    select
        *,
        case
            when is_whole or (is_altered and is_unsettled) then 'whole'
            when is_altered then 'altered'
            when is_unsettled then 'unsettled'
            else 'redefined'
        end as extent
    from dated
) as d
where d.is_curved_anew or exists (select 1 from {{ ref('touched_indicator') }} as i where i.extent = d.extent)
