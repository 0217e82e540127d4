"""Renders the catalogue into the functions and views of marts, and into those by which a run is audited.

Not here: what an indicator is (catalogue/) and the shape of the statements (dbt_project/indicators/*.sql.j2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from textwrap import indent
from typing import Any

import jinja2

from orchestration.catalogue import catalogue as at_hand
from orchestration.catalogue.catalogue import settling
from orchestration.catalogue.facts import ROLLUPS, DailyRollup
from orchestration.catalogue.model import (
    CHANNELS,
    LANGUAGES,
    PERIOD_BREAKDOWNS,
    SOURCES,
    TIME_BREAKDOWNS,
    Catalogue,
    Indicator,
    Measure,
)
from orchestration.compiler.rollups import by_cut_day, by_day, by_event
from orchestration.compiler.scans import Scan, Scans, SharedScan, bin_name, scan_of
from orchestration.compiler.sql import (
    BREAKDOWNS,
    FILTER_PARAMETERS,
    NOT_OF_LISTS,
    PARAMETERS,
    TEMPLATES,
    array,
    bound,
    placeholder,
    quoted,
)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, autoescape=False
    )
    environment.filters |= {"quoted": quoted, "array": array, "bound": bound}
    return environment


def _declarations(breakdown: str = "coalesce(p_breakdown, '{}')") -> str:
    """What every function that answers a question declares beside its parameters."""
    lines = [
        "-- A slot with one end takes the day's own for the other.",
        "v_slot_from time := case when coalesce(p_time_from, p_time_to) is not null"
        " then coalesce(p_time_from, time '00:00') end;",
        "-- Over midnight if need be. No slot has no length: what a clock shows as none is a whole day.",
        "v_slot_length time := coalesce("
        "nullif(time '00:00' + (coalesce(p_time_to, time '24:00') - v_slot_from), '00:00'), time '24:00');",
        "v_known_at timestamptz := coalesce(p_as_of, 'infinity');",
        f"v_breakdown text[] := {breakdown};",
        f"v_time_breakdowns text[] := {array(TIME_BREAKDOWNS)};",
        f"v_period_breakdowns text[] := {array(PERIOD_BREAKDOWNS)};",
    ]
    return indent("\n".join(lines), "    ")


def _indicator_rows(indicators: Iterable[Indicator]) -> list[dict[str, Any]]:
    return [
        {
            "ref": i.ref,
            "bin": b.name if b else None,
            "kind": i.kind,
            "filters": i.filters,
            "dimensions": i.dimensions,
            "ignores": i.ignores,
            "is_fixed": str(i.stability == "fixed"),
            "settling_days": i.settling_days,
        }
        for i in indicators
        for b in (i.bins or (None,))
    ]


def _shown_line(indicator: Indicator) -> str:
    if indicator.kind == "live":
        return f"{indicator.ref} is read live, by causerie live"
    if indicator.kind == "list":
        return f"{indicator.ref} is a list: ask marts.kpi_list('{indicator.ref}', ...)"
    shown = ", ".join(s.ref for s in indicator.shows)
    by = " and ".join(indicator.shows[0].breakdown or ["total"])
    presets = {f"sources {', '.join(s.sources)}" for s in indicator.shows if s.sources}
    return f"{indicator.ref} presents {shown} by {by}" + (f" ({'; '.join(sorted(presets))} preset)" if presets else "")


def reader_functions(catalogue: Catalogue | None = None) -> list[str]:
    """The functions and labelled views of marts that answer from the catalogue, as SQL, in the order in which they must
    be created."""
    catalogue = catalogue or at_hand.load()
    labelled = _environment().get_template("kpi_period_labelled.sql.j2")
    views = [labelled.render(language=language, areas=catalogue.areas) for language in LANGUAGES]
    return [_check_question(catalogue), _report(catalogue), _rows(catalogue), _lists(catalogue), *views]


def audit_functions(catalogue: Catalogue | None = None) -> list[str]:
    """The reports over the schema `next`, before anything is published: `kpi_answers` for all touched periods at once.

    Beside it `kpi_answers_at_end`, which answers for the fixed indicators as of each period's own end: where the two
    differ, the law of stability is broken. And `kpi_answers_settling`, the fluctuating indicators of a sample of
    days at several ages.
    """
    catalogue = catalogue or at_hand.load()
    marts = [
        _answers_of_periods(catalogue, "kpi_answers", "'infinity'::timestamptz"),
        _answers_of_periods(catalogue, "kpi_answers_at_end", "t.ends_at", stability="fixed"),
        _answers_of_periods(catalogue, "kpi_answers_settling", "t.known_at", stability="fluctuating"),
    ]
    return [text.replace("marts.", "next.") for text in marts]


def definitions(code: str, catalogue: Catalogue | None = None) -> dict[str, str]:
    """By ref a digest of the SQL that computes an indicator: when it changes, so may every value published before.

    `code` stands for what that SQL reads, and so for every indicator alike.
    """
    catalogue = catalogue or at_hand.load()
    templates = ("answers.sql.j2", "assembly.sql.j2", "kpi_answers.sql.j2")
    shared = code + "".join((TEMPLATES / name).read_text() for name in templates)
    shared += "".join(by_day(fact, on_first_day) for fact in ROLLUPS.values() for on_first_day in (False, True))

    def digest(i: Indicator) -> str:
        shared_scans = [
            (r.scans[0].bucket(), r.counted(), r.aggregates, r.parts)
            for r in Scans(catalogue, [i], is_shared=False).shared_scans()
        ]
        said = (shared, i.kind, i.stability, i.unknown_unless, shared_scans)
        return sha256(repr(said).encode()).hexdigest()

    return {i.ref: digest(i) for i in catalogue.dated}


def _parameters(parameters: Iterable[tuple[str, str, str | None]] = PARAMETERS) -> str:
    return ",\n".join(
        f"    {name} {kind}" + (f" default {default}" if default else "") for name, kind, default in parameters
    )


def _check_question(catalogue: Catalogue) -> str:
    computed = catalogue.computed
    allowed = {
        "source": ("p_sources", array(SOURCES), ", ".join(SOURCES)),
        "channel": ("p_channels", array(CHANNELS), ", ".join(CHANNELS)),
        "role": ("p_roles", "array[0, 1, 2, 3, 4, 5, 6]", "0 to 6"),
        "weekday": ("p_weekdays", "array[1, 2, 3, 4, 5, 6, 7]", "1 (Monday) to 7 (Sunday)"),
        "breakdown": ("p_breakdown", array(BREAKDOWNS), ", ".join(BREAKDOWNS)),
        "indicator": ("p_refs", array(catalogue.indicators), ", ".join(catalogue.indicators)),
    }
    return (
        _environment()
        .get_template("kpi_check_question.sql.j2")
        .render(
            parameters=_parameters(),
            lists=[{"name": n, "parameter": p, "allowed": a, "shown": s} for n, (p, a, s) in allowed.items()],
            shows=[{"ref": i.ref, "line": _shown_line(i)} for i in catalogue.indicators.values() if i not in computed],
        )
    )


def _questions(catalogue: Catalogue, refs: str = "p_refs", reads_days: bool = True) -> str:
    # Beside the buckets of a breakdown by time, what is told for an instant or for all time states its total.
    undated = [i.ref for i in catalogue.computed if i.ignores]
    template = _environment().get_template("question.sql.j2")
    return template.render(reads_days=str(reads_days).lower(), refs=refs, undated=undated)


# That all rows of a conversation's day count alike, whoever wrote and in what role.
COUNTS_ON_FIRST_DAY = f"p_roles is null and p_members is null and not v_breakdown && {array(('role', 'member'))}"
# What the statements that are put together from shared scans take as parameters, in this order.
BOUND = (
    "p_brand", "p_sources", "p_channels", "p_roles", "p_members", "p_weekdays", "p_refs", "p_compare_previous",
    "v_slot_from", "v_slot_length", "v_breakdown", "v_time_breakdowns",
)  # fmt: skip
# The columns of a question, as arrays of all questions of a report.
QUESTION_COLUMNS = {
    "question_id": "bigint", "brand_id": "text", "timezone": "text", "grain": "text", "period_start": "date",
    "scope": "text", "label": "text", "period_number": "bigint", "is_previous": "boolean",
    "from_date": "date", "to_date": "date", "starts_at": "timestamptz", "ends_at": "timestamptz",
    "cut_at": "timestamptz", "known_at": "timestamptz", "known_until": "timestamptz", "age_at": "timestamptz",
    "is_whole": "boolean",
}  # fmt: skip
# The bucket of all rows of a question that is broken down by periods, or by nothing.
QUESTION_BUCKET = (
    "case when q.scope = 'total' or cardinality(v_breakdown) = 0 then '{}'::text[] else array[q.label] end"
)


def _assembly(
    catalogue: Catalogue, indicators: Sequence[Indicator], names: Sequence[str], brand: str = "p_brand"
) -> str:
    """PL/pgSQL that gathers in v_answers the shared scans that answer for the asked indicators, and no others."""

    def statement(text: str) -> str:
        return bound(text.replace("p_brand", brand), names)

    def rendered(shared_scan: SharedScan) -> dict[str, Any]:
        return {
            "refs": shared_scan.refs,
            "fits": shared_scan.fits,
            "bucket": statement(shared_scan.scans[0].bucket()),
            "rows": indent(statement(shared_scan.counted()), " " * 16).strip(),
            "on_first_day": shared_scan.counts_on_first_day
            and indent(statement(shared_scan.counted(on_first_day=True)), " " * 16).strip(),
            "aggregates": [(refs, statement(sql)) for refs, sql in shared_scan.aggregates],
            "parts": shared_scan.parts,
            "flagged_by": [FILTER_PARAMETERS[name] for name in shared_scan.flagged_by],
        }

    shared_scans = [
        (str(is_shared).lower(), [rendered(r) for r in Scans(catalogue, indicators, is_shared).shared_scans()])
        for is_shared in (True, False)
    ]
    return (
        _environment()
        .get_template("assembly.sql.j2")
        .render(shared_scans=shared_scans, rollups=list(ROLLUPS), question_bucket=bound(QUESTION_BUCKET, names))
    )


def _statement(indicators: Sequence[Indicator], is_measured: bool = True) -> str:
    """From the assembled answers to each indicator's values, and, if `is_measured`, how settled they are."""
    unknowns = [{"ref": i.ref, "condition": " ".join(i.unknown_unless.split())} for i in indicators if i.unknown_unless]
    return (
        _environment()
        .get_template("answers.sql.j2")
        .render(
            rows=_indicator_rows(indicators),
            unknowns=unknowns,
            is_measured=is_measured,
            ages=settling().ages,
            longest=max(i.settling_days for i in indicators),
        )
    )


