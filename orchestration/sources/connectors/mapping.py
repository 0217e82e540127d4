"""A source's own rows turned into the contract's: names, words, times, amounts, and which rows are meant at all.

Here: what the words of the sources file do to a batch, in the order where, values, decimal, format, timezone, round,
hash, set. Not here: reading the sources file (sources_file.py), or what makes a row bad (../loading/row_rules.py): what
can't be turned stays as it was, and is judged as it is.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sentences import Sentence
from orchestration.sources.connectors.extract import Batch, Fault, Refusal, text_columns
from orchestration.sources.contract import Dataset

HASH_KEY = "CAUSERIE_HASH_KEY"
Change = Callable[[pa.Array], pa.Array]
# In `values`: every word that is not named.
ANY_OTHER = "*"
# No column of the contract begins so.
BESIDE = "beside "
# A time of a clock that says not where: ISO 8601 with T or a space, of any precision.
LOCAL_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?$"


@dataclass(frozen=True)
class Naming:
    """The mapping of one dataset.

    `columns`: source name to contract name, or to several. `values`: contract column to (source value to contract
    value; `""` for null, ANY_OTHER for every other). `constants`: contract column to the text that it has in every row.
    `where`: source column to the values of the rows that are meant, `""` for null. `group`: the source column whose
    first row stands for all rows of its value; with `number`, a contract column, all of them are rows, and numbered
    from 1. `decimal`: the sign before the decimals of amounts. `zone`: of times without an offset. `formats`: contract
    column to a strptime format. `places`: contract column to decimals kept, half to even. `hashes`: contract column to
    `email`, `phone` or `exact`. `reason`: the source column that says why a row is not meant; null where it is.
    """

    columns: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group: str | None = None
    number: str | None = None
    decimal: str = "."
    zone: str | None = None
    formats: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None

    def told(self) -> list[Any]:
        """All of it for a fingerprint: a corrected mapping reads the same extract again. What version 1 of the sources
        file could say is told as it was, so that no extract is read again for an upgrade."""
        first = [dict(self.columns), {name: dict(pairs) for name, pairs in self.values.items()}]
        more = {
            one.name: getattr(self, one.name)
            for one in fields(self)[2:]
            if getattr(self, one.name) and (one.name != "decimal" or self.decimal != ".")
        }
        return [*first, more] if more else first

    def source_of(self) -> dict[str, str]:
        """Contract name to source name, of the columns that have another name."""
        own: dict[str, str] = {}
        for source, meant in self.columns.items():
            own |= dict.fromkeys((meant,) if isinstance(meant, str) else meant, source)
        return own

    def wanted(self, dataset: Dataset, offered: Iterable[str]) -> dict[str, str]:
        """Of the columns that a source offers, those to read: contract name to source name. What only tells which rows
        are meant stands under a name that begins with BESIDE."""
        present = set(offered)
        own = self.source_of()
        named = {name: own.get(name, name) for name in dataset.column_names if name not in self.given}
        named |= {f"{BESIDE}{source}": source for source in self.beside}
        return {contract: source for contract, source in named.items() if source in present}

    @property
    def given(self) -> set[str]:
        """Contract columns that no source has: constants, and the number of a line."""
        return {*self.constants, *([self.number] if self.number else [])}

    @property
    def beside(self) -> tuple[str, ...]:
        """Source columns that tell which rows are meant."""
        return tuple(dict.fromkeys((*filter(None, (self.group, self.reason)), *self.where)))

    def exact(self, name: str, values: list[Any]) -> list[Any]:
        """A column's Python values with floating-point numbers made exact, where `round` says to how many places."""
        if name not in self.places:
            return values
        return [_rounded(repr(value), self.places[name]) if isinstance(value, float) else value for value in values]


