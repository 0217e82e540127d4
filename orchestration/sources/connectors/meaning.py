"""The words of a mapping, held against the contract: each column that they name must be one.

Not here: the shapes of the words (words.py), or what a mapping does to rows (mapping.py).
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Mapping
from typing import TypeVar

from orchestration.sources.connectors.mapping import Naming
from orchestration.sources.connectors.words import DatasetWords, Faults, LinesWords, Place, TableWords
from orchestration.sources.contract import DATASETS, Dataset

Columns = Mapping[str, str | list[str]]
Word = TypeVar("Word")


def naming_of(dataset: Dataset, told: DatasetWords | TableWords, faults: Faults, place: Place) -> Naming:
    """The mapping of a dataset, of its table in the chat database."""
    _known_columns(dataset, told.columns, told.values, faults, place)
    columns = {source: tuple(_several(meant)) for source, meant in told.columns.items()}
    if isinstance(told, TableWords):
        return Naming(_plainly(columns), told.values)
    for word, named in (("set", told.constants), ("format", told.format), ("round", told.round), ("hash", told.hash)):
        for name in named:
            _known(name, dataset.column_names, faults, (*place, word, name))
    for name in told.constants:
        if any(name in meant for meant in columns.values()):
            faults.add((*place, "set", name), "`columns` maps a column of the source to it too; wanted one of the two")
    if told.timezone and told.timezone not in zoneinfo.available_timezones():
        faults.add((*place, "timezone"), f"{told.timezone!r} is no IANA time zone, such as Europe/Paris")
    _only_of_type(dataset, told.round, ("money",), "an amount of money", faults, (*place, "round"))
    _only_of_type(dataset, told.format, ("instant",), "an instant", faults, (*place, "format"))
    return Naming(
        _plainly(columns),
        told.values,
        told.constants,
        {name: tuple(_several(wanted)) for name, wanted in told.where.items()},
        told.rows.removeprefix("first per ") if told.rows else None,
        decimal=told.decimal,
        zone=told.timezone,
        formats=told.format,
        places=told.round,
        hashes=told.hash,
        reason=told.left_out,
    )


def naming_of_lines(
    parent: Dataset, told: DatasetWords, lines: LinesWords, faults: Faults, place: Place
) -> tuple[Dataset, Naming] | None:
    """The dataset of `lines:` and its mapping: what the two datasets have in common is mapped as for the first."""
    place = (*place, "lines")
    if lines.dataset not in DATASETS:
        faults.add((*place, "dataset"), f"{lines.dataset!r} is unknown; allowed: {', '.join(DATASETS)}")
        return None
    if not told.rows:
        faults.add(place, "only what has `rows: first per COLUMN` has lines")
    dataset = DATASETS[lines.dataset]
    _known_columns(dataset, lines.columns, lines.values, faults, place)
    for name in (*lines.round, *([lines.number] if lines.number else [])):
        _known(name, dataset.column_names, faults, place)
    own = {source: tuple(_several(meant)) for source, meant in lines.columns.items()}
    taken = {name for meant in own.values() for name in meant} | ({lines.number} if lines.number else set())
    shared = [name for name in parent.column_names if name in dataset.by_name and name not in taken]
    for source, meant in told.columns.items():
        if common := tuple(name for name in _several(meant) if name in shared):
            own[source] = (*own.get(source, ()), *common)

    def inherited(words: Mapping[str, Word]) -> dict[str, Word]:
        return {name: word for name, word in words.items() if name in shared}

    return dataset, Naming(
        _plainly(own),
        {**inherited(told.values), **lines.values},
        inherited(told.constants),
        {name: tuple(_several(wanted)) for name, wanted in told.where.items()},
        told.rows.removeprefix("first per ") if told.rows else None,
        lines.number or "line_number",
        told.decimal,
        told.timezone,
        inherited(told.format),
        {**inherited(told.round), **lines.round},
        inherited(told.hash),
        told.left_out,
    )


def _plainly(columns: Mapping[str, tuple[str, ...]]) -> dict[str, str | tuple[str, ...]]:
    return {source: meant[0] if len(meant) == 1 else meant for source, meant in columns.items()}


def _several(meant: str | list[str]) -> list[str]:
    return [meant] if isinstance(meant, str) else meant


def _known_columns(
    dataset: Dataset, columns: Columns, values: Mapping[str, object], faults: Faults, place: Place
) -> None:
    met: set[str] = set()
    for source, meant in columns.items():
        for name in _several(meant):
            _known(name, dataset.column_names, faults, (*place, "columns", source))
            if name in met:
                told = f"maps two of the source's names to one of the contract's, {name}"
                faults.add((*place, "columns", source), told)
            met.add(name)
    for name in values:
        _known(name, dataset.column_names, faults, (*place, "values", name))


def _known(name: str, allowed: Iterable[str], faults: Faults, place: Place) -> None:
    if name not in tuple(allowed):
        faults.add(place, f"{name!r} is unknown; allowed: {', '.join(allowed)}")


def _only_of_type(
    dataset: Dataset, named: Iterable[str], types: tuple[str, ...], wanted: str, faults: Faults, place: Place
) -> None:
    for name in named:
        if name in dataset.by_name and dataset.by_name[name].type not in types:
            faults.add((*place, name), f"wanted {wanted}, found a column of type {dataset.by_name[name].type}")
