"""The brand clock: where a local day begins, and which instants pass a period, a slot and weekdays.

Here: instants only. Not here: what happens at them.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=100_000)
def day_begins(zone: ZoneInfo, day: date) -> datetime:
    """The first instant whose local date is `day` (or later, where the zone skipped that date), in UTC.

    Minute by minute: slow, and right where midnight comes twice or not at all.
    """
    instant = datetime.combine(day, time(), UTC) - timedelta(hours=15)
    while instant.astimezone(zone).date() < day:
        instant += timedelta(minutes=1)
    return instant


def in_slot(zone: ZoneInfo, instant: datetime, time_from: time | None, time_to: time | None) -> bool:
    """Whether the local clock time lies in [from, to); None stands for 00:00 and 24:00; from > to wraps midnight."""
    clock = instant.astimezone(zone).time()
    if time_from is None and time_to is None:
        return True
    begin = time_from or time()
    if time_to is None:
        return clock >= begin
    if begin == time_to:
        raise ValueError(f"an empty slot: from {begin} to {time_to}")
    if begin < time_to:
        return begin <= clock < time_to
    return clock >= begin or clock < time_to
