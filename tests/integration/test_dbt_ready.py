"""dbt's process of a run before it is told to go. Not here: what it builds (tests of the runs)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration import warehouse
from orchestration.marts import dbt_ready
from orchestration.settings import Settings


class Spied(dbt_ready.Waiting):
    """Whose process can be looked at."""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process
        return self._process


@pytest.fixture
def waiting(database: str, tmp_path: Path) -> Iterator[Spied]:
    """One that gets ready for the run `a run`."""
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path / "home"), "CAUSERIE_DATABASE_URL": database})
    found = Spied()
    found.get_ready(settings, database, "a run", views_stand=True)
    former = found.process
    found.get_ready(settings, database, "a run", views_stand=False)
    assert former.returncode is not None, "what it was to leave alone does not stand after all"
    begun = found.process
    found.get_ready(settings, database, "a run", views_stand=False)
    assert found.process is begun, "a run has one process"
    yield found
    found.end()


def test_it_opens_no_session_and_ends_with_whoever_was_to_tell_it_to_go(waiting: Spied, database: str) -> None:
    process = waiting.process
    assert process.stdin and process.stdout
    read = next(line for line in process.stdout if b"data tests" in line)
    assert b"Found" in read, "it has read the project"
    with warehouse.connect(database) as connection:
        sessions = connection.execute("select count(*) from pg_stat_activity where application_name = 'a run'")
        assert sessions.fetchone() == (0,)
    # As when the run's process is killed: its end of the pipe is closed.
    process.stdin.close()
    assert process.wait(60) == 1


def test_a_run_that_builds_nothing_leaves_no_process(waiting: Spied) -> None:
    process = waiting.process
    waiting.end()
    assert process.returncode is not None
