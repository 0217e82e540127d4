"""Nights without Dagster: extracts of a landing folder into raw, dbt, and the publication, on a database of one's own.

Not here: audits and partitions (tests of the runs), or questions to what was published (asking.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import marts_digest
import psycopg

from orchestration import warehouse
from orchestration.catalogue import catalogue
from orchestration.compiler.functions import reader_functions
from orchestration.marts import preparation, publication
from orchestration.marts.publication import Published
from orchestration.settings import PROJECT
from orchestration.sources import pending
from orchestration.sources.connectors.sources_file import Sources, read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import LoadResult, load_extract

DBT_PROJECT = PROJECT / "dbt_project"
Extract = tuple[str, date]


def dbt(command: str, *options: str, target: Path, environment: dict[str, str] | None = None) -> None:
    """Run one dbt command with a target folder of its own. AssertionError with what dbt said when it fails."""
    done = subprocess.run(
        [
            Path(sys.executable).parent / "dbt", "--no-use-colors", command, "--project-dir", DBT_PROJECT,
            "--profiles-dir", DBT_PROJECT, "--target-path", target, "--log-path", target / "logs", *options,
        ],
        env={**(environment or os.environ), "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"dbt {command} failed:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"


@dataclass
class Night:
    """One platform: a database, a landing folder that it reads, and where dbt works. Each `run` is a night."""

    url: str
    landing: Path
    target: Path
    nights: int = field(default=0)

    @property
    def sources(self) -> Sources:
        return read_sources(PROJECT / "sources.yml", str(self.landing))

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

    def publish(self) -> Published:
        """Build what was touched, and publish it."""
        self.nights += 1
        run_id = f"night-{self.nights}"
        manifest = json.loads((self.target / "manifest.json").read_bytes())
        with self.connect() as connection:
            through = pending.data_through(connection, self.sources)
            preparation.prepare(connection, manifest, run_id, datetime.now(UTC), through)
            self.dbt("build", "--exclude-resource-type", "unit_test")
            return publication.publish(
                connection, manifest, run_id, datetime.now(UTC), [], reader_functions(), catalogue.dim_kpi_rows()
            )

    def run(self, extracts: Iterable[Extract] | None = None) -> Published:
        """A night: load (everything, unless told), build, publish."""
        self.load(self.extracts() if extracts is None else extracts)
        return self.publish()

    def digest(self) -> str:
        """Of what is published now: tests/integration/marts_digest.py."""
        with self.connect() as connection:
            return marts_digest.digest(connection)

    def dbt(self, command: str, *options: str) -> None:
        dbt(command, *options, target=self.target, environment=warehouse.dbt_environment(self.url))
