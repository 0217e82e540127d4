-- The settling curve of each brand and fluctuating indicator. The share is that of all sampled days together: of a rate
-- or an average, both its parts are added up before they are divided, so that quiet days weigh little.
with

stated as (
    select
        a.brand_id,
        a.ref,
        a.period_start,
        a.days_after_end,
        sum(a.value) as value,
        sum(a.numerator) as numerator,
        sum(a.denominator) as denominator
    from {{ ref('int_settling_answered') }} as a
    group by a.brand_id, a.ref, a.period_start, a.days_after_end
),

shared as (
    select
        s.brand_id,
        s.ref,
        s.days_after_end,
        round(
            case
                when bool_or(s.denominator is not null)
                    then
                        sum(s.numerator) / nullif(sum(s.denominator), 0)
                        / nullif(sum(f.numerator) / nullif(sum(f.denominator), 0), 0)
                else sum(s.value) / nullif(sum(f.value), 0)
            end, 6
        ) as settled_share,
        (count(*) filter (where s.value is not null and f.value <> 0))::integer as periods_seen,
        round(min(s.value / nullif(f.value, 0)), 6) as lowest_share,
        round(max(s.value / nullif(f.value, 0)), 6) as highest_share
    from stated as s
    inner join stated as f
        on
            f.brand_id = s.brand_id and f.ref = s.ref and f.period_start = s.period_start
            and f.days_after_end is null
    where s.days_after_end is not null
    group by s.brand_id, s.ref, s.days_after_end
),

-- The last age at which the share is not settled yet; -1 where it always was.
moved as (
    select
        s.*,
        coalesce(
            max(s.days_after_end) filter (
                where s.settled_share is null or abs(s.settled_share - 1) > {{ var('settling_tolerance') }}
            ) over (partition by s.brand_id, s.ref),
            -1
        ) as last_moved
    from shared as s
)

select
    m.brand_id,
    m.ref,
    m.days_after_end,
    m.settled_share,
    m.periods_seen,
    m.lowest_share,
    m.highest_share,
    min(m.days_after_end) filter (where m.days_after_end > m.last_moved) over (partition by m.brand_id, m.ref)
        as settling_days
from moved as m
