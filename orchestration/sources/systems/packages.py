"""Packaged systems: a folder of this package each, which says how a system's tables or files become datasets.

A folder holds `system.yml` and, of a database, one `<dataset>.sql` a dataset, without a window; a system that comes as
files says `connector: files`, and its mapping is all there is. One that `extends` another brings what that one does,
and adds columns that are read, rows to a dataset (its query goes behind the other's) and groups of coverage in their
place. Adding a system touches no Python.
Not here: the connectors that read them (connectors/sql.py, files.py), or setting one up (setup.py).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from orchestration.sources.connectors.mapping import HASH_KEY
from orchestration.sources.connectors.words import Faults
from orchestration.sources.contract import DATASETS

FOLDER = Path(__file__).parent
# What a package writes for a zone that is the brand's.
OF_THE_BRAND = "of the brand"


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
    """A system as it is packaged. `brand_column` is the column of every query that tells the brands apart (files are
    of one brand); `datasets` the words of each dataset, its query among them; `reads` the columns that the queries
    read, by table."""

    name: str
    title: str
    connector: Literal["files", "sql"]
    brand_column: str
    datasets: Mapping[str, Mapping[str, Any]]
    version_query: str
    versions: tuple[str, ...]
    # What else there is to say of what it was tried with.
    tried_with: str
    reads: Mapping[str, tuple[str, ...]]
    # Queries of what to show when the system is connected, by its name: a brand's number and a text.
    parts: Mapping[str, str]
    # Its own folder last, the one that it extends before it.
    folders: tuple[Path, ...]
    # What is read beside where there is a key to hash identities by: columns by table.
    reads_to_hash: Mapping[str, tuple[str, ...]]
    # Settings of a brand that no row says, with an example of each.
    unsaid: Mapping[str, str]
    # Where its tables are: the queries name them without it, the login's search path finds them.
    schema: str = "public"

    @property
    def folder(self) -> Path:
        return self.folders[-1]

    @property
    def brings(self) -> set[str]:
        """The datasets that it brings, those of lines among them."""
        lines = (words["lines"]["dataset"] for words in self.datasets.values() if "lines" in words)
        return {*self.datasets, *lines}

    @property
    def figures(self) -> list[dict[str, Any]]:
        """The system's own figures beside ours (reconcile.py); none where it has no screens of its own."""
        file = self.folder / "reconcile.yml"
        told: list[dict[str, Any]] = yaml.safe_load(file.read_text()) if file.exists() else []
        return told

    @property
    def coverage(self) -> list[Coverage]:
        """Which indicators the system can tell, how well, and why no better."""
        told: dict[str, dict[str, Any]] = {}
        for folder in self.folders:
            for one in yaml.safe_load((folder / "coverage.yml").read_text()):
                told[one["group"]] = told.get(one["group"], {}) | one
        return [Coverage(one["group"], tuple(one["refs"]), one["is"], one["why"]) for one in told.values()]