@dataclass
class Mapper:
    """A naming at work on the batches of one file: it remembers the groups that it has met, and counts by their reasons
    the rows that its source leaves out."""

    dataset: Dataset
    naming: Naming
    where: str
    left_out: Counter[str] = field(default_factory=Counter)
    # Of each group: are its rows meant, and how many has it had?
    _met: dict[str, tuple[bool, int]] = field(default_factory=dict)

    def batch(self, file: int, values: dict[str, list[Any]], lines: list[int], faults: list[Fault]) -> Batch:
        """Rows as a reader found them, by the names of Naming.wanted, as a batch in the contract's words."""
        own = {name: self.naming.exact(name, some) for name, some in values.items() if not name.startswith(BESIDE)}
        columns, found = text_columns(self.dataset, own, self.where, mapped=self.naming.values)
        for name, some in values.items():
            if name.startswith(BESIDE):
                columns[name] = pa.array([_word(one) for one in some], pa.string())
        return self.apply(Batch(file, pa.array(lines, pa.int64()), columns, faults + found))

    def apply(self, batch: Batch) -> Batch:
        """A batch of a reader's columns, by the names of Naming.wanted, in the contract's words."""
        beside = {name: batch.columns.pop(name) for name in list(batch.columns) if name.startswith(BESIDE)}
        if self.naming.beside:
            batch = self._rows_meant(batch, {name.removeprefix(BESIDE): some for name, some in beside.items()})
        columns = batch.columns
        for name, change in self._changes():
            if name in columns:
                columns[name] = change(columns[name])
        for name, text in self.naming.constants.items():
            columns[name] = pa.array([text], pa.string()).take(pa.array([0] * len(batch.lines), pa.int8()))
        return batch

    def _changes(self) -> Iterable[tuple[str, Change]]:
        """What is done to which column, in order."""
        naming = self.naming
        for name, pairs in naming.values.items():
            yield name, partial(_in_its_words, pairs)
        for column in self.dataset.columns:
            name = column.name
            if column.type == "money" and naming.decimal != ".":
                yield name, partial(by_word, change=partial(_plain_decimal, decimal=naming.decimal))
            if name in naming.formats:
                yield name, partial(by_word, change=partial(_parsed, told=naming.formats[name]))
            if column.type == "instant" and naming.zone:
                yield name, partial(_localised, zone=naming.zone)
            if name in naming.places:
                yield name, partial(by_word, change=partial(_rounded, places=naming.places[name]))
            if name in naming.hashes:
                yield name, partial(self._hashed, how=naming.hashes[name])

    def _hashed(self, texts: pa.Array, how: str) -> pa.Array:
        key = os.environ.get(HASH_KEY, "").encode()
        if not key:
            raise Refusal(Sentence("hash_key_missing", where=self.where, variable=HASH_KEY))

        def keyed(word: str) -> str | None:
            plain = canonical(word, how)
            return hmac.new(key, plain.encode(), hashlib.sha256).hexdigest() if plain else None

        return by_word(texts, keyed)

    def _rows_meant(self, batch: Batch, beside: Mapping[str, pa.Array]) -> Batch:
        for name in self.naming.beside:
            if name not in beside:
                word = {self.naming.group: "rows", self.naming.reason: "left_out"}.get(name, "where")
                raise Refusal(Sentence("named_column_missing", where=self.where, column=name, word=word))
        count = len(batch.lines)
        meant = [True] * count
        for name, allowed in self.naming.where.items():
            meant = [ok and (value or "") in allowed for ok, value in zip(meant, beside[name].to_pylist(), strict=True)]
        if self.naming.reason:
            reasons = beside[self.naming.reason].to_pylist()
            self.left_out.update(why for why, ok in zip(reasons, meant, strict=True) if ok and why)
            meant = [ok and not why for why, ok in zip(reasons, meant, strict=True)]
        numbers = [1] * count
        if self.naming.group:
            for row, group in enumerate(beside[self.naming.group].to_pylist()):
                if group is None:
                    continue  # a row of no group is judged by itself
                first, met = self._met.get(group, (meant[row], 0))
                self._met[group] = (first, met + 1)
                meant[row] = first and (met == 0 or self.naming.number is not None)
                numbers[row] = met + 1
        for fault in batch.faults:
            if fault.rule == "line":
                meant[fault.row] = True  # of a line that can't be parsed nobody knows which rows it holds
        kept = [row for row in range(count) if meant[row]]
        if len(kept) < count:
            places = {row: place for place, row in enumerate(kept)}
            batch = Batch(
                batch.file,
                batch.lines.take(pa.array(kept, pa.int64())),
                {name: column.take(pa.array(kept, pa.int64())) for name, column in batch.columns.items()},
                [
                    Fault(places[fault.row], fault.rule, fault.column, fault.digest)
                    for fault in batch.faults
                    if fault.row in places
                ],
            )
        if self.naming.number:
            batch.columns[self.naming.number] = pa.array([str(numbers[row]) for row in kept], pa.string())
        return batch


