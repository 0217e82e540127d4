"""Double entry: the precomputed value of an indicator against a plain query written by hand, on sampled periods.

Here: the queries. They share nothing with the generator of the reports: no relation, no scan, no condition; most read
the loaded rows themselves, and those over messages the facts. Not here: that rows are there (completeness.py).

Each query answers for the period from %(starts)s to before %(ends)s of %(brand)s, as everything now stands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from expectations.findings import Finding, judge_by_brand

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
select k.ref, k.value from build.int_kpi_answered as k
where
    k.brand_id = %(brand)s and k.grain = %(grain)s and k.period_start = %(period_start)s and k.dimension = 'all'
    and k.bin = ''
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


def _dialogues(what: str, spoken: str = "true") -> str:
    """Over the conversations in which somebody (`spoken`) wrote in the period: when each became a dialogue."""
    return (
        f"select {what} from (select greatest(min(message_at) filter (where written_by = 'visitor'),"
        " case when bool_or(written_by = 'visitor') then min(message_at) filter (where written_by = 'member') end)"
        " as established_at, bool_or(written_by = 'member') as is_answered"
        " from next.fct_message where brand_id = %(brand)s and conversation_id in (select m.conversation_id"
        f" from next.fct_message as m where m.brand_id = %(brand)s and {_within('m.message_at')}"
        f" and m.written_by in ('visitor', 'member') and {spoken})"
        " group by conversation_id) as d where is_answered"
    )


WAITING = "source = 'waiting_list'"
QUERIES: Mapping[str, str] = {
    "Wlst-Card-1": _requests("count(*)", f"{WAITING} and {_within('requested_at')}"),
    "Wlst-Card-3": _requests("count(*)", f"{WAITING} and {_within('cancelled_at')}"),
    "Wlst-Card-10": _requests("count(*)", f"{WAITING} and {_within('handled_at')}"),
    "Wlst-Card-11": _requests(
        "count(*)", f"{WAITING} and {_within('requested_at')} and coalesce(handled_at, 'infinity') >= %(ends)s"
    ),
    "Wlst-Card-13": _requests(
        "avg(extract(epoch from handled_at - requested_at))",
        f"{WAITING} and {_within('requested_at')} and handled_at < %(ends)s",
    ),
    "Hook-Card-2": _hooks("count(distinct member_id)"),
    "Hook-Card-4": _pairs("display"),
    "Hook-Card-5": _pairs("click"),
    "Chat-Card-0": _requests("count(*)", _within("requested_at")),
    "Chat-Card-1": _requests("count(*)", _within(f"case when {WAITING} then handled_at else requested_at end")),
    "Chat-Card-10": _dialogues(f"count(*) filter (where {_within('established_at')})"),
    "Chat-Card-20": _dialogues("count(*) filter (where established_at < %(ends)s)"),
    "Chat-Card-21": _dialogues("count(*) filter (where established_at < %(ends)s)", "m.written_by = 'member'"),
    "Chat-Card-70": _ratings("count(distinct r.conversation_id)"),
    "Chat-Card-71": _ratings("count(*)"),
    "Chat-Card-72": _ratings("count(r.given_at)"),
    "Chat-Card-73": _ratings("avg(r.score) filter (where r.given_at is not null)"),
    "Jour-Card-1": "select count(*) from build.stg_personalisation__journey_runs"
    f" where brand_id = %(brand)s and {_within('started_at')}",
    "Jour-Card-2": "select count(*) from build.stg_personalisation__journey_runs"
    f" where brand_id = %(brand)s and {_within('completed_at')}",
    "Jour-Card-3": "select count(*) from build.stg_personalisation__journey_runs"
    f" where brand_id = %(brand)s and {_within('cancelled_at')}",
}


def judge_double_entry(connection: psycopg.Connection[Any], sampled: int = SAMPLED) -> list[Finding]:
    """So many of the touched periods, before they are published, a finding a brand. One that fails names indicator,
    period and both values."""
    import pandas as pd

    from expectations import laws

    lines = []
    with connection.cursor(row_factory=dict_row) as cursor:
        for period in cursor.execute(PERIODS.encode(), {"sampled": sampled}).fetchall():
            stated = {row["ref"]: row["value"] for row in cursor.execute(STATED, period).fetchall()}
            for ref, query in QUERIES.items():
                row = cursor.execute(query.encode(), period).fetchone()
                counted = next(iter(row.values())) if row else None
                differs = not _agree(counted, stated.get(ref))
                lines.append(
                    {
                        "brand": period["brand"],
                        "indicator": ref,
                        "period": f"{period['grain']} {period['period_start']}",
                        "stated": str(stated.get(ref)),
                        "counted": str(counted),
                        "broken": int(differs),
                    }
                )
    if not lines:
        return []
    suite = {"double_entry": (laws.ExpectBothBooksToAgree(), True, "what a plain query counts")}
    names = ["brand", "indicator", "period", "stated", "counted", "broken"]
    return judge_by_brand(pd.DataFrame(lines), "kpi_period", suite, names)


def _agree(counted: Any, stated: Any) -> bool:
    """Equal but for the last digits of an average; nothing is equal to nothing only."""
    if counted is None or stated is None:
        return counted is stated
    return math.isclose(counted, stated, rel_tol=1e-9)
