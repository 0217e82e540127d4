"""JSON Lines: an object a line; a file that is one array of objects is read as if each stood on a line.

Not here: what a good value is (../loading/row_rules.py). Numbers stay the digits that they were written with.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from orchestration.sentences import Sentence
from orchestration.sources.connectors.extract import BATCH_ROWS, Batch, Fault, JsonFloat, Refusal
from orchestration.sources.connectors.json_blocks import PlainBlocks
from orchestration.sources.connectors.lines import BYTE_ORDER_MARK, Blocks, lines
from orchestration.sources.connectors.outside_text import cleaned
from orchestration.sources.connectors.reading import BATCH_BYTES, MOST_COLUMNS, ROW_BYTES, Reading

CHUNK_BYTES = 2**18
BLANK = re.compile(r"[ \t\n\r]*")


def read_json_lines(stream: io.BufferedReader, reading: Reading) -> Iterator[Batch]:
    """The rows of a file. Raises Refusal where it is not whole, or has keys that are no text."""
    head = stream.peek(64).removeprefix(BYTE_ORDER_MARK).lstrip()
    return _Rows(stream, reading).batches(is_array=head.startswith(b"["))


class _Rows:
    """The objects of a file, gathered into batches."""

    def __init__(self, stream: io.BufferedReader, reading: Reading) -> None:
        self.stream = stream
        self.reading = reading
        self.rows: list[dict[str, Any]] = []
        self.numbers: list[int] = []
        self.faults: list[Fault] = []
        self.seen: set[str] = set()
        self.size = 0
        # Money never passes through a float; what only a float could be is no identifier (JsonFloat).
        self.scan = json.JSONDecoder(parse_float=JsonFloat, parse_int=str, parse_constant=JsonFloat).scan_once  # type: ignore[attr-defined]

    def batches(self, is_array: bool) -> Iterator[Batch]:
        for plain in self._objects_of_array() if is_array else self._objects_of_lines():
            if plain is not None:
                if self.rows:
                    yield self._batch()
                yield self.reading.mapper.apply(plain)
            elif len(self.rows) == BATCH_ROWS or self.size > BATCH_BYTES:
                yield self._batch()
        if self.rows:
            yield self._batch()
        if self.seen:
            self.reading.check(self.seen)

    def _objects_of_lines(self) -> Iterator[Batch | None]:
        """Objects as they are taken, and batches of many that needed no look of their own."""
        blocks, plain = Blocks(self.stream), PlainBlocks(self.reading)
        each = lines(blocks, self.reading)
        read = 0
        while True:
            while batch := plain.next(blocks, read + blocks.passed + 1):
                self.seen |= plain.keys
                yield batch
            if (line := next(each, None)) is None:
                return
            read += 1
            number = read + blocks.passed
            # Bytes that are no UTF-8 stay in place as marks, so that only their own row is bad.
            if content := line.decode("utf-8", "surrogateescape").strip():
                self._line(number, content, is_whole=line.endswith(b"\n"))
                yield None

    def _line(self, number: int, content: str, is_whole: bool) -> None:
        where = self.reading.line(number)
        try:
            row, end = self.scan(content, 0)
        except (ValueError, StopIteration, RecursionError):
            if not is_whole:
                raise Refusal(Sentence("cut_off_last", where=where)) from None
            return self._unreadable(number, content)
        if end < len(content) and content[end:].lstrip(" \t,").startswith(("{", "[")):
            raise Refusal(Sentence("json_several", where=where))
        if end < len(content) or type(row) is not dict:
            return self._unreadable(number, content)
        self._take(number, row, len(content))

    def _objects_of_array(self) -> Iterator[Batch | None]:
        """One array from its bracket on, object by object, however it is spread over lines."""
        texts = self._chunks()
        text = next(texts)
        at = text.index("[") + 1
        number, is_first, wants_value = 1 + text.count("\n", 0, at), True, False
        while True:
            begin = at
            at = BLANK.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
            number += text.count("\n", begin, at)
            where = self.reading.line(number)
            if at < len(text) and text[at] == "]" and not wants_value:
                break
            if at < len(text) and text[at] == "," and not is_first and not wants_value:
                at, wants_value = at + 1, True
                continue
            try:
                row, end = self.scan(text, at)
            except (ValueError, StopIteration, RecursionError):
                # Cut off where the chunk ends, or wrong: with twice as much text this shows.
                text, at = self._longer(text[at:], texts, where), 0
                continue
            if type(row) is not dict or not (is_first or wants_value):
                raise Refusal(Sentence("json_no_object", where=where))
            self._take(number, row, end - at)
            self.reading.unfold(max(0, ROW_BYTES - (end - at)))  # all the rest is counted by chunks
            yield None
            number += text.count("\n", at, end)
            at, is_first, wants_value = end, False, False
        if text[at + 1 :].strip() or any(rest.strip() for rest in texts):
            raise Refusal(Sentence("json_after_array", where=where))

    def _chunks(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        while chunk := self.stream.read(CHUNK_BYTES):
            self.reading.unfold(len(chunk))
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)

    def _longer(self, rest: str, texts: Iterator[str], where: str) -> str:
        """The rest of a text and what follows it, at least as much again. Raises Refusal where nothing does."""
        if len(rest) > self.reading.limits.line:
            raise Refusal(Sentence("json_object_too_long", where=where, most=self.reading.limits.line))
        parts, size = [rest], 0
        while size <= len(rest) and (more := next(texts, None)) is not None:
            parts.append(more)
            size += len(more)
        if not size:
            if rest.strip():
                raise Refusal(Sentence("json_array_unreadable", where=where, rest=cleaned(rest[:40])))
            raise Refusal(Sentence("json_array_endless", where=where))
        return "".join(parts)

    def _take(self, number: int, row: dict[str, Any], size: int) -> None:
        if size > self.reading.limits.cell:
            for name, value in row.items():
                if isinstance(value, str) and len(value) > self.reading.limits.cell:
                    raise self.reading.too_long(number, name)
        self.rows.append(row)
        self.numbers.append(number)
        self.size += size

    def _unreadable(self, number: int, content: str) -> None:
        digest = hashlib.sha256(content.encode(errors="surrogateescape")).hexdigest()
        self.faults.append(Fault(len(self.rows), "line", digest=digest))
        self.rows.append({})
        self.numbers.append(number)

    def _batch(self) -> Batch:
        rows, numbers, faults = self.rows, self.numbers, self.faults
        self.rows, self.numbers, self.faults, self.size = [], [], [], 0
        names = set().union(*rows)
        for name in names - self.seen:
            self._check_key(name, rows, numbers)
        wanted = self.reading.naming.wanted(self.reading.dataset, names)
        self.seen |= set(wanted.values())
        self.seen |= set(islice(names - self.seen, max(0, MOST_COLUMNS - len(self.seen))))
        values = {contract: [row.get(source) for row in rows] for contract, source in wanted.items()}
        return self.reading.batch(values, numbers, faults)

    def _check_key(self, name: str, rows: list[dict[str, Any]], numbers: list[int]) -> None:
        try:
            name.encode()
            fault = "a NUL character" if "\0" in name else ""
        except UnicodeEncodeError as error:
            escaped = 0xDC80 <= ord(name[error.start]) <= 0xDCFF
            fault = "bytes that are not UTF-8 (perhaps Latin-1)" if escaped else "half a surrogate pair"
        if fault:
            line = next(number for row, number in zip(rows, numbers, strict=True) if name in row)
            where = self.reading.where
            raise Refusal(Sentence("json_key", where=where, line=line, name=cleaned(name, 128), fault=fault))
