"""The rows of marts.kpi_scan and marts.kpi_line: the SQL of the catalogue, from which the functions of marts put their
statements together.

Not here: those functions (functions.py), what a scan counts and how its rows are read (scans.py, shared_scans.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from psycopg.types.json import Jsonb

from orchestration.catalogue import catalogue as at_hand
from orchestration.catalogue.facts import ROLLUPS
from orchestration.catalogue.model import Catalogue, Indicator, Measure
from orchestration.compiler import rollups
from orchestration.compiler.scans import Scan, bin_name, either, scan_of
from orchestration.compiler.shared_scans import BUCKET, SharedScan, placeholder, shared_scans
from orchestration.compiler.sql import BOUND_OF_LISTS, FILTER_PARAMETERS, PARAMETERS, array, bound, quoted, render

Row = dict[str, Any]


@at_hand.made_once
def tables(catalogue: Catalogue) -> Mapping[str, list[Row]]:
    """The tables of marts that hold the catalogue, by name, with their rows."""
    return {"dim_kpi": at_hand.dim_kpi_rows(catalogue), "kpi_line": lines(catalogue), "kpi_scan": scans(catalogue)}


@at_hand.made_once
def audit_tables(catalogue: Catalogue) -> Mapping[str, list[Row]]:
    """The same of the schema `next`, for the questions of every brand at once."""
    return {"kpi_line": lines(catalogue), "kpi_scan": audit_scans(catalogue)}


def of_indicator(catalogue: Catalogue, i: Indicator) -> str:
    """All that decides what an indicator says of a period, as a text."""
    pieces = [_report(shared, "apart") for shared in shared_scans(catalogue, [_value_of(i)], is_shared=False)]
    read = [_rollup(name) for name in ROLLUPS if any(placeholder(name) in piece[-1]["rows"] for piece in pieces)]
    return repr((pieces, read, _lines_of(i)))


def as_text(tables: Mapping[str, list[Row]]) -> str:
    """Rows of tables, written out."""
    every = [row for rows in tables.values() for row in rows]
    return repr([{name: v.obj if isinstance(v, Jsonb) else v for name, v in row.items()} for row in every])


def lines(catalogue: Catalogue) -> list[Row]:
    """marts.kpi_line: a row for each number that the report can state of a bucket, an indicator or one of its bins."""
    rows = [row for i in catalogue.computed for row in _lines_of(i)]
    return [{"position": n, **row} for n, row in enumerate(rows, 1)]


def _lines_of(i: Indicator) -> list[Row]:
    return [
        {
            "ref": i.ref,
            "bin": b.name if b else None,
            "kind": i.kind,
            "filters": list(i.filters),
            "dimensions": list(i.dimensions),
            "ignores": list(i.ignores),
            "is_fixed": i.stability == "fixed",
            "settling_days": i.settling_days,
            "needs_above": list(i.needs_of_parts[0]),
            "needs_below": list(i.needs_of_parts[1]),
            "needs_any": list(i.needs_any),
            "is_additive": i.additive is True,
        }
        for b in (i.bins or (None,))
    ]


def scans(catalogue: Catalogue) -> list[Row]:
    """marts.kpi_scan: what is read for the report (shared by indicators or apart), for the rows behind each of them,
    for lists, and of daily rollups."""
    behind = [row for i in catalogue.computed for row in _rows_behind(catalogue, i)]
    lists = [_list(catalogue, i) for i in catalogue.lists]
    return _rows([*_reports(catalogue, catalogue.computed), *behind, *lists], lambda text: bound(text, BOUND_OF_LISTS))


def audit_scans(catalogue: Catalogue) -> list[Row]:
    """next.kpi_scan: the same of the indicators of periods, read from the schema `next`, each brand as the question
    names it."""

    def said(text: str) -> str:
        return bound(text.replace("marts.", "next.").replace("p_brand", "q.brand_id"), BOUND_OF_LISTS)

    return _rows([*_reports(catalogue, [_value_of(i) for i in catalogue.dated]), *_daily(catalogue)], said)


def _daily(catalogue: Catalogue) -> list[Piece]:
    """What adds up over everything, with members as known now: one known at the end of a day is another one for a
    longer period."""
    as_known = {
        name: r.model_copy(update={"member_known_at": "known_at"}) if r.member_known_at else r
        for name, r in catalogue.relations.items()
    }
    added_up = [_value_of(i) for i in catalogue.dated if i.additive is True]
    shared = shared_scans(replace(catalogue, relations=as_known), added_up, is_shared=False)
    return [_report(s, "apart_now") for s in shared]


def _value_of(i: Indicator) -> Indicator:
    """The same, to be asked for its value alone: periods do not tell how the handling is known that it rests on."""
    return i.model_copy(update={"rests_on": None})


Piece = tuple[str, str, list[str], Mapping[str, str], Mapping[str, Any]]


def _reports(catalogue: Catalogue, indicators: Sequence[Indicator]) -> list[Piece]:
    return [
        *(_rollup(name) for name in ROLLUPS),
        *(_report(s, "shared") for s in shared_scans(catalogue, indicators, is_shared=True)),
        *(_report(s, "apart") for s in shared_scans(catalogue, indicators, is_shared=False)),
    ]


def _rows(pieces: Iterable[Piece], said: Callable[[str], str]) -> list[Row]:
    return [
        {
            "form": form,
            "name": name,
            "position": position,
            "refs": refs,
            "buckets": Jsonb(_said(buckets, said)),
            "sql": Jsonb(_said(sql, said)),
        }
        for position, (form, name, refs, buckets, sql) in enumerate(pieces, 1)
    ]


def _said(value: Any, said: Callable[[str], str]) -> Any:
    """`value` with every text in it as `said` makes it."""
    if isinstance(value, str):
        return said(value)
    if isinstance(value, Mapping):
        return {key: _said(v, said) for key, v in value.items()}
    return [_said(v, said) for v in value]


def _rollup(name: str) -> Piece:
    pieces = {part: rollups.read(name, part) for part in ("days", "cut_days", "events")}
    pieces["whole"] = ROLLUPS[name].whole
    return "rollup", placeholder(name), [], {}, pieces


def _report(shared: SharedScan, form: str) -> Piece:
    pieces: Row = {
        "rows": shared.counted(),
        "aggregates": [{"refs": refs, "sql": sql} for refs, sql in shared.aggregates()],
        "parts": [{"refs": [part.ref], "sql": part.sql} for part in shared.parts],
    }
    if shared.scans[0].relation.count_on_first_day:
        pieces["rows_on_first_day"] = shared.counted(on_first_day=True)
    if flagged_by := shared.flagged_by():
        pieces["flagged_by"] = flagged_by
    return form, shared.name, shared.refs, shared.scans[0].buckets(), pieces


def _rows_behind(catalogue: Catalogue, i: Indicator) -> Iterable[Piece]:
    for n, (measures, numerator, denominator, condition) in enumerate(_parts(catalogue, i), 1):
        scan = scan_of(catalogue, measures[0])
        scan.tells_basis = i.rests_on is not None
        rows = render(
            "rows_behind.sql.j2",
            relation=scan.relation,
            rows=_rows_of(scan, measures),
            bin=bin_name(i) if i.bins else "null",
            numerator=numerator,
            denominator=denominator,
            condition=condition,
            basis=f"f.{scan.basis}" if scan.tells_basis else None,
        )
        yield "rows", f"{i.ref} {n}", [i.ref], scan.buckets(), {"rows": rows}


def _parts(catalogue: Catalogue, i: Indicator) -> list[tuple[tuple[Measure, ...], str, str, str]]:
    """The selections whose rows make up an indicator, one, or one above and one below the line: their measures, what a
    row adds to numerator and denominator, and which rows."""
    if i.median:
        return [((i.median,), i.median.value or "null", "1", i.median.where or "true")]
    assert i.numerator is not None
    above = i.numerator.where or "true"
    if i.bins:
        return [((i.numerator,), "1", "null", above)]
    value = i.numerator.value or "1"
    if i.denominator is None:
        return [((i.numerator,), value, "null", above)]
    below = i.denominator.where or "true"
    if scan_of(catalogue, i.numerator).name != scan_of(catalogue, i.denominator).name:
        return [((i.numerator,), value, "null", above), ((i.denominator,), "null", "1", below)]
    counted = f"case when {above} then {value} else 0 end"
    both = either(i.numerator, i.denominator) or "true"
    return [((i.numerator, i.denominator), counted, f"case when {below} then 1 else 0 end", both)]


def _list(catalogue: Catalogue, i: Indicator) -> Piece:
    listing = i.listing
    assert listing is not None
    by_member = listing.entity == "member"
    asked = {"p_breakdown": "'{member}'", "p_compare_previous": "false"}
    asked["p_refs"] = array(c.ref for c in listing.columns if c.ref)
    scan = scan_of(catalogue, Measure(listing.of, None, None, i.filters)) if listing.of else None
    rows = _rows_of(scan, ()) if scan else ""
    bucket = f"array[{scan.buckets()['member']}]" if scan and by_member else "'{}'::text[]"
    filters = {*i.filters, *(f for c in listing.columns if c.ref for f in catalogue.indicators[c.ref].filters)}
    lines = render(
        "list_lines.sql.j2",
        listing=listing,
        arguments=[asked.get(name, name) for name, _, _ in PARAMETERS],
        rows=rows.replace(BUCKET, bucket),
        key=listing.by or (scan.relation.identifier if scan else ""),
        ignored=_ignored(filters),
        kinds={c.ref: catalogue.indicators[c.ref].kind for c in listing.columns if c.ref},
    )
    return "list", i.ref, [i.ref], {}, {"lines": lines}


def _ignored(filters: Collection[str]) -> str:
    """The filters that are given and apply to nothing in a list, by the names that a report gives them."""
    names = [
        f"case when {parameter} is not null then {quoted(parameter.removeprefix('p_'))} end"
        for name, parameter in FILTER_PARAMETERS.items()
        if name not in filters
    ]
    return f"array_remove(array[{', '.join(names)}]::text[], null)"


def _rows_of(scan: Scan, measures: Iterable[Measure]) -> str:
    """The rows of a scan with the instant that makes each count: at the level of instants, never of days."""
    rows = SharedScan([scan]).rows(_counted_at(scan, measures))
    for name in ROLLUPS:
        rows = rows.replace(placeholder(name), rollups.read(name, "events"))
    return rows


def _counted_at(scan: Scan, measures: Iterable[Measure]) -> str:
    """The earliest instant in the window that makes a thing count.

    It is its anchor, or, where it is several rows, the first of those that its conditions look at.
    """
    if not scan.relation.entity_key:
        return scan.relation.anchor
    looked_at = [
        f"min({scan.relation.anchor}) filter (where {expression.removeprefix('bool_or(').removesuffix(')')})"
        for measure in measures
        for name, expression in scan.relation.aggregates.items()
        if measure.where and re.match(rf"f\.{name}\b", measure.where) and expression.startswith("bool_or(")
    ]
    return f"least({', '.join(dict.fromkeys(looked_at))})" if looked_at else f"min({scan.relation.anchor})"
