"""Indicators over the same relation and filters share one scan, scans of the same fact share one pass over it.

Not here: the functions that are put together from shared scans (functions.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from textwrap import indent
from typing import Any

from orchestration.catalogue.facts import ROLLUPS, columns_of
from orchestration.catalogue.model import (
    BROADCAST_VALUES,
    Catalogue,
    Indicator,
    Measure,
    Relation,
    time_breakdowns,
)
from orchestration.compiler.rollups import by_day
from orchestration.compiler.sql import (
    FENCE,
    FILTER_PARAMETERS,
    array,
    placeholder,
    quoted,
    window_condition,
)


@dataclass
class Part:
    """What one scan contributes to one indicator (or one of its bins): SQL aggregates over the rows counted."""

    ref: str
    bin: str | None
    numerator: str = "null"
    denominator: str = "null"
    median: str = "null"


@dataclass(frozen=True)
class Aggregate:
    """A SQL aggregate over the rows of a scan that satisfy all of `conditions`; it stands for {} in `result`.

    `is_of_value`: of a value that no other rows have, so that they need not be asked again.
    """

    call: str
    conditions: tuple[str, ...] = ()
    result: str = "{}"
    is_of_value: bool = False

    def sql(self, *more: str) -> str:
        conditions = self.conditions if self.is_of_value else (*more, *self.conditions)
        return self.result.format(self.call + (f" filter (where {' and '.join(conditions)})" if conditions else ""))


@dataclass
class Scan:
    """A relation under one set of filters, which answers for every indicator that shares both."""

    relation: Relation
    filters: tuple[str, ...]
    # Dimensions that rows are told apart by and cannot be asked for by.
    breakdowns: tuple[str, ...] = ()
    # Filters that apply to the other part of a ratio only: this part answers alike for each of their buckets.
    broadcast: tuple[str, ...] = ()
    parts: list[Part] = field(default_factory=list)
    aggregates: dict[Aggregate, str] = field(default_factory=dict)
    values: dict[tuple[str, str | None], str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        apart = (*(f[0] for f in self.filters), *(f"by_{b}" for b in self.breakdowns))
        return "_".join([self.relation.name, *apart, *(f"any_{s}" for s in self.broadcast)])

    @property
    def refs(self) -> list[str]:
        return sorted({part.ref for part in self.parts})

    def aggregate(self, call: str, *conditions: str | None, result: str = "{}", is_of_value: bool = False) -> str:
        """The column that holds this aggregate; the same aggregate is computed once."""
        aggregate = Aggregate(call, tuple(f"({c})" for c in conditions if c), result, is_of_value)
        column = self.aggregates.setdefault(aggregate, f"{self.name}_{len(self.aggregates)}")
        return f"s.{column}"

    def value(self, expression: str, where: str | None) -> str:
        """The column that holds this value of a row: computed once, and null but where it is asked for."""
        return self.values.setdefault((expression, where), f"{self.name}_value_{len(self.values)}")

    def dimension(self, name: str) -> str:
        """The SQL of a dimension of the rows, null where there is no member."""
        if name in self.broadcast:
            return f"every_{name}.bucket"
        expression = self.relation.dimensions[name]
        if self.relation.member_known_at and name in ("member", "role"):
            known = f"f.source <> 'waiting_list' or f.handled_at < q.{self.relation.member_known_at}"
            if self.relation.member_given:
                known += f" or {self.relation.member_given} is not null"
            expression = f"case when {known} then {expression} end"
        return expression

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The breakdowns that the rows can be told apart by, or answer alike for."""
        return (*self.filters, *self.breakdowns, *self.broadcast)

    def bucket(self) -> str:
        """The bucket of a row: its values of the asked breakdown, in order."""

        def value(breakdown: str) -> str:
            cases = [f"when 'hour' then extract(hour from {self.relation.anchor} at time zone q.timezone)::int::text"]
            cases += [f"when '{d}' then coalesce(({self.dimension(d)})::text, '(none)')" for d in self.dimensions]
            return f"case {breakdown} {' '.join(cases)} else q.label end"

        return (
            "case when q.scope = 'total' or cardinality(v_breakdown) = 0 then '{}'::text[]\n"
            f"    when cardinality(v_breakdown) = 1 then array[{value('v_breakdown[1]')}]\n"
            f"    else array[{value('v_breakdown[1]')}, {value('v_breakdown[2]')}] end"
        )

    def fits(self) -> str:
        """That the rows can be told apart by the asked breakdown; else they state their total."""
        return f"v_breakdown <@ {array((*self.dimensions, *time_breakdowns(self.relation.ignores)))}"

    def window(self) -> list[str]:
        """When a row of the fact must lie, so that it can be counted."""
        if self.relation.fact in ROLLUPS:
            return []
        brand = "f.brand_id = p_brand"
        if self.relation.ignores:
            return [brand]
        anchor = self.relation.anchor
        return [brand, f"{anchor} >= q.starts_at", f"{anchor} < q.cut_at", window_condition(anchor)]

    def conditions(self) -> list[str]:
        """What a row in the window must satisfy to be counted."""
        conditions = [f"({self.relation.where})"] if self.relation.where else []
        for name in self.filters:
            asked = FILTER_PARAMETERS[name]
            conditions.append(f"({asked} is null or {self.dimension(name)} = any({asked}))")
        for name in self.broadcast:
            # A part that knows no channels answers in every bucket, but only in those that were asked for.
            bucket, asked = f"every_{name}.bucket", FILTER_PARAMETERS[name]
            conditions.append(f"({bucket} is null or {asked} is null or {bucket} = any({asked}))")
        return conditions


