"""Sentences about the data that people read in their own language: what a check found, why an extract was refused.

Here: sentences.yml read; a sentence with its values as plain English text, as JSON to be stored, and told in a
language. Not here: who says what (expectations/, sources/), the other words of the screens (dashboard/words.py).
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from orchestration import yaml_keys
from orchestration.readers import formats

FILE = Path(__file__).with_name("sentences.yml")
LANGUAGES = tuple(formats.WORDS)
MOST_NAMED = 10


class SentencesError(ValueError):
    """What sentences.yml lacks in a language."""


class Sentence(str):
    """A sentence of sentences.yml with its values; as text it is the plain English one, for logs and programs.

    Values are texts, numbers, ISO days, other sentences, and lists of these: text that is put together otherwise is
    text, and told as it stands. Raises KeyError for a sentence that the file does not have, and a value that it lacks.
    """

    key: str
    values: Mapping[str, Any]

    def __new__(cls, key: str, /, **values: Any) -> Sentence:
        sentence = super().__new__(cls, _Plain().vformat(_file()["sentences"][key]["en"], (), values))
        sentence.key, sentence.values = key, values
        return sentence

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.key,), dict(self.values)

    def changed(self, change: Callable[[str], str]) -> Sentence:
        """The same sentence with each text among its values changed."""
        return Sentence(self.key, **{name: _changed(value, change) for name, value in self.values.items()})


def several(said: Sequence[str]) -> str:
    """Many sentences as one: the first ten, and how many more there are."""
    if len(said) == 1:
        return said[0]
    first, more = list(said[:MOST_NAMED]), len(said) - MOST_NAMED
    return Sentence("several_more", said=first, more=more) if more > 0 else Sentence("several", said=first)


def as_json(said: str | None) -> dict[str, Any] | None:
    """A sentence as it is stored beside its text; None for any other text."""
    return {"key": said.key, "values": _stored(said.values)} if isinstance(said, Sentence) else None


def from_json(stored: Mapping[str, Any]) -> Sentence:
    """A sentence as as_json, or a query, wrote it. Raises KeyError as Sentence does."""
    return Sentence(stored["key"], **{name: _restored(value) for name, value in stored["values"].items()})


def told(stored: Mapping[str, Any] | None, text: str | None, language: str) -> str | None:
    """A stored sentence in a language. Its `text` where none was stored (as by earlier versions, and of what others
    said: a database, a library), or where this version has no such sentence."""
    if stored is None:
        return text
    try:
        return in_language(from_json(stored), language)
    except (KeyError, ValueError, TypeError):
        return text


def recognised(text: str, keys: str) -> str:
    """A text that is kept by itself (as the name of something that is counted), as the sentence that it was: one whose
    key begins with `keys`. Any other text as it stands."""
    for key, pattern in _patterns(keys):
        if found := pattern.fullmatch(text):
            return Sentence(key, **found.groupdict())
    return text


def in_language(said: str, language: str) -> str:
    """A sentence for people, with numbers and days as their language writes them; any other text as it stands."""
    if not isinstance(said, Sentence):
        return said
    return _Told(language).vformat(_file()["sentences"][said.key][language], (), said.values)


@cache
def _file() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """The sections of sentences.yml. Raises SentencesError naming whatever lacks a language."""
    sections = yaml_keys.load(FILE.read_text(encoding="utf-8"))
    wanted = {"sentences": LANGUAGES, "words": LANGUAGES[1:]}
    lacking = [
        f"{section}.{key} ({language})"
        for section, languages in wanted.items()
        for key, said in sections[section].items()
        for language in languages
        if not said.get(language)
    ]
    if lacking:
        raise SentencesError(f"{FILE.name} lacks {', '.join(lacking)}")
    return dict(sections)


@cache
def _patterns(keys: str) -> list[tuple[str, re.Pattern[str]]]:
    texts = {key: said["en"] for key, said in _file()["sentences"].items() if key.startswith(keys)}
    return [
        (
            key,
            re.compile("".join(re.escape(text) + (f"(?P<{name}>.+)" if name else "") for text, name, *_ in parts)),
        )
        for key, parts in ((key, string.Formatter().parse(text)) for key, text in texts.items())
    ]


class _Plain(string.Formatter):
    """Values as programs and logs write them."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, list | tuple):
            mark = "; " if any(isinstance(one, Sentence) for one in value) else ", "
            return mark.join(self.format_field(one, format_spec) for one in value)
        match format_spec:
            case "share":
                return f"{value:.0%}"
            case "weekday":
                return f"{date.fromisoformat(str(value)):%A}"
            case "day" | "period" | "word":
                return str(value)
        return format(value, format_spec)


class _Told(_Plain):
    """Values as people of a language write them."""

    def __init__(self, language: str) -> None:
        self.language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Sentence):
            return in_language(value, self.language)
        if isinstance(value, list | tuple):
            return super().format_field(value, format_spec)
        match format_spec:
            case "" | "," if isinstance(value, int | float):
                return formats.say(value, "count", language=self.language)
            case "share":
                return formats.say(value, "ratio", language=self.language)
            case "day":
                return formats.say_day(date.fromisoformat(str(value)), self.language)
            case "weekday":
                return formats.say_weekday(date.fromisoformat(str(value)).isoweekday(), self.language, "wide")
            case "word":
                return self._word(str(value))
            case "period":
                return self._period(str(value))
        return super().format_field(value, format_spec)

    def _word(self, word: str) -> str:
        return _file()["words"].get(word, {}).get(self.language, word)

    def _period(self, text: str) -> str:
        """A period as the guards' queries name it: grain, first day, and what part of the brand it is of."""
        grain, day, *part = text.split()
        said = [self._word(grain), formats.say_day(date.fromisoformat(day), self.language)]
        return " ".join([*said, *(self._word(word) for word in part if word != "all")])


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Sentence):
        return value.changed(change)
    if isinstance(value, list | tuple):
        return [_changed(one, change) for one in value]
    return change(value) if isinstance(value, str) else value


def _stored(value: Any) -> Any:
    if isinstance(value, Sentence):
        return as_json(value)
    if isinstance(value, Mapping):
        return {name: _stored(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_stored(one) for one in value]
    return formats.plain(value)


def _restored(value: Any) -> Any:
    if isinstance(value, Mapping):
        return from_json(value)
    return [_restored(one) for one in value] if isinstance(value, list) else value
