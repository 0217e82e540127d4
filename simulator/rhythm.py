"""When things happen: how busy a day and an hour are, and how long people take.

Here: draws of instants, counts and durations. Not here: what happens at them.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random

from simulator.brand import ZONE

# Share of traffic by the brand's local hour 0..23: lunch and the evening are the busy ones.
HOURS = (2, 1, 0.5, 0.3, 0.3, 0.5, 1, 3, 5, 7, 9, 10, 12, 11, 9, 9, 9, 10, 11, 11, 13, 13, 9, 5)
# Traffic by weekday, Monday first.
WEEKDAYS = (1.0, 0.95, 1.0, 0.95, 1.05, 1.2, 0.85)


@lru_cache(maxsize=4096)
def _hour_weights(day: date) -> tuple[float, ...]:
    midnight = datetime.combine(day, time(), UTC)
    return tuple(accumulate(HOURS[(midnight + timedelta(hours=hour)).astimezone(ZONE).hour] for hour in range(24)))


def instant_on(rng: Random, day: date) -> datetime:
    """An instant of the UTC day, drawn by the rhythm of the brand's local hours (so clock changes need no care)."""
    hour = rng.choices(range(24), cum_weights=_hour_weights(day))[0]
    return datetime.combine(day, time(hour), UTC) + timedelta(milliseconds=rng.randrange(3_600_000))


def volume_on(rng: Random, day: date, usual: float) -> int:
    """How many things of `usual` daily frequency happen on that day, give or take a tenth."""
    return max(1, round(usual * WEEKDAYS[day.weekday()] * rng.uniform(0.9, 1.1)))


def after(rng: Random, instant: datetime, median_seconds: float, spread: float = 1.0) -> datetime:
    """A later instant: a log-normal delay of that median; spread 1 makes one in forty about seven times longer."""
    return instant + timedelta(milliseconds=1 + round(1000 * median_seconds * rng.lognormvariate(0, spread)))
