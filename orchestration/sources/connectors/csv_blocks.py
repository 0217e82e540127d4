"""Blocks of a CSV file in which each line is plainly a row, read by whole columns.

Plainly: whoever reads CSV would say the same. Quotes stand in pairs around whole values, none of them within one, no
line breaks between them; every line has the header's columns, and no byte is foreign. Not here: all other blocks, which
are read line by line, and what may be wrong with a line (csv_rows.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from orchestration.sources.connectors import lines
from orchestration.sources.connectors.extract import Batch
from orchestration.sources.connectors.reading import ROW_BYTES, Reading

BREAK, QUOTE = b'\n"'


class PlainBlocks:
    """Of a file with this header, the columns at `places`, by the names of Naming.wanted."""

    def __init__(self, reading: Reading, header: Sequence[str], places: Mapping[str, int]) -> None:
        self.reading = reading
        self.header = header
        self.places = places
        delimiter = reading.form.delimiter or ","
        self.ends = bytes([BREAK]) + delimiter.encode()
        # What may be longer than its limit is held against it line by line.
        are_short = min(reading.limits.line, reading.limits.cell) > 2 * lines.BLOCK_BYTES
        self.are_allowed = are_short and delimiter.isascii() and all(header)
        names = [str(at) for at in range(len(header))]
        self.read_options = pyarrow.csv.ReadOptions(
            column_names=names, block_size=4 * lines.BLOCK_BYTES, use_threads=False
        )
        self.parse_options = pyarrow.csv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False)
        self.convert_options = pyarrow.csv.ConvertOptions(
            include_columns=sorted({"0", *(str(at) for at in places.values())}),
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        )

    def next(self, blocks: lines.Blocks, first: int) -> Batch | None:
        """The rows of the next block, whose first line has this number, in the source's own words; None where they
        are to be read one by one."""
        return blocks.take(partial(self._batch, first=first)) if self.are_allowed else None

    def _batch(self, block: bytes, first: int) -> Batch | None:
        table = self._table(block)
        if table is None:
            return None
        columns = {name: table[str(at)].combine_chunks() for name, at in self.places.items()}
        return Batch(self.reading.number, pa.array(np.arange(first, first + len(table))), columns)

    def _table(self, block: bytes) -> pa.Table | None:
        content = block.replace(b"\r\n", b"\n")
        if not content.endswith(b"\n") or b"\r" in content or b"\0" in content:
            return None
        signs = np.frombuffer(content, np.uint8)
        breaks = np.flatnonzero(signs == BREAK)
        if not self._has_plain_quotes(signs, breaks):
            return None
        try:
            if self.reading.form.encoding != "utf-8":
                content = content.decode(self.reading.form.encoding).encode()
            table = pyarrow.csv.read_csv(
                pa.BufferReader(content), self.read_options, self.parse_options, self.convert_options
            )
        except (pa.ArrowInvalid, UnicodeDecodeError):
            return None  # of one line, and only that line is to suffer from it
        sizes = np.diff(breaks, prepend=-1)
        # A line without anything is no row; one that is the header again is no row either.
        if len(table) != len(breaks) or sizes.min() < 2 or pc.any(pc.equal(table["0"], self.header[0])).as_py():
            return None
        self.reading.unfold(int(np.maximum(sizes, ROW_BYTES).sum()))
        return table

    def _has_plain_quotes(self, signs: npt.NDArray[np.uint8], breaks: npt.NDArray[np.int64]) -> bool:
        quotes = np.flatnonzero(signs == QUOTE)
        if not len(quotes):
            return True
        if len(quotes) % 2 or (np.searchsorted(quotes, breaks) % 2).any():
            return False
        is_end = np.isin(np.arange(256), list(self.ends))
        before = np.where(quotes[::2] > 0, signs[quotes[::2] - 1], BREAK)
        return bool(is_end[before].all() and is_end[signs[quotes[1::2] + 1]].all())