def _report(catalogue: Catalogue) -> str:
    arrays = [f"q_{column}" for column in QUESTION_COLUMNS]
    all_questions = f"select q.* from unnest({', '.join(arrays)}) as q ({', '.join(QUESTION_COLUMNS)})"
    names = [*BOUND, *arrays]
    return (
        _environment()
        .get_template("kpi_report.sql.j2")
        .render(
            parameters=_parameters(),
            parameter_names=", ".join(parameter for parameter, _, _ in PARAMETERS),
            declarations=_declarations(),
            columns=QUESTION_COLUMNS,
            questions=_questions(catalogue),
            assembly=_assembly(catalogue, catalogue.computed, names),
            answers=_statement(catalogue.computed),
            all_questions=all_questions,
            questions_of_scope=f"{all_questions} where q.scope = '<scope>'",
            rollups=[
                {
                    "fact": name,
                    "whole": f.whole,
                    "by_day": bound(by_day(f), names),
                    "by_cut_day": bound(by_cut_day(f), names),
                    "by_event": bound(by_event(f), names),
                }
                for name, f in ROLLUPS.items()
            ],
            one_question="select " + ", ".join(f"q_{c}[<n>] as {c}" for c in QUESTION_COLUMNS),
            counts_on_first_day=COUNTS_ON_FIRST_DAY,
            names=names,
        )
    )


