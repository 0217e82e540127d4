"""Lines of a file, read so that none is held in memory that is longer than it may be.

Not here: what a line means (json_lines.py, csv_rows.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.reading import ROW_BYTES, Reading

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def lines(stream: BinaryIO, reading: Reading) -> Iterator[bytes]:
    """Lines with their ends; a byte order mark is left away. Raises Refusal at one that is longer than the limit, of
    which no more than that has been read."""
    most = reading.limits.line
    for number, line in enumerate(iter(partial(stream.readline, most + 1), b""), 1):
        if len(line) > most:
            raise Refusal(
                f"{reading.where}: line {number} is longer than {most:,} bytes (CAUSERIE_LIMIT_LINE); nothing of the"
                " file is taken"
            )  # fmt: skip
        reading.unfold(max(len(line), ROW_BYTES))
        yield line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