def alone(aggregate: str) -> str:
    """What an aggregate says of one row alone: what it says of a thing of which there is no other row."""
    return aggregate.partition("(")[2].removesuffix(")")


def _numbers(n: int) -> str:
    """The first columns, for group by."""
    return ", ".join(str(k + 1) for k in range(n))


@dataclass
class SharedScan:
    """One pass over a fact for all scans that look at the same rows of it, each with conditions of its own."""

    scans: list[Scan]

    @property
    def refs(self) -> list[str]:
        return sorted({ref for scan in self.scans for ref in scan.refs})

    @property
    def fits(self) -> str:
        return self.scans[0].fits()

    @property
    def parts(self) -> list[Part]:
        return [part for scan in self.scans for part in scan.parts]

    def takes(self, scan: Scan) -> bool:
        """Whether a scan of the same fact, anchor and key can be answered here: aggregates must keep their names."""
        names = {name for s in self.scans for name in s.relation.aggregates}
        is_plain = not any(s.relation.distinct_by for s in (scan, *self.scans))
        return is_plain and names.isdisjoint(scan.relation.aggregates)

    def _flag(self, scan: Scan) -> tuple[str, ...]:
        """The column that says that a row is one of a scan's, where not all rows are."""
        return () if self._common() is not None else (f"in_{scan.name}",)

    @property
    def flagged_by(self) -> list[str]:
        """The filters without which a row of one scan is a row of all; none if more than filters tells them apart."""
        if len({scan.relation.name for scan in self.scans}) > 1:
            return []
        filters = [name for scan in self.scans for name in scan.filters]
        return sorted({name for name in filters if filters.count(name) < len(self.scans)})

    def _common(self) -> list[str] | None:
        """The conditions of all scans, if they are the same."""
        first, *others = [scan.conditions() for scan in self.scans]
        return first if all(other == first for other in others) else None

    @property
    def counts_on_first_day(self) -> bool:
        """Whether days can tell each of the things by the first of its rows in the period."""
        return self.scans[0].relation.count_on_first_day

    def rows(self, counted_at: str | None = None, on_first_day: bool = False, columns_of_fact: str = "f.*") -> str:
        """The rows counted for a question `q`, one for each thing, with the bucket that it counts for.

        `counted_at` adds the instant that makes a thing count. `on_first_day` reads days that hold what comes first in
        the period, so that no two rows are of the same thing: for whole days on end, of all roles and members.
        """
        scan = self.scans[0]
        relation = scan.relation
        if on_first_day:
            source = f"from ({by_day(ROLLUPS[relation.fact], on_first_day=True)}) as f"
        elif relation.fact in ROLLUPS:
            source = f"from ({placeholder(relation.fact)}) as f"
        else:
            source = f"from marts.{relation.fact} as f"
        if relation.join:
            source += "\n" + relation.join
        for name in scan.broadcast:
            source += (
                f"\nleft join unnest({array(BROADCAST_VALUES[name])}) as every_{name} (bucket)"
                f" on q.scope = 'bucket' and '{name}' = any(v_breakdown)"
            )
        common = self._common()
        each = {s.name: " and ".join(s.conditions()) or "true" for s in self.scans}
        conditions = [*scan.window(), *(common if common is not None else [f"({' or '.join(each.values())})"])]
        source += "\nwhere\n    " + "\n    and ".join(conditions or ["true"])
        columns = [f"{placeholder('bucket')} as bucket"]
        flags = {} if common is not None else each
        if not relation.entity_key:
            columns += [f"({condition}) as in_{name}" for name, condition in flags.items()]
            columns += [f"{expression} as {name}" for name, expression in relation.columns.items()]
            columns += [f"{counted_at} as counted_at"] if counted_at else []
            return f"select {', '.join([*columns, columns_of_fact])}\n{source}"
        keys = [f"f.{key}" for key in relation.entity_key]
        if on_first_day and not relation.distinct_by:
            columns += [*keys, *(f"({condition}) as in_{name}" for name, condition in flags.items())]
            columns += [f"{alone(e)} as {name}" for s in self.scans for name, e in s.relation.aggregates.items()]
            return f"select {', '.join(columns)}\n{source}"
        described = [f"bool_or({condition}) as in_{name}" for name, condition in flags.items()]
        for s in self.scans:
            only = f" filter (where {flags[s.name]})" if flags else ""
            described += [f"{expression}{only} as {name}" for name, expression in s.relation.aggregates.items()]
        described += [f"{counted_at} as counted_at"] if counted_at else []
        if relation.distinct_by and not on_first_day:
            # Each counts one of these once, however many rows it has.
            pair = [columns.pop(), *keys, *(f"f.{key}" for key in relation.distinct_by)]
            pairs = f"select {', '.join(pair)}, min({relation.anchor}) as at\n{source}\ngroup by {_numbers(len(pair))}"
            source = f"from (\n{indent(pairs, '    ')}\n) as f"
            columns.append("f.bucket")
        grouped = [*columns, *keys]
        return f"select {', '.join([*grouped, *described])}\n{source}\ngroup by {_numbers(len(grouped))}"

    def counted(self, on_first_day: bool = False) -> str:
        """The rows, with the values that aggregates share computed once."""
        values = [
            f"case when {' and '.join([*self._flag(scan), *([f'({where})'] if where else [])]) or 'true'}"
            f" then {expression} end as {column}"
            for scan in self.scans
            for (expression, where), column in scan.values.items()
        ]
        asked = " ".join([*values, *(sql for _, sql in self.aggregates)])
        # No more columns than these: what a statement names has to be planned, read or not.
        columns = (f"f.{c}" for c in columns_of(self.scans[0].relation.fact) if re.search(rf"\bf\.{c}\b", asked))
        rows = self.rows(on_first_day=on_first_day, columns_of_fact=", ".join(columns) or "null")
        rows = f"(\n{indent(rows, '    ')}\n) as f"
        if not values:
            return rows
        once = f"select f.*, {', '.join(values)}\nfrom {rows}{FENCE}"
        return f"(\n{indent(once, '    ')}\n) as f"

    @property
    def aggregates(self) -> list[tuple[list[str], str]]:
        """Each aggregate as a column, with the refs that need it."""
        return [
            (
                [p.ref for p in scan.parts if f"s.{column}" in (p.numerator, p.denominator, p.median)],
                f"{aggregate.sql(*self._flag(scan))} as {column}",
            )
            for scan in self.scans
            for aggregate, column in scan.aggregates.items()
        ]


