"""The rows of extracts on their way into the database: Arrow batches become one binary COPY, into a table of their own
or straight into raw.

Not here: reading (connectors/) or judging (row_rules.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from psycopg.copy import QueuedLibpqWriter

from orchestration.sources.connectors.extract import BATCH_ROWS, Batch, Fault
from orchestration.sources.contract import WORD_SEPARATOR, Column, Dataset
from orchestration.sources.loading.gathering import Taken
from orchestration.sources.loading.raw_tables import names, table

LINE_BITS = 40  # a place is the file's number in its load, shifted by this, and the line
EPOCH_MICROSECONDS = 946_684_800_000_000  # PostgreSQL counts instants from 2000-01-01
# How the contract's types are written, for Arrow's RE2 and PostgreSQL alike. What these let through (30 February)
# the receiving type refuses by itself; what they keep out (now, infinity, 0x1F) it would have taken.
FORMS = {
    "instant": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$",
    "integer": r"^[+-]?[0-9]+$",
    "bigint": r"^[+-]?[0-9]+$",
    "boolean": r"^[Tt][Rr][Uu][Ee]$|^[Ff][Aa][Ll][Ss][Ee]$",
    "money": r"^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$",
}
ARROW_TYPES = {
    "instant": pa.timestamp("us", "UTC"),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
}
# One column of a batch as binary fields; a scalar is the same in every row.
Field: TypeAlias = pa.Array | pa.Scalar
# Not pa.scalar: it imports pandas, which a run with nothing to load does not need.
NULL = pa.nulls(1, pa.binary())[0]


@dataclass
class Rows:
    """Rows of one batch or of several, of one extract or of several: each with its day (as PostgreSQL counts them),
    load and place; `faults` by their number here."""

    days: pa.Array
    loads: pa.Array
    places: pa.Array
    columns: dict[str, pa.Array]
    faults: list[Fault]

    def __len__(self) -> int:
        return len(self.places)


class NotExpress(Exception):
    """Some value does not have its column's form, so the rows must travel as text and be judged one by one."""


class NotWhole(Exception):
    """Of some row not everything could be read, so the rows must be looked at before they go into raw."""


def staged_table(dataset: Dataset) -> sql.Identifier:
    # Made, filled and dropped inside one transaction, under the dataset's lock: nobody else ever sees it.
    return sql.Identifier("raw", f"staged_{dataset.name}")


def stage(connection: psycopg.Connection[Any], dataset: Dataset, extracts: Sequence[Taken], express: bool) -> None:
    """COPY extracts into staged_table, and count their rows. `express` columns arrive typed; otherwise everything is
    text. Raises Refusal from an extract's reader, and NotExpress when a value needs the slow way."""
    columns = [
        sql.SQL("{} {}").format(
            sql.Identifier(column.name),
            sql.SQL(column.sql_type if is_typed(column, express) else "text"),
        )
        for column in dataset.columns
    ]
    connection.execute(
        sql.SQL(
            "create unlogged table {} (extract_day date, load_id bigint, place bigint, problem text, digest text, {})"
        ).format(staged_table(dataset), sql.SQL(", ").join(columns))
    )

    def encoded(rows: Rows) -> Iterator[Field]:
        yield _big_endian(rows.places, ">i8")
        problems: list[str | None] = [None] * len(rows)
        digests: list[str | None] = [None] * len(rows)
        for fault in rows.faults:
            problems[fault.row] = problems[fault.row] or f"{fault.rule}:{fault.column or ''}"
            digests[fault.row] = fault.digest
        yield pa.array(problems, pa.binary()) if rows.faults else NULL
        yield pa.array(digests, pa.binary()) if rows.faults else NULL
        yield from _contract_columns(dataset, rows, express)

    copy = sql.SQL("copy {} from stdin (format binary)").format(staged_table(dataset))
    _copy(connection, copy, extracts, encoded)


def goes_straight(dataset: Dataset) -> bool:
    """Can every column of raw be sent in its own type?"""
    return all(is_typed(column, express=True) or column.sql_type == "text" for column in dataset.columns)


