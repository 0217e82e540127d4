"""The files connector: {root}/{dataset}/{YYYY-MM-DD}/* as JSON Lines, CSV or Parquet, on anything fsspec reaches.

Not here: what a good value is (row_rules.py). Every value goes on as the text it was, digit by digit.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, BinaryIO

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.sources.connectors.extract import (
    BATCH_ROWS,
    Batch,
    Extract,
    Fault,
    Refusal,
    SourceFile,
    check_columns,
    holds_nul,
    text_columns,
)
from orchestration.sources.connectors.mapping import Naming
from orchestration.sources.contract import Column, Dataset, allowed

ENDINGS = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# A CSV field may be a long text; the library's own limit would make it an unreadable line.
csv.field_size_limit(2**30)


@dataclass(frozen=True)
class FilesSource:
    """One dataset below a root, a folder or any URL that fsspec knows."""

    dataset: Dataset
    root: str
    naming: Naming = field(default_factory=Naming)
    daily: bool = False
    adds_only: bool = False

    def days(self, today: date) -> Mapping[date, str]:
        """Every day that has a folder with something finished in it, and a digest of names, sizes and times."""
        return {day: self._fingerprint(files) for day, files in self._listing().items()}

    def read(self, day: date) -> Extract:
        files = self._listing(day)[day]
        unknown: set[str] = set()
        batches = self._batches(day, files, unknown)
        return Extract(files, self._fingerprint(files), batches, unknown)

    def _folder(self, day: date | None = None) -> str:
        return f"{self.root.rstrip('/')}/{self.dataset.name}" + (f"/{day.isoformat()}" if day else "")

    def _listing(self, day: date | None = None) -> dict[date, list[SourceFile]]:
        """Finished files by day, in name order; a day whose folder holds only _SUCCESS has none, but is there."""
        system, base = fsspec.core.url_to_fs(self._folder())
        system.invalidate_cache()
        found: dict[date, list[SourceFile]] = defaultdict(list)
        where = f"{base}/{day.isoformat()}" if day else base
        for path, info in sorted(system.find(where, detail=True).items()):
            parts = path[len(base.rstrip("/")) + 1 :].split("/")
            if len(parts) != 2 or not DAY.fullmatch(parts[0]) or _unfinished(parts[1]):
                continue
            try:
                files = found[date.fromisoformat(parts[0])]
            except ValueError:
                continue  # a folder named 2026-02-30 is no day
            if parts[1] != "_SUCCESS":
                files.append(SourceFile(parts[1], int(info.get("size") or 0), _modified(info)))
        return found

    def _fingerprint(self, files: list[SourceFile]) -> str:
        # The naming counts too: a corrected mapping must read the same files again.
        told = [[file.name, file.size, file.modified] for file in files]
        text = json.dumps([told, dict(self.naming.columns), {k: dict(v) for k, v in self.naming.values.items()}])
        return hashlib.sha256(text.encode()).hexdigest()

    def _batches(self, day: date, files: list[SourceFile], unknown: set[str]) -> Iterator[Batch]:
        system, base = fsspec.core.url_to_fs(self._folder(day))
        for number, file in enumerate(files):
            if file.size:  # an empty file says that nothing happened
                yield from read_file(system, f"{base}/{file.name}", number, self.dataset, self.naming, unknown)


def _unfinished(name: str) -> bool:
    return name.startswith(".") or name.endswith((".tmp", ".part"))


def _modified(info: Mapping[str, Any]) -> str:
    """Whatever this store changes together with a file's content."""
    tells = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")
    return next((str(info[tell]) for tell in tells if info.get(tell)), "")


