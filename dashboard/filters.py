"""What a viewer looks at: brand, period, comparison and filters, as they stand in the URL of every page.

Here: reading them from a query string and writing them back, the presets, and the question to marts that they make.
Not here: what is asked for (elements.py).
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from orchestration.readers.brand import Brand
from orchestration.readers.report import Question, Span, period_of
from orchestration.sources.contract import CHANNELS, CONVERSATION_CHANNELS, SOURCES

PRESETS = (
    "today", "yesterday", "last_7", "last_30", "last_90", "this_week", "previous_week", "this_month", "previous_month",
    "this_quarter", "previous_quarter", "this_year", "previous_year",
)  # fmt: skip
COMPARISONS = ("before", "weekdays", "year", "none")
GRAINS = ("day", "week", "month")
# Filters that are lists, by the name in the URL: the attribute of a question.
LISTS = {
    "source": "sources", "channel": "channels", "role": "roles", "member": "members", "weekday": "weekdays",
    "inbox": "inboxes", "conversation_channel": "conversation_channels",
}  # fmt: skip


class FilterError(ValueError):
    """A value in the URL that means nothing; `word` names the message, `values` fill it."""

    def __init__(self, name: str, value: str, allowed: Iterable[str]) -> None:
        self.name, self.value, self.allowed = name, value, list(allowed)
        super().__init__(f"{name}: {value!r} is none of {', '.join(self.allowed)}")


@dataclass(frozen=True)
class Filters:
    """All that a URL says; its `path` goes with any page. `span`: first and last local day, both included."""

    brand: str
    language: str
    preset: str | None
    span: Span
    comparison: str
    before: Span | None
    grain: str | None
    time_from: time | None = None
    time_to: time | None = None
    lists: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def shown_grain(self) -> str:
        """The grain of lines: the one chosen, else days up to a quarter, weeks up to a year, months beyond."""
        days = (self.span[1] - self.span[0]).days + 1
        return self.grain or ("day" if days <= 93 else "week" if days <= 366 else "month")

    def question(
        self, refs: Sequence[str], breakdown: Sequence[str] = (), sources: Sequence[str] | None = None,
        span: Span | None = None,
    ) -> Question:  # fmt: skip
        """These filters as a question about indicators; `sources` stands for the filter's where given."""
        said: dict[str, Any] = {LISTS[name]: list(values) for name, values in self.lists.items()}
        if sources is not None:
            said["sources"] = list(sources)
        return Question(
            self.brand, *(span or self.span), time_from=self.time_from, time_to=self.time_to,
            breakdown=list(breakdown), refs=list(refs), **said,
        )  # fmt: skip

    def pairs(self, **changes: Any) -> list[tuple[str, str]]:
        """The query string's names and values; a change of None takes a name away."""
        said: dict[str, Any] = {"brand": self.brand, "lang": self.language}
        if self.preset:
            said["period"] = self.preset
        else:
            said |= {"from": self.span[0].isoformat(), "to": self.span[1].isoformat()}
        said["compare"] = self.comparison
        if self.comparison == "free" and self.before:
            said |= {"compare_from": self.before[0].isoformat(), "compare_to": self.before[1].isoformat()}
        said["grain"] = self.grain
        said["time_from"] = self.time_from and _said(self.time_from)
        said["time_to"] = self.time_to and _said(self.time_to)
        said |= self.lists
        said |= changes
        if ("from" in changes or "to" in changes) and "period" not in changes:
            said["period"] = None
        shown: list[tuple[str, str]] = []
        for name, value in said.items():
            if value is None or (name, value) in (("period", "last_30"), ("compare", "before")):
                continue
            values = value if isinstance(value, list | tuple) else [value]
            shown += [(name, str(one)) for one in values]
        return shown

    def url(self, path: str, **changes: Any) -> str:
        """The address of a page under these filters, changed as told."""
        return f"{quote(path)}?{'&'.join(_encoded(name, value) for name, value in self.pairs(**changes))}"

    def bucket(self, breakdown: Sequence[str], values: Sequence[str]) -> dict[str, Any]:
        """What makes these filters those of one bucket: by definition its value is that question's."""
        changes: dict[str, Any] = {}
        for name, value in zip(breakdown, values, strict=True):
            if name in ("day", "week", "month"):
                first, last = period_of(name, date.fromisoformat(value))
                changes |= {"from": max(first, self.span[0]).isoformat(), "to": min(last, self.span[1]).isoformat()}
                changes |= {"grain": None, "compare": "none"}
            elif name == "hour":
                changes |= {"time_from": f"{int(value):02d}:00", "time_to": f"{(int(value) + 1) % 24:02d}:00"}
            elif name in LISTS:
                changes[name] = [value]
        return changes


@lru_cache(10_000)
def _encoded(name: str, value: str) -> str:
    """A name with its value in a query string: a page has hundreds of addresses, which are almost the same."""
    return urlencode([(name, value)])


