"""Parquet: its columns as they are typed, in batches whose size is known before they are made.

Not here: what a good value is (../loading/row_rules.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.sentences import Sentence
from orchestration.sources.connectors.extract import BATCH_ROWS, Batch, Fault, Refusal, holds_nul, text_columns
from orchestration.sources.connectors.outside_text import cleaned
from orchestration.sources.connectors.parquet_pages import NoHeader, pages
from orchestration.sources.connectors.reading import BATCH_BYTES, ROW_BYTES, Reading
from orchestration.sources.contract import Column, allowed

MAGIC = b"PAR1"
# So many values of a column are at once in memory, however many of them lie in one row.
BATCH_VALUES = 2**21
# Of what a file says of itself: that of some thousand row groups.
FOOTER_BYTES = 2**22
VALUE_BYTES = 8  # of what is no text: a number, an instant, an element of a list


def read_parquet(raw: BinaryIO, reading: Reading) -> Iterator[Batch]:
    """The rows of a file. Raises Refusal where it can't be read, and where it unfolds to more than the limits allow:
    texts stay folded as they are stored (an entry of a dictionary, and who has it) until that is known."""
    return _Table(raw, reading).batches()


class _Table:
    """A file's columns, as far as the contract wants them."""

    def __init__(self, raw: BinaryIO, reading: Reading) -> None:
        self.raw = raw
        self.reading = reading
        self._check_footer()
        # Unfolded by whole column chunks, a file would be in memory before its size can be told: so by pages.
        whole = pq.ParquetFile(raw, buffer_size=2**20)
        names = whole.schema_arrow.names
        reading.check_names(names, "the schema")
        reading.check(names)
        self.wanted = reading.naming.wanted(reading.dataset, names)
        for name, source in self.wanted.items():
            if name in reading.dataset.by_name:
                self._check_type(reading.dataset.by_name[name], whole.schema_arrow.field(source))
        metadata = whole.metadata
        # Nested columns have a leaf, or several, below their own name.
        own = tuple(sorted(set(self.wanted.values())))
        below = tuple(f"{name}." for name in own)
        paths = [metadata.schema.column(number).path for number in range(metadata.num_columns)]
        self.leaves = {at: path for at, path in enumerate(paths) if path in own or path.startswith(below)}
        self.batch_rows = self._check_size(metadata)
        self._check_alone(metadata)
        raw.seek(0)
        self.file = pq.ParquetFile(raw, buffer_size=2**20, read_dictionary=list(self.leaves.values()))

    def _check_footer(self) -> None:
        """A footer is read whole, and takes much more room when it is understood."""
        self.raw.seek(0, 2)
        self.raw.seek(max(0, self.raw.tell() - 8))
        size = int.from_bytes(self.raw.read(4), "little")
        if self.raw.read(4) == MAGIC and size > FOOTER_BYTES:
            raise Refusal(Sentence("footer_too_large", where=self.reading.where, size=size, most=FOOTER_BYTES))
        self.raw.seek(0)

    def _check_size(self, metadata: Any) -> int:
        """Hold what the file says of itself against the limits; returns how many rows a batch may have."""
        limits, where = self.reading.limits, self.reading.where
        if metadata.num_rows * ROW_BYTES > limits.extract:
            raise Refusal(Sentence("rows_too_many", where=where, rows=metadata.num_rows, most=limits.extract))
        most = BATCH_ROWS
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            chunks = [group.column(leaf) for leaf in self.leaves]
            size = sum(self._unfolded_size(metadata, leaf, group) for leaf in self.leaves)
            nested = max((chunk.num_values for chunk in chunks if chunk.num_values > group.num_rows), default=0)
            size = max(size, nested * VALUE_BYTES)
            if size > limits.row_group:
                most = limits.row_group
                raise Refusal(Sentence("row_group_too_large", where=where, number=number + 1, size=size, most=most))
            if nested:
                most = min(most, max(1, group.num_rows * BATCH_VALUES // nested))
        return most

    def _unfolded_size(self, metadata: Any, leaf: int, group: Any) -> int:
        """Bytes of a column chunk when it is unfolded, by its pages: its footer may say less. Raises Refusal where the
        pages have other rows than the footer, some of which nobody would read."""
        chunk = group.column(leaf)
        try:
            found = list(pages(self.raw, _begin(chunk), chunk.total_compressed_size))
        except NoHeader as error:
            raise Refusal(Sentence("file_damaged", where=self.reading.where, error=str(error))) from error
        values, is_flat = sum(page.values for page in found), not metadata.schema.column(leaf).max_repetition_level
        if values != (group.num_rows if is_flat else chunk.num_values):
            name = cleaned(chunk.path_in_schema, 128)
            rows = group.num_rows
            raise Refusal(Sentence("footer_wrong", where=self.reading.where, rows=rows, column=name, values=values))
        return max(chunk.total_uncompressed_size, sum(page.unfolded for page in found))

    def _check_alone(self, metadata: Any) -> None:
        """Are there several files in one? The footer of the last would be read with the rows of the first."""
        chunks = [
            metadata.row_group(group).column(leaf)
            for group in range(metadata.num_row_groups)
            for leaf in range(metadata.num_columns)
        ]
        end = max((_begin(chunk) + chunk.total_compressed_size for chunk in chunks), default=len(MAGIC))
        self.raw.seek(-8, 2)
        footer = self.raw.tell() - int.from_bytes(self.raw.read(4), "little")
        if footer == end:
            return
        # There may be indexes in between.
        self.raw.seek(0)
        before = b""
        while piece := self.raw.read(2**20):
            if MAGIC * 2 in before + piece:
                raise Refusal(Sentence("parquet_several", where=self.reading.where))
            before = piece[-7:]

    def batches(self) -> Iterator[Batch]:
        first = 1
        for folded in self.file.iter_batches(self.batch_rows, columns=sorted(set(self.wanted.values()))):
            for batch in self._slices(folded):
                yield self._unfolded(batch, first)
                first += len(batch)

    def _slices(self, folded: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Parts of a batch that come to no more than BATCH_BYTES each when their texts are unfolded."""
        if not len(folded):
            return
        widths = np.zeros(len(folded), np.int64)
        for name, column in zip(folded.schema.names, folded.columns, strict=True):
            of_column = _widths(column)
            if of_column.max() > self.reading.limits.cell:
                where, most = self.reading.where, self.reading.limits.cell
                raise Refusal(Sentence("some_value_too_long", where=where, column=cleaned(name, 128), most=most))
            widths += of_column
        ends = np.cumsum(widths)
        self.reading.unfold(int(ends[-1]))
        start, done = 0, 0
        while start < len(folded):
            end = max(start + 1, int(np.searchsorted(ends, done + BATCH_BYTES, "right")))
            yield folded.slice(start, end - start)
            start, done = end, int(ends[end - 1])

    def _unfolded(self, batch: pa.RecordBatch, first: int) -> Batch:
        columns: dict[str, pa.Array] = {}
        faults: list[Fault] = []
        for name, source in self.wanted.items():
            column = self.reading.dataset.by_name.get(name)
            if column is None:  # it only tells which rows are meant
                columns[name] = batch.column(source).cast(pa.string())
                continue
            columns[name], found = self._plain(column, batch.column(source))
            faults += found
        lines = pa.array(np.arange(first, first + len(batch)))
        return self.reading.mapper.apply(Batch(self.reading.number, lines, columns, faults))

    def _check_type(self, column: Column, offered: pa.Field) -> None:
        """A column whose type can't carry the contract's values was retyped; refusing says so better than its rows."""
        kind = offered.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        is_word = pa.types.is_boolean(kind) or pa.types.is_integer(kind)
        fits: Mapping[str, Callable[[pa.DataType], bool]] = {
            "instant": pa.types.is_timestamp,
            "boolean": pa.types.is_boolean,
            "integer": pa.types.is_integer,
            "bigint": pa.types.is_integer,
            "money": lambda kind: pa.types.is_integer(kind) or pa.types.is_decimal(kind),
            "id": pa.types.is_integer,
            "text": lambda kind: pa.types.is_integer(kind) and not column.values,
            "hours": pa.types.is_nested,
            "words": lambda kind: pa.types.is_list(kind) or pa.types.is_large_list(kind),
        }
        naming = self.reading.naming
        if pa.types.is_null(kind) or _is_text(kind) or (is_word and column.name in naming.values):
            return
        if pa.types.is_floating(kind) and column.name in naming.places:
            return  # `round` says to how many places a floating-point number is meant
        if not fits.get(column.type, lambda kind: False)(kind):
            where, name = self.reading.where, cleaned(offered.name, 128)
            raise Refusal(Sentence("column_of_kind", where=where, column=name, kind=str(kind), allowed=allowed(column)))

    def _plain(self, column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
        """A column in one of the types that bulk_copy.py takes, nested ones as JSON text."""
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_nested(array.type):
            return self._by_value(column, array.to_pylist(maps_as_pydicts="strict"))
        if pa.types.is_floating(array.type):
            return self._by_value(column, self.reading.naming.exact(column.name, array.to_pylist()))
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
        columns, faults = text_columns(self.reading.dataset, {column.name: values}, self.reading.where)
        return columns[column.name], faults


def _begin(chunk: Any) -> int:
    """Where its first page stands. A row group of a file without rows may have no page, which the offset 0 says."""
    offsets = (chunk.data_page_offset, chunk.dictionary_page_offset if chunk.has_dictionary_page else 0)
    return int(min((offset for offset in offsets if offset), default=len(MAGIC)))


def _widths(array: pa.Array) -> npt.NDArray[np.int64]:
    """How many bytes each row comes to when its texts are unfolded."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        lengths = _widths(array.dictionary)
        if not len(lengths):
            return np.zeros(len(array), np.int64)
        places = pc.fill_null(array.indices, 0).to_numpy(zero_copy_only=False)
        return np.where(array.is_valid().to_numpy(zero_copy_only=False), lengths[places], 0)
    if _is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pc.fill_null(pc.binary_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        ends = np.concatenate([[0], np.cumsum(_widths(array.values) + VALUE_BYTES)])
        offsets = array.offsets.to_numpy(zero_copy_only=False)
        return np.asarray(ends[offsets[1:]] - ends[offsets[:-1]], np.int64)
    if pa.types.is_struct(kind):
        return sum((_widths(part) for part in array.flatten()), np.zeros(len(array), np.int64))
    return np.full(len(array), VALUE_BYTES, np.int64)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