def scan_of(catalogue: Catalogue, measure: Measure) -> Scan:
    """A scan that answers a measure, still empty: under the filters that its relation knows."""
    relation = catalogue.relations[measure.of]
    filters = tuple(f for f in measure.filters if f in relation.dimensions)
    breakdowns = tuple(b for b in measure.breakdowns if b in relation.dimensions)
    broadcast = tuple(f for f in measure.filters if f not in relation.dimensions and f in BROADCAST_VALUES)
    return Scan(relation, filters, breakdowns, broadcast)


def approximate(measure: Measure) -> str:
    """A measure's value as a binary number, which is quick to compare; exact to the microsecond for 100 years."""
    if measure.duration:
        return f"date_part('epoch', {measure.duration})"
    return f"({measure.value})::double precision"


def bin_number(indicator: Indicator) -> str:
    """The number of the bin that a row falls into, from 1: lower bound in, upper bound out. Of none: 0 or null."""
    assert indicator.numerator is not None
    if indicator.bins_by:
        cases = (f"when {quoted(b.name)} then {n}" for n, b in enumerate(indicator.bins, 1))
        return f"case {indicator.bins_by} {' '.join(cases)} end"
    edges = ", ".join(str(b.low) for b in indicator.bins)
    return f"width_bucket({approximate(indicator.numerator)}, array[{edges}]::double precision[])"


