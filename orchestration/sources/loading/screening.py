"""What is told of rows while they are copied straight into raw, so that raw need not be read for it once more: does a
key come twice, may an identifier be unusual.

Only what clears all rows is told: where something may be amiss, the rules in SQL say what it is (row_rules.py).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sources.contract import Dataset
from orchestration.sources.loading.bulk_copy import Rows, as_text
from orchestration.sources.loading.row_rules import BLANKS, NOTHING_WORDS

# The hashes of so many keys are kept; of more rows PostgreSQL tells which keys come twice.
MOST_HASHES = 2**21
Hashes: TypeAlias = npt.NDArray[np.uint64]
IS_BLANK = np.isin(np.arange(256), [ord(sign) for sign in BLANKS])


class Screening:
    """A look at each batch on its way. `may_be_unusual`: has some identifier blanks around it, or is it a word for
    nothing?"""

    def __init__(self, dataset: Dataset) -> None:
        self.may_be_unusual = False
        self._identifiers = [column.name for column in dataset.columns if column.type == "id"]
        self._key = dataset.key if set(dataset.key) <= set(self._identifiers) else None
        self._hashes: list[Hashes] = []
        self._rows = 0

    def look(self, rows: Rows) -> None:
        self.may_be_unusual = self.may_be_unusual or any(
            _may_be_unusual(rows.columns[name]) for name in self._identifiers if name in rows.columns
        )
        self._rows += len(rows)
        if self._key is None or self._rows > MOST_HASHES:
            self._hashes.clear()
            return
        # Equal keys have equal hashes; should others have too, they are looked at more closely in vain.
        key = rows.days.to_numpy().astype(np.uint64)
        for name in self._key:
            key = _mixed(key ^ _hashed(as_text(rows.columns.get(name, pa.nulls(len(rows))))))
        self._hashes.append(key)

    def has_distinct_keys(self) -> bool | None:
        """Is every key there once in its extract? None where that was not looked at."""
        if self._rows and not self._hashes:
            return None
        hashes = np.sort(np.concatenate([*self._hashes, np.empty(0, np.uint64)]))
        self._hashes.clear()
        return not bool((hashes[1:] == hashes[:-1]).any())


def _may_be_unusual(values: pa.Array) -> bool:
    if not pa.types.is_string(values.type) or not len(values):
        return False  # a number has no blanks
    _, offsets, data = values.buffers()
    ends = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
    lengths = np.diff(ends)
    some = lengths > 0
    if not some.any():
        return False
    signs = np.frombuffer(data, np.uint8)
    if IS_BLANK[signs[ends[:-1][some]]].any() or IS_BLANK[signs[ends[1:][some] - 1]].any():
        return True
    short = values.filter(pa.array(lengths <= max(map(len, NOTHING_WORDS))))
    if not pc.all(pc.string_is_ascii(short), min_count=0).as_py():
        return True  # how letters beyond ASCII are made small is the database's affair
    return bool(pc.any(pc.is_in(pc.ascii_lower(short), pa.array(NOTHING_WORDS)), min_count=0).as_py())


def _hashed(texts: pa.Array) -> Hashes:
    """Of each text a hash, of eight of its bytes at a time: a Python object for each would take longer than the server
    takes for its row."""
    _, ends, data = texts.buffers()
    ends = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(ends).astype(np.uint64)
    # Eight bytes from any place on; beyond the last there is nothing.
    signs = np.concatenate([np.frombuffer(data or b"", np.uint8), np.zeros(8, np.uint8)])
    words = np.ndarray(len(signs) - 7, np.dtype("<u8"), signs, strides=(1,))
    found = lengths.copy()
    for first in range(0, int(lengths.max(initial=0)), 8):
        is_longer = lengths > first
        taken = np.minimum(lengths[is_longer] - np.uint64(first), np.uint64(8))
        beyond = (np.uint64(8) - taken) * np.uint64(8)
        word = words[ends[:-1][is_longer] + first] << beyond
        found[is_longer] = _mixed(found[is_longer] ^ word)
    return found


def _mixed(bits: Hashes) -> Hashes:
    """Each bit of the result hangs on all bits (a step of Vigna's SplitMix64)."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
