"""A system's own figures beside ours, and the differences with their causes and ids.

A package may have `reconcile.yml`: for each figure, our indicator, the system's own rule as SQL that gives the ids it
counts (or an average), and causes as SQL that gives ids which the one counts and the other does not. Not here: the
figures themselves (readers/report.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import sqlalchemy as sa

from orchestration.sources.connectors.database import Database
from orchestration.sources.systems.packages import Package


@dataclass(frozen=True)
class Cause:
    """Why the two differ: `adds` what the system has more (negative: less), with the first of the ids."""

    why: str
    adds: float
    ids: Sequence[str]


@dataclass(frozen=True)
class Figure:
    """One figure: by our indicator `ref`, and by the system's own rule. `left` is what no cause explains."""

    name: str
    ref: str
    rule: str
    ours: float | None
    theirs: float | None
    causes: Sequence[Cause]
    is_average: bool = False

    @property
    def left(self) -> float:
        return (self.theirs or 0) - (self.ours or 0) - sum(cause.adds for cause in self.causes)


def reconcile(
    connection: psycopg.Connection[Any], system: Package, database: Database, number: str, brand: str,
    first: date, last: date,
) -> list[Figure]:  # fmt: skip
    """The figures of one brand from `first` to `last`, both included, on the brand's clock. Raises Refusal."""
    zone = connection.execute("select timezone from marts.dim_brand where brand_id = %s", [brand]).fetchone()
    clock = ZoneInfo(zone[0] if zone else "UTC")
    bounds = {
        "brand": int(number) if number.isdecimal() else number,
        "start": datetime.combine(first, time(), clock),
        "end": datetime.combine(last + timedelta(days=1), time(), clock),
    }
    found = []
    with database.connect(f"reconcile {system.name}") as source:
        for one in system.figures:
            row = connection.execute(
                "select value from marts.kpi_report(%s, %s, %s) where ref = %s", [brand, first, last, one["ref"]]
            ).fetchone()
            theirs = source.execute(sa.text(one["query"]), bounds).scalar()
            causes = []
            for cause in one.get("causes", []):
                rows = source.execute(sa.text(cause["query"]), bounds).fetchall()
                if rows:
                    causes.append(Cause(cause["why"], cause["adds"] * len(rows), [str(row[0]) for row in rows]))
            ours = None if row is None or row[0] is None else float(row[0])
            counted = None if theirs is None else float(theirs)
            average = bool(one.get("is_average"))
            found.append(Figure(one["name"], one["ref"], one["rule"], ours, counted, causes, average))
    return found