def names() -> tuple[str, ...]:
    """The systems that are packaged."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/system.yml")))


def package(name: str, hashes: bool | None = None) -> Package:
    """A packaged system by its name. What is good for nothing but hashed identities, whole datasets or words of one, is
    there only if there is a key to hash by (`hashes`; by default as the environment says). Raises KeyError."""
    if name not in names():
        raise KeyError(name)
    told, folders = _told(FOLDER / name)
    hashes = bool(os.environ.get(HASH_KEY)) if hashes is None else hashes
    hashed = told.get("with_hash_key") or {}
    words = {dataset: _plain(some) for dataset, some in told["datasets"].items()}
    if hashes:
        for dataset, more in hashed.get("datasets", {}).items():
            words[dataset] = _together(words.get(dataset, {}), _plain(more))
    datasets = {dataset: {**words[dataset], **_query(folders, dataset)} for dataset in DATASETS if dataset in words}
    reads = {table: tuple(columns) for table, columns in told.get("reads", {}).items()}
    to_hash = {table: tuple(columns) for table, columns in hashed.get("reads", {}).items()}
    if hashes:
        reads |= {table: (*reads.get(table, ()), *columns) for table, columns in to_hash.items()}
    return Package(
        name,
        told["title"],
        told.get("connector", "sql"),
        told.get("brand_column", ""),
        datasets,
        told["version"].get("query", ""),
        tuple(told["version"]["tried"]),
        told["version"].get("with", ""),
        reads,
        told.get("parts", {}),
        folders,
        to_hash,
        told.get("unsaid", {}),
        told.get("schema", "public"),
    )


def _told(folder: Path) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """What a system.yml says, with what it extends, and the folders of both."""
    told = yaml.load((folder / "system.yml").read_text(), Loader=yaml.BaseLoader)
    if "extends" not in told:
        return told, (folder,)
    before, folders = _told(FOLDER / told["extends"])
    return {**before, **told, "reads": {**before["reads"], **told["reads"]}}, (*folders, folder)


def _plain(words: Any) -> dict[str, Any]:
    """`brands:` with nothing behind it has no words."""
    return dict(words) if isinstance(words, dict) else {}


def _query(folders: Sequence[Path], dataset: str) -> dict[str, str]:
    files = [file for folder in folders if (file := folder / f"{dataset}.sql").exists()]
    return {"query": "union all\n".join(file.read_text() for file in files)} if files else {}


def _together(words: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The words of a dataset with further ones; where both have a mapping, it is of both."""
    both = {word: {**words[word], **told} for word, told in more.items() if isinstance(told, dict) and word in words}
    return {**words, **more, **both}


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
                # Of one brand that several systems know, the first one says what it is called.
                first = set(_brand_ids(taken[dataset], systems[taken[dataset]]["brands"]).values())
                if strange := sorted(set(_brand_ids(name, words["brands"]).values()) - first):
                    faults.add(
                        ("systems", name, "brands"),
                        f"{', '.join(strange)} is no brand of {taken[dataset]}, which says what brands there are: say"
                        f" brand_id, one of {', '.join(sorted(first))}",
                    )
                continue
            if dataset in taken:
                faults.add(("systems", name), f"{dataset} comes from {taken[dataset]} too; wanted one")
            elif dataset not in datasets:
                datasets[dataset] = query
                taken[dataset] = name
    return {**told, "datasets": datasets}


def _brand_ids(system: str, brands: Mapping[str, Any]) -> dict[str, str]:
    """The brand's id by the system's own number for it."""
    return {number: _plain(one).get("brand_id", f"{system}-{number}") for number, one in brands.items()}


def _datasets(system: Package, words: Mapping[str, Any], faults: Faults) -> dict[str, dict[str, Any]]:
    brands: dict[str, dict[str, str]] = {number: _plain(one) for number, one in words["brands"].items()}
    settings = [name for name in DATASETS["brands"].column_names if name not in ("brand_id", "updated_at")]
    for number, one in brands.items():
        for word in one:
            if word not in ("brand_id", *settings):
                place = ("systems", system.name, "brands", number, word)
                faults.add(place, f"unknown word; allowed: {', '.join(('brand_id', *settings))}")
    named = _brand_ids(system.name, words["brands"])
    if system.connector == "files":
        return _from_files(system, words, brands, named, faults)
    address = {word: words[word] for word in ("url", "url_env", "root") if word in words}
    found: dict[str, dict[str, Any]] = {}
    for dataset, given in system.datasets.items():
        targets = ["brand_id"]
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


def _from_files(
    system: Package, words: Mapping[str, Any], brands: Mapping[str, Mapping[str, str]], named: Mapping[str, str],
    faults: Faults,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """The datasets of a system of files: all of them are of one brand, whose settings are in no file."""
    place = ("systems", system.name)
    for word in ("url", "url_env"):
        if word in words:
            faults.add((*place, word), f"unknown option {word} of files; allowed: root, brands")
    if not words.get("root"):
        faults.add(place, "root is missing: the folder, or the URL, where its files are")
    if len(brands) > 1:
        faults.add((*place, "brands"), f"wanted one brand, whose files these are; found {len(brands)}")
    (settings, *_), (brand_id, *_) = brands.values(), named.values()
    found: dict[str, dict[str, Any]] = {}
    for dataset, given in system.datasets.items():
        told = {name: value for name, value in settings.items() if name != "brand_id" and dataset == "brands"}
        columns = {
            source: meant
            for source, meant in given.get("columns", {}).items()
            if isinstance(meant, list) or meant not in told
        }
        found[dataset] = {
            "connector": "files",
            "root": words.get("root", ""),
            **given,
            "columns": columns,
            "set": {**given.get("set", {}), **told, "brand_id": brand_id},
        }
        if given.get("timezone") == OF_THE_BRAND:
            found[dataset]["timezone"] = settings.get("timezone", "")
            if "timezone" not in settings:
                faults.add((*place, "brands"), "timezone is missing: the times in its files are on the shop's clock")
    return found
