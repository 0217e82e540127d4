"""The catalogue of indicators: kpi_catalogue.yml read, checked and typed.

Here: what an indicator is, and the rows of marts.dim_kpi. Not here: how it becomes SQL (compiler/).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from orchestration.settings import PROJECT

CATALOGUE_FILE = PROJECT / "dbt_project" / "kpi_catalogue.yml"
DBT_PROJECT_FILE = PROJECT / "dbt_project" / "dbt_project.yml"
LANGUAGES = ("en", "fr", "es")
UNITS = ("count", "ratio", "seconds", "amount", "score")
STABILITIES = ("fixed", "fluctuating", "mixed", "live")
FILTERS = ("source", "member", "role", "channel")
# Dimensions that nothing can be asked for by, only told apart by.
BREAKDOWNS = ("ad", "ad_payload", "notification_channel")
# What of a question's window a relation may leave out, by the names that a report gives.
WINDOW = ("dates", "slot", "weekdays")
PERIOD_BREAKDOWNS = ("day", "week", "month")
TIME_BREAKDOWNS = (*PERIOD_BREAKDOWNS, "hour")


def time_breakdowns(ignores: Collection[str]) -> tuple[str, ...]:
    """The breakdowns by time that mean something to what ignores these parts of the window: an hour is a slot."""
    without = {"hour"} if "slot" in ignores else set()
    without |= {*PERIOD_BREAKDOWNS} if "dates" in ignores else set()
    return tuple(b for b in TIME_BREAKDOWNS if b not in without)


class CatalogueError(ValueError):
    """The catalogue says something that cannot be built; the message names the entry, the value and what is allowed."""


@dataclass(frozen=True)
class Relation:
    """A kind of thing that can be counted, one row each.

    `anchor` is the SQL instant that must lie in the window; `columns` are those that it has beside its fact's, from
    `join`; `identifier` tells one of the things from another; `entity_key` names its columns where one thing is several
    rows of the fact, and `aggregates` what then describes it; such a thing counts each value of `distinct_by` once.
    `count_on_first_day`: whole days count each thing on the first of its days in the period, without a group by.
    `ignores` says what of the window does not apply, where a thing counts for an instant or for all time.
    """

    name: str
    fact: str
    anchor: str
    ignores: tuple[str, ...]
    where: str | None
    join: str | None
    columns: Mapping[str, str]
    dimensions: Mapping[str, str]
    member_known_at: str | None
    member_given: str | None
    entity_key: tuple[str, ...]
    distinct_by: tuple[str, ...]
    aggregates: Mapping[str, str]
    count_on_first_day: bool
    entity: str
    identifier: str


@dataclass(frozen=True)
class Measure:
    """A number over the rows of a relation: how many satisfy `where`, or the sum, average or median of `value`.

    Where the value is a time span in seconds, `duration` is that span as an interval: quicker to sum and to sort.
    """

    of: str
    where: str | None
    value: str | None
    filters: tuple[str, ...]
    breakdowns: tuple[str, ...] = ()
    duration: str | None = None


@dataclass(frozen=True)
class Bin:
    """A class of a histogram (`low` <= value < `high`, in seconds; None = open) or of a donut (its value)."""

    name: str
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Column:
    """A column of a list: an indicator for the line's member (`ref`), what is known of that member (`member`: name or
    role), or an SQL expression over the rows of the line (`value`)."""

    name: str
    names: Mapping[str, str]
    ref: str | None
    member: str | None
    value: str | None


@dataclass(frozen=True)
class Listing:
    """What a list holds: a line for each row of the relation `of`, or for each value of `by` over them, or, where the
    entity is a member, for each member with any figure. `order` sorts by columns; members are sorted by name."""

    entity: str
    of: str | None
    where: str | None
    by: str | None
    order: str | None
    limit: int | None
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Indicator:
    """One indicator of the contract, by its ref; its `kind` is count, ratio, median, shows, list or live.

    `settling_days`: days after the period's end from which a fluctuating value is taken as settled (0 when fixed).
    `breakdowns`: what it can be told apart by beside its filters; `ignores`: what of the window does not apply to it.
    `rises`: a fluctuating one whose count (of a rate, the numerator) never falls as more is known.
    `shows`: for a line or a list, the indicators that it presents; it has no value of its own. `listing`: of a list,
    its lines. A live one is counted by indicators/live.sql.j2, straight from the chat database.
    """

    ref: str
    area: str
    names: Mapping[str, str]
    meaning: Mapping[str, str]
    unit: str
    stability: str
    settling_days: int
    filters: tuple[str, ...]
    breakdowns: tuple[str, ...]
    ignores: tuple[str, ...]
    kind: str
    numerator: Measure | None
    denominator: Measure | None
    median: Measure | None
    bins: tuple[Bin, ...]
    bins_by: str | None
    unknown_unless: str | None
    shows: tuple[Mapping[str, Any], ...]
    listing: Listing | None
    rises: bool
    is_additive: bool
    good: str | None
    plausible: tuple[float | None, float | None]
    conversion_step: int | None
    dashboards: tuple[str, ...]
    status: str

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Every breakdown that it can be asked by."""
        return (*self.filters, *self.breakdowns, *time_breakdowns(self.ignores))


