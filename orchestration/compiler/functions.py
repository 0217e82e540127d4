"""Renders the functions and views of marts, and those by which a run is audited.

Not here: what an indicator is (catalogue/), the SQL that these functions put their statements together from
(statements.py), and the functions' text (dbt_project/indicators/*.sql.j2).
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestration.catalogue import catalogue as at_hand
from orchestration.catalogue.catalogue import settling
from orchestration.catalogue.model import CHANNELS, LANGUAGES, SOURCES, Catalogue, Indicator
from orchestration.compiler.daily import DIMENSIONS as DAILY_DIMENSIONS
from orchestration.compiler.daily import bi_daily
from orchestration.compiler.sql import (
    BOUND,
    BOUND_OF_LISTS,
    BOUND_OF_QUESTIONS,
    BREAKDOWNS,
    PARAMETERS,
    QUESTION_COLUMNS,
    array,
    render,
)
from orchestration.sources.contract import CONVERSATION_CHANNELS

# The same for kpi_rows and kpi_list, which ask for one indicator or list.
OF_ONE = (("p_ref", "text", None), *(parameter for parameter in PARAMETERS if parameter[0] != "p_refs"))
# What a question is refused beyond: days, buckets of time beside a second breakdown, and rows of the answer by an
# estimate, in which a breakdown whose values are not known beforehand counts as so many buckets.
LIMITS = {"days": 3_700, "periods": 400, "rows": 200_000, "unknown_buckets": 50}


# Views of marts for people and BI tools, in which the catalogue has no part.
ANALYSTS_VIEWS = ("dim_member_current", "customer_order", "time_spine")


@at_hand.made_once
def reader_functions(catalogue: Catalogue) -> list[str]:
    """The functions and labelled views of marts that answer from the catalogue, as SQL, in the order in which they must
    be created."""
    return [
        _check_question(catalogue),
        _answering("kpi_report", catalogue, PARAMETERS),
        _answering("kpi_rows", catalogue, OF_ONE),
        _answering("kpi_list", catalogue, OF_ONE),
        *(_labelled(catalogue, language) for language in LANGUAGES),
        *(render(f"{view}.sql.j2") for view in ANALYSTS_VIEWS),
        bi_daily(catalogue),
    ]


def _labelled(catalogue: Catalogue, language: str) -> str:
    return render(
        "kpi_period_labelled.sql.j2",
        language=language,
        areas=catalogue.areas,
        values=catalogue.values,
        indicators=[(i.ref, i.kind, i.dimensions) for i in catalogue.dated],
    )


@at_hand.made_once
def audit_functions(catalogue: Catalogue) -> list[str]:
    """`next.kpi_answers` and `next.kpi_shares`: the report over the schema `next`, before anything is published, for
    all touched periods, and how settled they are."""
    made = [_answering(name, catalogue, PARAMETERS) for name in ("kpi_answers", "kpi_shares")]
    return [function.replace("marts.", "next.") for function in made]


def _answering(name: str, catalogue: Catalogue, parameters: Iterable[tuple[str, str, str | None]]) -> str:
    """A function that puts its statement together from the rows of kpi_scan and kpi_line."""
    return render(
        f"{name}.sql.j2",
        parameters=_declared(parameters),
        parameter_names=", ".join(name for name, _, _ in PARAMETERS),
        bound_names=BOUND,
        bound_of_questions=BOUND_OF_QUESTIONS,
        bound_of_lists=BOUND_OF_LISTS,
        question_columns=QUESTION_COLUMNS,
        catalogue=catalogue,
        # Beside the buckets of a breakdown by time, what is told for an instant or for all time states its total.
        undated=[i.ref for i in catalogue.computed if i.ignores],
        lists_of_members=[i.ref for i in catalogue.lists if i.listing and i.listing.entity == "member"],
        ages=settling().ages,
        daily_dimensions=DAILY_DIMENSIONS,
        longest=max(i.settling_days for i in catalogue.computed),
    )


def _declared(parameters: Iterable[tuple[str, str, str | None]]) -> str:
    return ",\n".join(
        f"    {name} {kind}" + (f" default {default}" if default else "") for name, kind, default in parameters
    )


def _check_question(catalogue: Catalogue) -> str:
    allowed = {
        "source": ("p_sources", array(SOURCES), ", ".join(SOURCES)),
        "channel": ("p_channels", array(CHANNELS), ", ".join(CHANNELS)),
        "conversation channel": (
            "p_conversation_channels",
            array(CONVERSATION_CHANNELS),
            ", ".join(CONVERSATION_CHANNELS),
        ),
        "role": ("p_roles", "array[0, 1, 2, 3, 4, 5, 6]", "0 to 6"),
        "weekday": ("p_weekdays", "array[1, 2, 3, 4, 5, 6, 7]", "1 (Monday) to 7 (Sunday)"),
        "breakdown": ("p_breakdown", array(BREAKDOWNS), ", ".join(BREAKDOWNS)),
        "indicator": ("p_refs", array(catalogue.indicators), ", ".join(catalogue.indicators)),
    }
    return render(
        "kpi_check_question.sql.j2",
        parameters=_declared(PARAMETERS),
        lists=[{"name": n, "parameter": p, "allowed": a, "shown": s} for n, (p, a, s) in allowed.items()],
        limits=LIMITS,
        sources=SOURCES,
        channels=CHANNELS,
        conversation_channels=CONVERSATION_CHANNELS,
        shows=[{"ref": i.ref, "line": _shown_line(i)} for i in catalogue.indicators.values() if not i.is_computed],
    )


def _shown_line(indicator: Indicator) -> str:
    if indicator.kind == "live":
        return f"{indicator.ref} is read live, by causerie live"
    if indicator.kind == "list":
        return f"{indicator.ref} is a list: ask marts.kpi_list('{indicator.ref}', ...)"
    shown = ", ".join(s.ref for s in indicator.shows)
    by = " and ".join(indicator.shows[0].breakdown or ["total"])
    presets = {f"sources {', '.join(s.sources)}" for s in indicator.shows if s.sources}
    return f"{indicator.ref} presents {shown} by {by}" + (f" ({'; '.join(sorted(presets))} preset)" if presets else "")