def known_lists(brand: Brand) -> dict[str, dict[str, str]]:
    """Of each list that marts can be asked by, the values there are to choose from; of members their names."""
    choices: dict[str, dict[str, str]] = {
        "source": {name: name for name in SOURCES},
        "channel": {name: name for name in CHANNELS},
        "role": {str(number): str(number) for number in range(7)},
        "weekday": {str(number): str(number) for number in range(1, 8)},
        "member": {member.member_id: member.name for member in brand.members.values()},
        "inbox": {name: name for name in brand.inboxes},
        "conversation_channel": {name: name for name in CONVERSATION_CHANNELS},
    }
    return choices


def read(query: Sequence[tuple[str, str]], brand: Brand, language: str, now: datetime | None = None) -> Filters:
    """The filters of a query string. Raises FilterError naming the value and what is allowed."""
    said: dict[str, list[str]] = {}
    for name, value in query:
        if value:
            said.setdefault(name, []).append(value)

    def one(name: str) -> str | None:
        return said.get(name, [None])[-1]

    first, last = (_day(name, one(name)) for name in ("from", "to"))
    preset = one("period") or (None if first or last else "last_30")
    if preset == "free":
        preset = None if first or last else "last_30"
    if preset:
        span = preset_span(_among("period", preset, PRESETS), today(brand, now))
    else:
        first, last = first or last, last or first
        assert first and last
        if first > last:
            raise FilterError("from", first.isoformat(), [f"<= {last.isoformat()}"])
        span = first, last
    comparison = _among("compare", one("compare") or "before", (*COMPARISONS, "free"))
    free = tuple(_day(name, one(name)) for name in ("compare_from", "compare_to"))
    grain = one("grain")
    lists: dict[str, Sequence[Any]] = {}
    for name, choices in known_lists(brand).items():
        if values := said.get(name):
            for value in values:
                _among(name, value, choices)
            lists[name] = [int(value) for value in values] if name in ("role", "weekday") else values
    time_from, time_to = (_time(name, one(name)) for name in ("time_from", "time_to"))
    if time_from and time_to and time_from == time_to:
        raise FilterError("time_to", f"{time_to:%H:%M}", [f"≠ {time_from:%H:%M}"])
    return Filters(
        brand.brand_id, language, preset, span, comparison, compared(span, comparison, free),
        _among("grain", grain, GRAINS) if grain else None, time_from, time_to, lists,
    )  # fmt: skip


def today(brand: Brand, now: datetime | None = None) -> date:
    """The day that presets count from: the brand's date, but where the data are behind, the day after their last."""
    return min(
        (now or datetime.now(UTC)).astimezone(ZoneInfo(brand.timezone)).date(), brand.last_day + timedelta(days=1)
    )


def preset_span(preset: str, now: date) -> Span:
    """First and last day of a preset. Days end with yesterday; "this" week, month, quarter or year ends today."""
    yesterday = now - timedelta(days=1)
    kind, _, rest = preset.partition("_")
    if preset == "today":
        return now, now
    if preset == "yesterday":
        return yesterday, yesterday
    if kind == "last":
        return now - timedelta(days=int(rest)), yesterday
    first = period_of(rest, now)[0]
    return (first, now) if kind == "this" else period_of(rest, first - timedelta(days=1))


def compared(span: Span, comparison: str, free: Sequence[date | None] = ()) -> Span | None:
    """The period to compare with, or None."""
    first, last = span
    days = (last - first).days + 1
    match comparison:
        case "before":
            back = timedelta(days=days)
        case "weekdays":
            back = timedelta(days=-(-days // 7) * 7)
        case "year":
            return _year_before(first), _year_before(last)
        case "free" if any(free):
            start, end = (day or next(d for d in free if d) for day in free)
            return (start, end) if start <= end else (end, start)
        case _:
            return None
    return first - back, last - back


def _said(at: time) -> str:
    return at.isoformat("auto" if at.second or at.microsecond else "minutes")


def _year_before(day: date) -> date:
    in_month = calendar.monthrange(day.year - 1, day.month)[1]
    return day.replace(year=day.year - 1, day=min(day.day, in_month))


def _among(name: str, value: str, allowed: Iterable[str]) -> str:
    allowed = list(allowed)
    if value not in allowed:
        raise FilterError(name, value, allowed)
    return value


def _parsed(name: str, value: str | None, read_as: Callable[[str], Any], form: str) -> Any:
    if value is None:
        return None
    try:
        return read_as(value)
    except ValueError:
        raise FilterError(name, value, [form]) from None


def _day(name: str, value: str | None) -> date | None:
    found: date | None = _parsed(name, value, date.fromisoformat, "2026-03-31")
    return found


def _time(name: str, value: str | None) -> time | None:
    found: time | None = _parsed(name, value, time.fromisoformat, "09:30")
    return found


def is_stale(brand: Brand, now: datetime | None = None) -> bool:
    """Do complete days of the brand's clock lie beyond the data? One is usual until the night's run."""
    local = (now or datetime.now(UTC)).astimezone(ZoneInfo(brand.timezone)).date()
    return brand.last_day < local - timedelta(days=2)