def _answers_of_periods(catalogue: Catalogue, name: str, known_at: str, stability: str | None = None) -> str:
    """Of all indicators, or of one stability. What settling is measured from can't say how settled anything is."""
    settles = stability == "fluctuating"
    indicators = [i for i in catalogue.dated if stability in (None, i.stability)]

    def days_of(fact: DailyRollup) -> str:
        # A period is whole; where that alone does not do for days, some periods are read thing by thing.
        return by_day(fact) if fact.whole == "q.is_whole" else f"{by_day(fact)}\nunion all\n{by_event(fact)}"

    names = [*(name for name in BOUND if name != "p_brand"), "p_dimension"]
    own_brand = "q.brand_id"
    return (
        _environment()
        .get_template("kpi_answers.sql.j2")
        .render(
            name=name,
            periods="settling_period" if settles else "touched_period",
            known_at=known_at,
            # Every brand's periods in one statement: each fact is joined by its question's own brand.
            assembly=_assembly(catalogue, indicators, names, brand=own_brand),
            rollups=[(name, bound(days_of(f).replace("p_brand", own_brand), names)) for name, f in ROLLUPS.items()],
            counts_on_first_day=COUNTS_ON_FIRST_DAY,
            answers=_statement(indicators, is_measured=not settles).replace("p_brand", own_brand),
            names=names,
            time_breakdowns=array(TIME_BREAKDOWNS),
            period_breakdowns=array(PERIOD_BREAKDOWNS),
        )
    )


