"""What every connector hands to the loader: batches of rows as Arrow columns, and what could not be read of them.

Not here: where the rows come from (files.py, sql.py) or what makes one bad (../loading/row_rules.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import numpy as np
import pyarrow as pa

from orchestration.sentences import Sentence
from orchestration.sources.connectors.outside_text import cleaned
from orchestration.sources.contract import WORD_SEPARATOR, Column, Dataset, allowed

BATCH_ROWS = 65_536


class Refusal(Exception):
    """The whole extract can't be taken; the message says where, what was found, and what would be allowed.

    It may quote what stands in the source: so it is cleaned here, before anybody writes it anywhere.
    """

    def __init__(self, reason: str) -> None:
        if isinstance(reason, Sentence):
            reason = reason.changed(cleaned)
        # What is too long even so is no sentence any more, but text that is cut off.
        self.reason = reason if reason == cleaned(reason) else cleaned(reason)
        super().__init__(self.reason)


class JsonFloat(str):
    """A number of JSON with a fraction or an exponent, or NaN, in the digits it was written with: an amount may be
    one, an identifier may not (123 and 123.0 would be two visitors)."""


@dataclass(frozen=True)
class Fault:
    """A row of a batch of which something could not even be read. `digest` names a line that yielded no row."""

    row: int
    rule: str
    column: str | None = None
    digest: str | None = None


@dataclass
class Batch:
    """Rows of one file: `columns` by contract name, as text or in the type the source vouches for."""

    file: int
    lines: pa.Array
    columns: dict[str, pa.Array]
    faults: list[Fault] = field(default_factory=list)

    def part(self, first: int, last: int) -> Batch:
        """The rows from `first` to before `last`, by their place."""
        return Batch(
            self.file,
            self.lines.slice(first, last - first),
            {name: column.slice(first, last - first) for name, column in self.columns.items()},
            [replace(fault, row=fault.row - first) for fault in self.faults if first <= fault.row < last],
        )


@dataclass(frozen=True)
class SourceFile:
    """A file (or query) of an extract. `modified` is whatever its store says changes with its content."""

    name: str
    size: int
    modified: str


@dataclass
class Extract:
    """One day of one dataset, not read yet. While it is read, `unknown` fills with the names of ignored columns, and
    `left_out` with the number of rows that are not meant, by the reason that their source gives."""

    files: Sequence[SourceFile]
    fingerprint: str
    batches: Iterable[Batch]
    unknown: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)


class Source(Protocol):
    """Where one dataset comes from."""

    @property
    def adds_only(self) -> bool:
        """Do rows once brought stay, though a later reading of that day no longer has them?"""

    @property
    def daily(self) -> bool:
        """Is a day without this dataset not complete?"""

    @property
    def connected_from(self) -> date | None:
        """The day from which no row means none; None: from the first row on."""

    def days(self, today: date) -> Mapping[date, str]:
        """The extract days to be had, with a fingerprint that changes when the extract does."""

    def read(self, day: date) -> Extract:
        """The extract of a day. Raises Refusal here, or from its batches, when it can't be read."""


def check_columns(dataset: Dataset, present: Iterable[str], ignored: Iterable[str], where: str) -> None:
    """Refuse a file that lacks required columns."""
    given = set(present)
    if missing := [name for name in dataset.required_columns if name not in given]:
        key = "columns_missing" if len(missing) > 1 else "column_missing"
        reason = Sentence(key, where=where, dataset=dataset.name, columns=missing)
        if extra := sorted(ignored):
            reason = Sentence("has_unknown_columns", missing=reason, unknown=extra)
        raise Refusal(reason)


def text_columns(
    dataset: Dataset, rows: Mapping[str, list[Any]], where: str, mapped: Collection[str] = ()
) -> tuple[dict[str, pa.Array], list[Fault]]:
    """Python values by column as Arrow text; what is no text of its column's kind becomes null and a fault.

    Of `mapped` columns the source has words of its own, which may be booleans.
    """
    columns: dict[str, pa.Array] = {}
    faults: list[Fault] = []
    for name, values in rows.items():
        column = dataset.by_name[name]
        array = _quickly(column, values)
        if array is None:
            array, found = _one_by_one(column, values, where, name in mapped)
            faults += found
        columns[name] = array
    return columns, faults


def _quickly(column: Column, values: list[Any]) -> pa.Array | None:
    """All values at once, where they are all plain; None where one needs a look."""
    if column.type != "money" and JsonFloat in set(map(type, values)):
        return None
    try:
        array = pa.array(values, pa.bool_() if column.type == "boolean" else pa.string())
    except (pa.ArrowException, TypeError, UnicodeEncodeError):
        return None
    return None if holds_nul(array) else array


def holds_nul(array: pa.Array) -> bool:
    """Does any text hold a NUL character? PostgreSQL can store none."""
    if not pa.types.is_string(array.type):
        return False
    data = array.buffers()[2]
    return data is not None and bool((np.frombuffer(data, np.uint8) == 0).any()) and _truly_holds_nul(array)


def _truly_holds_nul(array: pa.Array) -> bool:
    # The buffer may be padded, or shared with other rows of a slice.
    return any("\0" in value for value in array.to_pylist() if value)


def _one_by_one(column: Column, values: list[Any], where: str, is_mapped: bool) -> tuple[pa.Array, list[Fault]]:
    texts: list[str | None] = []
    faults: list[Fault] = []
    for row, value in enumerate(values):
        text, rule = _text(column, value, where, is_mapped)
        texts.append(text)
        if rule:
            faults.append(Fault(row, rule, column.name))
    return pa.array(texts, pa.string()), faults


def _text(column: Column, value: Any, where: str, is_mapped: bool) -> tuple[str | None, str | None]:
    """One value as text, and the rule that it breaks, if any."""
    match value:
        case None:
            return None, None
        case JsonFloat():
            return str(value), None if column.type == "money" else "type"
        case str():
            if "\0" in value:
                return None, "nul"
            try:
                value.encode()
            except UnicodeEncodeError:
                return None, "encoding"
            return value, None
        case bool():
            if column.type == "boolean" or is_mapped:
                return str(value).lower(), None
            return None, "type"
        case int() | Decimal() | UUID():
            return str(value), None
        case float():
            raise Refusal(Sentence("floating_point", where=where, column=column.name, allowed=allowed(column)))
        case datetime() | date():
            return value.isoformat(), None
        case dict() | list() if column.type == "hours":
            return _text(column, json.dumps(value, ensure_ascii=False), where, is_mapped)
        case list() if column.type == "words":
            return _joined(column, value, where, is_mapped)
    return None, "type"


def _joined(column: Column, words: list[Any], where: str, is_mapped: bool) -> tuple[str | None, str | None]:
    """A list of words as one text, null where it is empty, or the rule that one of them breaks."""
    texts: list[str] = []
    for word in words:
        text, rule = (None, "type") if word is None else _text(column, word, where, is_mapped)
        if text is None or rule:
            return None, rule or "type"
        texts.append(text)
    return WORD_SEPARATOR.join(texts) if texts else None, None
