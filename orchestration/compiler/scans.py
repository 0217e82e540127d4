"""Indicators over the same relation and filters share one scan: what it counts, and how its rows are told apart.

Not here: how the rows are read (shared_scans.py), the statements that are put together from scans (statements.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from orchestration.catalogue.facts import ROLLUPS
from orchestration.catalogue.model import (
    BROADCAST_VALUES,
    PERIOD_BREAKDOWNS,
    Catalogue,
    Indicator,
    Measure,
    Relation,
    time_breakdowns,
)
from orchestration.compiler.sql import FILTER_PARAMETERS, array, hour_of, quoted, weekday_of, window_condition


@dataclass
class Part:
    """What one scan contributes to one indicator (or one of its bins): SQL aggregates over the rows counted."""

    ref: str
    bin: str | None
    numerator: str = "null"
    denominator: str = "null"
    median: str = "null"
    basis: str = "null"

    @property
    def sql(self) -> str:
        """A row of VALUES."""
        parts = ", ".join(f"{part}::numeric" for part in (self.numerator, self.denominator, self.median))
        return f"({quoted(self.ref)}, {quoted(self.bin)}, {parts}, {self.basis}::int)"

    def names(self, column: str) -> bool:
        """Whether it is made of this column of the scan's aggregates."""
        return f"s.{column}" in (self.numerator, self.denominator, self.median, self.basis)


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
    # Whether its rows say how the handling is known that they rest on.
    tells_basis: bool = False

    @property
    def name(self) -> str:
        initials = ("".join(word[0] for word in f.split("_")) for f in self.filters)
        apart = (*initials, *(f"by_{b}" for b in self.breakdowns))
        return "_".join([self.relation.name, *apart, *(f"any_{s}" for s in self.broadcast)])

    def aggregate(self, call: str, *conditions: str | None, result: str = "{}", is_of_value: bool = False) -> str:
        """The column that holds this aggregate; the same aggregate is computed once."""
        aggregate = Aggregate(call, tuple(f"({c})" for c in conditions if c), result, is_of_value)
        column = self.aggregates.setdefault(aggregate, f"{self.name}_{len(self.aggregates)}")
        return f"s.{column}"

    def value(self, expression: str, where: str | None) -> str:
        """The column that holds this value of a row: computed once, and null but where it is asked for."""
        return self.values.setdefault((expression, where), f"{self.name}_value_{len(self.values)}")

    @property
    def basis(self) -> str:
        """The column of its rows that says how the handling is known."""
        return f"{self.name}_basis"

    def aggregate_basis(self, *conditions: str | None, is_of_value: bool = False) -> str:
        """The column that holds the bases of the rows that satisfy all of these conditions."""
        self.tells_basis = True
        return self.aggregate(f"bit_or(f.{self.basis})", *conditions, is_of_value=is_of_value)

    def dimension(self, name: str) -> str:
        """The SQL of a dimension of the rows, null where there is no member."""
        if name in self.broadcast:
            return f"every_{name}.bucket"
        expression = self.relation.dimensions[name]
        if name == "inbox":
            # Asked for by this name too, unlike nobody.
            return f"coalesce({expression}, '(none)')"
        if self.relation.member_known_at and name in ("member", "role"):
            known = f"f.source <> 'waiting_list' or f.handled_at < q.{self.relation.member_known_at}"
            if self.relation.member_given:
                known += f" or {self.relation.member_given} is not null"
            expression = f"case when {known} then {expression} end"
        return expression

    def buckets(self) -> Mapping[str, str]:
        """The breakdowns that the rows can be told apart by, or answer alike for, each with the bucket of a row."""
        by_time = {b: "q.label" for b in time_breakdowns(self.relation.ignores) if b in PERIOD_BREAKDOWNS}
        if "slot" not in self.relation.ignores:
            by_time["hour"] = f"{hour_of(self.relation.anchor)}::text"
        if "weekdays" not in self.relation.ignores:
            by_time["weekday"] = f"{weekday_of(self.relation.anchor)}::text"
        named = (*self.filters, *self.breakdowns, *self.broadcast)
        return by_time | {name: f"coalesce(({self.dimension(name)})::text, '(none)')" for name in named}

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