def append(
    connection: psycopg.Connection[Any], dataset: Dataset, extracts: Sequence[Taken], look: Callable[[Rows], object]
) -> None:
    """COPY extracts straight into their raw table, unjudged, and count their rows; `look` sees them on their way. Only
    for a dataset that goes_straight.

    Raises Refusal from an extract's reader, NotExpress and NotWhole where rows need a closer look, and psycopg's errors
    where raw itself refuses one.
    """

    def encoded(rows: Rows) -> Iterator[Field]:
        if rows.faults:
            raise NotWhole(dataset.name)
        look(rows)
        return _contract_columns(dataset, rows, express=True)

    copy = sql.SQL("copy {} (extract_day, load_id, {}) from stdin (format binary)").format(
        table(dataset), names(dataset.column_names)
    )
    _copy(connection, copy, extracts, encoded)


def _copy(
    connection: psycopg.Connection[Any],
    statement: sql.Composed,
    extracts: Sequence[Taken],
    encoded: Callable[[Rows], Iterator[Field]],
) -> None:
    """Each row after the day of its extract and the number of its load."""
    # The writer has a thread of its own: this process encodes the next batch while the server takes this one.
    with connection.cursor() as cursor, cursor.copy(statement, writer=QueuedLibpqWriter(cursor)) as stream:
        stream.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for rows in _rows_of(extracts):
            head = (_big_endian(rows.days, ">i4"), _big_endian(rows.loads, ">i8"))
            stream.write(_interleaved(chain(head, encoded(rows)), len(rows)))
        stream.write(b"\xff\xff")


def is_typed(column: Column, express: bool) -> bool:
    """Does the column stand in the staged table in its own type?"""
    return express and column.type in ARROW_TYPES


def _rows_of(extracts: Sequence[Taken]) -> Iterator[Rows]:
    """The batches of extracts, small ones joined: to encode a column costs the same for ten rows and for a thousand.
    Counts the rows of each extract."""
    some: list[tuple[Taken, Batch]] = []
    number = 0
    for one in extracts:
        one.rows_read = 0
        for batch in one.extract.batches:
            if some and (number + len(batch.lines) > BATCH_ROWS or _types(batch) != _types(some[0][1])):
                yield _joined(some)
                some, number = [], 0
            some.append((one, batch))
            number += len(batch.lines)
            one.rows_read += len(batch.lines)
            if not one.is_held:
                yield _joined(some)  # at once: nothing of a large extract is kept
                some, number = [], 0
    if some:
        yield _joined(some)


def _types(batch: Batch) -> dict[str, pa.DataType]:
    return {name: values.type for name, values in batch.columns.items()}


def _joined(some: Sequence[tuple[Taken, Batch]]) -> Rows:
    counts = [len(batch.lines) for _, batch in some]
    first = np.cumsum([0, *counts])
    return Rows(
        pa.array(np.repeat(np.array([(one.day - date(2000, 1, 1)).days for one, _ in some], np.int32), counts)),
        pa.array(np.repeat(np.array([one.load_id for one, _ in some], np.int64), counts)),
        pa.concat_arrays([pc.add(batch.lines, batch.file << LINE_BITS) for _, batch in some]),
        {name: pa.concat_arrays([batch.columns[name] for _, batch in some]) for name in some[0][1].columns},
        [
            replace(fault, row=fault.row + int(at))
            for at, (_, batch) in zip(first, some, strict=False)
            for fault in batch.faults
        ],
    )


def _contract_columns(dataset: Dataset, rows: Rows, express: bool) -> Iterator[Field]:
    """The contract's columns as the bytes of PostgreSQL's binary format."""
    for column in dataset.columns:
        values = rows.columns.get(column.name)
        if values is None:
            yield NULL
        elif is_typed(column, express):
            yield _binary(column, _typed(column, values))
        elif column.type == "words":
            yield _sorted_words(column, as_text(values)).cast(pa.binary())
        else:
            yield as_text(values).cast(pa.binary())


