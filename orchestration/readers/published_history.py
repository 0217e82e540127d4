"""Reading the life of published numbers: one number's history, and what moved since a day, with the loads behind it.

Not here: writing it (marts/publication.py), or deciding why a number moved (dbt's int_kpi_restated).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from orchestration.readers.formats import plain
from orchestration.readers.report import ReportError

Row = dict[str, Any]
DIMENSIONS = ("source", "channel", "role", "member")
LIFE = """
select k.generation, k.published_at, k.bin, k.value, k.previous_value, k.cause, k.loads
from marts.kpi_published as k
where
    k.brand_id = %(brand)s and k.ref = %(ref)s and k.grain = %(grain)s and k.period_start = %(start)s
    and k.dimension = %(dimension)s and k.dimension_value = %(value)s
order by k.bin, k.generation
"""
MOVED = """
select
    k.generation, k.published_at, k.cause, k.brand_id, k.ref, k.bin, k.grain, k.period_start, k.dimension,
    k.dimension_value, k.previous_value, k.value, k.loads
from marts.kpi_published as k
where
    k.cause <> 'first' and k.published_at >= %(since)s
    and (%(brand)s::text is null or k.brand_id = %(brand)s)
order by
    k.generation, k.brand_id, k.cause, k.loads, k.ref, k.grain, k.period_start, k.dimension, k.dimension_value, k.bin
"""
LOADS = """
select distinct l.load_id, l.dataset, l.extract_day, l.files
from marts.load_ledger as l
where l.load_id = any(%s)
order by l.load_id
"""


def period(text: str) -> tuple[str, date]:
    """Grain and first day of a period as people write it. Raises ReportError with the forms there are."""
    year, quarter, month, week = (
        re.fullmatch(form, text) for form in (r"(\d{4})", r"(\d{4})-Q([1-4])", r"(\d{4})-(\d\d)", r"(\d{4})-W(\d\d)")
    )
    try:
        if year:
            return "year", date(int(year[1]), 1, 1)
        if quarter:
            return "quarter", date(int(quarter[1]), 3 * int(quarter[2]) - 2, 1)
        if month:
            return "month", date(int(month[1]), int(month[2]), 1)
        if week:
            return "week", date.fromisocalendar(int(week[1]), int(week[2]), 1)
        return "day", date.fromisoformat(text)
    except ValueError:
        raise ReportError(
            f"{text!r} is no period: write a year (2026), quarter (2026-Q2), month (2026-05), week (2026-W21) or day"
            " (2026-05-03)"
        ) from None


def life(
    connection: psycopg.Connection[Any],
    ref: str,
    brand: str,
    grain: str,
    start: date,
    dimension: str = "all",
    value: str = "all",
) -> list[Row]:
    """Every value of one number that was published after its period was over, by bin and generation.

    Each with the value before, the cause, and the loads (load_id, dataset, extract_day, files) behind it. Raises
    ReportError when there is none, saying what there is.
    """
    asked = {"brand": brand, "ref": ref, "grain": grain, "start": start, "dimension": dimension, "value": value}
    rows = _fetch(connection, LIFE, asked)
    if not rows:
        raise ReportError(_why_nothing(connection, asked))
    return _with_loads(connection, rows)


def moved(connection: psycopg.Connection[Any], since: datetime, brand: str | None = None) -> list[Row]:
    """Every published number that changed at or after an instant, of one brand or of all, first values left out."""
    return _with_loads(connection, _fetch(connection, MOVED, {"since": since, "brand": brand}))


def period_name(grain: str, start: date) -> str:
    """A period as `period` reads it."""
    if grain == "year":
        return f"{start:%Y}"
    if grain == "quarter":
        return f"{start:%Y}-Q{(start.month + 2) // 3}"
    if grain == "month":
        return f"{start:%Y-%m}"
    if grain == "week":
        return "{}-W{:02}".format(*start.isocalendar())
    return start.isoformat()


def load_name(load: Mapping[str, Any]) -> str:
    """A load in words: dataset, extract day, files."""
    files = ", ".join(str(file.get("name", "")).rsplit("/", 1)[-1] for file in load["files"] or [])
    return f"{load['dataset']} of {load['extract_day']}" + (f" ({files})" if files else "")


def as_json(rows: Iterable[Row]) -> list[Row]:
    """Rows with plain numbers and ISO dates."""
    return [{name: plain(value) for name, value in row.items()} for row in rows]


def _fetch(connection: psycopg.Connection[Any], query: str, values: Mapping[str, Any] | Sequence[Any]) -> list[Row]:
    try:
        with connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), values).fetchall()
    except psycopg.errors.UndefinedTable:
        raise ReportError("nothing is published yet: run `causerie run` first") from None


def _with_loads(connection: psycopg.Connection[Any], rows: list[Row]) -> list[Row]:
    numbers = sorted({number for row in rows for number in row["loads"]})
    known = {load["load_id"]: load for load in _fetch(connection, LOADS, [numbers])}
    return [{**row, "loads": [known[number] for number in row["loads"] if number in known]} for row in rows]


def _why_nothing(connection: psycopg.Connection[Any], asked: Mapping[str, Any]) -> str:
    """What is wrong with a question that nothing answers."""
    for name, table, column in (("brand", "dim_brand", "brand_id"), ("ref", "dim_kpi", "ref")):
        known = [row[column] for row in _fetch(connection, f"select {column} from marts.{table} order by 1", [])]
        if asked[name] not in known:
            return f"unknown {name} {asked[name]!r}; known: {', '.join(known) or '(none)'}"
    found = _fetch(
        connection,
        "select min(period_start) as first, max(period_start) as last from marts.kpi_published"
        " where brand_id = %(brand)s and ref = %(ref)s and grain = %(grain)s",
        asked,
    )[0]
    shown = period_name(asked["grain"], asked["start"])
    of = "" if asked["dimension"] == "all" else f" by {asked['dimension']} {asked['value']}"
    if not found["first"]:
        return f"{asked['ref']} of {asked['brand']} has no {asked['grain']} that is over"
    first, last = (period_name(asked["grain"], found[end]) for end in ("first", "last"))
    return (
        f"nothing was published of {asked['ref']} of {asked['brand']} for {shown}{of}, or it is not over yet;"
        f" recorded: {first} to {last}"
    )


def grouped(rows: Iterable[Row]) -> dict[tuple[Any, ...], list[Row]]:
    """What moved together: by publication, brand, cause and loads."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        loads = tuple(load["load_id"] for load in row["loads"])
        groups.setdefault((row["generation"], row["brand_id"], row["cause"], loads), []).append(row)
    return groups


def span(rows: Sequence[Row]) -> str:
    """From the first to the last day that these periods begin on."""
    starts = [row["period_start"] for row in rows]
    return str(min(starts)) if min(starts) == max(starts) else f"{min(starts)} to {max(starts)}"
