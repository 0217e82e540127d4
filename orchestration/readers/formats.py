"""How values are said to people, in each language of the catalogue: numbers, durations, amounts, days and instants.

Here: the one place of formats, by Babel's locale data, for the terminal, the screens and the digest; and plain values
for programs. Not here: the words around them, or what a number means (catalogue/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers

NOTHING = "–"
LETTER_BEFORE_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)")
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {"day": "d", "points": "pts", "new": "new"},
    "fr": {"day": "j", "points": "pts", "new": "nouveau"},
    "es": {"day": "d", "points": "pts", "new": "nuevo"},
}


# A page says hundreds of numbers, and the next page mostly the same ones, where Babel reads a pattern for each.
_remembered = lru_cache(50_000)


@_remembered
def say(value: Decimal | float | None, unit: str, currency: str = "", language: str = "en") -> str:
    """A number in the form of its unit; a dash where there is none (nothing to divide by, nobody to measure).

    Rates come as shares of 1 and are said in per cent; amounts in the currency's own decimals; durations are seconds.
    """
    if value is None:
        return NOTHING
    match unit:
        case "ratio":
            return numbers.format_percent(value, format=_percent_pattern(language), locale=language)
        case "seconds":
            return say_seconds(float(value), language)
        case "amount" if currency:
            # CLDR sets a code apart from the digits that follow it (KWD 1.000), which Babel leaves out.
            return LETTER_BEFORE_DIGIT.sub(
                "\N{NO-BREAK SPACE}", numbers.format_currency(value, currency, locale=language)
            )
        case "amount" | "score":
            return _decimal(value, 2, language)
        case _:
            return _decimal(value, 0 if value == int(value) else 2, language)


def say_seconds(seconds: float, language: str = "en") -> str:
    """Two units at most: 8.4 s, 3 min 05 s, 2 h 10 min, 1 d 4 h."""
    if seconds < 0:
        return "-" + say_seconds(-seconds, language)
    if seconds < 59.95:
        return f"{_decimal(seconds, 1, language)} s"
    whole = round(seconds)
    minutes, second = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {second:02d} s"
    hours, minute = divmod(round(seconds / 60), 60)
    if hours < 24:
        return f"{hours} h {minute:02d} min"
    days, hour = divmod(round(seconds / 3600), 24)
    return f"{_decimal(days, 0, language)} {WORDS[language]['day']} {hour} h"


@_remembered
def say_change(value: Decimal | None, previous: Decimal | None, unit: str, language: str = "en") -> str:
    """How the value moved against the previous period: in points for rates, in per cent for everything else."""
    if value is None or previous is None:
        return NOTHING
    if unit == "ratio":
        return f"{_decimal((value - previous) * 100, 1, language, signed=True)} {WORDS[language]['points']}"
    if previous == 0:
        return "=" if value == 0 else WORDS[language]["new"]
    moved = (value - previous) / abs(previous)
    pattern = _percent_pattern(language)
    return numbers.format_percent(moved, format=f"+{pattern};-{pattern}", locale=language)


@_remembered
def say_day(day: date, language: str = "en") -> str:
    """A day with its year: Nov 1, 2026; 1 nov. 2026."""
    return dates.format_date(day, "medium", locale=language)


@_remembered
def say_short_day(day: date, language: str = "en") -> str:
    """A day as charts name it, without its year."""
    return dates.format_skeleton("MMMd", day, locale=language)


def say_month(day: date, language: str = "en") -> str:
    return dates.format_skeleton("yMMM", day, locale=language)


def say_span(first: date, last: date, language: str = "en") -> str:
    """Both days included, said in one: Nov 1 – 26, 2026."""
    return say_day(first, language) if first == last else dates.format_interval(first, last, "yMMMd", locale=language)


def say_weekday(number: int, language: str = "en", width: str = "abbreviated") -> str:
    """The name of a weekday, 1 (Monday) to 7 (Sunday)."""
    return str(Locale(language).days["stand-alone"][width][number - 1])


def say_instant(at: datetime, timezone: str, language: str = "en", seconds: bool = False) -> str:
    """An instant on a brand's clock: day and local time, to the minute or the second."""
    local = at.astimezone(ZoneInfo(timezone))
    return f"{say_day(local.date(), language)} {local:%H:%M:%S}" if seconds else (
        f"{say_day(local.date(), language)} {local:%H:%M}"
    )  # fmt: skip


def plain(value: Any) -> Any:
    """For programs: plain numbers (seconds, shares of 1) and ISO dates, in lists and mappings too."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, time | date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _decimal(value: Decimal | float, digits: int, language: str, signed: bool = False) -> str:
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return numbers.format_decimal(value, format=f"+{pattern};-{pattern}" if signed else pattern, locale=language)


@cache
def _percent_pattern(language: str) -> str:
    """The language's own form of a percentage, to one decimal."""
    return str(Locale(language).percent_formats[None].pattern).replace("##0", "##0.0")
