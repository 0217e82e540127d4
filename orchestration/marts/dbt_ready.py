"""dbt's process of a run, which gets ready beside whatever comes before it: it takes seconds to import itself and to
read the project. Then it waits, before its first session, until it is told to go (dbt_process.py).

Not here: what its events are to Dagster (assets/dbt_build.py). No Dagster: it begins while that is imported.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

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


class Waiting:
    """At most one process at a time, for one run."""

    def __init__(self) -> None:
        self._meant_for: tuple[str, str, bool] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def get_ready(self, settings: Settings, url: str, application_name: str, views_stand: bool) -> None:
        """Start the process, unless it is there: its sessions will bear this name."""
        meant_for = (url, application_name, views_stand)
        if self._process is None or self._meant_for != meant_for:
            self.end()
            self._meant_for, self._process = meant_for, _started(settings, *meant_for)

    def go(self, settings: Settings, url: str, application_name: str, views_stand: bool) -> subprocess.Popen[bytes]:
        """The process, which builds."""
        self.get_ready(settings, url, application_name, views_stand)
        process, self._process = self._process, None
        assert process and process.stdin
        with suppress(BrokenPipeError):  # it has ended, and its output says why
            process.stdin.write(b"go\n")
            process.stdin.close()
        return process

    def end(self) -> None:
        """End the process that nobody told to go."""
        if self._process:
            with self._process as process:
                process.kill()
            self._process = None


# Of this process, in which one run after the other builds.
waiting = Waiting()


def target_of(settings: Settings) -> Path:
    """Where the dbt of a run writes: what it has read, what it has compiled, its log."""
    return settings.home / "dbt"


def _started(settings: Settings, url: str, application_name: str, views_stand: bool) -> subprocess.Popen[bytes]:
    hand_on_parsed(settings.manifest.parent, target_of(settings))
    return subprocess.Popen(
        [dbt_executable(), *dbt_arguments(views_stand)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=settings.dbt_project,
        env=_environment(settings, url, application_name),
    )


def _environment(settings: Settings, url: str, application_name: str) -> Mapping[str, str]:
    """For the child process; in no configuration, so that it is shown nowhere."""
    return {
        **dbt_environment(url, application_name),
        DBT_WAITS: "yes",
        "PYTHONUNBUFFERED": "1",
        # What dagster-dbt reads its events from.
        "DBT_LOG_FORMAT": "json",
        # Set-up has written the manifest, and how the nodes went is told by events.
        "DBT_WRITE_JSON": "false",
        "DBT_TARGET_PATH": str(target_of(settings)),
        "DBT_LOG_PATH": str(target_of(settings)),
        "DBT_PROFILES_DIR": str(settings.dbt_project),
        "DBT_PROJECT_DIR": str(settings.dbt_project),
    }
