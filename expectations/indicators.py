"""Exit: what must be true among the indicators of one period, whatever the data, before they are published.

Here: the answers of the touched periods, asked once for every audit, and the identities among them. Not here: how an
answer may move (stability.py) or when this runs (orchestration/quality.py).
Next: stability.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from expectations.findings import Finding, judge

SAMPLED_MEMBERS = 50
# Days are asked one by one only near the end of what was touched; the months speak for all of it.
NEWEST_DAYS = 62

TOUCHED_PERIODS = """
select
    d.brand_id,
    min(d.local_date) as first_date,
    max(d.local_date) as last_date
from (
    select brand_id, local_date from build.int_conversation_days_summed
    union all
    select l.brand_id, (l.requested_at at time zone b.timezone)::date
    from build.int_conversations_lived as l
    inner join next.dim_brand as b on b.brand_id = l.brand_id
    union all
    select h.brand_id, (h.occurred_at at time zone b.timezone)::date
    from build.int_hook_events_attributed as h
    inner join next.dim_brand as b on b.brand_id = h.brand_id
) as d
group by d.brand_id
order by d.brand_id
"""
SAMPLE = """
select array_agg(s.member_id order by s.member_id)
from (
    select m.member_id from next.dim_member as m
    where m.brand_id = %s and m.is_current
    order by sha256(convert_to(m.member_id, 'UTF8'))
    limit %s
) as s
"""
# What is asked of each brand: breakdown, whether only the newest days, whether only sampled members.
QUESTIONS: tuple[tuple[tuple[str, ...], bool, bool], ...] = (
    (("day",), True, False),
    (("month",), False, False),
    (("month", "source"), False, False),
    (("month", "member"), False, True),
)


NEWEST = ("greatest(%(first)s, %(last)s - %(days)s)", "%(last)s")
WHOLE_MONTHS = (
    "date_trunc('month', %(first)s::date)::date",
    "(date_trunc('month', %(last)s::date) + interval '1 month - 1 day')::date",
)


@dataclass(frozen=True)
class Period:
    """What a run touched of one brand: its first and last local date."""

    brand_id: str
    first_date: Any
    last_date: Any


def touched_periods(connection: psycopg.Connection[Any]) -> list[Period]:
    """The span of local dates that this run's rebuilt conversations and hooks lie on, by brand."""
    return [Period(*row) for row in connection.execute(TOUCHED_PERIODS).fetchall()]


def answers(connection: psycopg.Connection[Any], period: Period, function: str) -> Iterator[dict[str, Any]]:
    """Every answer of `function` (a report of the schema next) for the touched days and months of a brand.

    Each row adds `brand` and `asked`, the breakdown. Months are whole: a touched day changes its month.
    """
    for breakdown, only_newest, only_sampled in QUESTIONS:
        members = None
        if only_sampled:
            (members,) = connection.execute(SAMPLE, [period.brand_id, SAMPLED_MEMBERS]).fetchone() or (None,)
            if not members:
                continue
        first, last = NEWEST if only_newest else WHOLE_MONTHS
        query = (
            f"select ref, bucket, bin, value, numerator, denominator, is_final from next.{function}("
            f"%(brand)s, {first}, {last}, p_members => %(members)s, p_breakdown => %(breakdown)s)"
        )
        values = {
            "brand": period.brand_id,
            "first": period.first_date,
            "last": period.last_date,
            "days": NEWEST_DAYS - 1,
            "members": members,
            "breakdown": list(breakdown),
        }
        with connection.cursor(row_factory=dict_row) as cursor:
            for row in cursor.execute(query.encode(), values):
                yield {"brand": period.brand_id, "asked": " and ".join(breakdown), **row}