@dataclass(frozen=True)
class Catalogue:
    """All of kpi_catalogue.yml."""

    relations: Mapping[str, Relation]
    indicators: Mapping[str, Indicator]
    areas: Mapping[str, Mapping[str, str]]

    @property
    def computed(self) -> list[Indicator]:
        """The indicators that have values of their own, in the catalogue's order."""
        return [i for i in self.indicators.values() if i.kind not in ("shows", "list", "live")]

    @property
    def lists(self) -> list[Indicator]:
        """The lists, which marts.kpi_list answers."""
        return [i for i in self.indicators.values() if i.kind == "list"]

    @property
    def dated(self) -> list[Indicator]:
        """Those that belong to the whole of a period, and so can be stated for each: the indicators of kpi_period."""
        return [i for i in self.computed if not i.ignores]


@dataclass(frozen=True)
class Settling:
    """How settling is measured: the ages (days after a period's end) and the tolerance around the final value."""

    ages: tuple[int, ...]
    tolerance: float


@cache
def settling(path: Path = DBT_PROJECT_FILE) -> Settling:
    """As dbt_project.yml says, whose models measure it."""
    said = yaml.safe_load(path.read_text(encoding="utf-8"))["vars"]
    return Settling(tuple(said["settling_ages"]), said["settling_tolerance"])


@cache
def mart_columns(folder: Path = PROJECT / "dbt_project" / "models" / "marts") -> Mapping[str, tuple[str, ...]]:
    """The columns of each mart, as its contract says."""
    return {
        model["name"]: tuple(column["name"] for column in model["columns"])
        for path in folder.glob("*.yml")
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    }


def _relation(name: str, entry: Mapping[str, Any], identifiers: Mapping[str, str]) -> Relation:
    anchor = entry.get("anchor_expression") or (f"f.{entry['anchor']}" if "anchor" in entry else "")
    entity_key = tuple(entry.get("entity_key", ()))
    return Relation(
        name=name,
        fact=entry["fact"],
        anchor=anchor,
        ignores=tuple(entry.get("ignores", ())),
        where=entry.get("where"),
        join=entry.get("join"),
        columns=entry.get("columns", {}),
        dimensions=entry.get("dimensions", {}),
        member_known_at=entry.get("member_known_at"),
        member_given=entry.get("member_given"),
        entity_key=entity_key,
        distinct_by=tuple(entry.get("distinct_by", ())),
        aggregates=entry.get("aggregates", {}),
        count_on_first_day=entry.get("count_on_first_day", False),
        entity=entry["entity"],
        identifier=" || ' ' || ".join(entity_key) if entity_key else identifiers[entry["fact"]],
    )


