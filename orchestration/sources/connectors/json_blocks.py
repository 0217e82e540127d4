"""Blocks of a JSON Lines file in which each line is plainly an object like those before it, read by whole columns.

Plainly: whoever reads JSON would say the same. Every line is one object of known keys, each with values of one kind; a
number is whole, and no character is foreign. Not here: all other blocks, which are read line by line, and what may be
wrong with a line (json_lines.py).
"""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from orchestration.sources.connectors import lines
from orchestration.sources.connectors.extract import Batch
from orchestration.sources.connectors.mapping import BESIDE
from orchestration.sources.connectors.reading import ROW_BYTES, Reading
from orchestration.sources.contract import Column

# So much is looked at to learn the keys and the kinds of their values; so often, and so many keys.
LEARNED_BYTES, MOST_LEARNED, MOST_KEYS = 2**16, 8, 200
# Halves of surrogate pairs, and NUL: texts that no text may hold.
FOREIGN = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
MINUS_NOUGHT = re.compile(rb":\s*-0[,}\s]")
BREAK, OPEN, CLOSE, BLANK = b"\n{} "


class PlainBlocks:
    """Of one file; `keys` are those that it was found to have."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.keys: set[str] = set()
        self.schema: pa.Schema | None = None
        # What may be longer than its limit is held against it line by line.
        self.are_allowed = min(reading.limits.line, reading.limits.cell) > 2 * lines.BLOCK_BYTES
        self._learned = 0

    def next(self, blocks: lines.Blocks, first: int) -> Batch | None:
        """The rows of the next block, whose first line has this number, in the source's own words; None where they
        are to be read one by one."""
        return blocks.take(partial(self._batch, first=first)) if self.are_allowed else None

    def _batch(self, block: bytes, first: int) -> Batch | None:
        content = block.replace(b"\r\n", b"\n")
        signs = np.frombuffer(content, np.uint8)
        breaks = np.flatnonzero(signs == BREAK)
        if not content.endswith(b"\n") or (signs < BLANK).sum() > len(breaks) or FOREIGN.search(content):
            return None
        sizes = np.diff(breaks, prepend=-1)
        # A line that begins and ends so holds whole objects; and if there are as many as lines, each holds one.
        if sizes.min() < 3 or (signs[breaks - 1] != CLOSE).any() or (signs[breaks - sizes + 1] != OPEN).any():
            return None
        try:
            content.decode()
            table = self._table(content)
        except (pa.ArrowException, UnicodeDecodeError):
            return None  # of one line, and only that line is to suffer from it
        if table is None or len(table) != len(breaks):
            return None
        columns: dict[str, pa.Array] = {}
        for name, source in self.reading.naming.wanted(self.reading.dataset, table.column_names).items():
            values = table[source].combine_chunks()
            if pa.types.is_integer(values.type):
                if pc.any(pc.equal(values, 0), min_count=0).as_py() and MINUS_NOUGHT.search(content):
                    return None  # as a text it is another than 0
                values = values.cast(pa.string())
            columns[name] = values.cast(pa.string()) if name.startswith(BESIDE) else values
        self.keys.update(table.column_names)
        self.reading.unfold(int(np.maximum(sizes, ROW_BYTES).sum()))
        return Batch(self.reading.number, pa.array(np.arange(first, first + len(table))), columns)

    def _table(self, content: bytes) -> pa.Table | None:
        if self.schema is not None:
            try:
                return _read(content, self.schema)
            except pa.ArrowException:
                self.schema = None
        elif (table := self._as_before(content)) is not None:
            return table
        if self._learned == MOST_LEARNED:
            self.are_allowed = False
            return None
        self._learned += 1
        self.schema = self._learn(content[: content.find(b"\n", min(LEARNED_BYTES, len(content) - 1)) + 1])
        if self.schema is None:
            return None
        self.reading.learned.schema = self.schema
        return _read(content, self.schema)

    def _as_before(self, content: bytes) -> pa.Table | None:
        """Read by the keys of an earlier file, if this one has them all."""
        if (former := self.reading.learned.schema) is None:
            return None
        try:
            table = _read(content, former)
        except pa.ArrowException:
            return None
        # One without any value may not be there. A text has no quotes of its own, so this can only be a key; but where
        # objects have objects in them it may be another's.
        empty = [name for name in table.column_names if table[name].null_count == len(table)]
        is_flat = not any(pa.types.is_nested(field.type) for field in former)
        are_there = (re.search(rb'"%b"\s*:' % re.escape(name.encode()), content) for name in empty)
        if empty and not (is_flat and all(are_there)):
            return None
        self.schema = former
        return table

    def _learn(self, sample: bytes) -> pa.Schema | None:
        """The keys of some lines with the types in which all of their values can be read as they are written; None
        where there are none."""
        found = _read(sample, None).schema
        if len(found) > MOST_KEYS:
            return None
        naming, dataset = self.reading.naming, self.reading.dataset
        meant: dict[str, list[Column | None]] = {}
        for name, source in naming.wanted(dataset, found.names).items():
            meant.setdefault(source, []).append(dataset.by_name.get(name))
        fields = []
        for field in found:
            kind = field.type
            if pa.types.is_timestamp(kind) or (pa.types.is_null(kind) and field.name in meant):
                kind = pa.string()
            for column in meant.get(field.name, ()):
                is_word = pa.types.is_boolean(kind) and (column is None or column.type == "boolean")
                if not (is_word or pa.types.is_string(kind) or pa.types.is_int64(kind)):
                    return None
            fields.append(pa.field(field.name, kind))
        return pa.schema(fields)


def _read(content: bytes, schema: pa.Schema | None) -> pa.Table:
    return pyarrow.json.read_json(
        pa.BufferReader(content),
        pyarrow.json.ReadOptions(use_threads=False, block_size=4 * lines.BLOCK_BYTES),
        pyarrow.json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "error"
        ),
    )
