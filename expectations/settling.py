"""Fluctuating indicators: each may move only in its lawful direction and range, and as far as its past allows.

Here: judging what a run is about to publish. Not here: the settling curves (dbt's int_settling_curved measures them) or
what an indicator is (kpi_catalogue.yml).

Every rule gives a line a brand and indicator: how much was judged, how much of it is broken, and the first of these
with its period, its value and what was expected.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from expectations.findings import Finding, Law, Name, judge_by_brand
from orchestration.sentences import Sentence, from_json

# A curve seen on fewer days than this does not say what to expect.
LEAST_PERIODS = 7
# Beyond what the past allows, a count may differ by chance: by so many times the root of what was counted.
CHANCE = 3
# The same for amounts and scores, which are not counts: a share of the value.
CHANCE_SHARE = 0.1

TOLD = """
select
    j.brand_id as brand,
    j.ref as indicator,
    count(*)::int as judged,
    (count(*) filter (where j.is_broken))::int as broken,
    (array_agg(j.period order by j.period) filter (where j.is_broken))[1] as period,
    coalesce((array_agg(j.value::text order by j.period) filter (where j.is_broken))[1], '') as value,
    (array_agg(j.expected order by j.period) filter (where j.is_broken))[1] as expected
from judged as j
group by j.brand_id, j.ref
order by j.brand_id, j.ref
"""

# What the sampled days said at each age, in its order.
DIRECTION = """
with judged as (
    select
        a.brand_id,
        a.ref,
        jsonb_build_object(
            'key', case when a.days_after_end is null then 'day_now' else 'day_at_age' end,
            'values', jsonb_build_object('day', a.period_start, 'days', a.days_after_end)
        ) as period,
        a.numerator as value,
        jsonb_build_object(
            'key', 'as_before', 'values', jsonb_build_object('value', (lag(a.numerator) over by_age)::text)
        ) as expected,
        coalesce(a.numerator < lag(a.numerator) over by_age, false) as is_broken
    from build.int_settling_answered as a
    where a.ref = any(%(rising)s)
    window by_age as (
        partition by a.brand_id, a.ref, a.bin, a.period_start order by a.days_after_end nulls last
    )
)
"""

RANGE = """
with judged as (
    select
        k.brand_id,
        k.ref,
        jsonb_build_object(
            'key', 'of_period',
            'values', jsonb_build_object('period', k.grain || ' ' || k.period_start || ' ' || k.dimension_value)
        ) as period,
        k.value,
        jsonb_build_object(
            'key',
            case when b.high is null then 'at_least' when b.low is null then 'at_most' else 'between_bounds' end,
            'values', jsonb_build_object('low', b.low::text, 'high', b.high::text)
        ) as expected,
        coalesce(k.value < b.low, false) or coalesce(k.value > b.high, false) as is_broken
    from build.int_kpi_answered as k
    inner join unnest(%(refs)s::text[], %(low)s::numeric[], %(high)s::numeric[]) as b (ref, low, high)
        on b.ref = k.ref
    where k.value is not null
)
"""

# What was published as final, against what it would be now.
SETTLED = """
with judged as (
    select
        p.brand_id,
        p.ref,
        jsonb_build_object(
            'key', 'of_period', 'values', jsonb_build_object('period', p.grain || ' ' || p.period_start)
        ) as period,
        n.value,
        jsonb_build_object('key', 'as_published', 'values', jsonb_build_object('value', p.value::text)) as expected,
        abs(n.value - p.value) > %(tolerance)s * abs(p.value) as is_broken
    from build.touched_period as t
    inner join marts.kpi_period as p
        on p.brand_id = t.brand_id and p.grain = t.grain and p.period_start = t.period_start
    inner join build.int_kpi_answered as n
        on
            n.brand_id = p.brand_id and n.grain = p.grain and n.period_start = p.period_start
            and n.dimension = p.dimension and n.dimension_value = p.dimension_value and n.ref = p.ref and n.bin = p.bin
    where p.is_final and p.dimension = 'all' and p.ref = any(%(fluctuating)s)
)
"""

# The measured curve, at and after the settling time that the catalogue promises.
SETTLING_TIME = """
with judged as (
    select
        k.brand_id,
        k.ref,
        jsonb_build_object('key', 'at_age', 'values', jsonb_build_object('days', k.days_after_end)) as period,
        k.settled_share as value,
        jsonb_build_object(
            'key', 'settles',
            'values', jsonb_build_object('tolerance', (%(tolerance)s)::text, 'days', c.days)
        ) as expected,
        abs(k.settled_share - 1) > %(tolerance)s as is_broken
    from next.kpi_settling as k
    inner join unnest(%(fluctuating)s::text[], %(settling_days)s::int[]) as c (ref, days)
        on c.ref = k.ref and k.days_after_end >= c.days
    where k.settled_share is not null and k.periods_seen >= %(least_periods)s
)
"""

# What a period said when it was last published, and may say by now: as one of the past days that had reached most by
# then and least by now would have it, and the other way round; each of the period's days at its own age. Between two
# measured ages both are asked, so the band is rather too wide than too narrow.
JUMPS = """
with period as (
    select
        t.brand_id,
        t.grain,
        t.period_start,
        t.next_period_start - t.period_start as days,
        extract(epoch from p.data_through - t.ends_at) / 86400 as age_before,
        extract(epoch from r.data_through - t.ends_at) / 86400 as age_now
    from build.touched_period as t
    cross join build.run as r
    cross join (select max(b.data_through) as data_through from marts.publication as b) as p
    where not t.is_gone and t.ends_at <= p.data_through
),