def _measure(entry: Mapping[str, Any], filters: tuple[str, ...], breakdowns: tuple[str, ...]) -> Measure:
    duration = entry.get("duration")
    return Measure(
        of=entry["of"],
        where=entry.get("where"),
        value=f"extract(epoch from {duration})" if duration else entry.get("value", entry.get("sum")),
        filters=tuple(entry.get("filters", filters)),
        breakdowns=breakdowns,
        duration=duration,
    )


def _bins(entry: Mapping[str, Any], bins: Mapping[str, list[Any]]) -> tuple[Bin, ...]:
    if "by" in entry:
        return tuple(Bin(name, None, None) for name in bins[entry["by"]])
    return tuple(Bin(b["name"], b.get("from"), b.get("to")) for b in bins[entry["edges"]])


def _listing(entry: Mapping[str, Any]) -> Listing:
    return Listing(
        entity=entry["entity"],
        of=entry.get("of"),
        where=entry.get("where"),
        by=entry.get("by"),
        order=entry.get("order"),
        limit=entry.get("limit"),
        columns=tuple(
            Column(c["name"], c.get("names", {}), c.get("ref"), c.get("member"), c.get("value"))
            for c in entry["columns"]
        ),
    )


def _indicator(entry: Mapping[str, Any], bins: Mapping[str, list[Any]], relations: Mapping[str, Relation]) -> Indicator:
    filters, breakdowns = tuple(entry["filters"]), tuple(entry.get("breakdowns", ()))
    numerator = denominator = median = None
    classes: tuple[Bin, ...] = ()
    bins_by = None
    if "average" in entry:
        kind = "ratio"
        numerator = _measure(entry["average"], filters, breakdowns)
        denominator = _measure(
            {k: v for k, v in entry["average"].items() if k not in ("value", "duration")}, filters, breakdowns
        )
    elif "median" in entry:
        kind = "median"
        median = _measure(entry["median"], filters, breakdowns)
    elif "bins" in entry:
        kind = "count"
        numerator = _measure(entry["bins"], filters, breakdowns)
        classes = _bins(entry["bins"], bins)
        bins_by = entry["bins"].get("by")
    elif "shows" in entry:
        kind = "shows"
    elif "list" in entry:
        kind = "list"
    elif entry["stability"] == "live":
        kind = "live"
    else:
        numerator = _measure(entry["numerator"], filters, breakdowns)
        denominator = _measure(entry["denominator"], filters, breakdowns) if "denominator" in entry else None
        kind = "ratio" if denominator else "count"
    measured = [relations[m.of].ignores for m in (numerator, denominator, median) if m and m.of in relations]
    listing = _listing(entry["list"]) if kind == "list" else None
    by_member = [c.ref for c in listing.columns if c.ref] if listing else []
    shows = entry.get("shows", [{"ref": ref, "breakdown": ["member"]} for ref in by_member])
    low, high = entry.get("plausible", (0, 1 if entry["unit"] == "score" else None))
    return Indicator(
        ref=entry["ref"],
        area=entry["area"],
        names=entry["names"],
        meaning=entry["meaning"],
        unit=entry["unit"],
        stability=entry["stability"],
        settling_days=entry.get("settling_days", 0),
        filters=filters,
        breakdowns=breakdowns,
        ignores=tuple(part for part in WINDOW if measured and all(part in ignored for ignored in measured)),
        kind=kind,
        numerator=numerator,
        denominator=denominator,
        median=median,
        bins=classes,
        bins_by=bins_by,
        unknown_unless=entry.get("unknown_unless"),
        shows=tuple(shows),
        listing=listing,
        rises=entry.get("rises", False),
        is_additive=entry.get("additive", False),
        good=entry.get("good"),
        plausible=(low, high),
        conversion_step=entry.get("conversion_step"),
        dashboards=tuple(entry.get("dashboards", ("popsell",))),
        status=entry.get("status", "built"),
    )


