"""Lines of a file, read so that none is held in memory that is longer than it may be.

Not here: what a line means (json_lines.py, csv_rows.py).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, Protocol

from orchestration.sentences import Sentence
from orchestration.sources.connectors.extract import Batch, Refusal
from orchestration.sources.connectors.reading import ROW_BYTES, Reading

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BLOCK_BYTES = 2**21


class Readable(Protocol):
    """What has lines."""

    def readline(self, size: int = -1, /) -> bytes: ...


class Blocks:
    """A stream whose lines can be read many at once (`take`) or one by one. `passed`: the number of lines that were
    taken many at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self.passed = 0
        self._stream = stream
        self._back = io.BytesIO()

    def take(self, read: Callable[[bytes], Batch | None]) -> Batch | None:
        """What `read` makes of the next block of whole lines, if none is longer than a block. Where it makes nothing of
        them, they are read one by one before it is asked again."""
        if self._back.tell() < len(self._back.getbuffer()):
            return None
        block = self._stream.read(BLOCK_BYTES) + self._stream.readline(BLOCK_BYTES)
        batch = read(block)
        if batch is None:
            self._back = io.BytesIO(block)
        else:
            self.passed += len(batch.lines)
        return batch

    def readline(self, size: int = -1, /) -> bytes:
        line = self._back.readline(size)
        return line if line.endswith(b"\n") or len(line) == size else line + self._stream.readline(size - len(line))


def lines(stream: Readable, reading: Reading) -> Iterator[bytes]:
    """Lines with their ends; a byte order mark is left away. Raises Refusal at one that is longer than the limit, of
    which no more than that has been read."""
    most = reading.limits.line
    for number, line in enumerate(iter(partial(stream.readline, most + 1), b""), 1):
        if len(line) > most:
            number += stream.passed if isinstance(stream, Blocks) else 0
            raise Refusal(Sentence("line_too_long", where=reading.where, line=number, most=most))
        reading.unfold(max(len(line), ROW_BYTES))
        yield line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
