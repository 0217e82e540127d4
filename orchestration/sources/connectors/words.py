"""The words of the sources file: their shapes, as Pydantic models, and a reader that knows the line of each.

Not here: what a word means for a dataset (sources_file.py, chat_database.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Place = tuple[str | int, ...]

FILES_WORDS = ("root", "layout", "day_from", "delimiter", "encoding")
SQL_WORDS = ("url", "url_env", "query", "from", "changed_since", "deletes", "lookback_days")


class SourcesError(ValueError):
    """The sources file says something that can't be followed; the message names each place and what is allowed."""


class Words(BaseModel):
    """A mapping in which every word is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LinesWords(Words):
    """A second dataset from the rows that `rows: first per` leaves aside, and from the first ones too."""

    dataset: str
    columns: dict[str, str | list[str]] = {}
    values: dict[str, dict[str, str]] = {}
    number: str | None = None
    round: dict[str, int] = {}


class DatasetWords(Words):
    """Where a dataset comes from, and by what names."""

    connector: Literal["files", "sql"] = "files"
    expect: Literal["daily", "when changed"] = "when changed"
    connected_from: date | None = None
    # files
    root: str | None = None
    layout: Literal["days", "flat"] = "days"
    day_from: Literal["modified", "name"] = "modified"
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    encoding: str | None = None
    # sql
    url: str | None = None
    url_env: str | None = None
    query: str | None = None
    first: date | None = Field(None, alias="from")
    changed_since: str | None = None
    deletes: Literal["compare", "ignore"] = "ignore"
    lookback_days: int = Field(3, ge=0)
    # the mapping
    columns: dict[str, str | list[str]] = {}
    values: dict[str, dict[str, str]] = {}
    constants: dict[str, str] = Field({}, alias="set")
    where: dict[str, str | list[str]] = {}
    # A column that says why a row is not meant; such rows are counted by what it says.
    left_out: str | None = None
    rows: str | None = Field(None, pattern=r"^first per .+$")
    decimal: Literal[".", ","] = "."
    timezone: str | None = None
    format: dict[str, str] = {}
    round: dict[str, int] = {}
    hash: dict[str, Literal["email", "phone", "exact"]] = {}
    lines: LinesWords | None = None


class SystemWords(Words):
    """A packaged system: where its database is, or its files, and its brands by the system's own number for each."""

    url: str | None = None
    url_env: str | None = None
    root: str | None = None
    brands: dict[str, dict[str, str]] = Field(min_length=1)


class TableWords(Words):
    """A dataset in the chat database: a table, or a query."""

    table: str | None = None
    query: str | None = None
    columns: dict[str, str | list[str]] = {}
    values: dict[str, dict[str, str]] = {}


class LiveWords(Words):
    """What live indicators read. `reuse`: the queries of the datasets, read now."""

    reuse: bool = False
    timeout_seconds: float = Field(default=5, gt=0, le=3600)
    cache_seconds: float = Field(default=5, ge=0, le=3600)
    tables: dict[str, Literal["none"] | TableWords] = {}


class Document(Words):
    """The whole file."""

    systems: dict[str, SystemWords] = {}
    datasets: dict[str, DatasetWords] = {}
    live: LiveWords = Field(default_factory=LiveWords)


class Faults:
    """What is wrong with a file, collected: each with its line and its place."""

    def __init__(self, path: Path, lines: Mapping[Place, int]) -> None:
        self.path = path
        self.found: list[tuple[int, str]] = []
        self._lines = lines

    def add(self, place: Place, text: str) -> None:
        """Note a fault at a place (`("datasets", "orders", "columns")`)."""
        line = next((self._lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in self._lines), 1)
        shown = ".".join(str(part) for part in place)
        fault = (line, f"line {line}: {shown + ': ' if shown else ''}{text}")
        if fault not in self.found:
            self.found.append(fault)

    def raise_if_any(self) -> None:
        if self.found:
            told = "; ".join(text for _, text in sorted(self.found))
            count = f"{len(self.found)} faults: " if len(self.found) > 1 else ""
            raise SourcesError(f"{self.path}: {count}{told}")


