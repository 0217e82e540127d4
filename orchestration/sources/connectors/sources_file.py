"""The sources file: for each dataset, where it comes from and by what names. A dataset left out has no rows.

Not here: the connectors themselves, or what `live:` means (chat_database.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from orchestration.sources.connectors.extract import Source
from orchestration.sources.connectors.files import FilesSource
from orchestration.sources.connectors.mapping import Naming
from orchestration.sources.contract import DATASETS, Dataset

Sources = Mapping[str, Source]

OPTIONS = {
    "files": {"connector", "columns", "values", "expect", "root"},
    "sql": {"connector", "columns", "values", "expect", "url", "url_env", "query", "from", "lookback_days"},
}
EXPECTATIONS = ("daily", "when changed")
PARTS = ("datasets", "live")


class SourcesError(ValueError):
    """The sources file says something that can't be followed; the message names the place and what is allowed."""


def read_document(path: Path) -> Mapping[str, Any]:
    """The sources file as it stands, all scalars as the text they are: a column may be named `no`, a word be 1 or true.

    Raises SourcesError where it is missing, not YAML, or holds parts that nobody reads.
    """
    try:
        told = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    except FileNotFoundError:
        raise SourcesError(f"{path}: there is no such sources file (CAUSERIE_SOURCES names it)") from None
    except yaml.YAMLError as error:
        raise SourcesError(f"{path}: not YAML: {error}") from error
    if not isinstance(told, dict):
        raise SourcesError(f"{path}: wanted a mapping `datasets:` of dataset names")
    for part in told:
        one_of(part, PARTS, f"{path}: part")
    return told


def read_sources(path: Path, landing: str) -> Sources:
    """Sources by dataset name, in the contract's order. `landing` is the root of files without one of their own."""
    datasets = read_document(path).get("datasets")
    if not isinstance(datasets, dict):
        raise SourcesError(f"{path}: wanted a mapping `datasets:` of dataset names")
    if strange := sorted(set(datasets) - set(DATASETS)):
        raise SourcesError(f"{path}: unknown dataset {', '.join(map(str, strange))}; known: {', '.join(DATASETS)}")
    return {
        name: _source(dataset, datasets[name] or {}, landing, f"{path}: {name}")
        for name, dataset in DATASETS.items()
        if name in datasets
    }


def _source(dataset: Dataset, told: Mapping[str, Any], landing: str, where: str) -> Source:
    if not isinstance(told, dict):
        raise SourcesError(f"{where}: wanted a mapping of options, found {told!r}")
    connector = one_of(told.get("connector", "files"), tuple(OPTIONS), f"{where}: connector")
    if strange := sorted(set(told) - OPTIONS[connector]):
        raise SourcesError(
            f"{where}: unknown option {', '.join(map(str, strange))} of {connector};"
            f" allowed: {', '.join(sorted(OPTIONS[connector]))}"
        )
    naming = naming_of(dataset, told, where)
    daily = one_of(told.get("expect", "when changed"), EXPECTATIONS, f"{where}: expect") == "daily"
    if connector == "files":
        return FilesSource(dataset, str(told.get("root") or landing), naming, daily)
    from orchestration.sources.connectors.sql import SqlSource  # SQLAlchemy is slow to import, and few need it

    query, first = told.get("query"), told.get("from")
    if not isinstance(query, str) or ":start" not in query or ":end" not in query:
        raise SourcesError(f"{where}: query must be SQL with the parameters :start (included) and :end (excluded)")
    try:
        first_day = date.fromisoformat(first or "")
    except ValueError:
        raise SourcesError(f"{where}: from must be the first day to read, as YYYY-MM-DD, found {first!r}") from None
    if bool(told.get("url")) == bool(told.get("url_env")):
        raise SourcesError(f"{where}: wanted either url, or url_env (the environment variable that holds it)")
    lookback = told.get("lookback_days", "3")
    if not lookback.isdecimal():
        raise SourcesError(f"{where}: lookback_days must be a whole number from 0, found {lookback!r}")
    return SqlSource(dataset, told.get("url"), told.get("url_env"), query, first_day, int(lookback), naming, daily)


def naming_of(dataset: Dataset, told: Mapping[str, Any], where: str) -> Naming:
    """What `columns:` and `values:` say of a dataset's own names. Raises SourcesError."""
    columns, values = told.get("columns") or {}, told.get("values") or {}
    if not isinstance(columns, dict) or not isinstance(values, dict):
        raise SourcesError(f"{where}: columns and values must be mappings")
    for name in (*columns.values(), *values):
        one_of(name, dataset.column_names, f"{where}: column")
    if len(set(columns.values())) < len(columns):
        raise SourcesError(f"{where}: columns maps two of the source's names to one of the contract's")
    if not all(isinstance(pairs, dict) for pairs in values.values()):
        raise SourcesError(f"{where}: values wants, for each column, a mapping of the source's words to the contract's")
    return Naming(columns, values)


def one_of(value: Any, allowed: tuple[str, ...], where: str) -> str:
    """The value, if it is one of those allowed. Raises SourcesError naming place, value and what is allowed."""
    if value not in allowed:
        raise SourcesError(f"{where}: {value!r} is unknown; allowed: {', '.join(allowed)}")
    return str(value)
