"""The words of the screens in each language, and numbers, days and names of dimensions said in it.

Here: words.yml read, checked and asked. Not here: names and meanings of indicators (the catalogue), the forms of
numbers and dates (orchestration/readers/formats.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.tables import NUMERIC, Cell, Column
from orchestration import yaml_keys
from orchestration.catalogue import catalogue
from orchestration.catalogue.model import LANGUAGES
from orchestration.readers import formats
from orchestration.readers.brand import Brand

FILE = Path(__file__).parent / "words.yml"
NONE = "(none)"
# What of a check's expectation is its own: the day or the share that it was held against.
OWN = re.compile(r"(\d{4}-\d\d-\d\d)|(\d+)%")


class WordsError(ValueError):
    """A word that words.yml lacks, in all or in one language."""


@dataclass(frozen=True)
class Words:
    """One language. `words["key"]` is a phrase; an unknown key raises WordsError, so that nothing goes untranslated."""

    language: str
    phrases: Mapping[str, str]
    values: Mapping[str, str]
    checks: Mapping[str, Mapping[str, str]]

    def __getitem__(self, key: str) -> str:
        try:
            return self.phrases[key]
        except KeyError:
            raise WordsError(f"{FILE.name} has no phrase {key!r}") from None

    def value(self, value: str) -> str:
        """A value of a dimension or a class of a histogram: what the shop's own systems call it where it is theirs."""
        return self.values.get(value, value)

    def area(self, area: str) -> str:
        return catalogue.load().areas[area][self.language]

    def dataset(self, name: str) -> str:
        """A dataset, or one kind of its events, by its name in the contract."""
        return self.values.get(name) or name.replace("_", " ").replace(".", ": ")

    def rule(self, name: str) -> str:
        """What a row in quarantine breaks."""
        return self.value(f"rule {name}")

    def check(self, name: str, table: str) -> str:
        """A check, by its name in marts.data_quality."""
        said = self._check(name, table)
        return said["name"] if said else name.replace("_", " ")

    def expected(self, name: str, table: str, recorded: str) -> str:
        """What a check expects; `recorded` is what marts.data_quality says of it."""
        said = self._check(name, table)
        if said is None:
            return recorded
        own = OWN.search(recorded)
        if own is None:
            return said["expected"]
        day, share = own.groups()
        return said["expected"].format(
            self.day(date.fromisoformat(day)) if day else self.say(Decimal(share) / 100, "ratio")
        )

    def _check(self, name: str, table: str) -> Mapping[str, str] | None:
        # A guard that failed itself may bear its dataset's name too. An earlier version may have had other checks.
        return self.checks.get(name) or self.checks.get(name.removeprefix(f"{table}_"))

    def role(self, number: Any) -> str:
        return self.value("role {}").format(number)

    def dimension(self, dimension: str, value: str, brand: Brand | None = None) -> str:
        """The value of a bucket as a person would say it."""
        match dimension:
            case "day" | "week":
                return formats.say_short_day(date.fromisoformat(value), self.language)
            case "month":
                return formats.say_month(date.fromisoformat(value), self.language)
            case "hour":
                return f"{int(value):02d}:00"
            case "weekday":
                return formats.say_weekday(int(value), self.language)
            case "role" if value != NONE:
                return self.role(value)
            case "inbox":
                return self.value(NONE) if value == NONE else value
            case "member" if brand and value in brand.members:
                return brand.members[value].name
        return self.value(value)

    def say(self, value: Decimal | float | None, unit: str, currency: str = "") -> str:
        return formats.say(value, unit, currency, self.language)

    def change(self, value: Decimal | None, before: Decimal | None, unit: str) -> str:
        return formats.say_change(value, before, unit, self.language)

    def span(self, first: date, last: date) -> str:
        return formats.say_span(first, last, self.language)

    def day(self, day: date) -> str:
        return formats.say_day(day, self.language)

    def instant(self, at: datetime, timezone: str, seconds: bool = False) -> str:
        return formats.say_instant(at, timezone, self.language, seconds)

    def seconds(self, seconds: float) -> str:
        return formats.say_seconds(seconds, self.language)

    def weekday(self, number: int | str) -> str:
        return formats.say_weekday(int(number), self.language)

    def cell(self, cell: Cell, column: Column, currency: str = "", timezone: str = "UTC") -> str:
        """A table's cell for people."""
        unit = cell.unit or column.unit
        if cell.value is None:
            return formats.NOTHING
        if unit == "role":
            return self.role(cell.value)
        if unit in NUMERIC:
            return self.say(cell.value, unit, currency)
        if isinstance(cell.value, datetime):
            return self.instant(cell.value, timezone, seconds=True)
        return self.day(cell.value) if isinstance(cell.value, date) else str(cell.value)


@cache
def load(language: str, path: Path = FILE) -> Words:
    """The words of a language. Raises WordsError naming every phrase that lacks one of the languages."""
    said = yaml_keys.load(path.read_text(encoding="utf-8"))
    lacking = [
        f"{section}.{key} ({missing})"
        for section in ("phrases", "values")
        for key, translations in said[section].items()
        for missing in LANGUAGES
        if not isinstance(translations, dict) or not translations.get(missing)
    ]
    lacking += [
        f"checks.{name}.{part} ({missing})"
        for name, parts in said["checks"].items()
        for part in ("name", "expected")
        for missing in LANGUAGES
        if not parts.get(part, {}).get(missing)
    ]
    if lacking:
        raise WordsError(f"{path.name} lacks {', '.join(lacking)}")
    phrases, values = (
        {str(key): translations[language] for key, translations in said[section].items()}
        for section in ("phrases", "values")
    )
    of_catalogue = {value: texts[language] for value, texts in catalogue.load().values.items()}
    checks = {
        name: {part: translations[language] for part, translations in parts.items()}
        for name, parts in said["checks"].items()
    }
    return Words(language, phrases, of_catalogue | values, checks)
