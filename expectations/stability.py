"""The law of stability: a fixed indicator of a period that is over says the same as of the period's end and now.

Here: the comparison for the periods that a run touched, before they are published. Not here: its proof over random
brands (tests).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import psycopg
from psycopg.rows import dict_row

from expectations.findings import Finding, Law, judge_by_brand
from orchestration.sentences import Sentence

# Every brand's members are many: of each brand these are asked one by one.
SAMPLED_MEMBERS = 50

# A table of its own, with statistics: joined straight from the function, PostgreSQL takes it for a few rows.
AT_END = """
create temporary table at_end on commit drop as
select d.dimension, a.*
from (values ('all'), ('source'), ('member')) as d (dimension)
cross join (select distinct extent from build.touched_indicator) as p
cross join lateral next.kpi_answers(d.dimension, 'end', p.extent) as a
"""
COMPARED = """
with sampled as (
    select m.brand_id, m.member_id
    from (
        select
            brand_id,
            member_id,
            row_number() over (partition by brand_id order by sha256(convert_to(member_id, 'UTF8'))) as place
        from next.dim_member
        where is_current
    ) as m
    where m.place <= coalesce(%(sampled)s::bigint, m.place)
),

compared as (
    select
        n.brand_id,
        n.ref,
        n.grain || ' ' || n.period_start || ' ' || n.dimension || ' ' || n.dimension_value as asked,
        e.ref is null or (n.value, n.numerator, n.denominator) is distinct from (e.value, e.numerator, e.denominator)
            as has_moved,
        e.value as at_end,
        n.value as now
    from build.int_kpi_answered as n
    inner join build.touched_period as t
        on t.brand_id = n.brand_id and t.grain = n.grain and t.period_start = n.period_start
    inner join build.touched_indicator as i on i.extent = t.extent and i.ref = n.ref
    left join pg_temp.at_end as e
        on
            e.brand_id = n.brand_id and e.grain = n.grain and e.period_start = n.period_start
            and e.dimension = n.dimension and e.dimension_value = n.dimension_value and e.ref = n.ref and e.bin = n.bin
    left join sampled as s on s.brand_id = n.brand_id and s.member_id = n.dimension_value
    where
        n.is_final
        and n.ref = any(%(fixed)s)
        and (n.dimension in ('all', 'source') or (n.dimension = 'member' and s.member_id is not null))
)

select
    c.brand_id as brand,
    c.ref as indicator,
    count(*)::int as compared,
    (count(*) filter (where c.has_moved))::int as moved,
    (array_agg(c.asked order by c.asked) filter (where c.has_moved))[1] as period,
    coalesce((array_agg(c.at_end::text order by c.asked) filter (where c.has_moved))[1], 'nothing') as at_its_end,
    coalesce((array_agg(c.now::text order by c.asked) filter (where c.has_moved))[1], 'nothing') as now
from compared as c
group by c.brand_id, c.ref
order by c.brand_id, c.ref
"""


def judge_stability(
    connection: psycopg.Connection[Any], fixed: Collection[str], sampled: int | None = SAMPLED_MEMBERS
) -> list[Finding]:
    """Holds the touched periods that are over against what they said at their own end: total, by source, by member.

    `fixed` names the indicators that the law binds, `sampled` how many members of each brand are asked (None: all).
    A finding for each brand; one that fails names indicator, period and both values.
    """
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(AT_END)
        cursor.execute("analyze at_end")
        rows = cursor.execute(COMPARED, {"sampled": sampled, "fixed": list(fixed)}).fetchall()
    if not rows:
        return []
    law = Law("ExpectPeriodsToStandAsTheyEnded", True, Sentence("expect_stability"), column="moved")
    names = ["brand", "indicator", "moved", "period", "at_its_end", "now"]
    return judge_by_brand(rows, "kpi_period", "stability", law, names)
