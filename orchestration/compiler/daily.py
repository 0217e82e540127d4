"""The view bi_daily: what adds up over days, sources, inboxes and members, a column for each number of the catalogue.

Not here: how the numbers are counted (statements.py; dbt_project/models/kpi/int_indicator_days_counted.sql).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from orchestration.catalogue.model import Catalogue, Indicator
from orchestration.compiler.sql import render

# What a row is told apart by, beside brand and day.
DIMENSIONS = ("source", "inbox", "member")
# The longest name that PostgreSQL takes whole.
LONGEST = 63


@dataclass(frozen=True)
class Measure:
    """A column of bi_daily: a count or a sum, one class of it, or one part of a ratio (`part`: numerator, denominator).

    `key` is its name in marts.fct_indicator_day.measures.
    """

    ref: str
    key: str
    column: str
    data_type: str
    description: str
    part: str | None = None


def measures(catalogue: Catalogue) -> list[Measure]:
    """The columns, in the catalogue's order. Raises ValueError where two would have the same name, or one too long."""
    found = [m for i in catalogue.dated if i.additive is True for m in _of(catalogue, i)]
    names = [m.column for m in found]
    faulty = sorted({name for name in names if names.count(name) > 1 or len(name) > LONGEST})
    if faulty:
        raise ValueError(
            f"bi_daily: the English names of indicators make {', '.join(faulty)} as columns, which must differ and have"
            f" {LONGEST} characters at most"
        )
    return found


def _of(catalogue: Catalogue, i: Indicator) -> Iterator[Measure]:
    name, said = _column(i.names["en"]), f"{i.ref}, {i.names['en']}"
    unit = {"seconds": "_seconds", "amount": "_amount"}.get(i.unit, "")
    if i.unit == "amount":
        name = re.sub(r"^amount_(of_)?", "", name)
    apart = [dimension for dimension in DIMENSIONS if dimension in i.dimensions]
    where = f" Told apart by {', '.join(apart)}." if apart else " Not told apart: it stands in the row of (none)."
    waits = any(catalogue.relations[m.of].member_known_at for _, m in i.measures) and "member" in apart
    where += " Where a request waited, the member is the one known now." if waits else ""
    whole = "bigint" if i.unit in ("count", "ratio") else "numeric"
    if i.kind == "ratio":
        above, below = f"{name}_numerator{unit}", f"{name}_denominator"
        how = f"The value is sum({above}) / sum({below})."
        yield Measure(i.ref, f"{i.ref} numerator", above, whole, f"{said}: above the line. {how}{where}", "numerator")
        yield Measure(
            i.ref, f"{i.ref} denominator", below, "bigint", f"{said}: below the line. {how}{where}", "denominator"
        )
    for b in i.bins:
        yield Measure(i.ref, f"{i.ref} {b.name}", f"{name}_{_column(b.name)}", whole, f"{said}: {b.name}.{where}")
    if i.kind == "count" and not i.bins:
        yield Measure(i.ref, i.ref, name + unit, whole, f"{said}: {i.meaning['en']}{where}")


def _column(name: str) -> str:
    """A name as a column: what stands for below, above and up to, in words."""
    words = name.lower().replace("<", "under ").replace(">", "over ")
    words = re.sub(r"(\d)-(\d)", r"\1 to \2", words)
    return re.sub(r"[^a-z0-9]+", "_", words).strip("_")


def bi_daily(catalogue: Catalogue) -> str:
    """The view's SQL."""
    return render("bi_daily.sql.j2", measures=measures(catalogue))
