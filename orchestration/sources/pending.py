"""What the ledger and the sources say of extracts: which are to be loaded, and how far the data reach.

Not here: writing the ledger (ledger_entry.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import psycopg

from orchestration.sources.connectors.sources_file import Sources
from orchestration.sources.looks import look_at, shown

Reason = Literal["new", "late", "changed", "refused"]


@dataclass(frozen=True)
class Pending:
    """An extract to load. `late`: never loaded, though its dataset has a later day. `refused`: as it was when last
    refused, so that loading it again changes nothing until it is replaced."""

    dataset: str
    day: date
    reason: Reason
    fingerprint: str


def pending_extracts(
    connection: psycopg.Connection[Any],
    sources: Sources,
    today: date | None = None,
    look: bool = True,
    compare: bool = True,
) -> list[Pending]:
    """Every extract that the sources show and raw does not hold as they show it, by day and in the contract's order.

    A day that lies ahead is a wrong clock somewhere: it is left alone until it comes. Without `look`, databases are not
    asked again what they have: what the last look showed stands; without `compare`, not what they have no more.
    """
    today = today or datetime.now(UTC).date()
    if look:
        look_at(connection, sources, today, compare)
    with connection.transaction():
        standing: dict[tuple[str, date], str] = {
            (dataset, day): fingerprint
            for dataset, day, fingerprint in connection.execute(
                "select dataset, extract_day, fingerprint from raw.extract where dataset = any (%s)", [list(sources)]
            )
        }
        refused: dict[tuple[str, date], str] = {
            (dataset, day): fingerprint
            for dataset, day, outcome, fingerprint in connection.execute(
                "select distinct on (dataset, extract_day) dataset, extract_day, outcome, fingerprint"
                " from raw.load where dataset = any (%s) order by dataset, extract_day, load_id desc",
                [list(sources)],
            )
            if outcome == "refused"
        }
    newest: dict[str, date] = {}
    for dataset, day in standing:
        newest[dataset] = max(day, newest.get(dataset, day))
    found: list[Pending] = []
    for dataset, days in shown(connection, sources, today).items():
        for day, fingerprint in days.items():
            stands = standing.get((dataset, day))
            if stands == fingerprint or day > today:
                continue
            reason: Reason = "changed" if stands is not None else "new"
            if refused.get((dataset, day)) == fingerprint:
                reason = "refused"
            elif stands is None and day < newest.get(dataset, day):
                reason = "late"
            found.append(Pending(dataset, day, reason, fingerprint))
    return sorted(found, key=lambda extract: extract.day)


def first_extract_day(sources: Sources, today: date | None = None) -> date | None:
    """The first day of which any source has an extract; None when none has."""
    today = today or datetime.now(UTC).date()
    return min((day for source in sources.values() for day in source.days(today)), default=None)


def data_through(connection: psycopg.Connection[Any], sources: Sources) -> datetime | None:
    """The end (UTC) of the newest complete extract day: one of which every dataset that is expected daily is loaded,
    or, with none expected daily, of which anything is. None when there is no such day."""
    daily = [dataset for dataset, source in sources.items() if source.daily]
    with connection.transaction():
        row = connection.execute(
            "select max(extract_day) from (select extract_day from raw.extract"
            " where cardinality(%(daily)s::text[]) = 0 or dataset = any(%(daily)s)"
            " group by extract_day"
            " having cardinality(%(daily)s::text[]) = 0 or count(*) = cardinality(%(daily)s::text[])) complete",
            {"daily": daily},
        ).fetchone()
    if row is None or row[0] is None:
        return None
    day: date = row[0]
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def newest_complete_day(connection: psycopg.Connection[Any], sources: Sources) -> date | None:
    """The newest complete extract day (UTC); None when there is none."""
    end = data_through(connection, sources)
    return (end - timedelta(days=1)).date() if end else None
