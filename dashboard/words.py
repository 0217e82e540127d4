"""The words of the screens in each language, and numbers, days and names of dimensions said in it.

Here: words.yml read, checked and asked. Not here: names and meanings of indicators (the catalogue), sentences of checks
and refusals (orchestration/sentences.py), the forms of numbers and dates (orchestration/readers/formats.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.tables import NUMERIC, Cell, Column
from orchestration import sentences, yaml_keys
from orchestration.catalogue import catalogue
from orchestration.catalogue.model import LANGUAGES
from orchestration.readers import formats
from orchestration.readers.brand import Brand
from orchestration.sources.loading.row_rules import rule_sentence

FILE = Path(__file__).parent / "words.yml"
NONE = "(none)"


class WordsError(ValueError):
    """A word that words.yml lacks, in all or in one language."""


@dataclass(frozen=True)
class Words:
    """One language. `words["key"]` is a phrase; an unknown key raises WordsError, so that nothing goes untranslated."""

    language: str
    phrases: Mapping[str, str]
    values: Mapping[str, str]
    checks: Mapping[str, str]

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
        return sentences.in_language(rule_sentence(name), self.language)

    def told(self, sentence: Mapping[str, Any] | None, text: str | None) -> str:
        """What a check found or expected, or why an extract was refused; `text` is what was written beside it."""
        return sentences.told(sentence, text, self.language) or ""

    def check(self, name: str, table: str) -> str:
        """A check, by its name in marts.data_quality."""
        # A guard that failed itself may bear its dataset's name too. An earlier version may have had other checks.
        said = self.checks.get(name) or self.checks.get(name.removeprefix(f"{table}_"))
        return said or name.replace("_", " ")

    def checks_state(self, failed: int, judged: int) -> str:
        """How the checks of a brand ended, of which `failed` did not pass; that there were none is no good news."""
        if not judged:
            return self["checks_none"]
        return self["checks_failed"].format(failed, judged) if failed else self["checks_fine"].format(judged)

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
        for section in ("phrases", "values", "checks")
        for key, translations in said[section].items()
        for missing in LANGUAGES
        if not isinstance(translations, dict) or not translations.get(missing)
    ]
    if lacking:
        raise WordsError(f"{path.name} lacks {', '.join(lacking)}")
    phrases, values, checks = (
        {str(key): translations[language] for key, translations in said[section].items()}
        for section in ("phrases", "values", "checks")
    )
    of_catalogue = {value: texts[language] for value, texts in catalogue.load().values.items()}
    return Words(language, phrases, of_catalogue | values, checks)
