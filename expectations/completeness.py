"""Completeness: every expected row of kpi_period is there, once, and no other.

Here: an expected grid of brand, period, indicator and class against the rows of a run's touched periods, and each
brand's calendar against the periods that there would be. Not here: what the rows say (double_entry.py).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import psycopg
from psycopg.rows import dict_row

from expectations.findings import Finding, Law, judge_by_brand
from orchestration.sentences import Sentence, from_json

# The calendar is read off the brand's dates, not off the periods that the run made.
GRID = """
with indicator as (
    select i.ref, i.bin, array_remove(string_to_array(i.dimensions, ' '), '') as dimensions
    from unnest(%(refs)s::text[], %(bins)s::text[], %(dimensions)s::text[]) as i (ref, bin, dimensions)
),

expected as (
    select t.brand_id, t.grain, t.period_start, i.ref, i.bin
    from build.touched_period as t
    cross join indicator as i
    where not t.is_gone
),

found as (
    select k.brand_id, k.grain, k.period_start, k.dimension, k.ref, k.bin, count(*) as times
    from build.int_kpi_answered as k
    group by k.brand_id, k.grain, k.period_start, k.dimension, k.dimension_value, k.ref, k.bin
),

row_judged as (
    select
        coalesce(e.brand_id, f.brand_id) as brand_id,
        'rows' as what,
        coalesce(e.grain, f.grain) || ' ' || coalesce(e.period_start, f.period_start) || ' '
        || coalesce(e.ref, f.ref) || ' ' || coalesce(e.bin, f.bin) as thing,
        case
            when f.brand_id is null then 'row_missing'
            when e.brand_id is null or f.times > 1 then 'row_unexpected'
        end as fault
    from expected as e
    full join (select * from found where dimension = 'all') as f
        on
            f.brand_id = e.brand_id and f.grain = e.grain and f.period_start = e.period_start
            and f.ref = e.ref and f.bin = e.bin
    union all
    select
        f.brand_id,
        'rows by ' || f.dimension,
        f.grain || ' ' || f.period_start || ' ' || f.ref || ' ' || f.bin,
        case
            when i.ref is null or f.times > 1 or not f.dimension = any(i.dimensions)
                or (f.dimension = 'member' and f.grain in ('day', 'week'))
                then 'row_unexpected'
        end
    from found as f
    left join indicator as i on i.ref = f.ref and i.bin = f.bin
    where f.dimension <> 'all'
),

calendar as (
    select distinct b.brand_id, g.grain, date_trunc(g.grain, d.local_date)::date as period_start
    from build.int_brands_spanned as b
    cross join lateral generate_series(
        b.first_date::timestamp, b.last_date::timestamp, interval '1 day'
    ) as d (local_date)
    cross join (values ('day'), ('week'), ('month'), ('quarter'), ('year')) as g (grain)
),

period_judged as (
    select
        coalesce(c.brand_id, k.brand_id) as brand_id,
        'periods' as what,
        coalesce(c.grain, k.grain) || ' ' || coalesce(c.period_start, k.period_start) as thing,
        case when k.brand_id is null then 'row_missing' when c.brand_id is null then 'row_unexpected' end as fault
    from calendar as c
    full join (
        select distinct k.brand_id, k.grain, k.period_start from next.kpi_period as k where k.dimension = 'all'
    ) as k
        on k.brand_id = c.brand_id and k.grain = c.grain and k.period_start = c.period_start
)

select
    j.brand_id as brand,
    j.what,
    count(*)::int as judged,
    count(j.fault)::int as broken,
    (
        array_agg(
            jsonb_build_object('key', j.fault, 'values', jsonb_build_object('thing', j.thing)) order by j.thing
        ) filter (where j.fault is not null)
    )[1] as example
from (select * from row_judged union all select * from period_judged) as j
group by j.brand_id, j.what
order by j.brand_id, j.what
"""


def judge_completeness(connection: psycopg.Connection[Any], indicators: Collection[Any]) -> list[Finding]:
    """The rows of the touched periods and the periods of every brand, before they are published, a finding a brand.

    `indicators` are those of the catalogue that have periods.
    """
    lines = [
        (i.ref, b.name if b else "", " ".join((*i.filters, *i.breakdowns)))
        for i in indicators
        for b in (i.bins or (None,))
    ]
    columns = dict(zip(("refs", "bins", "dimensions"), map(list, zip(*lines, strict=True)), strict=True))
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(GRID.encode(), columns).fetchall()
    if not rows:
        return []
    for row in rows:
        row["example"] = from_json(row["example"]) if row["example"] else ""
    law = Law("ExpectEveryRowOnce", True, Sentence("expect_completeness"))
    return judge_by_brand(rows, "kpi_period", "completeness", law, ["brand", "what", "example", "broken"])
