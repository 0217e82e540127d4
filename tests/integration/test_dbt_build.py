"""dbt's process of a run before it is told to go. Not here: what it builds (tests of the runs)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestration import warehouse
from orchestration.assets.dbt_build import Build
from orchestration.settings import Settings


class Spied(Build):
    """A build whose process can be looked at."""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._waiting
        return self._waiting


@pytest.fixture
def build(database: str, tmp_path: Path) -> Iterator[Spied]:
    """One that gets ready for the run `a run`."""
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path / "home"), "CAUSERIE_DATABASE_URL": database})
    found = Spied(settings)
    run: Any = SimpleNamespace(url=database, application_name="a run")
    found.get_ready(run, views_stand=True)
    former = found.process
    found.get_ready(run, views_stand=False)
    assert former.returncode is not None, "what it was to leave alone does not stand after all"
    begun = found.process
    found.get_ready(run, views_stand=False)
    assert found.process is begun, "a run has one process"
    yield found
    found.end()


def test_it_opens_no_session_and_ends_with_whoever_was_to_tell_it_to_go(build: Spied, database: str) -> None:
    process = build.process
    assert process.stdin and process.stdout
    read = next(line for line in process.stdout if b"data tests" in line)
    assert b"Found" in read, "it has read the project"
    with warehouse.connect(database) as connection:
        sessions = connection.execute("select count(*) from pg_stat_activity where application_name = 'a run'")
        assert sessions.fetchone() == (0,)
    # As when the run's process is killed: its end of the pipe is closed.
    process.stdin.close()
    assert process.wait(60) == 1


def test_a_run_that_builds_nothing_leaves_no_process(build: Spied) -> None:
    process = build.process
    build.end()
    assert process.returncode is not None
