"""Questions to marts.kpi_report, by the names that the brute force uses for them.

Not here: what the answers should be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row


@dataclass(frozen=True)
class Answer:
    """One row of the report, in its own order of columns."""

    ref: str
    bucket: list[str]
    bin: str | None
    value: Decimal | None
    numerator: Decimal | None
    denominator: Decimal | None
    previous_value: Decimal | None
    settled_share: Decimal | None
    ignored_filters: list[str]
    is_final: bool
    basis: str | None
    missing: list[str]

    @property
    def figure(self) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
        return self.value, self.numerator, self.denominator


def report(
    connection: psycopg.Connection[Any], brand: str, date_from: date, date_to: date, **asked: Any
) -> list[Answer]:
    """Every row that marts.kpi_report answers; `asked` by its parameters without the p_."""
    parameters: Mapping[str, Any] = {"p_brand": brand, "p_from": date_from, "p_to": date_to} | {
        f"p_{name}": value for name, value in asked.items()
    }
    call = sql.SQL("select * from marts.kpi_report({})").format(
        sql.SQL(", ").join(
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in parameters
        )
    )
    with connection.cursor(row_factory=class_row(Answer)) as cursor:
        return cursor.execute(call, parameters).fetchall()


def values(answers: list[Answer]) -> dict[tuple[str, tuple[str, ...], str | None], Answer]:
    """The rows by (ref, bucket, bin); AssertionError when one stands twice."""
    found = {(row.ref, tuple(row.bucket), row.bin): row for row in answers}
    assert len(found) == len(answers), "a (ref, bucket, bin) stands twice in one report"
    return found
