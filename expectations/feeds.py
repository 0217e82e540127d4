"""Entrance: what we refuse to believe of the extracts that a run is about to publish, judged on their profiles.

Not here: single rows (the loader's SQL judges those) or when this runs (orchestration/quality.py).
Next: orchestration/quality.py.

Great Expectations sees a few small frames, one line an extract day or column, never the rows themselves and never the
database: so it leaves no connection behind, and a large extract costs it nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from expectations.findings import Finding, judge

if TYPE_CHECKING:
    import pandas as pd

# A dataset counts as one that always has rows when it had some on each of its extracts of the last 28 days, at least 7.
PAST_DAYS = 28
PAST_EXTRACTS = 7
# The loader refuses an extract beyond this share of bad rows; what it let through may not have more nulls either.
NULL_SHARE = 0.05
STALE_DAYS = 2

UNPUBLISHED_PROFILES = """
with judged as (
    select e.dataset, e.extract_day, e.load_id
    from raw.extract as e
    where
        e.dataset = %(dataset)s
        and e.load_id > (select coalesce(max(l.load_id), 0) from marts.load_ledger as l)
), sizes as (
    select e.extract_day, coalesce(sum(p.row_count) filter (where p.column_name = ''), 0)::bigint as row_count
    from raw.extract as e
    left join raw.profile as p on p.load_id = e.load_id and p.dataset = e.dataset and p.extract_day = e.extract_day
    where e.dataset = %(dataset)s
    group by e.extract_day
)
"""
VOLUMES = (
    UNPUBLISHED_PROFILES
    + """
select
    j.extract_day::text as extract_day, s.row_count,
    case when count(past.extract_day) >= %(past_extracts)s and min(past.row_count) > 0 then 1 else 0 end as least
from judged as j
inner join sizes as s on s.extract_day = j.extract_day
left join sizes as past on past.extract_day < j.extract_day and past.extract_day >= j.extract_day - %(past_days)s
group by j.extract_day, s.row_count
order by j.extract_day
"""
)
NULLS = (
    UNPUBLISHED_PROFILES
    + """
select
    j.extract_day::text as extract_day, p.column_name,
    (sum(p.null_count) / nullif(sum(p.row_count), 0))::double precision as null_share
from judged as j
inner join raw.profile as p on p.load_id = j.load_id and p.dataset = j.dataset and p.extract_day = j.extract_day
where p.column_name = any(%(required)s)
group by j.extract_day, p.column_name
having sum(p.row_count) > 0
order by j.extract_day, p.column_name
"""
)


def judge_dataset(connection: psycopg.Connection[Any], dataset: str, required: Iterable[str]) -> list[Finding]:
    """The suite of one dataset over every standing extract that no publication covers yet."""
    from great_expectations import expectations as gxe

    values = {
        "dataset": dataset,
        "required": list(required),
        "past_days": PAST_DAYS,
        "past_extracts": PAST_EXTRACTS,
    }
    findings = []
    volumes = _frame(connection, VOLUMES, values, {"row_count": "int64", "least": "int64"})
    if len(volumes):
        findings += judge(
            volumes,
            dataset,
            {
                "has_rows": (
                    gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="row_count", column_B="least", or_equal=True),
                    True,
                    f"rows on every extract day, as on each extract of the {PAST_DAYS} days before it",
                ),
                "is_not_all_empty": (
                    gxe.ExpectColumnMaxToBeBetween(column="row_count", min_value=1),
                    False,
                    "a row in at least one extract",
                ),
            },
            ["extract_day"],
        )
    nulls = _frame(connection, NULLS, values, {"null_share": "float64"})
    if len(nulls):
        findings += judge(
            nulls,
            dataset,
            {
                "required_columns_are_filled": (
                    gxe.ExpectColumnValuesToBeBetween(column="null_share", max_value=NULL_SHARE),
                    True,
                    f"at most {NULL_SHARE:.0%} nulls in each required column",
                )
            },
            ["extract_day", "column_name"],
        )
    return findings


def judge_freshness(newest_complete_day: date | None, today: date) -> list[Finding]:
    """Is the newest complete extract day recent? A backfill of old days does not make it so."""
    import pandas as pd
    from great_expectations import expectations as gxe

    expected = f"an extract day complete at most {STALE_DAYS} days ago"
    if newest_complete_day is None:
        return [Finding("is_fresh", "all", False, False, "no extract day is complete", expected)]
    frame = pd.DataFrame(
        {"newest_complete_day": [newest_complete_day.isoformat()], "age_days": [(today - newest_complete_day).days]}
    )
    expectation = gxe.ExpectColumnValuesToBeBetween(column="age_days", max_value=STALE_DAYS)
    return judge(frame, "all", {"is_fresh": (expectation, False, expected)}, ["newest_complete_day"])


def _frame(
    connection: psycopg.Connection[Any], query: str, values: dict[str, Any], types: dict[str, str]
) -> pd.DataFrame:
    import pandas as pd

    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query.encode(), values).fetchall()
    return pd.DataFrame(rows).astype(types) if rows else pd.DataFrame()
