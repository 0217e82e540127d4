"""Targets of one's own, targets.yml: which bound an indicator is to keep in each day, week, month, quarter or year.

    targets:
      - {ref: Chat-Card-12, period: week, at_least: 0.6}
      - {ref: Chat-Card-15, period: month, at_most: 300, brand: my-brand}

Durations are seconds, rates shares of 1. Without a brand a target is every brand's. Here: reading and judging them. Not
here: telling people (automation/alerts.py), bounds of what is believable (the catalogue's plausible).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import psycopg
import yaml

from orchestration import yaml_keys
from orchestration.catalogue import catalogue
from orchestration.readers.formats import say
from orchestration.readers.published_history import period_name
from orchestration.readers.report import GRAINS

KEYS = ("ref", "period", "at_least", "at_most", "brand")
# A period is judged once: when its first value is published, after it is over.
MISSED = """
select p.brand_id, b.currency, p.period_start, p.value
from marts.kpi_published as p
inner join marts.dim_brand as b on b.brand_id = p.brand_id
where
    p.generation = (select max(generation) from marts.publication) and p.cause = 'first'
    and p.ref = %(ref)s and p.grain = %(grain)s and p.dimension = 'all' and p.dimension_value = 'all' and p.bin = ''
    and (%(brand)s::text is null or p.brand_id = %(brand)s)
    and (p.value < %(at_least)s or p.value > %(at_most)s)
    and p.period_start >= (
        select max(l.period_start) from marts.kpi_published as l
        where l.brand_id = p.brand_id and l.ref = p.ref and l.grain = p.grain and l.dimension = 'all'
    )
order by p.brand_id
"""


class TargetsError(ValueError):
    """targets.yml says something that can't be judged; the message names each line at fault and what is allowed."""


@dataclass(frozen=True)
class Target:
    """A bound that the value of an indicator keeps in every period of a grain."""

    ref: str
    grain: str
    at_least: Decimal | None
    at_most: Decimal | None
    brand: str | None

    @property
    def wanted(self) -> str:
        unit = catalogue.load().indicators[self.ref].unit
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{word} {say(value, unit)}" for word, value in bounds if value is not None)


@dataclass(frozen=True)
class Missed:
    """A target that a period did not keep."""

    target: Target
    brand: str
    currency: str
    period_start: date
    value: Decimal

    def __str__(self) -> str:
        known = catalogue.load().indicators[self.target.ref]
        value = say(self.value, known.unit, self.currency)
        when = period_name(self.target.grain, self.period_start)
        return f"{self.brand}, {known.names['en']} ({known.ref}) of {when}: {value}, wanted {self.target.wanted}"


def read_targets(file: Path) -> list[Target]:
    """The targets of a file; none where it is not there. Raises TargetsError naming everything at fault at once."""
    if not file.exists():
        return []
    try:
        said = yaml_keys.load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise TargetsError(f"{file.name}: {' '.join(str(error).split())}") from None
    entries = said.get("targets") if isinstance(said, dict) else None
    if not isinstance(entries, list):
        raise TargetsError(f"{file.name}: wanted a list under `targets:`")
    faults: list[str] = []
    targets = [_target(entry, f"target {number}", faults) for number, entry in enumerate(entries, 1)]
    if faults:
        raise TargetsError(f"{file.name}: " + "; ".join(faults))
    return [target for target in targets if target]


def _target(entry: Any, where: str, faults: list[str]) -> Target | None:
    if not isinstance(entry, dict):
        faults.append(f"{where} is no set of {', '.join(KEYS)}")
        return None
    before = len(faults)
    faults += [f"{where}: '{key}' is none of {', '.join(KEYS)}" for key in entry if key not in KEYS]
    dated = [i.ref for i in catalogue.load().dated if not i.bins]
    if entry.get("ref") not in dated:
        faults.append(f"{where}: '{entry.get('ref')}' is no indicator with a value of its own in a period")
    if entry.get("period") not in GRAINS:
        faults.append(f"{where}: period '{entry.get('period')}' is none of {', '.join(GRAINS)}")
    bounds = {name: _number(entry.get(name), f"{where}: {name}", faults) for name in ("at_least", "at_most")}
    if len(faults) == before and bounds["at_least"] is None and bounds["at_most"] is None:
        faults.append(f"{where} has no bound: at_least or at_most")
    if len(faults) > before:
        return None
    return Target(entry["ref"], entry["period"], bounds["at_least"], bounds["at_most"], entry.get("brand"))


def _number(value: Any, where: str, faults: list[str]) -> Decimal | None:
    if value is None:
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        faults.append(f"{where} {value!r} is no number")
        return None


def missed(connection: psycopg.Connection[Any], targets: Sequence[Target]) -> list[Missed]:
    """What the newest publication, the first after a period's end, shows of targets that the period did not keep."""
    found = []
    for target in targets:
        asked = {"ref": target.ref, "grain": target.grain, "brand": target.brand,
                 "at_least": target.at_least, "at_most": target.at_most}  # fmt: skip
        found += [Missed(target, *row) for row in connection.execute(MISSED, asked)]
    return found
