"""Which extracts are loaded in one go: small ones that follow each other are read into memory, up to a bound, and the
next of them while these are loaded.

Nearly all of what a small extract costs is the same for a thousand of them. Not here: the loading (load.py), or the
database: reading asks the sources alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain

from orchestration.sources.connectors.extract import Batch, Extract, Source

# A batch of extracts ends with the first of these. One extract alone may be of any size: it is read as it is sent.
MOST_EXTRACTS = 250
MOST_ROWS = 524_288
MOST_BYTES = 64 * 2**20


@dataclass
class Taken:
    """An extract that is being loaded, and what is known of it by then."""

    day: date
    source: Source
    extract: Extract
    is_held: bool
    load_id: int = 0
    rows_read: int = 0
    rejected: dict[str, int] = field(default_factory=dict)

    def read_again(self) -> None:
        """Begin its batches anew, after they were sent in vain."""
        if not self.is_held:
            self.extract = self.source.read(self.day)


@dataclass
class Gathered:
    """Extracts to load together, in their order; and the one after them that could not be read, with what was raised.
    One that fits with no other is left for the next batch."""

    taken: list[Taken] = field(default_factory=list)
    failed: tuple[date, Extract | None, Exception] | None = None

    def __len__(self) -> int:
        return len(self.taken) + (self.failed is not None)


def gather(source: Source, days: Sequence[date]) -> Gathered:
    """Read the first extracts of `days`, as many as go together and at least one."""
    gathered = Gathered()
    rows = size = 0
    for day in days[:MOST_EXTRACTS]:
        extract: Extract | None = None
        try:
            extract = source.read(day)
            held: list[Batch] = []
            batches = iter(extract.batches)
            for batch in batches:
                held.append(batch)
                rows += len(batch.lines)
                size += _size(batch)
                # Nothing waits for an extract by itself: it is sent from its second batch on.
                if len(held) > 1 if len(days) == 1 else rows > MOST_ROWS or size > MOST_BYTES:
                    if not gathered.taken:
                        extract = replace(extract, batches=chain(held, batches))
                        gathered.taken.append(Taken(day, source, extract, is_held=False))
                    return gathered
        except Exception as error:  # the caller knows what it means
            gathered.failed = (day, extract, error)
            return gathered
        gathered.taken.append(Taken(day, source, replace(extract, batches=held), is_held=True))
    return gathered


class Ahead:
    """Reads the extracts after those that were asked for, while these are loaded. One reader at a time: a source may
    hold a query open from one day to the next."""

    def __init__(self) -> None:
        self._reader = ThreadPoolExecutor(1)
        self._next: tuple[Source, Sequence[date], Future[Gathered]] | None = None

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.shutdown(cancel_futures=True)

    def gather(self, source: Source, days: Sequence[date]) -> Gathered:
        """What `gather` gives, which may have been read already."""
        read = self._read(source, days)
        gathered = gather(source, days) if read is None else read
        following = days[len(gathered) :]
        if following and all(one.is_held for one in gathered.taken):
            self._next = source, following, self._reader.submit(gather, source, following)
        return gathered

    def _read(self, source: Source, days: Sequence[date]) -> Gathered | None:
        """What was read ahead, if that was of this source (since then people may have been erased) and these days."""
        if self._next is None:
            return None
        expected, following, reading = self._next
        self._next = None
        gathered = reading.result()
        return gathered if expected is source and list(following) == list(days) else None


def halves(taken: Sequence[Taken]) -> Iterator[list[Taken]]:
    """A batch that could not be loaded, as two."""
    middle = len(taken) // 2
    yield list(taken[:middle])
    yield list(taken[middle:])


def _size(batch: Batch) -> int:
    return int(sum(column.nbytes for column in batch.columns.values()))
