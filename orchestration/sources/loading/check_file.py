"""Judging a file before it is landed: loaded like any other, looked at, and taken back.

Not here: the rules (contract.py, row_rules.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import fsspec
import psycopg

from orchestration.sentences import Sentence
from orchestration.settings import Limits
from orchestration.sources.connectors.extract import Extract, Refusal, SourceFile
from orchestration.sources.connectors.files import read_file
from orchestration.sources.connectors.mapping import Naming
from orchestration.sources.connectors.outside_text import cause, cleaned
from orchestration.sources.connectors.reading import Reading
from orchestration.sources.contract import Dataset
from orchestration.sources.loading.load import LoadResult, judge_extract
from orchestration.sources.loading.quarantine import BadRow, bad_rows


@dataclass
class OneFile:
    """A source that consists of one file, whatever its folder."""

    dataset: Dataset
    path: str
    naming: Naming = field(default_factory=Naming)
    adds_only: bool = False
    daily: bool = False
    connected_from: date | None = None

    def days(self, today: date) -> Mapping[date, str]:
        return {today: ""}

    def read(self, day: date) -> Extract:
        system, path = fsspec.core.url_to_fs(self.path)
        try:
            size = int(system.info(path)["size"])
        except FileNotFoundError as error:
            raise Refusal(Sentence("file_away", where=self.path)) from error
        except Exception as error:  # whatever a store may raise
            raise Refusal(Sentence("file_unreadable", where=self.path, error=cause(error))) from error
        unknown: set[str] = set()
        where = "/".join(path.rsplit("/", 3)[-3:])
        reading = Reading(0, self.dataset, self.naming, unknown, where, Limits.from_environment())
        batches = read_file(system, path, reading) if size else iter(())
        return Extract([SourceFile(cleaned(path.rsplit("/", 1)[-1]), size, "")], "", batches, unknown)


def check_file(
    connection: psycopg.Connection[Any], dataset: Dataset, path: str, day: date, naming: Naming
) -> tuple[LoadResult, list[BadRow]]:
    """What loading this file as the extract of `day` would come to, and its bad rows. Leaves nothing behind."""
    found: list[BadRow] = []
    result = judge_extract(
        connection,
        dataset,
        day,
        OneFile(dataset, path, naming),
        lambda load: found.extend(bad_rows(connection, dataset.name, day)),
    )
    return result, found
