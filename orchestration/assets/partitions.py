"""Which days: one daily definition over extract days (UTC), and how days become a few contiguous runs.

Not here: what is loaded in a day (ingestion.py) or who asks for it (automation/).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dagster import DailyPartitionsDefinition

# A shop that is closed for a week still makes one stretch: a run costs more than a few days without extracts.
GAP_DAYS = 7


@dataclass(frozen=True)
class Stretch:
    """Extract days from `first` to `last`, both included, and which families have extracts there."""

    first: date
    last: date
    families: frozenset[str]


def daily(first: date) -> DailyPartitionsDefinition:
    """One partition a UTC day from `first` to today: today's extract may stand there before the day is over."""
    return DailyPartitionsDefinition(start_date=first.isoformat(), timezone="UTC", end_offset=1)


def days_of(window: Any) -> list[date]:
    """The days of a run's half-open time window, oldest first."""
    first, end = window.start.date(), window.end.date()
    return [first + timedelta(days=number) for number in range((end - first).days)]


def stretches(extracts: Iterable[tuple[date, str]], gap: int = GAP_DAYS) -> list[Stretch]:
    """Join (day, family) pairs into stretches, oldest first; up to `gap` days without extracts do not end one."""
    families: dict[date, set[str]] = {}
    for day, family in extracts:
        families.setdefault(day, set()).add(family)
    groups: list[list[date]] = []
    for day in sorted(families):
        if groups and (day - groups[-1][-1]).days <= gap + 1:
            groups[-1].append(day)
        else:
            groups.append([day])
    return [Stretch(days[0], days[-1], _union(families[day] for day in days)) for days in groups]


def _union(sets: Iterable[Collection[str]]) -> frozenset[str]:
    return frozenset().union(*sets)
