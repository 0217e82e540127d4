"""The catalogue of indicators: kpi_catalogue.yml read, and the rows of marts.dim_kpi.

Not here: what an entry may say (model.py, validation.py), the facts that are counted (facts.py), and how an indicator
becomes SQL (compiler/).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar

import yaml

from orchestration import yaml_keys
from orchestration.catalogue.model import WINDOW, Catalogue, Indicator, Names, Relation
from orchestration.catalogue.validation import Known, faults_of_indicator, faults_of_relation, read_entry
from orchestration.settings import PROJECT

CATALOGUE_FILE = PROJECT / "dbt_project" / "kpi_catalogue.yml"
DBT_PROJECT_FILE = PROJECT / "dbt_project" / "dbt_project.yml"


class CatalogueError(ValueError):
    """The catalogue says something that cannot be built; the message names the entry, the key and what is allowed."""


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
def load(path: Path = CATALOGUE_FILE) -> Catalogue:
    """Reads and validates the catalogue.

    Raises:
        CatalogueError: naming each entry at fault, the key, and what is allowed; all faults at once.
    """
    try:
        document = yaml_keys.load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise CatalogueError(f"{path.name}: {' '.join(str(error).split())}") from None
    faults: list[str] = []
    sections = ("bins", "dimensions", "relations", "areas", "values", "indicators")
    faults += [f"'{s}' is no section; allowed: {', '.join(sections)}" for s in document if s not in sections]
    relations = {
        name: relation
        for name, entry in document["relations"].items()
        if (relation := read_entry(Relation, entry, f"relation {name}", faults, name=name))
    }
    areas, values = (
        {
            str(name): names.root
            for name, entry in document[section].items()
            if (names := read_entry(Names, entry, f"{owner} {name}", faults))
        }
        for section, owner in (("areas", "area"), ("values", "value"))
    )
    entries = [(str(entry.get("ref", f"indicator {n}")), entry) for n, entry in enumerate(document["indicators"], 1)]
    indicators = {ref: i for ref, entry in entries if (i := read_entry(Indicator, entry, ref, faults))}
    twice = [ref for ref, times in Counter(ref for ref, _ in entries).items() if times > 1]
    faults += [f"{ref}: this ref stands twice" for ref in twice]
    known = Known(document["relations"], relations, document["areas"], {ref for ref, _ in entries}, indicators)
    faults += [f"relation {r.name}: {fault}" for r in relations.values() for fault in faults_of_relation(r)]
    faults += [f"{i.ref}: {fault}" for i in indicators.values() for fault in faults_of_indicator(i, known)]
    if faults:
        raise CatalogueError(f"{path.name}: " + ";\n".join(faults))
    for indicator in indicators.values():
        ignored = [relations[measure.of].ignores for _, measure in indicator.measures]
        indicator._ignores = tuple(part for part in WINDOW if ignored and all(part in parts for parts in ignored))
    return Catalogue(relations, indicators, areas, values)


Made = TypeVar("Made")


def made_once(make: Callable[[Catalogue], Made]) -> Callable[..., Made]:
    """Of the catalogue at hand, unless another is given, and made but once of each: neither it nor what is made of it
    ever changes, and to render all of its SQL takes a second."""
    made = cache(make)

    @wraps(make)
    def of(catalogue: Catalogue | None = None) -> Made:
        return made(catalogue or load())

    return of


@made_once
def dim_kpi_rows(catalogue: Catalogue) -> list[dict[str, Any]]:
    """The rows of marts.dim_kpi, one per indicator, in the catalogue's order."""
    return [
        {
            "ref": i.ref,
            "area": i.area,
            **{f"name_{language}": text for language, text in i.names.items()},
            **{f"meaning_{language}": text for language, text in i.meaning.items()},
            "unit": i.unit,
            "stability": i.stability,
            "settling_days": i.settling_days,
            "filters": list(i.filters),
            "dimensions": list(i.dimensions) if i.is_computed else [],
            "rests_on": i.rests_on,
            "is_additive": i.additive is True and i.kind == "count",
            "roll_up": catalogue.roll_up(i),
            "roll_up_by_member": catalogue.roll_up(i, "member"),
            "good_direction": i.good,
            "plausible_min": i.plausible[0],
            "plausible_max": i.plausible[1],
            "conversion_step": i.conversion_step,
            "dashboards": list(i.dashboards),
            "status": i.status,
        }
        for i in catalogue.indicators.values()
    ]