def scan_of(catalogue: Catalogue, measure: Measure) -> Scan:
    """A scan that answers a measure, still empty: under the filters that its relation knows."""
    relation = catalogue.relations[measure.of]
    filters = tuple(f for f in measure.filters if f in relation.dimensions)
    breakdowns = tuple(b for b in measure.breakdowns if b in relation.dimensions)
    broadcast = tuple(f for f in measure.filters if f not in relation.dimensions and f in BROADCAST_VALUES)
    return Scan(relation, filters, breakdowns, broadcast)


def scans_of(catalogue: Catalogue, indicators: Iterable[Indicator], is_shared: bool) -> list[Scan]:
    """The scans that answer a set of indicators; shared ones are not told apart by dimensions of their own."""
    scans: dict[str, Scan] = {}

    def scan(measure: Measure) -> Scan:
        wanted = scan_of(catalogue, measure)
        if is_shared:
            wanted = replace(wanted, breakdowns=(), broadcast=())
        return scans.setdefault(wanted.name, wanted)

    for i in indicators:
        if i.bins:
            assert i.numerator is not None
            _add_bins(scan(i.numerator), i, i.numerator)
        elif i.median:
            _add_median(scan(i.median), i, i.median)
        else:
            assert i.numerator is not None
            above = scan(i.numerator)
            part = Part(i.ref, None, _total(above, i.numerator))
            above.parts.append(part)
            counted = i.numerator.where
            below = scan(i.denominator) if i.denominator else None
            if i.denominator and below is above:
                part.denominator = _total(above, i.denominator)
                counted = either(i.numerator, i.denominator)
            elif i.denominator and below:
                of_below = Part(i.ref, None, denominator=_total(below, i.denominator))
                if i.rests_on:
                    of_below.basis = below.aggregate_basis(i.denominator.where)
                below.parts.append(of_below)
            if i.rests_on:
                part.basis = above.aggregate_basis(counted)
    return list(scans.values())


def _add_bins(scan: Scan, i: Indicator, measure: Measure) -> None:
    value = scan.value(bin_number(i), measure.where)
    for n, b in enumerate(i.bins, 1):
        part = Part(i.ref, b.name, scan.aggregate("count(*)", f"{value} = {n}", is_of_value=True))
        if i.rests_on:
            part.basis = scan.aggregate_basis(f"{value} = {n}", is_of_value=True)
        scan.parts.append(part)


def _add_median(scan: Scan, i: Indicator, measure: Measure) -> None:
    value = scan.value(approximate(measure), measure.where)
    middle = scan.aggregate(f"percentile_cont(0.5) within group (order by {value})", is_of_value=True)
    part = Part(i.ref, None, "null", scan.aggregate("count(*)", measure.where), middle)
    if i.rests_on:
        part.basis = scan.aggregate_basis(measure.where)
    scan.parts.append(part)


def either(above: Measure, below: Measure) -> str | None:
    """The condition of the rows that count above the line or below it; None of all rows."""
    if above.where is None or below.where is None or above.where == below.where:
        return above.where if above.where == below.where else None
    return f"({above.where}) or ({below.where})"


def _total(scan: Scan, measure: Measure) -> str:
    if measure.duration:
        return scan.aggregate(f"sum({measure.duration})", measure.where, result="extract(epoch from {})")
    if measure.value is None:
        return scan.aggregate("count(*)", measure.where)
    if re.fullmatch(r"f\.\w+", measure.value):
        return scan.aggregate(f"sum({measure.value})", measure.where)
    return scan.aggregate(f"sum({scan.value(measure.value, measure.where)})", is_of_value=True)


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
