"""Reading the quarantine: which rules broke where, and the rows themselves.

Not here: what puts rows there, or takes them out again (load.py, revalidation.py).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row

from orchestration.sources.connectors.outside_text import sheet_text


@dataclass(frozen=True)
class BadRow:
    """A row that waits. `row` holds the contract's columns as they came, free text left out; None where unreadable."""

    dataset: str
    extract_day: date
    brand_id: str
    file: str
    line: int
    rule: str
    column_name: str | None
    value: str | None
    digest: str
    row: dict[str, Any] | None


@dataclass(frozen=True)
class Group:
    """So many rows of an extract that break one rule in one column."""

    dataset: str
    extract_day: date
    rule: str
    column_name: str | None
    rows: int


FILTER = (
    " where (%(dataset)s::text is null or dataset = %(dataset)s) and (%(day)s::date is null or extract_day = %(day)s)"
)


def groups(connection: psycopg.Connection[Any], dataset: str | None = None, day: date | None = None) -> list[Group]:
    """What waits, by extract, rule and column, newest extract first."""
    query = (
        "select dataset, extract_day, rule, column_name, count(*) as rows from raw.quarantine"
        + FILTER
        + " group by dataset, extract_day, rule, column_name order by extract_day desc, dataset, rows desc, rule"
    )
    with connection.cursor(row_factory=class_row(Group)) as cursor:
        return cursor.execute(query.encode(), {"dataset": dataset, "day": day}).fetchall()


def bad_rows(
    connection: psycopg.Connection[Any], dataset: str | None = None, day: date | None = None, limit: int | None = None
) -> Iterator[BadRow]:
    """The rows themselves, in the order of their files and lines."""
    query = (
        'select dataset, extract_day, brand_id, file, line, rule, column_name, value, digest, "row" from raw.quarantine'
        + FILTER
        + " order by extract_day desc, dataset, file, line, quarantine_id limit %(limit)s"
    )
    with connection.cursor(row_factory=class_row(BadRow)) as cursor:
        yield from cursor.execute(query.encode(), {"dataset": dataset, "day": day, "limit": limit})


def export(rows: Iterable[BadRow], path: Path) -> int:
    """Write rows as CSV (`.csv`: their `row` as JSON, text that would be a formula quoted by an apostrophe) or JSON
    Lines (anything else: every value as it is); returns how many."""
    written = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(BadRow.__annotations__)) if path.suffix == ".csv" else None
        if table:
            table.writeheader()
        for row in rows:
            written += 1
            fields = {**asdict(row), "extract_day": row.extract_day.isoformat()}
            if table:
                fields["row"] = json.dumps(row.row, ensure_ascii=False)
                table.writerow({n: sheet_text(v) if isinstance(v, str) else v for n, v in fields.items()})
            else:
                file.write(json.dumps(fields, ensure_ascii=False) + "\n")
    return written
