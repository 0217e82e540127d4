"""The brand itself: its settings, its members, their promotions, and when somebody is at work.

Here: constants and the brand's clock. Not here: anything random.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

BRAND_ID = "maison-lumen"
CURRENCY = "EUR"
ZONE_NAME = "Europe/Paris"
ZONE = ZoneInfo(ZONE_NAME)

DAILY_HOURS = [["10:00", "13:00"], ["14:00", "19:00"]]
SATURDAY_HOURS = [["10:00", "18:00"]]


def closed_days(year: int) -> list[str]:
    """The local dates of a year on which nobody works, whatever the weekday."""
    return [f"{year}-01-01", f"{year}-05-01", f"{year}-12-25"]


def working_hours(year: int) -> dict[str, Any]:
    """The contract's working_hours object, the year being the simulation's first."""
    week = {str(weekday): DAILY_HOURS for weekday in range(1, 6)}
    studio = {str(weekday): [["09:00", "18:00"]] for weekday in range(1, 6)}
    closed = closed_days(year) + closed_days(year + 1)
    return {**week, "6": SATURDAY_HOURS, "7": [], "closed": closed, "teams": {"studio": studio}}


@dataclass(frozen=True)
class Member:
    """A member as first known. Labels, not names: nobody here is a person."""

    member_id: str
    label: str
    role: int
    team: str


MEMBERS = (
    Member("member-1", "Adviser 1", 0, "boutique"),
    Member("member-2", "Adviser 2", 1, "boutique"),
    Member("member-3", "Adviser 3", 2, "boutique"),
    Member("member-4", "Adviser 4", 2, "studio"),
    Member("member-5", "Adviser 5", 3, "studio"),
    Member("member-6", "Adviser 6", 4, "care"),
    Member("member-7", "Adviser 7", 5, "care"),
    Member("member-8", "Adviser 8", 6, "care"),
)

# (days after the start, member, new role, new team). Early and late ones, so that short and long simulations have one
# in the middle, and a longer simulation begins exactly like a shorter one.
PROMOTIONS = (
    (3, "member-3", 3, "boutique"),
    (15, "member-2", 2, "boutique"),
    (30, "member-5", 5, "studio"),
    (31, "member-6", 4, "boutique"),
    (90, "member-1", 1, "boutique"),
)


@lru_cache(maxsize=4096)
def shifts(day: date) -> tuple[tuple[datetime, datetime], ...]:
    """The brand's working intervals of a local date, as UTC instants [from, to)."""
    if day.isoformat() in closed_days(day.year) or day.isoweekday() == 7:
        return ()
    hours = SATURDAY_HOURS if day.isoweekday() == 6 else DAILY_HOURS
    return tuple((_utc(day, opening), _utc(day, closing)) for opening, closing in hours)


def _utc(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), ZONE).astimezone(UTC)


def is_open(instant: datetime) -> bool:
    """Whether somebody is at work at that instant."""
    return next_open(instant) == instant


def next_open(instant: datetime) -> datetime:
    """The instant itself during working hours, else the next opening."""
    day = instant.astimezone(ZONE).date()
    while True:
        for opening, closing in shifts(day):
            if instant < closing:
                return max(instant, opening)
        day += timedelta(days=1)