def bin_name(indicator: Indicator) -> str:
    """The name of the bin that a row falls into, null where it falls into none."""
    return f"({array(b.name for b in indicator.bins)})[{bin_number(indicator)}]"


class Scans:
    """The scans that answer a set of indicators."""

    def __init__(self, catalogue: Catalogue, indicators: Iterable[Indicator], is_shared: bool) -> None:
        self._catalogue = catalogue
        self._is_shared = is_shared
        self._scans: dict[str, Scan] = {}
        for indicator in indicators:
            self._add(indicator)

    def shared_scans(self) -> list[SharedScan]:
        """The shared scans that answer. Shared, where no scan tells its rows apart by dimensions of its own."""
        if not self._is_shared:
            return [SharedScan([scan]) for scan in self._scans.values()]
        shared_scans: dict[tuple[Any, ...], SharedScan] = {}
        for scan in self._scans.values():
            r = scan.relation
            alike = shared_scans.setdefault(
                (r.fact, r.anchor, r.ignores, r.join, r.entity_key, r.count_on_first_day), SharedScan([scan])
            )
            if scan not in alike.scans:
                if alike.takes(scan):
                    alike.scans.append(scan)
                else:
                    shared_scans[(scan.name,)] = SharedScan([scan])
        return list(shared_scans.values())

    def _scan(self, measure: Measure) -> Scan:
        scan = scan_of(self._catalogue, measure)
        if self._is_shared:
            scan = replace(scan, breakdowns=(), broadcast=())
        return self._scans.setdefault(scan.name, scan)

    def _add(self, i: Indicator) -> None:
        if i.bins:
            assert i.numerator is not None
            scan = self._scan(i.numerator)
            value = scan.value(bin_number(i), i.numerator.where)
            for n, b in enumerate(i.bins, 1):
                bin_count = scan.aggregate("count(*)", f"{value} = {n}", is_of_value=True)
                scan.parts.append(Part(i.ref, b.name, bin_count))
            return
        if i.median:
            scan = self._scan(i.median)
            value = scan.value(approximate(i.median), i.median.where)
            middle = scan.aggregate(f"percentile_cont(0.5) within group (order by {value})", is_of_value=True)
            scan.parts.append(Part(i.ref, None, "null", scan.aggregate("count(*)", i.median.where), middle))
            return
        assert i.numerator is not None
        scan = self._scan(i.numerator)
        part = Part(i.ref, None, self._total(scan, i.numerator))
        scan.parts.append(part)
        if i.denominator:
            below = self._scan(i.denominator)
            if below is scan:
                part.denominator = self._total(scan, i.denominator)
            else:
                below.parts.append(Part(i.ref, None, denominator=self._total(below, i.denominator)))

    @staticmethod
    def _total(scan: Scan, measure: Measure) -> str:
        if measure.duration:
            return scan.aggregate(f"sum({measure.duration})", measure.where, result="extract(epoch from {})")
        if measure.value is None:
            return scan.aggregate("count(*)", measure.where)
        if re.fullmatch(r"f\.\w+", measure.value):
            return scan.aggregate(f"sum({measure.value})", measure.where)
        return scan.aggregate(f"sum({scan.value(measure.value, measure.where)})", is_of_value=True)
