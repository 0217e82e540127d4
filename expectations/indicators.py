"""Exit: what must be true among the indicators of one period, whatever the data, before they are published.

Here: the identities. Not here: how an answer may move (stability.py) or when this runs (assets/checks.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import dict_row

from expectations.findings import Finding, Law, judge_by_brand
from orchestration.sentences import Sentence, from_json

# Name, left side, whether both sides must be equal (else left <= right), right side. A side is a sum of values (of all
# bins); `of` takes an indicator's denominator: the things behind an average.
Identity = tuple[str, tuple[str, ...], bool, tuple[str, ...]]
IDENTITIES: tuple[Identity, ...] = (
    ("requests are handled or not", ("Wlst-Card-1",), True, ("Wlst-Card-11", "of Wlst-Card-13")),
    (
        "started conversations are silent, one-sided or dialogues",
        ("Chat-Card-1",),
        True,
        ("Chat-Card-2", "Chat-Card-3", "Chat-Card-4", "of Chat-Card-18"),
    ),
    ("new dialogues are active", ("Chat-Card-10",), False, ("Chat-Card-20",)),
    ("answered dialogues are active", ("Chat-Card-21",), False, ("Chat-Card-20",)),
    ("addresses are given after a request", ("Chat-Card-38",), False, ("Chat-Card-37",)),
    ("dialogues with a request are active", ("Chat-Card-37",), False, ("Chat-Card-20",)),
    ("ratings are given after a request", ("Chat-Card-72",), False, ("Chat-Card-71",)),
    ("conversations closed have a rating asked for", ("Chat-Card-70",), False, ("Chat-Card-71",)),
    ("sources make up the new conversations", ("Chat-Donut-1",), True, ("Chat-Card-1",)),
    ("handling times make up the requests handled", ("Chat-Bar-10",), True, ("Wlst-Card-10",)),
    ("times to dialogue make up the new dialogues", ("Chat-Bar-11",), True, ("Chat-Card-10",)),
    ("times from the request make up the new dialogues", ("Chat-Bar-12",), True, ("Chat-Card-10",)),
    ("durations make up the dialogues", ("Chat-Bar-50",), True, ("of Chat-Card-18",)),
    ("delays make up the credited sales", ("Chat-Bar-51",), True, ("Chat-Card-81",)),
    ("paid orders are orders", ("Shop-Card-1",), False, ("Shop-Card-1a",)),
    ("credited sales are orders", ("Chat-Card-81",), False, ("Shop-Card-1a",)),
    ("buying customers have ordered", ("Cust-Card-1",), False, ("Cust-Card-1a",)),
    ("chat sessions are entered", ("Engt-Funnel-1",), True, ("Engt-Card-2",)),
    ("paid sessions have a cart", ("Engt-Funnel-6",), False, ("Engt-Funnel-3",)),
    ("sessions from ads are chat sessions", ("Ads-Card-2",), False, ("Engt-Card-2",)),
    ("messages from ads are exchanged", ("Ads-Card-3",), False, ("Engt-Card-3",)),
    ("personalised sessions are sessions", ("Pers-Card-2",), False, ("Pers-Card-1",)),
    ("sessions with a recommendation are sessions", ("Reco-Card-3",), False, ("Pers-Card-1",)),
)
# Where nobody waits, a request is a start.
UNWAITING: tuple[Identity, ...] = (
    ("a request is a start", ("Chat-Card-0",), True, ("Chat-Card-1",)),
    ("time from request is time from start", ("Chat-Card-14",), True, ("Chat-Card-16",)),
)

# Identities hold for whole brands, and for each source but the waiting list those of its own.
SIDES = """
with term (identity, is_equal, dimension, side, ref, is_denominator) as (
    select * from unnest(
        %(identity)s::text[], %(is_equal)s::boolean[], %(dimension)s::text[], %(side)s::int[], %(ref)s::text[],
        %(is_denominator)s::boolean[]
    )
),

stated as (
    select
        k.brand_id,
        k.grain || ' ' || k.period_start || ' ' || k.dimension_value as period,
        t.identity,
        t.is_equal,
        coalesce(sum(case when t.is_denominator then k.denominator else k.value end) filter (where t.side = 1), 0) as l,
        coalesce(sum(case when t.is_denominator then k.denominator else k.value end) filter (where t.side = 2), 0) as r,
        bool_or(k.missing <> '{}') as is_unknown
    from build.int_kpi_answered as k
    inner join term as t on t.ref = k.ref and t.dimension = k.dimension
    where k.dimension = 'all' or k.dimension_value <> 'waiting_list'
    group by k.brand_id, k.grain, k.period_start, k.dimension_value, t.identity, t.is_equal
)

select
    s.brand_id as brand,
    s.identity,
    count(*)::int as checked,
    (count(*) filter (where s.is_broken))::int as broken,
    (
        array_agg(
            jsonb_build_object(
                'key', 'sides',
                'values', jsonb_build_object('period', s.period, 'left', s.l::text, 'right', s.r::text)
            )
            order by s.period
        ) filter (where s.is_broken)
    )[1] as example
from (
    select *, case when is_equal then l <> r else l > r end as is_broken
    from stated
    -- Where a part is not known for want of a feed, there is nothing to hold it against.
    where not is_unknown
) as s
group by s.brand_id, s.identity
order by s.brand_id, s.identity
"""


def terms() -> Iterator[dict[str, Any]]:
    """Each indicator of each side of each identity."""
    for dimension, identities in (("all", IDENTITIES), ("source", UNWAITING)):
        for name, left, is_equal, right in identities:
            for side, refs in ((1, left), (2, right)):
                for ref in refs:
                    yield {
                        "identity": name,
                        "is_equal": is_equal,
                        "dimension": dimension,
                        "side": side,
                        "ref": ref.removeprefix("of "),
                        "is_denominator": ref.startswith("of "),
                    }


def judge_identities(connection: psycopg.Connection[Any]) -> list[Finding]:
    """The identities over every touched period of every brand. A finding that fails names period and both sides."""
    every = list(terms())
    columns = {name: [term[name] for term in every] for name in every[0]}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SIDES, columns).fetchall()
    if not rows:
        return []
    for row in rows:
        row["example"] = from_json(row["example"]) if row["example"] else ""
    law = Law("ExpectIdentitiesToHold", True, Sentence("expect_identities"))
    return judge_by_brand(rows, "kpi_period", "identities", law, ["brand", "identity", "example"])