def _check(catalogue: Catalogue) -> None:
    """Raises CatalogueError naming every entry that cannot be built, all at once."""
    faults: list[str] = []
    for i in catalogue.indicators.values():
        for what, value, allowed in (
            ("unit", i.unit, UNITS),
            ("stability", i.stability, STABILITIES),
            ("area", i.area, tuple(catalogue.areas)),
            ("status", i.status, ("built", "proposed")),
        ):
            if value not in allowed:
                faults.append(f"{i.ref}: {what} '{value}' is none of {', '.join(allowed)}")
        faults += [f"{i.ref}: filter '{f}' is none of {', '.join(FILTERS)}" for f in i.filters if f not in FILTERS]
        strange = [b for b in i.breakdowns if b not in BREAKDOWNS]
        faults += [f"{i.ref}: breakdown '{b}' is none of {', '.join(BREAKDOWNS)}" for b in strange]
        strangers = sorted({*i.names, *i.meaning} - {*LANGUAGES})
        faults += [f"{i.ref}: '{s}' is no language; allowed: {', '.join(LANGUAGES)}" for s in strangers]
        for language in LANGUAGES:
            if not i.names.get(language) or not i.meaning.get(language):
                faults.append(f"{i.ref}: no name or meaning in '{language}'")
        for measure in (i.numerator, i.denominator, i.median):
            if measure and measure.of not in catalogue.relations:
                faults.append(f"{i.ref}: relation '{measure.of}' is none of {', '.join(catalogue.relations)}")
        if i.listing:
            if i.listing.of and i.listing.of not in catalogue.relations:
                faults.append(f"{i.ref}: relation '{i.listing.of}' is none of {', '.join(catalogue.relations)}")
            faults += [
                f"{i.ref}: column '{c.name}' has no name in '{language}'"
                for c in i.listing.columns
                for language in LANGUAGES
                if not (c.ref or c.names.get(language))
            ]
        faults += [
            f"{i.ref}: shows '{s['ref']}', which is not in the catalogue"
            for s in i.shows
            if s["ref"] not in catalogue.indicators
        ]
        if i.stability == "fluctuating" and i.settling_days <= 0:
            faults.append(f"{i.ref}: a fluctuating indicator needs settling_days")
    if faults:
        raise CatalogueError(f"{CATALOGUE_FILE.name}: " + "; ".join(faults))


@cache
def load(path: Path = CATALOGUE_FILE) -> Catalogue:
    """Reads and checks the catalogue.

    Raises:
        CatalogueError: naming each entry at fault, the value, and what is allowed.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    refs = [entry["ref"] for entry in document["indicators"]]
    twice = sorted({ref for ref in refs if refs.count(ref) > 1})
    if twice:
        raise CatalogueError(f"{path.name}: these refs stand twice: {', '.join(twice)}")
    relations = {n: _relation(n, entry, document["identifiers"]) for n, entry in document["relations"].items()}
    catalogue = Catalogue(
        relations=relations,
        indicators={entry["ref"]: _indicator(entry, document["bins"], relations) for entry in document["indicators"]},
        areas=document["areas"],
    )
    _check(catalogue)
    return catalogue


def dim_kpi_rows(catalogue: Catalogue | None = None) -> list[dict[str, Any]]:
    """The rows of marts.dim_kpi, one per indicator, in the catalogue's order."""
    catalogue = catalogue or load()
    return [
        {
            "ref": i.ref,
            "area": i.area,
            **{f"name_{language}": i.names[language] for language in LANGUAGES},
            **{f"meaning_{language}": i.meaning[language] for language in LANGUAGES},
            "unit": i.unit,
            "stability": i.stability,
            "settling_days": i.settling_days,
            "filters": list(i.filters),
            "dimensions": list(i.dimensions) if i.kind not in ("shows", "list", "live") else [],
            "is_additive": i.is_additive,
            "good_direction": i.good,
            "plausible_min": i.plausible[0],
            "plausible_max": i.plausible[1],
            "conversion_step": i.conversion_step,
            "dashboards": list(i.dashboards),
            "status": i.status,
        }
        for i in catalogue.indicators.values()
    ]