def _rows(catalogue: Catalogue) -> str:
    given = [("p_ref", "text", None), *((n, k, d) for n, k, d in PARAMETERS if n != "p_refs")]
    names = [name for name, _, _ in PARAMETERS if name not in ("p_refs", "p_compare_previous")]
    # A row has no previous period: the argument is taken, so that both functions are called alike, and not used.
    names.insert(names.index("p_as_of"), "false")
    questions = _questions(catalogue, refs="array[p_ref]", reads_days=False)
    return (
        _environment()
        .get_template("kpi_rows.sql.j2")
        .render(
            parameters=_parameters(given),
            parameter_names=", ".join(names),
            declarations=_declarations(),
            questions=indent(questions.replace("where p_compare_previous", "where false"), "        "),
            refs=", ".join(i.ref for i in catalogue.computed),
            indicators=[{"ref": i.ref, "parts": _row_parts(catalogue, i)} for i in catalogue.computed],
        )
    )


def _lists(catalogue: Catalogue) -> str:
    given = [("p_ref", "text", None), *((n, k, d) for n, k, d in PARAMETERS if n != "p_refs")]
    of_members = [i.ref for i in catalogue.lists if i.listing and i.listing.entity == "member"]
    questions = _questions(catalogue, refs="array[p_ref]", reads_days=False)
    return (
        _environment()
        .get_template("kpi_list.sql.j2")
        .render(
            parameters=_parameters(given),
            # A list has no previous period: the argument is taken, so that every function is called alike.
            arguments=", ".join(f"{n} => {n}" for n, _, _ in PARAMETERS if n not in NOT_OF_LISTS),
            declarations=_declarations(f"case when p_ref = any({array(of_members)}) then '{{member}}' else '{{}}' end"),
            questions=indent(questions.replace("where p_compare_previous", "where false"), "        "),
            refs=[i.ref for i in catalogue.lists],
            lists=[{"ref": i.ref, "listing": i.listing, **_listed(catalogue, i)} for i in catalogue.lists],
            kinds={i.ref: i.kind for i in catalogue.computed},
        )
    )


def _listed(catalogue: Catalogue, i: Indicator) -> dict[str, Any]:
    """What a list is made of: its lines' key, and its rows under the filters of the indicator."""
    assert i.listing is not None
    if i.listing.of is None:
        return {"key": None, "rows": None, "fits": None}
    scan = scan_of(catalogue, Measure(i.listing.of, None, None, i.filters))
    key = i.listing.by or scan.relation.identifier
    return {"key": key, "rows": _rows_of(scan, ()), "fits": scan.fits()}


def _row_parts(catalogue: Catalogue, i: Indicator) -> list[dict[str, str]]:
    """The selections whose rows make up an indicator: one, or one above and one below the line."""
    parts: list[tuple[tuple[Measure, ...], str, str, str]]
    if i.median:
        parts = [((i.median,), i.median.value or "null", "1", i.median.where or "true")]
    elif i.bins:
        assert i.numerator is not None
        parts = [((i.numerator,), "1", "null", i.numerator.where or "true")]
    else:
        assert i.numerator is not None
        above = i.numerator.where or "true"
        value = i.numerator.value or "1"
        if i.denominator is None:
            parts = [((i.numerator,), value, "null", above)]
        elif scan_of(catalogue, i.numerator).name == scan_of(catalogue, i.denominator).name:
            below = i.denominator.where or "true"
            counted = f"case when {above} then {value} else 0 end"
            both = f"({above}) or ({below})" if above != below else above
            parts = [((i.numerator, i.denominator), counted, f"case when {below} then 1 else 0 end", both)]
        else:
            parts = [
                ((i.numerator,), value, "null", above),
                ((i.denominator,), "null", "1", i.denominator.where or "true"),
            ]
    return [
        {
            "entity": scan.relation.entity,
            "entity_id": scan.relation.identifier,
            "rows": _rows_of(scan, measures),
            "fits": scan.fits(),
            "bin": bin_name(i) if i.bins else "null",
            "numerator": numerator,
            "denominator": denominator,
            "condition": condition,
        }
        for measures, numerator, denominator, condition in parts
        for scan in [scan_of(catalogue, measures[0])]
    ]


def _rows_of(scan: Scan, measures: Iterable[Measure]) -> str:
    """The rows of a scan with the instant that makes each count: at the level of instants, never of days."""
    rows = SharedScan([scan]).rows(_counted_at(scan, measures)).replace(placeholder("bucket"), scan.bucket())
    for name, fact in ROLLUPS.items():
        rows = rows.replace(placeholder(name), by_event(fact))
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
