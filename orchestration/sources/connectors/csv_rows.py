"""CSV with a header, as RFC 4180 has it: fields separated by commas, in quotes where they need to be.

Not here: what a good value is (../loading/row_rules.py). Every value goes on as the text it was.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from orchestration.sentences import Sentence
from orchestration.sources.connectors.csv_blocks import PlainBlocks
from orchestration.sources.connectors.extract import BATCH_ROWS, Batch, Fault, Refusal
from orchestration.sources.connectors.lines import Blocks, lines
from orchestration.sources.connectors.outside_text import cleaned
from orchestration.sources.connectors.reading import BATCH_BYTES, Reading

DELIMITERS = (";", "\t", "|")
# What the place of an instant holds in any way of writing it; free text between quotes hardly does.
TWO_DIGITS = re.compile(r"\d\d")


def read_csv(stream: BinaryIO, reading: Reading) -> Iterator[Batch]:
    """The rows of a file. Raises Refusal where it is not whole, where its header can't be one, and where quotes have
    swallowed rows: every line of the file is a row, a part of one, or blank."""
    # The library's own limit would make a long text an unreadable line.
    csv.field_size_limit(reading.limits.cell)
    consumed = _Lines(stream, reading)
    reader = csv.reader(consumed, strict=True, delimiter=reading.form.delimiter or ",")
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise Refusal(Sentence("header_unreadable", where=reading.where, error=str(error))) from error
    if header is None:
        return
    yield from _Table(reading, header).batches(reader, consumed)


class _Lines:
    """Lines as csv.reader consumes them: `last` are those of the current row, `ended` tells of the end, `is_within`
    whether the line that was read has more of them."""

    def __init__(self, stream: BinaryIO, reading: Reading) -> None:
        self.reading = reading
        self.blocks = Blocks(stream)
        self.last: list[str] = []
        self.size = 0
        self.ended = False
        self.is_within = False

    def begin_row(self) -> None:
        self.last.clear()
        self.size = 0

    def __iter__(self) -> Iterator[str]:
        for line in lines(self.blocks, self.reading):
            parts = line.splitlines(keepends=True) if b"\r" in line[:-2] else [line]
            for number, part in enumerate(parts, 1):
                self.is_within = number < len(parts)
                self.size += len(part)
                if self.size > self.reading.limits.line:
                    most = self.reading.limits.line
                    raise Refusal(Sentence("quote_unclosed_within", where=self.reading.where, most=most))
                # Bytes that are no UTF-8 stay in place as marks, so that only their own row is bad.
                text = part.decode(self.reading.form.encoding, "surrogateescape")
                self.last.append(text)
                yield text
        self.ended = True


class _Table:
    """What the header says, and the rows below it."""

    def __init__(self, reading: Reading, header: list[str]) -> None:
        self.reading = reading
        self.header = header
        # Spreadsheets leave columns without a name at the end; they may hold nothing.
        self.named = next((at for at in range(len(header), 0, -1) if header[at - 1].strip()), 0)
        self._check_header()
        dataset = reading.dataset
        offered = [name for name in header if name]
        wanted = reading.naming.wanted(dataset, offered)
        self.places = {name: header.index(source) for name, source in wanted.items()}
        columns = {at: dataset.by_name[name] for name, at in self.places.items() if name in dataset.by_name}
        # Only where people write may a line break be part of a value.
        self.one_line = {at for at, column in columns.items() if column.type != "text" or column.values}
        self.plain = PlainBlocks(reading, header, self.places) if self.named == len(header) else None
        self.instants = [at for at, column in columns.items() if column.type == "instant" and column.required]

    def _check_header(self) -> None:
        where, header = self.reading.where, self.header
        if not self.named:
            raise Refusal(Sentence("header_nameless", where=where))
        for name in header:
            try:
                name.encode()
            except UnicodeEncodeError:
                raise Refusal(Sentence("header_not_utf8", where=where, name=cleaned(name, 128))) from None
            if "\0" in name:
                raise Refusal(Sentence("header_nul", where=where, name=cleaned(name, 128)))
        if header[0].lower().startswith("sep=") and len(header) <= 2:
            raise Refusal(Sentence("header_note", where=where, line=cleaned(",".join(header), 40)))
        marks = () if self.reading.form.delimiter else DELIMITERS
        if len(header) == 1 and (found := [mark for mark in marks if mark in header[0]]):
            is_tab = found[0] == "\t"
            raise Refusal(
                Sentence("separator_tab", where=where)
                if is_tab
                else Sentence("separator", where=where, mark=f"{found[0]!r}")
            )
        names = [name for name in header if name]
        self.reading.check_names(names, "the header")
        self.reading.check(names)
        if unnamed := [str(at) for at, name in enumerate(header[: self.named], 1) if not name]:
            self.reading.ignore({f"(column {at}, which has no name)" for at in unnamed})

    def batches(self, reader: Any, consumed: _Lines) -> Iterator[Batch]:
        rows: list[list[str]] = []
        numbers: list[int] = []
        faults: list[Fault] = []
        size = 0
        nothing = [""] * len(self.header)
        while True:
            next_line = reader.line_num + consumed.blocks.passed + 1
            if self.plain and not consumed.is_within and (batch := self.plain.next(consumed.blocks, next_line)):
                if rows:
                    yield self._batch(rows, numbers, faults)
                    rows, numbers, faults, size = [], [], [], 0
                yield self.reading.mapper.apply(batch)
                continue
            consumed.begin_row()
            number = next_line
            row: list[str] | None
            try:
                row = next(reader, None)
                if row is None:
                    break
                fits = self._fits(row)
            except csv.Error as error:
                row, fits = [], False
                self._check_error(error, number, consumed)
            if not row and fits:
                continue  # a blank line
            if len(consumed.last) > 1:
                self._check_lines(row, fits, number, consumed)
            if not fits:
                if not consumed.last[-1].endswith(("\n", "\r")):
                    raise Refusal(Sentence("cut_off_last", where=self.reading.line(number)))
                faults.append(Fault(len(rows), "line", digest=_digest("".join(consumed.last).rstrip("\r\n"))))
                row = nothing
            elif row == self.header:
                raise Refusal(Sentence("header_again", where=self.reading.where, line=number))
            rows.append(row)
            numbers.append(number)
            size += consumed.size
            if len(rows) == BATCH_ROWS or size > BATCH_BYTES:
                yield self._batch(rows, numbers, faults)
                rows, numbers, faults, size = [], [], [], 0
        if rows:
            yield self._batch(rows, numbers, faults)

    def _fits(self, row: list[str]) -> bool:
        """Has the row as many fields as the header names, and nothing beyond them?"""
        if len(row) == self.named == len(self.header):
            return True
        return not row or (len(row) >= self.named and not any(row[self.named :]))

    def _check_error(self, error: csv.Error, number: int, consumed: _Lines) -> None:
        """Raises Refusal where what csv.reader could not read is more than one line's affair."""
        where = self.reading.line(number)
        if "field limit" in str(error):
            raise Refusal(Sentence("value_or_quote", where=where, most=self.reading.limits.cell)) from error
        if consumed.ended:
            lost = len(consumed.last)
            raise Refusal(
                Sentence("cut_off", where=where) if lost <= 1 else Sentence("quote_unclosed", where=where, lines=lost)
            ) from error

    def _check_lines(self, row: list[str], fits: bool, number: int, consumed: _Lines) -> None:
        """Hold a row of several lines against what may be one. Raises Refusal: of swallowed rows nobody can say what
        they were."""
        lines = {"where": self.reading.where, "first": number, "last": number + len(consumed.last) - 1}
        if not fits:
            raise Refusal(Sentence("row_misfits", **lines, columns=self.named))
        broken = [at for at, value in enumerate(row) if "\n" in value or "\r" in value]
        if wrong := [self.header[at] for at in broken if at in self.one_line]:
            raise Refusal(Sentence("row_breaks", **lines, columns=wrong))
        for line in consumed.last[1:]:
            fields = next(csv.reader([line], delimiter=self.reading.form.delimiter or ","), [])
            if len(fields) == len(self.header) > 1 and any(TWO_DIGITS.search(fields[at]) for at in self.instants):
                raise Refusal(Sentence("row_holds_rows", **lines, columns=[self.header[at] for at in broken]))

    def _batch(self, rows: list[list[str]], numbers: list[int], faults: list[Fault]) -> Batch:
        values: dict[str, list[Any]] = {name: [row[at] or None for row in rows] for name, at in self.places.items()}
        return self.reading.batch(values, numbers, faults)


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode(errors="surrogateescape")).hexdigest()
