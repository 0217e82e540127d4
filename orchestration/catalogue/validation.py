"""Whether the entries of the catalogue are well made, and fit each other and the facts that they count.

Here: every fault, in words that name the key and what is allowed. Not here: the shape of an entry (model.py), and what
an SQL expression names (expressions.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from orchestration.catalogue import facts
from orchestration.catalogue.expressions import faults_of, faults_of_join, faults_of_order
from orchestration.catalogue.model import (
    BROADCAST_VALUES,
    QUESTION_COLUMNS,
    TIME_BREAKDOWNS,
    WAYS,
    Bins,
    Indicator,
    Listing,
    Measure,
    Relation,
    Shown,
)

Read = TypeVar("Read", bound=BaseModel)


def read_entry(model: type[Read], entry: Any, owner: str, faults: list[str], **told: Any) -> Read | None:
    """An entry of the file as its model; what is wrong with it goes to the faults."""
    try:
        return model.model_validate({**entry, **told} if told else entry)
    except ValidationError as error:
        faults += [f"{owner}: {_in_words(model, fault)}" for fault in error.errors(include_url=False)]
        return None


def _in_words(model: type[BaseModel], fault: Any) -> str:
    """What pydantic found, with the key and what is allowed there."""
    at, value = fault["loc"], fault["input"]
    key = re.sub(r"\[\d+\]$", "", "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in at).removeprefix("."))
    if fault["type"] == "extra_forbidden":
        return f"'{key}' is no key; allowed: {', '.join(_keys(_model_at(model, at[:-1])))}"
    if fault["type"] == "missing":
        return f"'{key}' is missing"
    if fault["type"] == "literal_error":
        allowed = re.split(", | or ", fault["ctx"]["expected"].replace("'", ""))
        return f"{key} '{value}' is none of {', '.join(allowed)}"
    if fault["type"] == "value_error":
        return f"{key}: {fault['ctx']['error']}".removeprefix(": ")
    return f"{key} {value!r}: {fault['msg']}"


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel], at: tuple[int | str, ...]) -> type[BaseModel]:
    for key in (part for part in at if isinstance(part, str)):
        field = next(field for name, field in model.model_fields.items() if (field.alias or name) == key)
        model = next(_models(field.annotation))
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def faults_of_relation(r: Relation) -> Iterator[str]:
    if r.fact not in facts.known():
        yield f"fact '{r.fact}' is none of {', '.join(facts.known())}"
        return
    columns = facts.columns_of(r.fact)
    rows = {"f": columns, "q": QUESTION_COLUMNS}
    if r.join:
        yield from (f"join: {fault}" for fault in faults_of_join(r.join, rows))
    sql = {"anchor": r.anchor, "where": r.where, "member_given": r.member_given}
    for section, members in (("columns", r.columns), ("dimensions", r.dimensions), ("aggregates", r.aggregates)):
        sql |= {f"{section}.{name}": expression for name, expression in members.items()}
    for key, expression in sql.items():
        if expression:
            yield from (f"{key}: {fault}" for fault in faults_of(expression, rows, r.join))
    named = {"entity_key": r.entity_key, "distinct_by": r.distinct_by, "key": r.key}
    named["dated_by"] = (r.dated_by,) if r.dated_by else ()
    for key, names in named.items():
        strange = [name for name in names if name not in columns]
        yield from (f"{key}: '{name}' is no column of {r.fact}; allowed: {', '.join(columns)}" for name in strange)
    if not r.dated_by and not r.anchor.startswith("f."):
        yield f"dated_by is missing: '{r.anchor}' is worked out, and it names the column whose day is touched"
    if not r.entity_key and (r.aggregates or r.distinct_by):
        yield "aggregates and distinct_by describe an entity of several rows: entity_key is missing"
    if r.entity_key and r.columns:
        yield "columns: an entity of several rows is described by aggregates"
    if r.member_known_at and not {"source", "handled_at"} <= {*columns}:
        yield f"member_known_at: {r.fact} does not tell whether a request waits (source, handled_at)"
    if r.count_on_first_day:
        if r.fact not in facts.ROLLUPS:
            yield f"count_on_first_day: '{r.fact}' has no days; allowed: {', '.join(facts.ROLLUPS)}"
        if not r.distinct_by:
            several = [name for name, sql in r.aggregates.items() if not re.fullmatch(r"(bool_or|min)\(.*\)", sql)]
            yield from (f"aggregates.{name} needs several rows; allowed: bool_or(...) and min(...)" for name in several)


@dataclass(frozen=True)
class Known:
    """What an indicator may refer to: all names that the file has, and those entries that could be read."""

    relation_names: Collection[str]
    relations: Mapping[str, Relation]
    areas: Collection[str]
    refs: Collection[str]
    indicators: Mapping[str, Indicator]


def faults_of_indicator(i: Indicator, known: Known) -> Iterator[str]:
    if i.area not in known.areas:
        yield f"area '{i.area}' is none of {', '.join(known.areas)}"
    if len(i.ways) != (i.stability != "live"):
        needed = "none, for it is live" if i.stability == "live" else f"one of {', '.join(WAYS)}"
        yield f"it has {' and '.join(i.ways) or 'nothing to count'}; needed: {needed}"
    if i.below and not i.above:
        yield "denominator: there is no numerator"
    for key, measure in i.measures:
        yield from (f"{key}.{fault}" for fault in _faults_of_measure(measure, known))
    for key, values in (("average", i.average), ("median", i.middle)):
        if values and (values.value is None) == (values.duration is None):
            yield f"{key}: one of value and duration is needed"
    if i.classes:
        yield from (f"bins.{fault}" for fault in _faults_of_bins(i.classes, known))
    parts = [part for part in (i.above, i.below) if part]
    needs_of_parts = bool(parts) and all(part.needs for part in parts)
    if i.ways and not (i.presents or i.listing or i.needs or i.needs_any or needs_of_parts):
        yield "needs: the feeds without which it is not known are missing"
    for shown in i.presents:
        yield from (f"shows: {fault}" for fault in _faults_of_shown(shown, known))
    if i.listing:
        yield from (f"list.{fault}" for fault in _faults_of_listing(i.listing, known))
    if (i.stability == "fluctuating") != (i.settling_days > 0):
        yield "settling_days: a fluctuating indicator needs them, and only such a one has any"
    if i.additive and i.kind not in ("count", "ratio"):
        yield "additive: only a count or a ratio is the sum of its parts"
    if i.additive and any(known.relations[m.of].ignores for _, m in i.measures if m.of in known.relations):
        yield "additive: what it counts is of no period"
    if i.rises and (i.stability != "fluctuating" or i.kind not in ("count", "ratio")):
        yield "rises: only a count or ratio that fluctuates can"
    if i.rests_on:
        for key, measure in i.measures:
            relation = known.relations.get(measure.of)
            if relation and relation.fact in facts.known() and relation.basis is None:
                yield f"rests_on: {key} counts rows of {relation.fact}, which do not tell handled_basis"
    if i.bounds and None not in i.bounds and i.bounds[0] >= i.bounds[1]:  # type: ignore[operator]
        yield f"plausible: {i.bounds[0]} does not lie below {i.bounds[1]}"


def _relation(of: str, known: Known) -> Iterator[str]:
    if of not in known.relation_names:
        yield f"of: relation '{of}' is none of {', '.join(known.relation_names)}"


def _rows(of: str | None, known: Known) -> dict[str, Collection[str]] | None:
    """The columns that an expression over a relation may name; None where the relation could not be read."""
    relation = known.relations.get(of or "")
    if relation is None or relation.fact not in facts.known():
        return None
    return {"f": relation.row_columns, "q": QUESTION_COLUMNS}


def _faults_of_measure(measure: Measure, known: Known) -> Iterator[str]:
    yield from _relation(measure.of, known)
    rows = _rows(measure.of, known)
    if rows is None:
        return
    value = ("duration", measure.duration) if measure.duration else ("value", measure.value)
    for key, expression in (("where", measure.where), value):
        if expression:
            yield from (f"{key}: {fault}" for fault in faults_of(expression, rows))
    dimensions = known.relations[measure.of].dimensions
    for name in (*measure.filters, *measure.breakdowns):
        if name not in dimensions and name not in BROADCAST_VALUES:
            yield f"of: '{name}' is no dimension of {measure.of}; allowed: {', '.join(dimensions) or 'none'}"


def _faults_of_bins(bins: Bins, known: Known) -> Iterator[str]:
    by_value = bool(bins.edges) and (bins.value is None) != (bins.duration is None)
    by_class = bool(bins.classes and bins.by)
    if by_value == by_class:
        yield "needed: edges with a value or a duration, or classes with what they are by"
    rows = _rows(bins.of, known)
    if bins.by and rows:
        yield from (f"by: {fault}" for fault in faults_of(bins.by, rows))
    for n, edge in enumerate(bins.edges):
        following = bins.edges[n + 1].low if n + 1 < len(bins.edges) else None
        if edge.low is None or (edge.high is not None and edge.high <= edge.low):
            yield f"edges: '{edge.name}' from {edge.low} to {edge.high} does not rise"
        if n + 1 < len(bins.edges) and edge.high != following:
            yield f"edges: '{edge.name}' ends at {edge.high}, and the next begins at {following}"


def _faults_of_shown(shown: Shown, known: Known) -> Iterator[str]:
    if shown.ref not in known.refs:
        yield f"'{shown.ref}' is not in the catalogue"
    elif indicator := known.indicators.get(shown.ref):
        allowed = (*indicator.filters, *TIME_BREAKDOWNS)
        strange = [b for b in shown.breakdown if b not in allowed]
        yield from (f"{shown.ref} has no breakdown '{b}'; allowed: {', '.join(allowed)}" for b in strange)
        if shown.sources and "source" not in indicator.filters:
            yield f"{shown.ref} has no filter by source; allowed: {', '.join(indicator.filters) or 'none'}"


def _faults_of_listing(listing: Listing, known: Known) -> Iterator[str]:
    if listing.of:
        yield from _relation(listing.of, known)
    elif listing.entity != "member" or any(column.value for column in listing.columns):
        yield "of is missing: the relation whose rows are listed"
    rows = _rows(listing.of, known)
    values = {f"columns.{column.name}": column.value for column in listing.columns}
    for key, expression in {"where": listing.where, "by": listing.by, **values}.items():
        if expression and rows:
            yield from (f"{key}: {fault}" for fault in faults_of(expression, rows))
    if listing.order:
        line = {"l": ("anchor", "line_id", *(column.name for column in listing.columns))}
        yield from (f"order: {fault}" for fault in faults_of_order(listing.order, line))
    for column in listing.columns:
        if [column.ref, column.member, column.value].count(None) != 2:
            yield f"columns.{column.name}: one of ref, member and value is needed"
        if column.ref is None and column.names is None:
            yield f"columns.{column.name}: 'names' is missing"
        if column.member and listing.entity != "member":
            yield f"columns.{column.name}: lines of {listing.entity} have no member"
        if column.ref:
            yield from (f"columns.{column.name}: {fault}" for fault in _faults_of_member_figure(column.ref, known))


def _faults_of_member_figure(ref: str, known: Known) -> Iterator[str]:
    if ref not in known.refs:
        yield f"'{ref}' is not in the catalogue"
    elif ref in known.indicators and "member" not in known.indicators[ref].filters:
        yield f"{ref} cannot be told apart by member"
