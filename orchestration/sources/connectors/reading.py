"""One file under way, whatever its format: by what name messages call it, what is known of its columns, how much of it
there may be.

Not here: the formats (json_lines.py, csv_rows.py, parquet.py), or which files there are (files.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from orchestration.sentences import Sentence
from orchestration.settings import Limits
from orchestration.sources.connectors.extract import Batch, Fault, Refusal, check_columns
from orchestration.sources.connectors.mapping import Mapper, Naming
from orchestration.sources.connectors.outside_text import cleaned
from orchestration.sources.contract import Dataset

# A batch ends with so many bytes of text, though its rows be few.
BATCH_BYTES = 32 * 2**20
# A row, and an empty line too, counts for at least so many: to judge it takes its time, however short it is.
ROW_BYTES = 128
# So many names are kept of columns that the contract does not have: keys that are data (one for each visitor) have no
# end. A table of more columns than MOST_COLUMNS is none.
MOST_UNKNOWN, MOST_COLUMNS = 1_000, 10_000


@dataclass
class Unfolded:
    """How many bytes an extract has come to so far, its compression undone."""

    size: int = 0


@dataclass
class Learned:
    """The keys of an earlier file of the same source, with the types of their values (json_blocks.py): the next one has
    the same, nearly always."""

    schema: pa.Schema | None = None


@dataclass(frozen=True)
class Form:
    """How text files are written, where not as usual: the sign between columns (None: a comma), and the encoding, one
    of those in which ASCII is ASCII."""

    delimiter: str | None = None
    encoding: str = "utf-8"


@dataclass
class Reading:
    """One file of an extract. `where` names it in messages; `unknown` fills with the names of ignored columns,
    `left_out` with the rows that are not meant, by reason."""

    number: int
    dataset: Dataset
    naming: Naming
    unknown: set[str]
    where: str
    limits: Limits
    unfolded: Unfolded = field(default_factory=Unfolded)
    form: Form = field(default_factory=Form)
    left_out: Counter[str] = field(default_factory=Counter)
    learned: Learned = field(default_factory=Learned)

    def __post_init__(self) -> None:
        self.mapper = Mapper(self.dataset, self.naming, self.where, self.left_out)

    def line(self, number: int) -> Sentence:
        """Where a line of the file is, for a refusal."""
        return Sentence("at_line", file=self.where, line=number)

    def unfold(self, size: int) -> None:
        """Count bytes that were read. Raises Refusal when they are more than an extract may have."""
        self.unfolded.size += size
        if self.unfolded.size > self.limits.extract:
            raise Refusal(Sentence("extract_too_large", where=self.where, most=self.limits.extract))

    def check(self, offered: Iterable[str]) -> None:
        """Hold the columns of the file against the contract. Raises Refusal when a required one is missing."""
        names = set(offered)
        wanted = self.naming.wanted(self.dataset, names)
        ignored = {cleaned(name, 128) for name in names - set(wanted.values())}
        self.ignore(ignored)
        check_columns(self.dataset, {*wanted, *self.naming.given}, ignored, self.where)

    def ignore(self, names: AbstractSet[str]) -> None:
        """Note names of columns that are not read, as far as they are told."""
        self.unknown.update(sorted(names - self.unknown)[: max(0, MOST_UNKNOWN - len(self.unknown))])

    def check_names(self, names: Sequence[str], where_named: str) -> None:
        """Hold the names of a table's columns against each other. Raises Refusal when one stands twice."""
        if len(names) > MOST_COLUMNS:
            most = MOST_COLUMNS
            raise Refusal(
                Sentence("columns_too_many", where=self.where, named=where_named, count=len(names), most=most)
            )
        if twice := sorted(cleaned(name, 128) for name, number in Counter(names).items() if number > 1):
            raise Refusal(Sentence("columns_twice", where=self.where, named=where_named, columns=twice))

    def batch(self, values: dict[str, list[Any]], lines: list[int], faults: list[Fault]) -> Batch:
        """Rows by the names of Naming.wanted as a batch in the contract's words."""
        return self.mapper.batch(self.number, values, lines, faults)

    def too_long(self, line: int, column: str) -> Refusal:
        most = self.limits.cell
        return Refusal(Sentence("value_too_long", where=self.where, line=line, column=cleaned(column, 128), most=most))
