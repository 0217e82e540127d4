"""The files connector: {root}/{dataset}/{YYYY-MM-DD}/* as JSON Lines, CSV or Parquet, on anything fsspec reaches; or
flat, {root}/*, each file an extract of its own day.

Not here: which files are there (listing.py), the formats (json_lines.py, csv_rows.py, parquet.py), or what a good value
is (../loading/row_rules.py). Every value goes on as the text it was, digit by digit.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any, Literal

import fsspec
import pyarrow as pa

from orchestration.sentences import Sentence
from orchestration.settings import Limits
from orchestration.sources.connectors.csv_rows import read_csv
from orchestration.sources.connectors.extract import Batch, Extract, Refusal
from orchestration.sources.connectors.json_lines import read_json_lines
from orchestration.sources.connectors.listing import Aside, DayFolder, Listing, flat_root, list_dataset, list_flat
from orchestration.sources.connectors.mapping import Naming
from orchestration.sources.connectors.outside_text import cause
from orchestration.sources.connectors.parquet import MAGIC, read_parquet
from orchestration.sources.connectors.reading import Form, Learned, Reading, Unfolded
from orchestration.sources.connectors.signatures import LONGEST, known_kind
from orchestration.sources.contract import Dataset

ENDINGS = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")
GZIP = b"\x1f\x8b"
# Beyond so many, all are listed at once: of a store each day would be asked for by itself.
FEW_DAYS = 31


@dataclass(frozen=True)
class FilesSource:
    """One dataset below a root, a folder or any URL that fsspec knows."""

    dataset: Dataset
    root: str
    naming: Naming = field(default_factory=Naming)
    daily: bool = False
    adds_only: bool = False
    limits: Limits = field(default_factory=Limits.from_environment)
    connected_from: date | None = None
    form: Form = field(default_factory=Form)
    # The folder below the root: the dataset's name, or that of the one whose files hold these rows too.
    folder: str | None = None
    # Flat: the files stand in the root itself, which may be a pattern of their names, and this dates each: when it was
    # `modified`, or a date in its `name`.
    flat_by: Literal["modified", "name"] | None = None
    # Where given, other days are not looked for.
    only: tuple[date, ...] = ()
    _learned: Learned = field(default_factory=Learned, init=False, repr=False, compare=False)
    _seen: list[Listing] = field(default_factory=list, init=False, repr=False, compare=False)

    def of(self, days: Collection[date]) -> FilesSource:
        """The same source, of which these days alone are known, where few are quicker found than all."""
        return replace(self, only=tuple(days)) if len(days) <= FEW_DAYS else self

    def days(self, today: date) -> Mapping[date, str]:
        """Every day that has a folder with something finished in it, and a digest of names, sizes and times."""
        self._seen[:] = [self._listing(self.only)]
        return {day: self._fingerprint(folder) for day, folder in self._seen[0].days.items()}

    def asides(self, today: date) -> list[Aside]:
        """What lies in the dataset's folder and is not read, or not yet: days that lie ahead. As `days` saw it last."""
        listing = self._seen[0] if self._seen else self._listing()
        ahead = sorted(day for day in listing.days if day > today)
        return listing.asides + [Aside(f"{self.dataset.name} of {day}", Sentence("aside_ahead")) for day in ahead]

    def read(self, day: date) -> Extract:
        folder = self._listing((day,)).days.get(day)
        if folder is None:
            of_day = Sentence("of_day", dataset=self.dataset.name, day=day.isoformat())
            raise Refusal(Sentence("folder_away", where=of_day))
        unknown: set[str] = set()
        left_out: Counter[str] = Counter()
        batches = self._batches(day, folder, unknown, left_out)
        return Extract(folder.files, self._fingerprint(folder), batches, unknown, left_out)

    def _listing(self, days: Collection[date] = ()) -> Listing:
        if self.flat_by:
            return list_flat(self.root, self.flat_by, ENDINGS)
        return list_dataset(self.root, self._folder(), days)

    def _folder(self) -> str:
        return self.folder or self.dataset.name

    def _fingerprint(self, folder: DayFolder) -> str:
        # The naming counts too: a corrected mapping must read the same files again.
        told = [[file.name, file.size, file.modified] for file in folder.files]
        form = [] if self.form == Form() else [asdict(self.form)]
        known: list[Any] = [told, *self.naming.told(), *form]
        return hashlib.sha256(json.dumps(known + folder.faults).encode()).hexdigest()

    def _batches(self, day: date, folder: DayFolder, unknown: set[str], left_out: Counter[str]) -> Iterator[Batch]:
        if folder.faults:
            place = f"{self.dataset.name}/{folder.folder}"
            raise Refusal(Sentence("folder_faults", where=place, faults=folder.faults))
        place = f"{self.root.rstrip('/')}/{self._folder()}/{folder.folder}"
        system, base = fsspec.core.url_to_fs(flat_root(self.root, ENDINGS)[0] if self.flat_by else place)
        unfolded = Unfolded()
        for number, file in enumerate(folder.files):
            if file.size:  # an empty file says that nothing happened
                where = "/".join(filter(None, (self.dataset.name, folder.folder, file.name)))
                reading = Reading(
                    *(number, self.dataset, self.naming, unknown, where, self.limits, unfolded, self.form, left_out),
                    learned=self._learned,
                )
                yield from read_file(system, f"{base}/{file.name}", reading)


def read_file(system: fsspec.AbstractFileSystem, path: str, reading: Reading) -> Iterator[Batch]:
    """The batches of one file, by its ending. Raises Refusal when it can't be read to its end, whatever the reason."""
    ending = next((ending for ending in reversed(ENDINGS) if path.endswith(ending)), None)
    if ending is None:
        raise Refusal(Sentence("format_unknown", where=reading.where, endings=ENDINGS))
    try:
        with system.open(path, "rb") as raw:
            if ending == ".parquet":
                _check_kind(raw.read(LONGEST), reading.where, MAGIC)
                yield from read_parquet(raw, reading)
                return
            stream: Any = raw
            if ending.endswith(".gz"):
                _check_kind(raw.read(LONGEST), reading.where, GZIP)
                raw.seek(0)
                stream = gzip.GzipFile(fileobj=raw)
            text = io.BufferedReader(stream, 2**20)
            if kind := known_kind(text.peek(LONGEST)[:LONGEST]):
                key = "other_kind_in_gzip" if ending.endswith(".gz") else "other_kind"
                wanted = "CSV" if ".csv" in ending else "JSON Lines"
                raise Refusal(Sentence(key, where=reading.where, kind=kind, wanted=wanted))
            yield from read_csv(text, reading) if ".csv" in ending else read_json_lines(text, reading)
    except Refusal:
        raise
    except (MemoryError, pa.ArrowMemoryError) as error:
        raise Refusal(Sentence("file_memory", where=reading.where)) from error
    except Exception as error:  # whatever a library may raise over a file is that file's fault, and no other extract's
        raise Refusal(Sentence("file_unreadable", where=reading.where, error=cause(error))) from error


def _check_kind(head: bytes, where: str, wanted: bytes) -> None:
    """Refuse a file that does not begin as its name promises."""
    if not head.startswith(wanted):
        named = "Parquet" if wanted == MAGIC else "compressed with gzip"
        kind = known_kind(head)
        if kind:
            raise Refusal(Sentence("not_as_named_but", where=where, named=named, kind=kind))
        raise Refusal(Sentence("not_as_named", where=where, named=named))
