"""Packaged systems: a folder of this package each, which says in SQL and YAML how a system's tables become datasets.

A folder holds `system.yml` and one `<dataset>.sql` a dataset, without a window. Adding a system touches no Python.
Not here: the connector that reads them (connectors/sql.py), or setting one up (setup.py).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from orchestration.sources.connectors.mapping import HASH_KEY
from orchestration.sources.connectors.words import Faults
from orchestration.sources.contract import DATASETS

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Coverage:
    """A group of indicators: their refs, beginnings of them (`Desk`), or all that no group names (`others`). `is_told`
    is exact, good, upper bound or missing."""

    group: str
    refs: tuple[str, ...]
    is_told: str
    why: str


@dataclass(frozen=True)
class Package:
    """A system as it is packaged. `brand_column` is the column of every query that tells the brands apart; `datasets`
    the words of each dataset, its query among them; `reads` the columns that the queries read, by table."""

    name: str
    title: str
    brand_column: str
    datasets: Mapping[str, Mapping[str, Any]]
    version_query: str
    versions: tuple[str, ...]
    reads: Mapping[str, tuple[str, ...]]
    # Queries of what to show when the system is connected, by its name: a brand's number and a text.
    parts: Mapping[str, str]
    folder: Path
    # What is read beside where there is a key to hash identities by: columns by table.
    reads_to_hash: Mapping[str, tuple[str, ...]]
    # Settings of a brand that no row says, with an example of each.
    unsaid: Mapping[str, str]
    # Where its tables are: the queries name them without it, the login's search path finds them.
    schema: str = "public"

    @property
    def figures(self) -> list[dict[str, Any]]:
        """The system's own figures beside ours (reconcile.py); none where it has no screens of its own."""
        file = self.folder / "reconcile.yml"
        told: list[dict[str, Any]] = yaml.safe_load(file.read_text()) if file.exists() else []
        return told

    @property
    def coverage(self) -> list[Coverage]:
        """Which indicators the system can tell, how well, and why no better."""
        told = yaml.safe_load((self.folder / "coverage.yml").read_text())
        return [Coverage(one["group"], tuple(one["refs"]), one["is"], one["why"]) for one in told]


def names() -> tuple[str, ...]:
    """The systems that are packaged."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/system.yml")))


def package(name: str, hashes: bool | None = None) -> Package:
    """A packaged system by its name. Datasets that are good for nothing but hashed identities are there only if there
    is a key to hash by (`hashes`; by default as the environment says). Raises KeyError."""
    folder = FOLDER / name
    if name not in names():
        raise KeyError(name)
    told = yaml.load((folder / "system.yml").read_text(), Loader=yaml.BaseLoader)
    hashes = bool(os.environ.get(HASH_KEY)) if hashes is None else hashes
    hashed = told.get("with_hash_key") or {"datasets": {}, "reads": {}}
    words = {**told["datasets"], **hashed["datasets"]}
    datasets = {
        dataset: {**(words.get(dataset) or {}), "query": (folder / f"{dataset}.sql").read_text()}
        for dataset in DATASETS
        if (folder / f"{dataset}.sql").exists() and (hashes or dataset not in hashed["datasets"])
    }
    reads = {table: tuple(columns) for table, columns in told["reads"].items()}
    to_hash = {table: tuple(columns) for table, columns in hashed["reads"].items()}
    if hashes:
        reads |= {table: (*reads.get(table, ()), *columns) for table, columns in to_hash.items()}
    return Package(
        name,
        told["title"],
        told["brand_column"],
        datasets,
        told["version"]["query"],
        tuple(told["version"]["tried"]),
        reads,
        told.get("parts", {}),
        folder,
        to_hash,
        told.get("unsaid", {}),
        told.get("schema", "public"),
    )


def spelled_out(told: Mapping[str, Any], faults: Faults) -> Mapping[str, Any]:
    """The words of a sources file with its systems' datasets beside its own, which go before them."""
    systems = told.get("systems")
    if not isinstance(systems, dict) or not systems:
        return told
    own = told.get("datasets") or {}
    datasets = dict(own) if isinstance(own, dict) else {}
    taken: dict[str, str] = {}
    for name, words in systems.items():
        if name not in names():
            faults.add(("systems", name), f"unknown system {name}; packaged: {', '.join(names())}")
            continue
        if not isinstance(words, dict) or not isinstance(words.get("brands"), dict):
            continue  # its shape is told of elsewhere
        for dataset, query in _datasets(package(name), words, faults).items():
            if dataset == "brands" and dataset in taken:
                continue  # of one brand that several systems know, the first one says what it is called
            if dataset in taken:
                faults.add(("systems", name), f"{dataset} comes from {taken[dataset]} too; wanted one")
            elif dataset not in datasets:
                datasets[dataset] = query
                taken[dataset] = name
    return {**told, "datasets": datasets}


def _datasets(system: Package, words: Mapping[str, Any], faults: Faults) -> dict[str, dict[str, Any]]:
    brands: dict[str, dict[str, str]] = {
        number: one if isinstance(one, dict) else {} for number, one in words["brands"].items()
    }
    settings = [name for name in DATASETS["brands"].column_names if name not in ("brand_id", "updated_at")]
    for number, one in brands.items():
        for word in one:
            if word not in ("brand_id", *settings):
                place = ("systems", system.name, "brands", number, word)
                faults.add(place, f"unknown word; allowed: {', '.join(('brand_id', *settings))}")
    address = {word: words[word] for word in ("url", "url_env") if word in words}
    found: dict[str, dict[str, Any]] = {}
    for dataset, given in system.datasets.items():
        targets = ["brand_id"]
        named = {number: one.get("brand_id", f"{system.name}-{number}") for number, one in brands.items()}
        values = {"brand_id": named}
        if dataset == "brands":
            for setting in settings:
                told = {number: one[setting] for number, one in brands.items() if setting in one}
                if told and len(told) < len(brands):
                    absent = ", ".join(number for number in brands if number not in told)
                    faults.add(
                        ("systems", system.name, "brands"), f"{setting} is given for some brands and not for {absent}"
                    )
                if told:
                    targets.append(setting)
                    values[setting] = told
        found[dataset] = {
            "connector": "sql",
            **address,
            **given,
            "columns": {**given.get("columns", {}), system.brand_column: targets},
            "values": {**given.get("values", {}), **values},
            # A row that says no brand is nobody's: it waits in quarantine, where it is seen.
            "where": {system.brand_column: [*brands, ""]},
        }
    return found
