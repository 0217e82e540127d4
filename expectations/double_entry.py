"""Double entry: what was precomputed, against a second account of it, on sampled periods.

Of the periods that a run touched, against plain queries written by hand. They share nothing with the generator of the
reports: no relation, no scan, no condition; most read the loaded rows themselves, and those over messages the facts.
Each answers for the period from %(starts)s to before %(ends)s of %(brand)s, as everything now stands. Of the periods
that it left alone, against the reports, asked anew for every indicator of the catalogue: a period that should have been
touched shows there. Not here: that rows are there (completeness.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from expectations.findings import Finding, Law, judge_by_brand
from orchestration.sentences import Sentence

SAMPLED = 12

PERIODS = """
select t.brand_id as brand, t.grain, t.period_start, t.starts_at as starts, t.ends_at as ends
from build.touched_period as t
cross join build.run as r
where
    not t.is_gone and t.grain in ('day', 'week', 'month') and t.starts_at < t.ends_at
    and exists (
        select 1 from build.int_kpi_answered as k
        where
            k.brand_id = t.brand_id and k.grain = t.grain and k.period_start = t.period_start and k.dimension = 'all'
            and k.value <> 0
    )
order by sha256(convert_to(concat(r.newest_load_id, t.brand_id, t.grain, t.period_start), 'UTF8'))
limit %(sampled)s
"""
STATED = """
select k.ref, k.value, k.missing from build.int_kpi_answered as k
where
    k.brand_id = %(brand)s and k.grain = %(grain)s and k.period_start = %(period_start)s and k.dimension = 'all'
    and k.bin = ''
"""

# Periods that the run leaves as they are published, half of them beside a date that it touched.
LEFT_ALONE = """
create temporary table left_alone on commit drop as
select row_number() over () as period_number, drawn.*
from (
    select
        found.*,
        row_number() over (
            partition by found.is_near
            order by sha256(convert_to(concat(r.newest_load_id, brand_id, grain, period_start), 'UTF8'))
        ) as place
    from (
        select
            k.brand_id, k.grain, k.period_start, next_day.local_date as next_period_start,
            first_day.starts_at, next_day.starts_at as ends_at,
            exists (
                select 1 from build.touched_date as t
                where
                    t.brand_id = k.brand_id
                    and t.local_date >= k.period_start - 1 and t.local_date <= next_day.local_date
            ) as is_near
        from (
            select distinct b.brand_id, g.grain, date_trunc(g.grain, d.local_date)::date as period_start
            from build.int_brands_spanned as b
            cross join lateral generate_series(
                b.first_date::timestamp, b.last_date::timestamp, interval '1 day'
            ) as d (local_date)
            cross join (values ('day'), ('week'), ('month')) as g (grain)
        ) as k
        inner join next.dim_date as first_day
            on first_day.brand_id = k.brand_id and first_day.local_date = k.period_start
        inner join next.dim_date as next_day
            on
                next_day.brand_id = k.brand_id
                and next_day.local_date = (k.period_start + ('1 ' || k.grain)::interval)::date
        where not exists (
            select 1 from build.touched_period as t
            where t.brand_id = k.brand_id and t.grain = k.grain and t.period_start = k.period_start
        )
    ) as found
    cross join build.run as r
) as drawn
where drawn.place <= %(sampled)s / 2
"""
STANDING = """
create temporary table standing on commit drop as
select k.* from marts.kpi_period as k
inner join left_alone as p on p.brand_id = k.brand_id and p.grain = k.grain and p.period_start = k.period_start
where k.dimension = 'all'
"""
# The reports over `next` answer the periods of this table.
ASKED = """
insert into build.touched_period
    (period_number, brand_id, grain, period_start, next_period_start, starts_at, ends_at, is_gone, extent)
select period_number, brand_id, grain, period_start, next_period_start, starts_at, ends_at, false, 'whole'
from left_alone
"""
BOTH = """
select
    brand_id as brand, concat_ws(' ', ref, nullif(bin, '')) as indicator, grain || ' ' || period_start as period,
    coalesce(s.value::text, 'nothing') as stated, coalesce(a.value::text, 'nothing') as counted,
    ((s.value, s.numerator, s.denominator) is distinct from (a.value, a.numerator, a.denominator))::int as broken
from standing as s
full join next.kpi_answers('all', 'now') as a using (brand_id, grain, period_start, ref, bin)
order by 1, 2, 3
"""


def _requests(what: str, condition: str) -> str:
    return (
        f"select {what} from build.stg_chat__conversations where brand_id = %(brand)s and kind = 'customer'"
        f" and {condition}"
    )


def _within(instant: str) -> str:
    return f"{instant} >= %(starts)s and {instant} < %(ends)s"


def _ratings(what: str) -> str:
    return (
        f"select {what} from build.stg_chat__ratings as r where r.brand_id = %(brand)s and {_within('r.requested_at')}"
        " and exists (select 1 from build.stg_chat__conversations as c where c.brand_id = %(brand)s"
        " and c.conversation_id = r.conversation_id and c.kind = 'customer')"
    )


def _hooks(what: str, condition: str = "true") -> str:
    return (
        f"select {what} from build.stg_hook__hook_events where brand_id = %(brand)s and {_within('occurred_at')}"
        f" and {condition}"
    )


def _pairs(event: str) -> str:
    what = "count(distinct (hook_id, visitor_id)) filter (where visitor_id is not null)"
    return _hooks(f"{what} + count(*) filter (where visitor_id is null)", f"event_type = '{event}'")


# The conversations in which somebody wrote in the period: how many became dialogues in it, how many were some by its
# end, and in how many of these a member wrote.
DIALOGUES = f"""
select
    count(*) filter (where {_within("d.established_at")}),
    count(*) filter (where d.established_at < %(ends)s),
    count(*) filter (where d.established_at < %(ends)s and d.has_member)