def read_file(
    system: fsspec.AbstractFileSystem, path: str, number: int, dataset: Dataset, naming: Naming, unknown: set[str]
) -> Iterator[Batch]:
    """The batches of one file, by its ending. Raises Refusal when it can't be read to its end."""
    where = "/".join(path.rsplit("/", 3)[-3:])
    ending = next((ending for ending in reversed(ENDINGS) if path.endswith(ending)), None)
    if ending is None:
        raise Refusal(f"{where}: not a format that is read; the file's name must end in one of {', '.join(ENDINGS)}")
    reader = _Reader(number, dataset, naming, unknown, where)
    try:
        with system.open(path, "rb") as raw:
            if ending == ".parquet":
                yield from reader.parquet(raw)
                return
            stream = gzip.GzipFile(fileobj=raw) if ending.endswith(".gz") else raw
            text = io.TextIOWrapper(
                io.BufferedReader(stream, 2**20),
                # Bytes that are no UTF-8 stay in place as marks, so that only their own row is bad.
                encoding="utf-8-sig",
                errors="surrogateescape",
                newline="" if ".csv" in ending else "\n",
            )
            yield from (reader.csv(text) if ".csv" in ending else reader.json_lines(text))
    except (EOFError, zlib.error, OSError, pa.ArrowException) as error:
        raise Refusal(f"{where}: the file can't be read: {error}") from error