def _word(value: Any) -> str | None:
    """A value as `where` may name it: of JSON, true and false."""
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def canonical(word: str, how: str) -> str:
    """What is hashed of a value: an address trimmed and in small letters, a number's digits, or exactly what it is."""
    match how:
        case "email":
            return word.strip().lower()
        case "phone":
            digits = "".join(sign for sign in word if sign in "0123456789")
            return digits.removeprefix("00") if not word.strip().startswith("+") else digits
    return word


def by_word(texts: pa.Array, change: Callable[[str], str | None]) -> pa.Array:
    """Each different value changed once."""
    if not pa.types.is_string(texts.type):
        texts = texts.cast(pa.string())
    encoded = texts.dictionary_encode()
    # A word that comes to nothing is none: there is no other way to write null.
    words = pa.array([change(word) or None for word in encoded.dictionary.to_pylist()], pa.string())
    return pc.take(words, encoded.indices)


def _in_its_words(pairs: Mapping[str, str], texts: pa.Array) -> pa.Array:
    """Each word by what it is mapped to: `""` stands for null, ANY_OTHER for every word that is not named."""
    changed = by_word(texts, lambda word: pairs.get(word, pairs.get(ANY_OTHER, word)))
    return pc.fill_null(changed, pairs[""]) if pairs.get("") else changed


def _plain_decimal(word: str, decimal: str) -> str:
    """1.234,56 and 1 234,56 as 1234.56. What is written in no such way stays as it is."""
    thousands = r"[. \u00a0\u202f'’]" if decimal == "," else r"[, \u00a0\u202f'’]"
    form = rf"[+-]?([0-9]+|[0-9]{{1,3}}({thousands}[0-9]{{3}})+)({re.escape(decimal)}[0-9]+)?"
    if not re.fullmatch(form, word.strip()):
        return word
    return re.sub(thousands, "", word.strip()).replace(decimal, ".")


def _rounded(word: str, places: int) -> str:
    try:
        return str(Decimal(word).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN))
    except InvalidOperation:
        return word


def _parsed(word: str, told: str) -> str:
    try:
        return datetime.strptime(word.strip(), told).isoformat()
    except ValueError:
        return word


def _localised(times: pa.Array, zone: str) -> pa.Array:
    """Times without an offset, on a zone's clock, as instants; the others as they are. An hour that the clock shows
    twice is its first one, an hour that it leaves out the one after it."""
    if pa.types.is_timestamp(times.type):
        return times if times.type.tz else _on_clock(times, zone)
    texts = times.cast(pa.string())
    local = pc.match_substring_regex(texts, LOCAL_TIME)
    if not pc.any(local, min_count=0).as_py():
        return texts
    if pc.all(local, min_count=0).as_py():
        try:
            return _on_clock(texts.cast(pa.timestamp("us")), zone)
        except pa.ArrowInvalid:
            pass  # 30 February among them

    def told(word: str) -> str:
        try:
            moment = datetime.fromisoformat(word)
        except ValueError:
            return word
        instant = _on_clock(pa.array([moment], pa.timestamp("us")), zone)[0].as_py()
        return str(instant.isoformat())

    return pc.if_else(local, by_word(pc.if_else(local, texts, None), told), texts)


def _on_clock(times: pa.Array, zone: str) -> pa.Array:
    naive = times.cast(pa.timestamp("us"))
    return pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest")