stretch as (
    select
        k.brand_id,
        k.ref,
        k.days_after_end as first_age,
        lead(k.days_after_end) over by_age as next_age,
        least(k.lowest_share, lead(k.lowest_share) over by_age) as lowest,
        greatest(k.highest_share, lead(k.highest_share) over by_age) as highest
    from next.kpi_settling as k
    where k.periods_seen >= %(least_periods)s
    window by_age as (partition by k.brand_id, k.ref order by k.days_after_end)
),

reach as (
    select
        p.brand_id,
        p.grain,
        p.period_start,
        s.ref,
        avg(s.lowest) filter (where w.is_now) as lowest_now,
        avg(s.highest) filter (where w.is_now) as highest_now,
        avg(s.lowest) filter (where not w.is_now) as lowest_before,
        avg(s.highest) filter (where not w.is_now) as highest_before
    from period as p
    cross join lateral generate_series(0, p.days - 1) as back (days)
    cross join lateral (values (false, p.age_before), (true, p.age_now)) as w (is_now, age)
    inner join stretch as s
        on
            s.brand_id = p.brand_id
            and w.age + back.days >= s.first_age
            and (s.next_age is null or w.age + back.days < s.next_age)
    group by p.brand_id, p.grain, p.period_start, s.ref
),

-- Before what is published is looked up: PostgreSQL expects one row where there are thousands, whatever comes first,
-- and looks through all of the rest for each.
answered as (
    select
        k.*,
        r.lowest_now,
        r.highest_now,
        r.lowest_before,
        r.highest_before
    from build.int_kpi_answered as k
    inner join reach as r
        on r.brand_id = k.brand_id and r.grain = k.grain and r.period_start = k.period_start and r.ref = k.ref
    where k.dimension = 'all' and k.bin = '' and k.value is not null
    offset 0
),

banded as (
    select
        n.brand_id,
        n.ref,
        n.grain || ' ' || n.period_start as period,
        n.value,
        case
            when n.highest_before > 0 then b.value * n.lowest_now / n.highest_before
        end - c.chance as low,
        case
            when n.lowest_before > 0 then b.value * n.highest_now / n.lowest_before
        end + c.chance as high
    from answered as n
    inner join marts.kpi_period as b
        on
            b.brand_id = n.brand_id and b.grain = n.grain and b.period_start = n.period_start
            and b.dimension = n.dimension and b.dimension_value = n.dimension_value and b.ref = n.ref and b.bin = n.bin
    cross join lateral (
        select
            case
                when n.ref = any(%(counted)s)
                    then
                        %(chance)s * sqrt(greatest(n.numerator, b.numerator, 1))
                        / coalesce(nullif(least(n.denominator, b.denominator), 0), 1)
                else %(chance_share)s::numeric * greatest(abs(n.value), abs(b.value))
            end as chance
    ) as c
    where b.value is not null
),

