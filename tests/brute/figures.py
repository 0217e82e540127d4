"""Figures as every section gives them: (value, numerator, denominator), exact.

Here: counts, ratios, averages, medians, bins. Not here: what goes into them.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from fractions import Fraction

Number = int | Fraction
Figure = tuple[Number | None, Number | None, Number | None]
Answers = dict[tuple[str, str | None], Figure]

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Names with their upper bounds, which are out; the last has none.
BINS = (
    ("<1 min", MINUTE), ("1-2 min", 2 * MINUTE), ("2-5 min", 5 * MINUTE), ("5-10 min", 10 * MINUTE),
    ("10-30 min", 30 * MINUTE), ("30 min-1 day", DAY), ("1-3 days", 3 * DAY), (">3 days", None),
)  # fmt: skip
LENGTH_BINS = (
    ("0-2 min", 2 * MINUTE), ("2-5 min", 5 * MINUTE), ("5-10 min", 10 * MINUTE), ("10-30 min", 30 * MINUTE),
    ("30 min-1 h", HOUR), ("1 h-1 day", DAY), ("1-7 days", 7 * DAY), ("7-30 days", 30 * DAY),
    ("30-180 days", 180 * DAY), ("more", None),
)  # fmt: skip
DELAY_BINS = (("<1 h", HOUR), ("1 h-1 day", DAY), ("1-7 days", 7 * DAY), ("7-30 days", 30 * DAY), ("more", None))
SOURCES = ("waiting_list", "direct", "hook", "phygital")


def seconds(duration: timedelta) -> Fraction:
    """A duration in seconds, exact to the microsecond."""
    return Fraction(duration // timedelta(microseconds=1), 1_000_000)


def count(things: Collection[object]) -> Figure:
    return len(things), len(things), None


def amount(values: Collection[Fraction]) -> Figure:
    total = sum(values, Fraction())
    return total, total, None


def ratio(part: Number, whole: Number) -> Figure:
    return (Fraction(part) / whole if whole else None), part, whole


def average(values: Collection[Number]) -> Figure:
    return ratio(sum(values, Fraction()), len(values))


def median(values: Collection[Number]) -> Figure:
    ordered = sorted(Fraction(value) for value in values)
    if not ordered:
        return None, None, 0
    middle = len(ordered) // 2
    value = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return value, None, len(ordered)


def histogram(ref: str, bins: Sequence[tuple[str, timedelta | None]], durations: Collection[timedelta]) -> Answers:
    """Every bin of a bar chart, the empty ones as 0."""
    found: dict[str, list[timedelta]] = {name: [] for name, _ in bins}
    for duration in durations:
        found[next(name for name, upper in bins if upper is None or duration < upper)].append(duration)
    return {(ref, name): count(inside) for name, inside in found.items()}


def donut(ref: str, sources: Collection[str]) -> Answers:
    """Every source of a donut, the empty ones as 0."""
    return {(ref, source): count([one for one in sources if one == source]) for source in SOURCES}
