"""Reading what runs left: what became of each extract, what is not published yet, which checks failed and since when.

Not here: writing it (sources/loading/ledger_entry.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import psycopg

COUNTS = ("rows_read", "rows_loaded", "duplicates", "superseded", "waiting", "rejected", "erased")


@dataclass(frozen=True)
class Load:
    """One line of the loader's ledger, all brands together; counts are rows."""

    load_id: int
    dataset: str
    extract_day: date
    outcome: str
    reason: str | None
    counts: Mapping[str, int] = field(default_factory=dict)
    unknown_columns: tuple[str, ...] = ()


def newest_load(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("select coalesce(max(load_id), 0) from raw.load").fetchone()
    return int(row[0]) if row else 0


def loads_after(connection: psycopg.Connection[Any], load_id: int, datasets: Iterable[str] | None = None) -> list[Load]:
    """The loads with a greater number, of these datasets or of all."""
    rows = connection.execute(
        "select l.load_id, l.dataset, l.extract_day, l.outcome, l.reason,"
        "  coalesce(sum(c.rows_read), 0), coalesce(sum(c.rows_loaded), 0), coalesce(sum(c.duplicates), 0),"
        "  coalesce(sum(c.superseded), 0), coalesce(sum(c.waiting), 0), coalesce(sum(c.rejected), 0),"
        "  coalesce(sum(c.erased), 0), l.unknown_columns"
        " from raw.load as l left join raw.load_count as c on c.load_id = l.load_id"
        " where l.load_id > %s and (%s::text[] is null or l.dataset = any(%s))"
        " group by l.load_id order by l.load_id",
        [load_id, *[None if datasets is None else list(datasets)] * 2],
    )
    return [
        Load(load_id, dataset, day, outcome, reason, dict(zip(COUNTS, map(int, counts), strict=True)), tuple(unknown))
        for load_id, dataset, day, outcome, reason, *counts, unknown in rows
    ]


def rows_standing(
    connection: psycopg.Connection[Any], datasets: Iterable[str], first: date, last: date
) -> dict[date, int]:
    """The rows of each extract day that stand in raw, of these datasets together; days without any are left out."""
    rows = connection.execute(
        "select e.extract_day, sum(c.rows_loaded)::bigint"
        " from raw.extract as e join raw.load_count as c on c.load_id = e.load_id"
        " where e.dataset = any(%s) and e.extract_day between %s and %s group by e.extract_day",
        [list(datasets), first, last],
    )
    return dict(rows.fetchall())


@dataclass(frozen=True)
class WaitingBrand:
    """A brand that no extract describes, and how many rows of each dataset wait for it."""

    brand_id: str
    rows: Mapping[str, int]


def waiting_brands(connection: psycopg.Connection[Any]) -> list[WaitingBrand]:
    """The brands that standing extracts name and none describes, by name."""
    rows = connection.execute(
        "select c.brand_id, e.dataset, sum(c.waiting)::bigint"
        " from raw.extract as e join raw.load_count as c on c.load_id = e.load_id"
        " where c.waiting > 0 group by c.brand_id, e.dataset order by c.brand_id, e.dataset"
    )
    found: dict[str, dict[str, int]] = {}
    for brand_id, dataset, waiting in rows:
        found.setdefault(brand_id, {})[dataset] = waiting
    return [WaitingBrand(brand_id, waiting) for brand_id, waiting in found.items()]


def has_unpublished(connection: psycopg.Connection[Any]) -> bool:
    """Did an earlier run load something and fail, or die, before it published?"""
    row = connection.execute(
        "select exists (select 1 from raw.touched)"
        " or exists (select 1 from raw.load where outcome = 'loaded') and not exists (select 1 from marts.publication)"
    ).fetchone()
    return bool(row and row[0])


def held_back(connection: psycopg.Connection[Any]) -> list[str]:
    """What the newest entrance audit of each dataset refused to believe, a line each, as long as its extract stands
    unpublished: a later run that does not judge it again may not publish it either."""
    rows = connection.execute(
        # Of a dataset, the whole of its newest audit: a rule that has nothing to say of a corrected extract is absent.
        "select q.table_name, q.check_name, q.observed, q.expected"
        " from marts.data_quality as q"
        " where q.severity = 'error' and q.passed is not true"
        "  and q.run_id = (select n.run_id from marts.data_quality as n where n.table_name = q.table_name"
        "   order by n.checked_at desc limit 1)"
        "  and exists (select 1 from raw.extract as e where e.dataset = q.table_name"
        "   and e.load_id > (select coalesce(max(load_id), 0) from marts.load_ledger))"
        " order by q.table_name, q.check_name"
    )
    return [f"{table} {check}: {observed} (expected {expected})" for table, check, observed, expected in rows]


@dataclass(frozen=True)
class FailedCheck:
    """A check that did not pass, or could not be evaluated. `since`: the first time of those in a row."""

    name: str
    table_name: str
    brand_id: str
    is_error: bool
    observed: str
    expected: str
    since: datetime


def failed_checks(connection: psycopg.Connection[Any], run_ids: Iterable[str]) -> list[FailedCheck]:
    """The checks that failed in these runs, errors first."""
    rows = connection.execute(
        "select q.check_name, q.table_name, q.brand_id, q.severity = 'error' or q.passed is null,"
        "  coalesce(q.observed, ''), coalesce(q.expected, ''), ("
        "   select min(f.checked_at) from marts.data_quality as f"
        "   where f.brand_id = q.brand_id and f.check_name = q.check_name and f.table_name = q.table_name"
        "    and f.passed is not true and f.checked_at > coalesce(("
        "     select max(p.checked_at) from marts.data_quality as p"
        "     where p.brand_id = q.brand_id and p.check_name = q.check_name and p.table_name = q.table_name"
        "      and p.passed"
        "    ), '-infinity'))"
        " from marts.data_quality as q where q.run_id = any(%s) and q.passed is not true"
        " order by 4 desc, q.table_name, q.check_name, q.brand_id",
        [list(run_ids)],
    )
    return [FailedCheck(*row) for row in rows]


def unpublished_days(connection: psycopg.Connection[Any]) -> list[date]:
    """Extract days of the loads that the run in build.run covers and that no publication has shown yet."""
    rows = connection.execute(
        "select distinct extract_day from raw.load"
        " where load_id > (select coalesce(max(load_id), 0) from marts.load_ledger)"
        "  and load_id <= (select newest_load_id from build.run)"
        " order by 1"
    )
    return [row[0] for row in rows]


@dataclass(frozen=True)
class Generation:
    """A publication: its number, how far the data reach, rows written by table, and the run that built it."""

    number: int
    data_through: Any
    tables: Mapping[str, Mapping[str, int]]
    run_id: str = ""


def newest_generation(connection: psycopg.Connection[Any]) -> Generation | None:
    row = connection.execute(
        "select generation, data_through, tables, run_id from marts.publication order by generation desc limit 1"
    ).fetchone()
    return Generation(*row) if row else None