from (
    select
        bool_or(m.written_by = 'visitor') as is_asked,
        bool_or(m.written_by = 'member') as is_answered,
        bool_or(m.written_by = 'member' and {_within("m.message_at")}) as has_member,
        greatest(
            min(m.message_at) filter (where m.written_by = 'visitor'),
            min(m.message_at) filter (where m.written_by = 'member')
        ) as established_at
    from next.fct_message as m
    where
        m.brand_id = %(brand)s
        and m.conversation_id in (
            select w.conversation_id
            from next.fct_message as w
            where w.brand_id = %(brand)s and {_within("w.message_at")} and w.written_by in ('visitor', 'member')
        )
    group by m.conversation_id
) as d
where d.is_asked and d.is_answered
"""

WAITING = "source = 'waiting_list'"
# By the refs of what a query counts, a column each.
QUERIES: Mapping[tuple[str, ...], str] = {
    ("Wlst-Card-1",): _requests("count(*)", f"{WAITING} and {_within('requested_at')}"),
    ("Wlst-Card-3",): _requests("count(*)", f"{WAITING} and {_within('cancelled_at')}"),
    ("Wlst-Card-10",): _requests("count(*)", f"{WAITING} and {_within('handled_at')}"),
    ("Wlst-Card-11",): _requests(
        "count(*)", f"{WAITING} and {_within('requested_at')} and coalesce(handled_at, 'infinity') >= %(ends)s"
    ),
    ("Wlst-Card-13",): _requests(
        "avg(extract(epoch from handled_at - requested_at))",
        f"{WAITING} and {_within('requested_at')} and handled_at < %(ends)s",
    ),
    ("Hook-Card-2",): _hooks("count(distinct member_id)"),
    ("Hook-Card-4",): _pairs("display"),
    ("Hook-Card-5",): _pairs("click"),
    ("Chat-Card-0",): _requests("count(*)", _within("requested_at")),
    ("Chat-Card-1",): _requests("count(*)", _within(f"case when {WAITING} then handled_at else requested_at end")),
    ("Chat-Card-10", "Chat-Card-20", "Chat-Card-21"): DIALOGUES,
    ("Chat-Card-70", "Chat-Card-71", "Chat-Card-72", "Chat-Card-73"): _ratings(
        "count(distinct r.conversation_id), count(*), count(r.given_at),"
        " avg(r.score) filter (where r.given_at is not null)"
    ),
    ("Jour-Card-1", "Jour-Card-2", "Jour-Card-3"): f"select count(*) filter (where {_within('started_at')}),"
    f" count(*) filter (where {_within('completed_at')}), count(*) filter (where {_within('cancelled_at')})"
    " from build.stg_personalisation__journey_runs where brand_id = %(brand)s",
}


def judge_double_entry(connection: psycopg.Connection[Any], sampled: int = SAMPLED) -> list[Finding]:
    """So many of the touched periods, before they are published, and as many of those left alone: a finding a brand.
    One that fails names indicator, period and both values."""
    lines = [*_by_hand(connection, sampled), *_asked_anew(connection, sampled)]
    if not lines:
        return []
    law = Law("ExpectBothBooksToAgree", True, Sentence("expect_double_entry"))
    names = ["brand", "indicator", "period", "stated", "counted", "broken"]
    return judge_by_brand(lines, "kpi_period", "double_entry", law, names)


def _by_hand(connection: psycopg.Connection[Any], sampled: int) -> Iterator[dict[str, Any]]:
    """Touched periods by the queries written by hand."""
    with connection.cursor(row_factory=dict_row) as cursor, connection.cursor() as counting:
        for period in cursor.execute(PERIODS.encode(), {"sampled": sampled}).fetchall():
            rows = cursor.execute(STATED, period).fetchall()
            stated = {row["ref"]: row["value"] for row in rows}
            # What is unknown for want of a feed is null, where a plain query counts 0.
            unknown = {row["ref"] for row in rows if row["missing"] and row["value"] is None}
            for refs, query in QUERIES.items():
                if unknown.issuperset(refs):
                    continue
                for ref, counted in zip(refs, counting.execute(query.encode(), period).fetchone() or (), strict=True):
                    if ref not in unknown:
                        yield {
                            "brand": period["brand"],
                            "indicator": ref,
                            "period": f"{period['grain']} {period['period_start']}",
                            "stated": str(stated.get(ref)),
                            "counted": str(counted),
                            "broken": int(not _agree(counted, stated.get(ref))),
                        }


def _asked_anew(connection: psycopg.Connection[Any], sampled: int) -> list[dict[str, Any]]:
    """Periods left alone, by the reports over what marts would be; what is written for that is taken back."""
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=dict_row) as cursor:
        if not cursor.execute(LEFT_ALONE.encode(), {"sampled": sampled}).rowcount:
            return []
        cursor.execute(STANDING)
        # Not truncated: other guards read it meanwhile.
        cursor.execute("delete from build.touched_period")
        cursor.execute(ASKED)
        return cursor.execute(BOTH).fetchall()


def _agree(counted: Any, stated: Any) -> bool:
    """Equal but for the last digits of an average; nothing is equal to nothing only."""
    if counted is None or stated is None:
        return counted is stated
    return math.isclose(counted, stated, rel_tol=1e-9)
