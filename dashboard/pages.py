"""Which page shows which elements: pages.yml for the overview and the dashboards replaced, the catalogue for its areas.

Not here: how an element is drawn (elements.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.elements import Element, kind_of
from orchestration import yaml_keys
from orchestration.catalogue import catalogue
from orchestration.catalogue.catalogue import Catalogue
from orchestration.catalogue.model import LANGUAGES

FILE = Path(__file__).parent / "pages.yml"
# What an area's page is made of, in order: the words of each section and the kinds in it.
SECTIONS = (("figures", ("card",)), ("charts", ("funnel", "line", "hours", "donut", "histogram", "parts")),
            ("lists", ("list",)))  # fmt: skip


class PagesError(ValueError):
    """pages.yml and the catalogue disagree; the message names every ref, dashboard or word at fault."""


@dataclass(frozen=True)
class Section:
    """Elements under a heading, which is a phrase of words.yml (`word`) or said in each language (`names`)."""

    elements: tuple[Element, ...]
    names: Mapping[str, str] | None = None
    word: str | None = None


@dataclass(frozen=True)
class Dashboard:
    """A page like one of the dashboards that Causerie replaces."""

    name: str
    names: Mapping[str, str]
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Pages:
    """All pages that are made of elements."""

    headlines: tuple[Element, ...]
    funnel: Element
    lines: tuple[Element, ...]
    steps: Mapping[int, tuple[Element, ...]]
    areas: Mapping[str, tuple[Section, ...]]
    dashboards: Mapping[str, Dashboard]

    def elements(self) -> Iterator[Element]:
        """Every element of every page."""
        yield from (*self.headlines, self.funnel, *self.lines)
        for sections in (*self.areas.values(), *(dashboard.sections for dashboard in self.dashboards.values())):
            for section in sections:
                yield from section.elements


@cache
def load(path: Path = FILE) -> Pages:
    """The pages, checked against the catalogue. Raises PagesError."""
    known = catalogue.load()
    said = yaml_keys.load(path.read_text(encoding="utf-8"))
    faults: list[str] = []
    dashboards = {
        name: Dashboard(
            name,
            _names(entry, f"dashboard {name}", faults),
            tuple(
                Section(
                    tuple(_element(one, known, f"dashboard {name}", faults) for one in section["elements"]),
                    _names(section, f"a section of dashboard {name}", faults),
                )
                for section in entry["sections"]
            ),
        )
        for name, entry in said["dashboards"].items()
    }
    overview = said["overview"]
    pages = Pages(
        tuple(_element(ref, known, "overview", faults) for ref in overview["headlines"]),
        Element("funnel", tuple(overview["funnel"])),
        tuple(_element(ref, known, "overview", faults) for ref in overview["lines"]),
        {step: _step(known, step) for step in (1, 2, 3)},
        {area: tuple(_of_area(known, area)) for area in known.areas if area != "live"},
        dashboards,
    )
    faults += _undrawn(pages, known)
    if faults:
        raise PagesError(f"{path.name}: " + "; ".join(faults))
    return pages


def _names(entry: Mapping[str, Any], where: str, faults: list[str]) -> Mapping[str, str]:
    names: Mapping[str, str] = entry.get("names", {})
    faults += [f"{where} has no name in '{language}'" for language in LANGUAGES if not names.get(language)]
    return names


def _element(said: Any, known: Catalogue, where: str, faults: list[str]) -> Element:
    """An entry of pages.yml; what the catalogue does not know goes to `faults`."""
    if isinstance(said, str):
        if said not in known.indicators:
            faults.append(f"{where} names {said}, which is not in the catalogue")
            return Element("card", (said,))
        return Element(kind_of(known.indicators[said]), (said,))
    if "funnel" in said:
        stages = tuple(ref for ref in known.indicators if ref.startswith(f"{said['funnel']}-"))
        if not stages:
            faults.append(f"{where} draws the funnel {said['funnel']}, of which the catalogue has no stage")
        return Element("funnel", stages)
    ref = said.get("trend") or said.get("parts")
    if ref not in known.indicators:
        faults.append(f"{where} names {ref}, which is not in the catalogue")
    elif "by" in said and said["by"] not in known.indicators[ref].dimensions:
        faults.append(f"{where} draws {ref} by {said['by']}, which is none of its dimensions")
    return Element("line", (ref,)) if "trend" in said else Element("parts", (ref,), said["by"])


def _step(known: Catalogue, step: int) -> tuple[Element, ...]:
    return tuple(Element("card", (i.ref,)) for i in known.indicators.values() if i.conversion_step == step)


def _of_area(known: Catalogue, area: str) -> Iterator[Section]:
    """The sections of an area's page: everything that the catalogue has of it."""
    found: list[Element] = []
    stages: dict[str, list[str]] = {}
    for i in known.indicators.values():
        if i.area != area:
            continue
        if kind_of(i) == "funnel":
            stages.setdefault(i.ref.rsplit("-", 1)[0], []).append(i.ref)
            continue
        found.append(Element(kind_of(i), (i.ref,)))
        found += [Element("parts", (i.ref,), by) for by in i.breakdowns]
    found += [Element("funnel", tuple(refs)) for refs in stages.values()]
    for word, kinds in SECTIONS:
        elements = tuple(one for kind in kinds for one in found if one.kind == kind)
        if elements:
            yield Section(elements, word=word)


def _undrawn(pages: Pages, known: Catalogue) -> list[str]:
    """What the catalogue has and no page draws. (Live ones are the live page's, which shows what a reading holds.)"""
    drawn = {ref for element in pages.elements() for ref in element.refs}
    return [f"no page draws {i.ref}" for i in known.indicators.values() if kind_of(i) != "live" and i.ref not in drawn]
