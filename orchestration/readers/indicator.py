"""What marts remember of one indicator: how it settles, and how its published values moved.

Not here: its meaning (catalogue/), one number's whole life (published_history.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row

SETTLING = """
select days_after_end, settled_share, lowest_share, highest_share, periods_seen
from marts.kpi_settling
where brand_id = %(brand)s and ref = %(ref)s
order by days_after_end
"""
MOVES = """
select generation, published_at, cause, grain, period_start, bin, previous_value, value
from marts.kpi_published
where brand_id = %(brand)s and ref = %(ref)s and dimension = 'all' and cause <> 'first'
order by generation desc, grain, period_start desc, bin
limit 100
"""


@dataclass(frozen=True)
class Settled:
    """The share of its final value that an indicator had reached so many days after a period's end."""

    days_after_end: int
    settled_share: Decimal | None
    lowest_share: Decimal | None
    highest_share: Decimal | None
    periods_seen: int


@dataclass(frozen=True)
class Move:
    """A published value that changed, and why."""

    generation: int
    published_at: datetime
    cause: str
    grain: str
    period_start: date
    bin: str
    previous_value: Decimal | None
    value: Decimal | None


def settling(connection: psycopg.Connection[Any], brand: str, ref: str) -> list[Settled]:
    """By days after the period's end; empty for a fixed indicator, or where too little has been seen yet."""
    with connection.cursor(row_factory=class_row(Settled)) as cursor:
        return cursor.execute(SETTLING, {"brand": brand, "ref": ref}).fetchall()


def moves(connection: psycopg.Connection[Any], brand: str, ref: str) -> list[Move]:
    """The totals that moved, newest publication first, 100 at most."""
    with connection.cursor(row_factory=class_row(Move)) as cursor:
        return cursor.execute(MOVES, {"brand": brand, "ref": ref}).fetchall()
