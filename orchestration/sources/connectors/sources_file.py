"""The sources file: for each dataset, where it comes from and by what names. A dataset left out has no rows.

Not here: the shapes of its words (words.py), mappings (meaning.py), the connectors themselves, or what `live:` means
(chat_database.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from orchestration.sources.connectors.extract import Source
from orchestration.sources.connectors.files import FilesSource
from orchestration.sources.connectors.meaning import naming_of, naming_of_lines
from orchestration.sources.connectors.reading import Form
from orchestration.sources.connectors.words import (
    FILES_WORDS,
    SQL_WORDS,
    DatasetWords,
    Document,
    Faults,
    Place,
    SourcesError,
    read_document,
    read_words,
)
from orchestration.sources.contract import DATASETS, Dataset
from orchestration.sources.systems import packages

__all__ = ["Sources", "SourcesError", "SourcesFile", "read_file", "read_sources"]

Sources = Mapping[str, Source]


@dataclass(frozen=True)
class SourcesFile:
    """The file as it can be followed: its words, systems spelled out as datasets, and the sources that they make."""

    document: Document
    sources: Sources


def read_sources(path: Path, landing: str) -> Sources:
    """Sources by dataset name, in the contract's order. `landing` is the root of files without one of their own.

    Raises SourcesError, which names every fault of the file.
    """
    return read_file(path, landing).sources


def read_file(path: Path, landing: str = "") -> SourcesFile:
    """The whole file, every fault of it told at once. Raises SourcesError."""
    return followed(*read_words(path), landing)


def followed(told: Mapping[str, Any], faults: Faults, landing: str = "") -> SourcesFile:
    """A sources file's words, and what they make. Raises SourcesError."""
    if "datasets" not in told and "systems" not in told:
        faults.add((), "wanted a mapping `datasets:` of dataset names, or `systems:`")
    told = packages.spelled_out(told, faults)
    document = read_document(told, faults)
    found: dict[str, Source] = {}
    for name, words in document.datasets.items():
        place = ("datasets", name)
        if name not in DATASETS:
            faults.add(place, f"unknown dataset {name}; known: {', '.join(DATASETS)}")
            continue
        told_here = told["datasets"].get(name) or {}
        for dataset, source in _sources(DATASETS[name], words, told_here, landing, faults, place):
            if dataset.name in found:
                faults.add(place, f"{dataset.name} comes from two places; wanted one")
            found[dataset.name] = source
    if document.live.tables or document.live.reuse:
        from orchestration.sources.connectors.chat_database import check_live

        check_live(document, faults)
    faults.raise_if_any()
    return SourcesFile(document, {name: found[name] for name in DATASETS if name in found})


def _sources(
    dataset: Dataset, words: DatasetWords, told: Mapping[str, Any], landing: str, faults: Faults, place: Place
) -> list[tuple[Dataset, Source]]:
    """The source of a dataset, and that of its lines."""
    strange = SQL_WORDS if words.connector == "files" else FILES_WORDS
    for word in told:
        if word in strange:
            allowed = FILES_WORDS if words.connector == "files" else SQL_WORDS
            faults.add((*place, word), f"unknown option {word} of {words.connector}; allowed: {', '.join(allowed)}")
    parts = [(dataset, naming_of(dataset, words, faults, place))]
    if words.lines and (lines := naming_of_lines(dataset, words, words.lines, faults, place)):
        parts.append(lines)
    make = _from_files if words.connector == "files" else _from_sql
    return [(one, make(one, dataset, words, naming, landing, faults, place)) for one, naming in parts]


def _from_files(
    dataset: Dataset, parent: Dataset, words: DatasetWords, naming: Any, landing: str, faults: Faults, place: Place
) -> Source:
    if words.encoding:
        try:
            is_usable = "a,b\n".encode(words.encoding) == b"a,b\n"
        except (LookupError, UnicodeError):
            is_usable = False
        if not is_usable:  # lines are found by their bytes
            faults.add((*place, "encoding"), f"{words.encoding!r} is no encoding that keeps ASCII, as latin-1 does")
    return FilesSource(
        dataset,
        words.root or landing,
        naming,
        words.expect == "daily",
        connected_from=words.connected_from,
        form=Form(words.delimiter, words.encoding or "utf-8"),
        folder=parent.name,
        flat_by=words.day_from if words.layout == "flat" else None,
    )


def _from_sql(
    dataset: Dataset, parent: Dataset, words: DatasetWords, naming: Any, landing: str, faults: Faults, place: Place
) -> Source:
    # SQLAlchemy is slow to import, and few need it.
    from orchestration.sources.connectors.database import Database
    from orchestration.sources.connectors.sql import WholeQuery, WindowedQuery

    query = words.query or ""
    if not query:
        faults.add((*place, "query"), "wanted SQL: select ... from ...")
    if bool(words.url) == bool(words.url_env):
        faults.add(place, "wanted either url, or url_env (the environment variable that holds it)")
    windowed = (":start" in query, ":end" in query)
    if any(windowed) and not all(windowed):
        faults.add((*place, "query"), "query must hold both parameters, :start (included) and :end (excluded), or none")
    if all(windowed) and words.first is None:
        faults.add(place, "from must be the first day to read, as YYYY-MM-DD, where the query has :start and :end")
    if all(windowed) and (words.changed_since or words.deletes == "compare"):
        faults.add((*place, "query"), "changed_since and deletes want a query without :start and :end")
    if words.changed_since and words.deletes == "compare" and set(dataset.key) & {*words.hash, *words.round}:
        faults.add((*place, "deletes"), "compare wants keys that are not hashed or rounded")
    database = Database(dataset.name, words.url, words.url_env)
    daily = words.expect == "daily"
    if all(windowed):
        return WindowedQuery(
            dataset, database, query, words.first or date.max, words.lookback_days, naming, daily, words.connected_from
        )
    return WholeQuery(
        dataset,
        database,
        query,
        words.first,
        words.changed_since,
        words.lookback_days,
        words.deletes == "compare",
        naming,
        daily,
        words.connected_from,
    )
