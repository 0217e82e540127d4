"""Faults of what runs the platform: steps, the daemon, the web server and the code server are killed, or stay away.

Not here: faults of the database (test_database.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from logging import getLogger
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from dagster import DagsterRunStatus
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time, instance_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._scheduler.scheduler import launch_scheduled_runs
from dagster._utils.error import SerializableErrorInfo
from webhook import Hook

from faults.installation import Extracts, Installation, until
from orchestration.automation.plan import range_tags


@pytest.fixture(scope="module")
def installation(
    databases: Callable[[], AbstractContextManager[str]],
    few_days: Extracts,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    with databases() as url:
        found = Installation(tmp_path_factory.mktemp("home"), url, few_days.landing)
        found.up()
        yield found
        found.kill()


def twice(connection: psycopg.Connection[Any]) -> int:
    query = "select count(*) - count(distinct (brand_id, message_id)) from marts.fct_message"
    ((rows,),) = connection.execute(query.encode()).fetchall()
    return int(rows)


@pytest.mark.long
@pytest.mark.fault(37, "a request from another machine, to any port of it", "there is none that would take it")
def test_nothing_listens_but_on_this_machine(installation: Installation, figure: Callable[[str], None]) -> None:
    running = [one for root in installation.processes for one in [root, *root.children(recursive=True)]]
    postgres = [one for one in psutil.process_iter(["name"]) if one.info["name"] == "postgres"]
    listening = {
        (socket.laddr.ip, socket.laddr.port)
        for process in running + postgres
        if process.is_running()
        for socket in process.net_connections("inet")
        if socket.status == psutil.CONN_LISTEN
    }
    assert installation.port in {port for _, port in listening}
    abroad = [address for address in listening if address[0] not in ("127.0.0.1", "::1")]
    assert abroad == []
    figure(f"sockets off loopback {len(abroad)} of {len(listening)}")


@pytest.mark.long
@pytest.mark.fault(
    30,
    "kill -9 of the process of a Dagster step in the middle of a load",
    "the run fails within seconds and is tried once more",
)
def test_a_step_is_killed(installation: Installation, few_days: Extracts, figure: Callable[[str], None]) -> None:
    with installation.held_up():
        run_id = installation.launch(range_tags(few_days.days[0], few_days.days[-2]))
        until(installation.is_loading, "the load")
        victim = installation.worker(run_id)
        killed = time.monotonic()
        victim.kill()
        installation.ended(run_id, well=False)
        seconds = time.monotonic() - killed
    installation.ended(installation.retry_of(run_id))
    assert len(installation.runs()) == 2
    with installation.connect() as connection:
        assert twice(connection) == 0
    figure(f"failed after {seconds:.0f} s, tries 2, rows twice 0")


@pytest.mark.long
@pytest.mark.fault(
    31,
    "kill -9 of web server, daemon, code server and their run; then a start",
    "the orphaned run is failed and frees its place; the night's run goes through",
)
def test_everything_is_killed(installation: Installation, few_days: Extracts, figure: Callable[[str], None]) -> None:
    with installation.held_up():
        orphan = installation.launch(range_tags(few_days.days[0], few_days.days[-2]))
        until(installation.is_loading, "the load")
        victims = installation.kill()
    assert victims >= 4
    assert installation.status(orphan) == DagsterRunStatus.STARTED
    installation.up()
    nightly = installation.launch({"dagster/partition": str(few_days.days[-1])})
    installation.ended(nightly)
    installation.ended(orphan, well=False)
    installation.ended(installation.retry_of(orphan))
    orphans = [run for run in installation.runs() if not run.is_finished]
    assert orphans == []
    assert installation.digest() == few_days.golden
    figure(f"{victims} processes killed, orphans {len(orphans)}, golden")


@pytest.mark.long
@pytest.mark.fault(
    50,
    "a run is killed from outside, and so can say nothing itself; the daemon is dead for a night",
    "the daemon tells of the first; of the second whoever watches for the pings that follow each publication",
)
def test_people_are_told_of_what_can_say_nothing_itself(
    databases: Callable[[], AbstractContextManager[str]],
    few_days: Extracts,
    tmp_path: Path,
    hook: Hook,
    figure: Callable[[str], None],
) -> None:
    told = {"CAUSERIE_ALERT_WEBHOOK": hook.url, "CAUSERIE_PING_URL": hook.url}
    with databases() as url:
        installation = Installation(tmp_path, url, few_days.landing, others=told)
        try:
            installation.up()
            installation.ended(installation.launch(range_tags(few_days.days[0], few_days.days[-2])))
            assert hook.pings == 1
            with installation.held_up():
                run_id = installation.launch({"dagster/partition": str(few_days.days[-1])})
                until(installation.is_loading, "the load")
                installation.worker(run_id).kill()
                # Warnings of the run before may come first.
                alert = until(lambda: next((said for said in hook.alerts if run_id in said), None), "an alert")
                installation.kill()
            assert "Failed: " in alert
            assert hook.pings == 1, "no sign of life from what is dead"
            installation.up()
            installation.ended(installation.launch({"dagster/partition": str(few_days.days[-1])}))
            assert hook.pings > 1
            assert installation.digest() == few_days.golden
        finally:
            installation.kill()
    figure("alerts 1 of 1; pings after each publication, 0 while the daemon was dead")


@pytest.mark.fault(
    32, "the daemon is down for 3 nights", "each missed partition is asked for once, however often it starts"
)
def test_the_daemon_was_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Callable[[str], None]) -> None:
    (tmp_path / "landing" / "messages" / "2026-03-01").mkdir(parents=True)
    monkeypatch.setenv("CAUSERIE_HOME", str(tmp_path))
    monkeypatch.setenv("CAUSERIE_LANDING", str(tmp_path / "landing"))
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name="orchestration.definitions", attribute="defs"), location_name="causerie"
    )
    queued = {"run_coordinator": {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator"}}
    with (
        instance_for_test(overrides=queued) as instance,
        create_test_daemon_workspace_context(InProcessWorkspaceLoadTarget(origin), instance) as workspace,
    ):

        def daemon_looks(day: int, hour: int) -> list[str | None]:
            """One look of the scheduler at that time; every partition that was ever asked for."""
            now = datetime(2026, 3, day, hour, tzinfo=UTC)
            with freeze_time(now):
                found = launch_scheduled_runs(workspace, getLogger(), now, {})
                assert [error for error in found if isinstance(error, SerializableErrorInfo)] == []
            return sorted(run.tags["dagster/partition"] for run in instance.get_runs())

        with freeze_time(datetime(2026, 3, 10, tzinfo=UTC)):
            (location,) = workspace.create_request_context().code_locations
            instance.start_schedule(location.get_repository("__repository__").get_schedule("nightly"))
        assert daemon_looks(10, 3) == ["2026-03-09"]
        missed = ["2026-03-10", "2026-03-11", "2026-03-12"]
        assert daemon_looks(13, 3) == ["2026-03-09", *missed]
        assert daemon_looks(13, 4) == ["2026-03-09", *missed]
    figure(f"{len(missed)} nights, {len(missed)} runs")