def _sorted_words(column: Column, texts: pa.Array) -> pa.Array:
    """Several words in the one form that raw knows: sorted and distinct, so that neither order nor repetition makes
    another row. An empty word is none, but where the words are an enumeration: there it is a fault to be found."""

    def sorted_words(text: str | None) -> str | None:
        words = {word for word in (text or "").split(WORD_SEPARATOR) if word or (column.values and text)}
        return WORD_SEPARATOR.join(sorted(words)) if words else None

    if not pc.any(pc.or_(pc.match_substring(texts, WORD_SEPARATOR), pc.equal(texts, "")), min_count=0).as_py():
        return texts
    encoded = texts.dictionary_encode()
    return pc.take(pa.array(map(sorted_words, encoded.dictionary.to_pylist()), pa.string()), encoded.indices)


def as_text(values: pa.Array) -> pa.Array:
    """Any column that a source may vouch for, written out as the contract's text."""
    if pa.types.is_timestamp(values.type):
        # One without a zone stays without, and is judged as a time without an offset.
        instants = values.cast(pa.timestamp(values.type.unit, "UTC")) if values.type.tz else values
        return pc.replace_substring(instants.cast(pa.string()), " ", "T", max_replacements=1)
    return values.cast(pa.string())


def _typed(column: Column, values: pa.Array) -> pa.Array:
    wanted = ARROW_TYPES[column.type]
    if pa.types.is_string(values.type):
        if not pc.all(pc.match_substring_regex(values, FORMS[column.type]), min_count=0).as_py():
            raise NotExpress(column.name)
    elif pa.types.is_timestamp(values.type) and values.type.tz is None:
        raise NotExpress(column.name)
    try:
        if pa.types.is_timestamp(values.type) and values.type.unit == "ns":
            # Cut, not rounded: the next microsecond may be another day.
            values = pc.floor_temporal(values, unit="microsecond")
        typed = values.cast(wanted)
    except pa.ArrowException as error:
        raise NotExpress(column.name) from error
    if column.type == "instant" and not _in_common_era(typed):
        raise NotExpress(column.name)
    return typed


def _in_common_era(instants: pa.Array) -> bool:
    """Years 1 to 9999: beyond, PostgreSQL and Arrow do not count alike."""
    bounds = pc.min_max(instants.cast(pa.int64()))
    least, most = bounds["min"].as_py(), bounds["max"].as_py()
    return least is None or (least >= -62_135_596_800_000_000 and most < 253_402_300_800_000_000)


def _binary(column: Column, typed: pa.Array) -> pa.Array:
    match column.type:
        case "instant":
            return _big_endian(pc.subtract(typed.cast(pa.int64()), EPOCH_MICROSECONDS), ">i8")
        case "boolean":
            return _big_endian(typed.cast(pa.uint8()), "u1")
        case "integer":
            return _big_endian(typed, ">i4")
        case _:
            return _big_endian(typed, ">i8")


def _big_endian(numbers: pa.Array, layout: str) -> pa.Array:
    width = np.dtype(layout).itemsize
    data = pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False).astype(layout).tobytes()
    fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(numbers), [None, pa.py_buffer(data)])
    return pc.if_else(numbers.is_null(), pa.scalar(None, pa.binary()), fixed.cast(pa.binary()))


def _interleaved(columns: Iterator[Field], rows: int) -> memoryview:
    """Columns interleaved into rows: the number of fields, then of each its length (-1 for null) and its bytes."""
    encoded = list(columns)
    # Of all rows, since of scalars alone Arrow makes one row.
    parts: list[Field] = [pa.repeat(pa.scalar(struct.pack(">h", len(encoded)), pa.binary()), rows)]
    for column in encoded:
        if isinstance(column, pa.Scalar):
            value = column.as_py()
            length = -1 if value is None else len(value)
            parts.append(pa.scalar(struct.pack(">i", length) + (value or b""), pa.binary()))
        else:
            parts.append(_big_endian(pc.fill_null(pc.binary_length(column), -1), ">i4"))
            parts.append(pc.fill_null(column, b""))
    joined = pc.binary_join_element_wise(*parts, b"")
    offsets = np.frombuffer(joined.buffers()[1], np.int32)
    return memoryview(joined.buffers()[2])[offsets[0] : offsets[len(joined)]]
