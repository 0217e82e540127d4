"""How far the published data can be trusted: what each feed brought, the newest result of each check, what moved.

Not here: judging (expectations/), the raw rows in quarantine (sources/loading/quarantine.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

CHECKS = """
select * from (
    select distinct on (q.table_name, q.check_name)
        q.table_name, q.check_name, q.severity, q.passed, q.observed, q.observed_sentence,
        q.expected, q.expected_sentence, q.checked_at
    from marts.data_quality as q
    where q.brand_id in ('', %(brand)s)
    order by q.table_name, q.check_name, q.checked_at desc, q.brand_id desc
) as newest
order by passed is true, severity, table_name, check_name
"""
# A brand's role sees no reason of a refusal, which may quote whoever else stands in the extract.
NEWEST_LOADS = """
    select distinct on (l.dataset, l.extract_day, l.brand_id)
        l.dataset, l.extract_day, l.outcome, l.rows_loaded, l.rejected, l.waiting, {reason}
    from marts.load_ledger as l
    where l.brand_id in ('', %(brand)s)
    order by l.dataset, l.extract_day, l.brand_id, l.load_id desc
"""
REASON = "l.reason, l.sentence"
NO_REASON = "null::text as reason, null::jsonb as sentence"
SEES_REASONS = "select has_column_privilege('marts.load_ledger', 'reason', 'select')"
FEEDS = """
select dataset, max(extract_day) as last_day, count(distinct extract_day) as days,
    sum(coalesce(rows_loaded, 0))::bigint as rows_loaded, sum(coalesce(rejected, 0))::bigint as rejected,
    sum(coalesce(waiting, 0))::bigint as waiting
from ({newest}) as newest
group by dataset
order by dataset
"""
QUARANTINED = """
select dataset, extract_day, sum(coalesce(rejected, 0))::bigint as rejected,
    sum(coalesce(waiting, 0))::bigint as waiting,
    coalesce(
        jsonb_agg(distinct jsonb_build_object('text', reason, 'sentence', sentence)) filter (where reason is not null),
        '[]'
    ) as reasons
from ({newest}) as newest
group by dataset, extract_day
having sum(coalesce(rejected, 0)) > 0 or sum(coalesce(waiting, 0)) > 0 or bool_or(outcome = 'refused')
order by extract_day desc, dataset
limit 50
"""
# A brand's role sees no names of files either.
QUARANTINED_BY_RULE = """
select dataset, extract_day, rule, nullif(column_name, '') as column_name, rows, {first_lines} as first_lines
from marts.load_quarantine
where brand_id in ('', %(brand)s)
order by extract_day desc, dataset, rows desc, rule, column_name
limit 100
"""
SEES_LINES = "select has_column_privilege('marts.load_quarantine', 'first_lines', 'select')"
MOVED = """
select generation, published_at, cause, count(*) as moved, count(distinct ref) as indicators,
    min(period_start) as first_period, max(period_start) as last_period
from marts.kpi_published
where brand_id = %(brand)s and cause <> 'first'
group by generation, published_at, cause
order by generation desc, cause
limit 50
"""


@dataclass(frozen=True)
class Check:
    """The newest result of a check. `passed` is None where it could not be evaluated; what is observed and expected
    is English text and, where they have one, a sentence as sentences.told takes it."""

    table_name: str
    check_name: str
    severity: str
    passed: bool | None
    observed: str | None
    observed_sentence: Mapping[str, Any] | None
    expected: str | None
    expected_sentence: Mapping[str, Any] | None
    checked_at: datetime


@dataclass(frozen=True)
class FeedState:
    """What a dataset has brought of a brand, by the newest load of each extract; counts are rows."""

    dataset: str
    last_day: date
    days: int
    rows_loaded: int
    rejected: int
    waiting: int


@dataclass(frozen=True)
class HeldRows:
    """An extract with rows in quarantine or waiting for their brand, or refused as a whole: `reasons` have a `text` in
    English and a `sentence` (or none) as sentences.told takes it."""

    dataset: str
    extract_day: date
    rejected: int
    waiting: int
    reasons: list[Mapping[str, Any]]


@dataclass(frozen=True)
class BrokenRule:
    """So many rows of an extract break this rule; the first of them as file:line (none where this login
    sees no files)."""

    dataset: str
    extract_day: date
    rule: str
    column_name: str | None
    rows: int
    first_lines: list[str]


@dataclass(frozen=True)
class Moved:
    """How many published values one publication moved, and why; first values left out."""

    generation: int
    published_at: datetime
    cause: str
    moved: int
    indicators: int
    first_period: date
    last_period: date


def checks(connection: psycopg.Connection[Any], brand: str) -> list[Check]:
    """The newest result of each check of a brand, those that did not pass first."""
    with connection.cursor(row_factory=class_row(Check)) as cursor:
        return cursor.execute(CHECKS, {"brand": brand}).fetchall()


def feeds(connection: psycopg.Connection[Any], brand: str) -> list[FeedState]:
    with connection.cursor(row_factory=class_row(FeedState)) as cursor:
        return cursor.execute(_over_loads(FEEDS, NO_REASON), {"brand": brand}).fetchall()


def held_rows(connection: psycopg.Connection[Any], brand: str) -> list[HeldRows]:
    """Newest extracts first, 50 at most; without reasons where this login does not see them."""
    reason = REASON if connection.execute(SEES_REASONS).fetchone() == (True,) else NO_REASON
    with connection.cursor(row_factory=class_row(HeldRows)) as cursor:
        return cursor.execute(_over_loads(QUARANTINED, reason), {"brand": brand}).fetchall()


def broken_rules(connection: psycopg.Connection[Any], brand: str) -> list[BrokenRule]:
    """What waited in quarantine at the newest publication; newest extracts first, 100 at most."""
    sees_lines = connection.execute(SEES_LINES).fetchone() == (True,)
    query = QUARANTINED_BY_RULE.format(first_lines="first_lines" if sees_lines else "'{}'::text[]")
    with connection.cursor(row_factory=class_row(BrokenRule)) as cursor:
        return cursor.execute(query.encode(), {"brand": brand}).fetchall()


def moved(connection: psycopg.Connection[Any], brand: str) -> list[Moved]:
    """Newest publications first, 50 lines at most."""
    with connection.cursor(row_factory=class_row(Moved)) as cursor:
        return cursor.execute(MOVED, {"brand": brand}).fetchall()


def _over_loads(query: str, reason: str) -> bytes:
    return query.format(newest=NEWEST_LOADS.format(reason=reason)).encode()
