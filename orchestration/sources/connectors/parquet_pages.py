"""The pages of a Parquet column, as their own headers tell: what a footer claims of them is believed by no limit.

A header is a struct in Thrift's compact protocol; pyarrow reads it and does not show it. Here: sizes and numbers of
values. Not here: the values (parquet.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

# A header is some dozen bytes; statistics in it may hold two values. So much is looked at, before it is none.
FIRST_BYTES, MOST_BYTES = 512, 2**20
MOST_DEEP = 8
DATA_PAGES = (0, 3)  # of both versions; the others hold dictionaries and indexes
# The fields of PageHeader that count (parquet.thrift): the type, both sizes, and the headers by which pages of data
# tell how many values they have.
TYPE, UNFOLDED, STORED, DATA, DATA_2, VALUES = 1, 2, 3, 5, 8, 1


class Page(NamedTuple):
    """Bytes that a page takes when it is unfolded, and how many values it has: none of a dictionary's are rows."""

    unfolded: int
    values: int


class NoHeader(ValueError):
    """There is no header of a page where one should stand."""


def pages(raw: BinaryIO, begin: int, size: int) -> Iterator[Page]:
    """The pages that lie from `begin` on, `size` bytes with their headers. Raises NoHeader where these are none."""
    end = begin + size
    while begin < end:
        told, length = _header(raw, begin, end)
        stored, unfolded = told.get(STORED), told.get(UNFOLDED)
        if not isinstance(stored, int) or not isinstance(unfolded, int) or stored < 0 or unfolded < 0:
            raise NoHeader(f"no header of a page at byte {begin}")
        of_data = told.get(DATA) or told.get(DATA_2)
        values = of_data.get(VALUES) if isinstance(of_data, dict) and told.get(TYPE) in DATA_PAGES else 0
        yield Page(unfolded, values if isinstance(values, int) else 0)
        begin += length + stored


_Told = dict[int, "int | _Told | None"]


def _header(raw: BinaryIO, begin: int, end: int) -> tuple[_Told, int]:
    """The fields of the header at `begin`, and its length."""
    most = FIRST_BYTES
    while True:
        raw.seek(begin)
        reader = _Compact(raw.read(min(most, end - begin)))
        try:
            return reader.struct(), reader.at
        except IndexError:
            if most >= min(MOST_BYTES, end - begin):
                raise NoHeader(f"no header of a page at byte {begin}") from None
            most *= 16


class _Compact:
    """Reads whole numbers and structs of Thrift's compact protocol, and passes over everything else. IndexError where
    the bytes end before it does."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def struct(self, deep: int = 0) -> _Told:
        if deep > MOST_DEEP:
            raise NoHeader("a header of structs within structs")
        told: _Told = {}
        field = 0
        while head := self.byte():
            field = field + (head >> 4) if head >> 4 else self.number()
            told[field] = self.value(head & 15, deep)
        return told

    def value(self, kind: int, deep: int, is_element: bool = False) -> int | _Told | None:
        if kind in (1, 2):  # a boolean, which stands in the field's head, but in a list by itself
            self.pass_over(1 if is_element else 0)
        elif kind == 3:
            self.pass_over(1)
        elif kind in (4, 5, 6):
            return self.number()
        elif kind == 7:
            self.pass_over(8)
        elif kind == 8:
            self.pass_over(self.length())
        elif kind in (9, 10):
            head = self.byte()
            for _ in range(head >> 4 if head >> 4 < 15 else self.length()):
                self.value(head & 15, deep + 1, is_element=True)
        elif kind == 12:
            return self.struct(deep + 1)
        else:
            raise NoHeader(f"no field of a header has the type {kind}")
        return None

    def byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def length(self) -> int:
        found, shift = 0, 0
        while True:
            byte = self.byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7
            if shift > 63:
                raise NoHeader("a number of more than ten bytes")

    def number(self) -> int:
        found = self.length()
        return (found >> 1) ^ -(found & 1)

    def pass_over(self, length: int) -> None:
        self.at += length
        if self.at > len(self.content):
            raise IndexError