# name, left side, whether both sides must be equal (else left <= right), right side. A side is a sum of values; `of`
# takes an indicator's denominator: the things behind an average.
IDENTITIES: tuple[tuple[str, tuple[str, ...], bool, tuple[str, ...]], ...] = (
    ("requests are handled or not", ("Wlst-Card-1",), True, ("Wlst-Card-11", "of Wlst-Card-13")),
    (
        "started conversations are silent, one-sided or dialogues",
        ("Chat-Card-1",),
        True,
        ("Chat-Card-2", "Chat-Card-3", "Chat-Card-4", "of Chat-Card-18"),
    ),
    ("new dialogues are active", ("Chat-Card-10",), False, ("Chat-Card-20",)),
    ("answered dialogues are active", ("Chat-Card-21",), False, ("Chat-Card-20",)),
    ("email given after a request", ("Chat-Card-38",), False, ("Chat-Card-37",)),
    ("dialogues with a request are active", ("Chat-Card-37",), False, ("Chat-Card-20",)),
    ("sources make up the new conversations", ("Chat-Donut-1",), True, ("Chat-Card-1",)),
    ("handling times make up the requests handled", ("Chat-Bar-10",), True, ("Wlst-Card-10",)),
    ("times to dialogue make up the new dialogues", ("Chat-Bar-11",), True, ("Chat-Card-10",)),
    ("times from the request make up the new dialogues", ("Chat-Bar-12",), True, ("Chat-Card-10",)),
    ("durations make up the dialogues", ("Chat-Bar-50",), True, ("of Chat-Card-18",)),
)
# Among sources that do not wait, a request is a start.
UNWAITING: tuple[tuple[str, tuple[str, ...], bool, tuple[str, ...]], ...] = (
    ("a request is a start", ("Chat-Card-0",), True, ("Chat-Card-1",)),
    ("time from request is time from start", ("Chat-Card-14",), True, ("Chat-Card-16",)),
)


def sides(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Both sides of every identity for every bucket of the answers, whether it holds or not."""
    buckets: dict[tuple[str, str, tuple[str, ...]], dict[str, Decimal]] = {}
    for row in rows:
        # Under a member filter the parts look at different members (the author, the conversation's): no identity then.
        if "member" in row["asked"] or not row["bucket"]:
            continue
        numbers = buckets.setdefault((row["brand"], row["asked"], tuple(row["bucket"])), {})
        numbers[row["ref"]] = numbers.get(row["ref"], Decimal(0)) + (row["value"] or Decimal(0))
        numbers[f"of {row['ref']}"] = row["denominator"] or Decimal(0)
    for (brand, asked, bucket), numbers in buckets.items():
        has_source = "source" in asked
        waits = "waiting_list" in bucket
        for name, left, is_equal, right in (*IDENTITIES, *(UNWAITING if has_source and not waits else ())):
            # Indicators that take no source have no value in a bucket of one.
            if has_source and any(ref.removeprefix("of ") in SOURCELESS for ref in (*left, *right)):
                continue
            yield {
                "brand": brand,
                "identity": name,
                "bucket": " ".join(bucket),
                "left": float(_sum(numbers, left)),
                "right": float(_sum(numbers, right)),
                "is_equal": is_equal,
            }


SOURCELESS = frozenset({"Wlst-Card-1", "Wlst-Card-11", "Wlst-Card-13", "Wlst-Card-10", "Chat-Bar-10", "Chat-Donut-1"})


def _sum(numbers: Mapping[str, Decimal], refs: tuple[str, ...]) -> Decimal:
    return sum((numbers.get(ref, Decimal(0)) for ref in refs), Decimal(0))


def judge_identities(rows: list[dict[str, Any]]) -> list[Finding]:
    """The identities of all brands over their touched periods: one finding for the equalities, one for the bounds."""
    import pandas as pd
    from great_expectations import expectations as gxe

    frame = pd.DataFrame(list(sides(rows)))
    findings = []
    for is_equal, name, expectation in (
        (True, "identities", gxe.ExpectColumnPairValuesToBeEqual(column_A="left", column_B="right")),
        (
            False,
            "bounds",
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="right", column_B="left", or_equal=True),
        ),
    ):
        part = frame[frame["is_equal"] == is_equal].drop(columns="is_equal") if len(frame) else frame
        if len(part):
            expected = "both sides equal" if is_equal else "the part at most the whole"
            suite = {name: (expectation, True, expected)}
            findings += judge(part, "kpi_report", suite, ["brand", "identity", "bucket", "left", "right"])
    return findings
