"""The one build by dbt of a run, as a resource of the run: a process that gets ready while extracts are loaded.

dbt takes seconds to import itself and to read the project; then it waits, before its first session, until it is told
to go (marts/dbt_process.py). Not here: what its models are to Dagster (dbt_models.py).
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dagster import AssetExecutionContext, InitResourceContext, ResourceDefinition, resource
from packaging.version import Version

from orchestration.assets.dbt_integration import DagsterDbtTranslator, DbtCliInvocation
from orchestration.assets.resources import Warehouse
from orchestration.marts.contracts import manifest
from orchestration.settings import Settings
from orchestration.warehouse import DBT_WAITS, dbt_environment

PARTIAL_PARSE = "partial_parse.msgpack"


def dbt_executable() -> str:
    """Our dbt beside this Python (marts/dbt_process.py), whatever PATH says."""
    return str(Path(sys.executable).parent / "causerie-dbt")


def dbt_arguments(views_stand: bool) -> list[str]:
    """One build of everything: the touched tables decide how much that is, so no variable changes from run to run.

    The target is named: under any other the models themselves refuse (macros/of_the_run_under_way.sql). Unit tests
    judge the SQL, not the data: they run in `make test`. dbt's own file has what it tells the run, without debugging.
    """
    everything = ["build", "--target", "build", "--exclude-resource-type", "unit_test", "--log-level-file", "info"]
    return everything + what_is_made(views_stand)


def what_is_made(views_stand: bool) -> list[str]:
    """Where the views stand (marts/relations.py) they are left alone, and the tables under them are filled anew; else
    every relation is made anew."""
    # A test of a view stands for itself, or it would be left out with the view.
    tables = ["--exclude", "config.materialized:view", "--indirect-selection", "empty"]
    return tables if views_stand else ["--full-refresh"]


def hand_on_parsed(parsed: Path, target: Path) -> None:
    """Copy what set-up's parse left to where a build will look for it, for its owner alone."""
    held = target / PARTIAL_PARSE
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not held.exists() and (parsed / PARTIAL_PARSE).exists():
        shutil.copyfile(parsed / PARTIAL_PARSE, held)
    if held.exists():
        held.chmod(0o600)


class Build:
    """dbt's process of one run, at most one at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._target = settings.home / "dbt"
        self._meant_for = ("", False)
        self._waiting: subprocess.Popen[bytes] | None = None

    def get_ready(self, warehouse: Warehouse, views_stand: bool) -> None:
        """Start the process, which asks nothing of the database yet. If this run builds nothing after all, it ends."""
        meant_for = (warehouse.url, views_stand)
        if self._waiting is None or self._meant_for != meant_for:
            self.end()
            self._meant_for, self._waiting = meant_for, self._started(warehouse, views_stand)

    def go(
        self, context: AssetExecutionContext, warehouse: Warehouse, translator: DagsterDbtTranslator, views_stand: bool
    ) -> DbtCliInvocation:
        """Let the process build, and give its events."""
        self.get_ready(warehouse, views_stand)
        process, self._waiting = self._waiting, None
        assert process and process.stdin
        with suppress(BrokenPipeError):  # it has ended, and its output says why
            process.stdin.write(b"go\n")
            process.stdin.close()
        return DbtCliInvocation(
            process=process,
            manifest=manifest(self._settings.manifest),
            dagster_dbt_translator=translator,
            project_dir=self._settings.dbt_project,
            target_path=self._target,
            raise_on_error=True,
            context=context,
            cli_version=Version(version("dbt-core")),
        )

    def end(self) -> None:
        """End the process that nobody told to go."""
        if self._waiting:
            with self._waiting as process:
                process.kill()
            self._waiting = None

    def _started(self, warehouse: Warehouse, views_stand: bool) -> subprocess.Popen[bytes]:
        hand_on_parsed(self._settings.manifest.parent, self._target)
        return subprocess.Popen(
            [dbt_executable(), *dbt_arguments(views_stand)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._settings.dbt_project,
            env=self._environment(warehouse),
        )

    def _environment(self, warehouse: Warehouse) -> Mapping[str, str]:
        """For the child process; in no configuration, so that it is shown nowhere."""
        return {
            **dbt_environment(warehouse.url, warehouse.application_name),
            DBT_WAITS: "yes",
            "PYTHONUNBUFFERED": "1",
            # What dagster-dbt reads its events from.
            "DBT_LOG_FORMAT": "json",
            # Set-up has written the manifest, and how the nodes went is told by events.
            "DBT_WRITE_JSON": "false",
            "DBT_TARGET_PATH": str(self._target),
            "DBT_LOG_PATH": str(self._target),
            "DBT_PROFILES_DIR": str(self._settings.dbt_project),
            "DBT_PROJECT_DIR": str(self._settings.dbt_project),
        }


def build_resource(settings: Settings) -> ResourceDefinition:
    @resource(description="dbt's build of the run: a process that gets ready while extracts are loaded")
    def of_run(_: InitResourceContext) -> Iterator[Any]:
        build = Build(settings)
        try:
            yield build
        finally:
            build.end()

    return of_run
