"""Nights without Dagster: extracts of a landing folder into raw, dbt, and the publication, on a database of one's own.

Not here: audits and partitions (tests of the runs), or questions to what was published (asking.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import marts_digest
import psycopg
import pytest

from orchestration import warehouse
from orchestration.assets.ingestion import by_dataset
from orchestration.compiler import statements
from orchestration.compiler.functions import reader_functions
from orchestration.marts import feeds, preparation, publication, relations
from orchestration.marts.dbt_ready import what_is_made
from orchestration.marts.publication import Published
from orchestration.settings import PROJECT
from orchestration.sources import pending
from orchestration.sources.connectors.sources_file import Sources, read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import LoadResult, load_extract, load_extracts

DBT_PROJECT = PROJECT / "dbt_project"
Extract = tuple[str, date]


def dbt(
    command: str,
    *options: str,
    target: Path,
    environment: dict[str, str] | None = None,
    project: Any = None,
    folder: Path = DBT_PROJECT,
) -> Any:
    """Run one dbt command with a target folder of its own, in this process: another one would take five seconds to
    import dbt. `project` is what an earlier `parse` returned; without it, dbt reads the project anew.

    Returns dbt's result. AssertionError with what dbt said when it fails.
    """
    from dbt.cli.main import dbtRunner

    from orchestration.marts.dbt_process import adapt

    adapt()
    # What nobody reads costs dbt a tenth of a night to write.
    named = [] if "--target" in options else ["--target", "build"]
    silent = ["--quiet", "--log-level-file", "none", *([] if command == "parse" else ["--no-write-json"])]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"DO_NOT_TRACK": "1", **(environment or {})}.items():
            patch.setenv(name, value)
        done = dbtRunner(manifest=project).invoke(
            [
                "--no-use-colors", *silent, command, "--project-dir", str(folder), "--profiles-dir", str(folder),
                "--target-path", str(target), "--log-path", str(target / "logs"), *named, *options,
            ]
        )  # fmt: skip
    said = [
        f"{one.node.name}: {one.message}"
        for one in getattr(done.result, "results", ())
        if one.status not in ("success", "pass", "skipped")
    ]
    assert done.success, "\n".join([f"dbt {command} failed: {done.exception or ''}", *said])
    return done.result


@dataclass
class Night:
    """One platform: a database, a landing folder that it reads, where dbt works, and the project that it was given.
    Each `run` is a night."""

    url: str
    landing: Path
    target: Path
    project: Any = field(repr=False)
    folder: Path = DBT_PROJECT
    nights: int = field(default=0)
    sources_file: Path = PROJECT / "sources.yml"

    @property
    def sources(self) -> Sources:
        return read_sources(self.sources_file, str(self.landing))

    def connect(self) -> psycopg.Connection[Any]:
        return warehouse.connect(self.url)

    def extracts(self) -> list[Extract]:
        """Every extract that lies in the landing folder, by day and then in the contract's order."""
        found = [(name, day) for name, source in self.sources.items() for day in source.days(date.max)]
        return sorted(found, key=lambda extract: extract[1])

    def load(self, extracts: Iterable[Extract]) -> list[LoadResult]:
        """Load these extracts one after the other, in the order given."""
        sources = self.sources
        with self.connect() as connection:
            return [load_extract(connection, DATASETS[name], day, sources[name]) for name, day in extracts]

    def load_together(self, extracts: Iterable[Extract]) -> list[LoadResult]:
        """Load these extracts as a run does: dataset by dataset, each one's together."""
        sources = self.sources
        with self.connect() as connection:
            return [
                result
                for name, days in by_dataset(extracts).items()
                for result in load_extracts(connection, DATASETS[name], days, sources[name])
            ]

    def publish(self, audited: bool = False) -> Published:
        """Build what was touched, and publish it. dbt's own tests, a third of a night, are run where that is asked:
        what they say is unique or belongs together is also held by the keys of marts, and by comparisons with such a
        clean build."""
        self.nights += 1
        run_id = f"night-{self.nights}"
        read_from = self.target / "manifest.json"
        manifest = json.loads(read_from.read_bytes())
        with self.connect() as connection:
            through, connected = pending.data_through(connection, self.sources), feeds.declared(self.sources)
            prepared = preparation.prepare(connection, manifest, run_id, datetime.now(UTC), through, connected)
            views_stand = not prepared.rebuilt and relations.stand(connection, read_from)
            relations.forget(connection)
            connection.commit()
            command = ("build", "--exclude-resource-type", "unit_test") if audited else ("run",)
            self.dbt(*command, *what_is_made(views_stand))
            relations.note(connection, read_from)
            connection.commit()
            return publication.publish(
                connection, manifest, run_id, datetime.now(UTC), [], reader_functions(), statements.tables()
            )

    def run(self, extracts: Iterable[Extract] | None = None, audited: bool = False) -> Published:
        """A night: load (everything, unless told), build, publish."""
        self.load_together(self.extracts() if extracts is None else extracts)
        return self.publish(audited)

    def digest(self) -> str:
        """Of what is published now: tests/integration/marts_digest.py."""
        with self.connect() as connection:
            return marts_digest.digest(connection)

    def dbt(self, command: str, *options: str) -> None:
        from orchestration.marts.dbt_process import read_for

        environment = warehouse.dbt_environment(self.url)
        # What is only there for the documentation; dbt can't copy what is disabled.
        self.project.disabled.clear()
        project = read_for(self.project.deepcopy(), environment["CAUSERIE_PG_DBNAME"])
        dbt(command, *options, target=self.target, environment=environment, project=project, folder=self.folder)
