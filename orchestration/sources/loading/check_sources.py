"""Judging every source of the sources file before anything is loaded: all that it has, as one extract, taken back.

Not here: the rules (contract.py, row_rules.py), or judging one file (check_file.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from orchestration.sources.connectors.extract import Batch, Extract, Refusal, Source, SourceFile
from orchestration.sources.contract import DATASETS, Dataset
from orchestration.sources.loading.load import LoadResult, judge_within
from orchestration.sources.loading.quarantine import Group, groups
from orchestration.sources.loading.raw_tables import names, table

EXAMPLES = 3


@dataclass(frozen=True)
class Judged:
    """What a dataset's source came to: its load, the rules that its rows break, extracts that can't be read, a few rows
    as the platform understands them, and the feeds that tell something: the dataset, and each kind of event of it. One
    that is declared connected tells without a row, of every kind."""

    dataset: str
    result: LoadResult
    faults: Sequence[Group]
    refused: Sequence[str]
    examples: Sequence[Mapping[str, Any]]
    feeds: Sequence[str] = ()

    @property
    def is_good(self) -> bool:
        return self.result.outcome != "refused" and not self.faults and not self.refused


@dataclass
class _Everything:
    """All extracts of a source as one; those that can't be read are named and left out."""

    source: Source
    dataset: Dataset
    today: date
    adds_only: bool = False
    daily: bool = False
    connected_from: date | None = None
    refused: list[str] = field(default_factory=list)

    def days(self, today: date) -> Mapping[date, str]:
        return {today: ""}

    def read(self, day: date) -> Extract:
        self.refused.clear()
        whole = getattr(self.source, "everything", None)
        if whole is not None:
            found: Extract = whole()
            return found
        files: list[SourceFile] = []
        unknown: set[str] = set()
        left_out: Counter[str] = Counter()
        return Extract(files, "", self._batches(files, unknown, left_out), unknown, left_out)

    def _batches(self, files: list[SourceFile], unknown: set[str], left_out: Counter[str]) -> Iterator[Batch]:
        for day in sorted(self.source.days(self.today)):
            if day > self.today:
                continue
            try:
                extract = self.source.read(day)
                first = len(files)
                files.extend(SourceFile(f"{day}/{file.name}", file.size, "") for file in extract.files)
                for batch in extract.batches:
                    yield Batch(first + batch.file, batch.lines, batch.columns, batch.faults)
                unknown |= extract.unknown
                left_out.update(extract.left_out)
            except Refusal as refusal:
                self.refused.append(str(refusal))


def check_sources(connection: psycopg.Connection[Any], sources: Mapping[str, Source], today: date) -> Iterator[Judged]:
    """Each dataset's verdict, in the contract's order, in one transaction that leaves nothing behind."""
    with connection.transaction(force_rollback=True):
        for name, source in sources.items():
            dataset = DATASETS[name]
            everything = _Everything(source, dataset, today)
            result = judge_within(connection, dataset, today, everything)
            if result.outcome == "refused":
                yield Judged(name, result, [], list(everything.refused), [])
                continue
            faults = [group for group in groups(connection, name, today) if group.extract_day == today]
            examples, feeds = _examples(connection, dataset, today), _feeds(connection, dataset, today, source)
            yield Judged(name, result, faults, list(everything.refused), examples, feeds)


def _feeds(connection: psycopg.Connection[Any], dataset: Dataset, day: date, source: Source) -> list[str]:
    events = dataset.by_name.get("event_type")
    if source.connected_from:
        return [dataset.name, *(f"{dataset.name}.{kind}" for kind in (events.values if events else ()))]
    told = sql.Identifier(events.name) if events else sql.SQL("null")
    found = connection.execute(
        sql.SQL("select distinct {} from {} where extract_day = %s").format(told, table(dataset)), [day]
    ).fetchall()
    return [dataset.name] * bool(found) + [f"{dataset.name}.{kind}" for (kind,) in found if kind]


def _examples(connection: psycopg.Connection[Any], dataset: Dataset, day: date) -> list[dict[str, Any]]:
    shown = tuple(column.name for column in dataset.columns if not column.free_text)
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            sql.SQL("select {} from {} where extract_day = %s order by {} limit {}").format(
                names(shown), table(dataset), names(dataset.key), sql.Literal(EXAMPLES)
            ),
            [day],
        ).fetchall()