@dataclass
class _Reader:
    """Reads one file of any format; `where` names it in messages."""

    number: int
    dataset: Dataset
    naming: Naming
    unknown: set[str]
    where: str

    def json_lines(self, text: io.TextIOWrapper) -> Iterator[Batch]:
        # Numbers stay the digits they were written with; money never passes through a float.
        scan = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).scan_once  # type: ignore[attr-defined]
        rows: list[dict[str, Any]] = []
        lines: list[int] = []
        faults: list[Fault] = []
        seen: set[str] = set()
        for number, line in enumerate(text, 1):
            content = line.strip()
            if not content:
                continue
            row: Any = None
            try:
                row, end = scan(content, 0)
                good = end == len(content) and type(row) is dict
            except (ValueError, StopIteration, RecursionError):
                good = False
            if not good:
                if not line.endswith("\n"):
                    raise Refusal(f"{self.where}: line {number}, the last, is cut off: the file is not whole")
                faults.append(Fault(len(rows), "line", digest=_digest(content)))
                row = {}
            rows.append(row)
            lines.append(number)
            if len(rows) == BATCH_ROWS:
                yield self._json_batch(rows, lines, faults, seen)
                rows, lines, faults = [], [], []
        if rows:
            yield self._json_batch(rows, lines, faults, seen)
        if seen:
            self._check(seen)

    def _json_batch(
        self, rows: list[dict[str, Any]], lines: list[int], faults: list[Fault], seen: set[str]
    ) -> Batch:
        names = set().union(*rows)
        seen |= names
        wanted = self.naming.wanted(self.dataset, names)
        values = {contract: [row.get(source) for row in rows] for contract, source in wanted.items()}
        return self._batch(values, lines, faults)

    def csv(self, text: io.TextIOWrapper) -> Iterator[Batch]:
        consumed = _Lines(text)
        reader = csv.reader(consumed, strict=True)
        header = next(reader, None)
        if header is None:
            return
        if len(set(header)) < len(header):
            raise Refusal(f"{self.where}: the header names a column twice: {', '.join(header)}")
        self._check(header)
        places = {name: header.index(source) for name, source in self.naming.wanted(self.dataset, header).items()}
        nothing = [""] * len(header)
        rows: list[list[str]] = []
        lines: list[int] = []
        faults: list[Fault] = []
        while True:
            consumed.last.clear()
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                if consumed.ended:
                    raise Refusal(f"{self.where}: line {line} is cut off: the file is not whole") from error
                row = [*nothing, ""]  # of a length that no good row has
            if row is None:
                break
            if not row:
                continue
            if len(row) != len(header):
                if not consumed.last[-1].endswith(("\n", "\r")):
                    raise Refusal(f"{self.where}: line {line}, the last, is cut off: the file is not whole")
                faults.append(Fault(len(rows), "line", digest=_digest("".join(consumed.last).rstrip("\r\n"))))
                row = nothing
            rows.append(row)
            lines.append(line)
            if len(rows) == BATCH_ROWS:
                yield self._csv_batch(rows, places, lines, faults)
                rows, lines, faults = [], [], []
        if rows:
            yield self._csv_batch(rows, places, lines, faults)

    def _csv_batch(
        self, rows: list[list[str]], places: dict[str, int], lines: list[int], faults: list[Fault]
    ) -> Batch:
        values: dict[str, list[Any]] = {name: [row[at] or None for row in rows] for name, at in places.items()}
        return self._batch(values, lines, faults)

    def parquet(self, raw: BinaryIO) -> Iterator[Batch]:
        file = pq.ParquetFile(raw)
        schema = file.schema_arrow
        self._check(schema.names)
        wanted = self.naming.wanted(self.dataset, schema.names)
        for name, source in wanted.items():
            self._check_type(self.dataset.by_name[name], schema.field(source))
        first = 1
        for batch in file.iter_batches(BATCH_ROWS, columns=list(wanted.values())):
            columns: dict[str, pa.Array] = {}
            faults: list[Fault] = []
            for name, source in wanted.items():
                array, found = self._plain(self.dataset.by_name[name], batch.column(source))
                columns[name] = array
                faults += found
            lines = pa.array(np.arange(first, first + len(batch)))
            first += len(batch)
            self.naming.apply_values(columns)
            yield Batch(self.number, lines, columns, faults)

    def _check_type(self, column: Column, offered: pa.Field) -> None:
        """A column whose type can't carry the contract's values was retyped; refusing says so better than its rows."""
        kind = offered.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        text = pa.types.is_null(kind) or _is_text(kind)
        fits: Mapping[str, Callable[[pa.DataType], bool]] = {
            "instant": pa.types.is_timestamp,
            "boolean": pa.types.is_boolean,
            "integer": pa.types.is_integer,
            "bigint": pa.types.is_integer,
            "money": lambda kind: pa.types.is_integer(kind) or pa.types.is_decimal(kind),
            "id": pa.types.is_integer,
            "hours": lambda kind: pa.types.is_nested(kind),
        }
        if not text and not fits.get(column.type, lambda kind: False)(kind):
            raise Refusal(f"{self.where}: column {offered.name} is {kind}; wanted: {allowed(column)}")

    def _plain(self, column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
        """A Parquet column in one of the types that bulk_copy.py takes, nested ones as JSON text."""
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_nested(array.type):
            return self._by_value(column, array.to_pylist(maps_as_pydicts="strict"))
        if not _is_text(array.type):
            return array, []
        try:
            array.validate(full=True)
        except pa.ArrowInvalid:
            values = array.cast(pa.large_binary()).to_pylist()
            return self._by_value(column, [v if v is None else v.decode(errors="surrogateescape") for v in values])
        array = array.cast(pa.string())
        return self._by_value(column, array.to_pylist()) if holds_nul(array) else (array, [])

    def _by_value(self, column: Column, values: list[Any]) -> tuple[pa.Array, list[Fault]]:
        columns, faults = text_columns(self.dataset, {column.name: values}, self.where)
        return columns[column.name], faults

    def _check(self, offered: Iterable[str]) -> None:
        names = set(offered)
        wanted = self.naming.wanted(self.dataset, names)
        ignored = names - set(wanted.values())
        self.unknown |= ignored
        check_columns(self.dataset, wanted, ignored, self.where)

    def _batch(self, values: dict[str, list[Any]], lines: list[int], faults: list[Fault]) -> Batch:
        columns, found = text_columns(self.dataset, values, self.where)
        self.naming.apply_values(columns)
        return Batch(self.number, pa.array(lines, pa.int64()), columns, faults + found)


class _Lines:
    """Lines of a text as csv.reader consumes them: `last` are those of the current row, `ended` tells of the end."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.text = text
        self.last: list[str] = []
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        for line in self.text:
            self.last.append(line)
            yield line
        self.ended = True


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode(errors="surrogateescape")).hexdigest()