def read_words(path: Path) -> tuple[Mapping[str, Any], Faults]:
    """The file as mappings, lists and texts: every scalar is the text that it is, since a column may be named `no` and
    a word be 1 or true. A key that stands twice is noted as a fault. Raises SourcesError where it is missing or not
    YAML."""
    try:
        node = yaml.compose(path.read_text(), Loader=yaml.BaseLoader)
    except FileNotFoundError:
        raise SourcesError(f"{path}: there is no such sources file (CAUSERIE_SOURCES names it)") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SourcesError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    lines: dict[Place, int] = {}
    twice: list[Place] = []
    told = _plain(node, (), lines, twice) if node else None
    faults = Faults(path, lines)
    for place in twice:
        faults.add(place, "this word stands here twice")
    if not isinstance(told, dict):
        raise SourcesError(f"{path}: wanted a mapping with `datasets:` or `systems:`")
    return told, faults


def _plain(node: yaml.Node, place: Place, lines: dict[Place, int], twice: list[Place]) -> Any:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        told: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            inner = (*place, name)
            if name in told:
                twice.append(inner)
            lines[inner] = key.start_mark.line + 1
            told[name] = _plain(value, inner, lines, twice)
        return told
    if isinstance(node, yaml.SequenceNode):
        return [_plain(value, (*place, number), lines, twice) for number, value in enumerate(node.value)]
    return node.value


def read_document(told: Mapping[str, Any], faults: Faults) -> Document:
    """The words in their shapes. What is wrong with one is noted, and that word left out."""
    told = _without_blanks(told)
    for _ in range(100):  # each round leaves out what the one before found; a few are enough
        try:
            return Document.model_validate(told)
        except ValidationError as error:
            for one in error.errors():
                place = tuple(part for part in one["loc"] if part not in ("TableWords", "literal['none']", "str"))
                place = tuple(part for part in place if not str(part).startswith(("list[", "literal[")))
                faults.add(place, _in_words(one, place))
                told = _without(told, place)
    return Document()


def _without_blanks(told: Any) -> Any:
    """`orders:` with nothing behind it is an empty mapping, like `orders: {}`."""
    if not isinstance(told, dict):
        return told
    filled = dict(told)
    for part in ("datasets", "systems", "live"):
        if filled.get(part) == "":
            filled[part] = {}
        if isinstance(filled.get(part), dict):
            filled[part] = {name: {} if one == "" and part != "live" else one for name, one in filled[part].items()}
    for name in ("datasets", "live"):
        for one in (filled.get(name) or {}).values() if isinstance(filled.get(name), dict) else ():
            if isinstance(one, dict):
                for word in ("columns", "values", "set", "where", "format", "round", "hash"):
                    if one.get(word) == "":
                        one[word] = {}
    return filled


def _without(told: Any, place: Place) -> Any:
    if not place:
        return {}
    if not isinstance(told, dict) or place[0] not in told:
        return {} if not isinstance(told, dict) else told
    rest = {name: value for name, value in told.items() if name != place[0]}
    if len(place) > 1 and isinstance(told[place[0]], dict) and place[1] in told[place[0]]:
        rest[str(place[0])] = _without(told[place[0]], place[1:])
    return rest


def _in_words(error: Any, place: Place) -> str:
    given = error["input"]
    match error["type"]:
        case "extra_forbidden":
            return f"unknown word; allowed: {', '.join(allowed_words(place[:-1]))}"
        case "literal_error":
            allowed = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
            return f"{given!r} is unknown; allowed: {allowed}"
        case "date_from_datetime_parsing" | "date_parsing" | "date_type":
            return f"wanted a day as YYYY-MM-DD, found {given!r}"
        case "int_parsing" | "greater_than_equal" | "int_type":
            return f"wanted a whole number from 0, found {given!r}"
        case "float_parsing" | "greater_than" | "less_than_equal":
            return f"wanted a number of seconds up to 3600, found {given!r}"
        case "string_pattern_mismatch":
            return f"wanted `first per COLUMN`, found {given!r}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"wanted a mapping, found {given!r}"
        case "missing":
            return "is missing"
        case "too_short":
            return "wanted at least one brand: the system's own number, and its settings"
        case _:
            return f"{error['msg'][0].lower()}{error['msg'][1:]}, found {given!r}"


def allowed_words(place: Place) -> tuple[str, ...]:
    """The words that may stand at a place."""
    model: type[BaseModel]
    match place:
        case ():
            model = Document
        case ("datasets", _):
            model = DatasetWords
        case ("datasets", _, "lines"):
            model = LinesWords
        case ("systems", _):
            model = SystemWords
        case ("live",):
            model = LiveWords
        case _:
            model = TableWords
    return tuple(one.alias or name for name, one in model.model_fields.items())