judged as (
    select
        b.brand_id,
        b.ref,
        jsonb_build_object('key', 'of_period', 'values', jsonb_build_object('period', b.period)) as period,
        b.value,
        jsonb_build_object(
            'key', 'between',
            'values',
            jsonb_build_object(
                'low', coalesce(round(greatest(b.low, 0), 4)::text, 'anything'),
                'high', coalesce(round(b.high, 4)::text, 'anything')
            )
        ) as expected,
        coalesce(b.value < b.low, false) or coalesce(b.value > b.high, false) as is_broken
    from banded as b
)
"""


def judge_fluctuating(
    connection: psycopg.Connection[Any], indicators: Collection[Any], tolerance: float
) -> list[Finding]:
    """The rules of fluctuating indicators over the touched periods and the sampled days, before they are published.

    `indicators` are those of the catalogue that have periods. A finding a rule and brand; one that fails names
    indicator, period, value and what was expected.
    """
    moving = [i for i in indicators if i.stability == "fluctuating"]
    rates = [i for i in moving if i.unit == "ratio"]
    bounded = [i for i in indicators if i not in rates and i.plausible != (None, None)]
    common = {
        "tolerance": tolerance,
        "fluctuating": [i.ref for i in moving],
        "settling_days": [i.settling_days for i in moving],
        "rising": [i.ref for i in moving if i.rises],
        "counted": [i.ref for i in moving if i.unit in ("count", "ratio")],
        "least_periods": LEAST_PERIODS,
        "chance": CHANCE,
        "chance_share": CHANCE_SHARE,
    }
    ones: Mapping[str, Any] = {"refs": [i.ref for i in rates], "low": [0] * len(rates), "high": [1] * len(rates)}
    plausible: Mapping[str, Any] = {
        "refs": [i.ref for i in bounded],
        # Of one type, as an array must be: the catalogue writes 0 and 0.5 as they come.
        "low": [None if i.plausible[0] is None else float(i.plausible[0]) for i in bounded],
        "high": [None if i.plausible[1] is None else float(i.plausible[1]) for i in bounded],
    }
    rules: list[tuple[Name, str, Mapping[str, Any], Law]] = [
        ("direction", DIRECTION, common, Law("ExpectNumeratorsToGrow", True, Sentence("expect_direction"))),
        ("rates", RANGE, ones, Law("ExpectRatesOfAWhole", True, Sentence("expect_rates"))),
        ("plausible", RANGE, plausible, Law("ExpectPlausibleValues", False, Sentence("expect_plausible"))),
        ("settled", SETTLED, common, Law("ExpectFinalValuesToStand", False, Sentence("expect_settled"))),
        ("settling_time", SETTLING_TIME, common, Law("ExpectSettlingInTime", False, Sentence("expect_settling_time"))),
        ("jumps", JUMPS, common, Law("ExpectMovesOfThePast", False, Sentence("expect_jumps"))),
    ]
    found: list[Finding] = []
    for name, query, values, law in rules:
        found += _judge(connection, name, query + TOLD, values, law)
    return found


def _judge(
    connection: psycopg.Connection[Any], name: Name, query: str, values: Mapping[str, Any], law: Law
) -> list[Finding]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query.encode(), values).fetchall()
    if not rows:
        return []
    for row in rows:
        for column in ("period", "expected"):
            row[column] = from_json(row[column]) if row[column] else ""
    names = ["brand", "indicator", "period", "value", "expected", "broken"]
    return judge_by_brand(rows, "kpi_period", name, law, names)
