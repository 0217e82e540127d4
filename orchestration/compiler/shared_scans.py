"""Scans of the same fact share one pass over its rows, each with conditions of its own.

Not here: what a scan counts (scans.py), the statements that are put together from shared scans (statements.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import indent
from typing import Any

from orchestration.catalogue.facts import ROLLUPS, columns_of
from orchestration.catalogue.model import BROADCAST_VALUES, Catalogue, Indicator
from orchestration.compiler import rollups
from orchestration.compiler.scans import Part, Scan, scans_of
from orchestration.compiler.sql import array, select

# What is computed once a row stands in a subquery that PostgreSQL may not flatten, or it would compute it at each use.
# Written as a bigint from the start, it leaves the subquery fit for parallel plans.
FENCE = "\noffset bigint '0'"
BUCKET = "<bucket>"


def placeholder(rollup: str) -> str:
    """Where the rows of a daily rollup are read from: put in when a statement is made."""
    return f"<{rollup}>"


def alone(aggregate: str) -> str:
    """What an aggregate says of one row alone: what it says of a thing of which there is no other row."""
    return aggregate.partition("(")[2].removesuffix(")")


@dataclass
class SharedScan:
    """One pass over a fact for all scans that look at the same rows of it."""

    scans: list[Scan]

    @property
    def name(self) -> str:
        return self.scans[0].name

    @property
    def parts(self) -> list[Part]:
        return [part for scan in self.scans for part in scan.parts]

    @property
    def refs(self) -> list[str]:
        return sorted({part.ref for part in self.parts})

    def takes(self, scan: Scan) -> bool:
        """Whether a scan of the same fact, anchor and key can be answered here; aggregates must keep their names."""
        names = {name for s in self.scans for name in s.relation.aggregates}
        is_plain = not any(s.relation.distinct_by for s in (scan, *self.scans))
        return is_plain and names.isdisjoint(scan.relation.aggregates)

    def flagged_by(self) -> list[str]:
        """The filters without which a row of one scan is a row of all; none if more than filters tells them apart."""
        if len({scan.relation.name for scan in self.scans}) > 1:
            return []
        filters = [name for scan in self.scans for name in scan.filters]
        return sorted({name for name in filters if filters.count(name) < len(self.scans)})

    def aggregates(self) -> list[tuple[list[str], str]]:
        """Each aggregate as a column, with the refs that need it."""
        return [
            (
                [p.ref for p in scan.parts if p.names(column)],
                f"{aggregate.sql(*self._flag(scan))} as {column}",
            )
            for scan in self.scans
            for aggregate, column in scan.aggregates.items()
        ]

    def counted(self, on_first_day: bool = False) -> str:
        """The rows, with the values that aggregates share computed once."""
        values = [
            f"case when {' and '.join([*self._flag(scan), *([f'({where})'] if where else [])]) or 'true'}"
            f" then {expression} end as {column}"
            for scan in self.scans
            for (expression, where), column in scan.values.items()
        ]
        asked = " ".join([*values, *(sql for _, sql in self.aggregates())])
        # No more columns than these: what a statement names has to be planned, read or not.
        columns = [f"f.{c}" for c in columns_of(self.scans[0].relation.fact) if re.search(rf"\bf\.{c}\b", asked)]
        rows = self.rows(on_first_day=on_first_day, columns_of_fact=columns)
        if not values:
            return rows
        return select(["f.*", *values], f"from (\n{indent(rows, '    ')}\n) as f") + FENCE

    def rows(
        self, counted_at: str | None = None, on_first_day: bool = False, columns_of_fact: Iterable[str] = ("f.*",)
    ) -> str:
        """The rows counted for a question `q`, one for each thing, with the bucket that it counts for.

        `counted_at` adds the instant that makes a thing count. `on_first_day` reads days that hold what comes first in
        the period, so that no two rows are of the same thing: for whole days on end, of all roles and members.
        """
        first = self.scans[0]
        relation = first.relation
        source, conditions = self._source(on_first_day), self._conditions()
        columns = [f"{BUCKET} as bucket"]
        counted = [f"{counted_at} as counted_at"] if counted_at else []
        if not relation.entity_key:
            own = [f"{expression} as {name}" for name, expression in relation.columns.items()]
            own += [f"{s.relation.basis} as {s.basis}" for s in self.scans if s.tells_basis]
            return select([*columns, *self._flags("({})"), *own, *counted, *columns_of_fact], source, conditions)
        keys = [f"f.{key}" for key in relation.entity_key]
        if on_first_day and not relation.distinct_by:
            described = [f"{alone(e)} as {name}" for s in self.scans for name, e in s.relation.aggregates.items()]
            described += [f"{s.relation.basis} as {s.basis}" for s in self.scans if s.tells_basis]
            return select([*columns, *keys, *self._flags("({})"), *described], source, conditions)
        if relation.distinct_by and not on_first_day:
            # Each counts one of these once, however many rows it has.
            pair = [columns.pop(), *keys, *(f"f.{key}" for key in relation.distinct_by)]
            bases = [f"bit_or({relation.basis}) as basis"] if first.tells_basis else []
            pairs = select([*pair, f"min({relation.anchor}) as at", *bases], source, conditions, group_by=len(pair))
            source, conditions = f"from (\n{indent(pairs, '    ')}\n) as f", []
            columns.append("f.bucket")
        grouped = [*columns, *keys]
        is_paired = bool(relation.distinct_by) and not on_first_day
        described = [*self._flags("bool_or({})"), *self._described("f.basis" if is_paired else relation.basis)]
        return select([*grouped, *described, *counted], source, conditions, group_by=len(grouped))

    def _source(self, on_first_day: bool) -> str:
        first = self.scans[0]
        relation = first.relation
        if on_first_day:
            source = f"from ({rollups.read(relation.fact, 'first_days')}) as f"
        elif relation.fact in ROLLUPS:
            source = f"from ({placeholder(relation.fact)}) as f"
        else:
            source = f"from marts.{relation.fact} as f"
        if relation.join:
            source += "\n" + relation.join
        for name in first.broadcast:
            source += (
                f"\nleft join unnest({array(BROADCAST_VALUES[name])}) as every_{name} (bucket)"
                f" on q.scope = 'bucket' and '{name}' = any(v_breakdown)"
            )
        return source

    def _each(self) -> dict[str, str]:
        """The condition of each scan, by its name; none where all have the same."""
        first, *others = [scan.conditions() for scan in self.scans]
        if all(other == first for other in others):
            return {}
        return {scan.name: " and ".join(scan.conditions()) or "true" for scan in self.scans}

    def _conditions(self) -> list[str]:
        each = self._each()
        of_scans = [f"({' or '.join(each.values())})"] if each else self.scans[0].conditions()
        return [*self.scans[0].window(), *of_scans] or ["true"]

    def _flag(self, scan: Scan) -> tuple[str, ...]:
        """The column that says that a row is one of a scan's, where not all rows are."""
        return (f"in_{scan.name}",) if self._each() else ()

    def _flags(self, form: str) -> list[str]:
        return [f"{form.format(condition)} as in_{name}" for name, condition in self._each().items()]

    def _described(self, basis: str | None) -> list[str]:
        """What the rows of each scan say of an entity, `basis` being how a row's handling is known."""
        each = self._each()
        return [
            f"{expression}{f' filter (where {each[s.name]})' if each else ''} as {name}"
            for s in self.scans
            for name, expression in (
                *s.relation.aggregates.items(),
                *([(s.basis, f"bit_or({basis})")] if s.tells_basis else []),
            )
        ]


def shared_scans(catalogue: Catalogue, indicators: Iterable[Indicator], is_shared: bool) -> list[SharedScan]:
    """The shared scans that answer a set of indicators: one for each scan, unless no breakdown keeps them apart."""
    scans = scans_of(catalogue, indicators, is_shared)
    if not is_shared:
        return [SharedScan([scan]) for scan in scans]
    shared: dict[tuple[Any, ...], SharedScan] = {}
    for scan in scans:
        r = scan.relation
        alike = (r.fact, r.anchor, r.ignores, r.join, r.entity_key, r.count_on_first_day)
        found = shared.setdefault(alike, SharedScan([]))
        if not found.scans or found.takes(scan):
            found.scans.append(scan)
        else:
            shared[(scan.name,)] = SharedScan([scan])
    return list(shared.values())
