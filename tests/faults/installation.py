"""A whole installation for tests: Dagster's own processes, the command line, a database and a landing folder.

Not here: what befalls it (test_orchestration.py).
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import marts_digest
import psutil
import psycopg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from orchestration import warehouse
from orchestration.automation import instance as dagster_instance
from orchestration.automation.failures import failures_of
from orchestration.automation.jobs import JOB
from orchestration.settings import PROJECT, Settings
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import _lock_dataset
from orchestration.warehouse import locks

T = TypeVar("T")
PATIENCE_SECONDS = 900
LAUNCH = """
mutation ($tags: [ExecutionTag!]!, $job: String!) {
  launchRun(executionParams: {
    selector: {repositoryLocationName: "causerie", repositoryName: "__repository__", jobName: $job},
    runConfigData: {}, executionMetadata: {tags: $tags}
  }) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""


def until(
    found: Callable[[], T | bool | None], what: str, seconds: float = PATIENCE_SECONDS, pause_seconds: float = 0.1
) -> T:
    """Ask again and again until there is an answer; AssertionError when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer  # type: ignore[return-value]
        time.sleep(pause_seconds)
    raise AssertionError(f"waited {seconds} s for {what}")


@dataclass(frozen=True)
class Extracts:
    """The extracts of some days in a landing folder, and the digest of the marts that a clean build makes of them."""

    landing: Path
    days: tuple[date, ...]
    golden: str


def without_access(digest: str) -> str:
    """The lines of a digest but that of access: login roles are named by a key of their installation, which one with a
    server or a schema of raw of its own makes anew."""
    return "\n".join(line for line in digest.splitlines() if not line.startswith("access "))


@dataclass
class Installation:
    """One CAUSERIE_HOME on one database. `up` starts what `make dev` starts; `kill` ends all of it with SIGKILL."""

    home: Path
    url: str
    landing: Path
    processes: list[psutil.Process] = field(default_factory=list)
    port: int = 0
    others: dict[str, str] = field(default_factory=dict)  # settings that only this one has

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "CAUSERIE_HOME": str(self.home),
            "CAUSERIE_DATABASE_URL": self.url,
            "CAUSERIE_LANDING": str(self.landing),
            "DAGSTER_HOME": str(self.home / "dagster"),
            # Scenarios ask for their runs themselves.
            "CAUSERIE_AUTOMATION": "off",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **self.others,
        }

    def causerie(self, *arguments: str) -> subprocess.Popen[str]:
        """The command, running."""
        return subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli.main", *arguments],
            env=self.environment, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, str]:
        """`causerie run`, to its end: the exit code and what it said."""
        done = self.causerie("run", *arguments)
        said, _ = done.communicate(timeout=PATIENCE_SECONDS)
        return done.returncode, said

    def up(self) -> None:
        """Web server, daemon and code server, ready to be asked."""
        dagster_instance.prepare(self.settings)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        log = (self.home / "dagster.log").open("ab")
        started = subprocess.Popen(
            [Path(sys.executable).parent / "dagster", "dev", "--host", "127.0.0.1", "--port", str(self.port),
             "--workspace", "workspace.yaml"],
            env=self.environment, cwd=PROJECT, stdout=log, stderr=log,
        )  # fmt: skip
        self.processes = [psutil.Process(started.pid)]
        until(self._answers, "the web server")

    def _answers(self) -> bool:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/server_info", timeout=5).status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def kill(self) -> int:
        """Every process of it at once, runs too, as when a host loses its power; says how many there were."""
        roots = [root for root in self.processes if root.is_running()]
        victims = [one for root in roots for one in [root, *root.children(recursive=True)]]
        for one in victims:
            with suppress(psutil.NoSuchProcess):  # some end by themselves meanwhile
                one.suspend()  # so that none sees another die, and tidies up
        for one in victims:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(victims, timeout=30)
        self.processes = []
        return len(victims)

    def launch(self, tags: dict[str, str]) -> str:
        """Ask the web server for a run of the job, as its launchpad does; gives the run's id."""
        given = {"tags": [{"key": key, "value": value} for key, value in tags.items()], "job": JOB}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": LAUNCH, "variables": given}).encode(),
            {"Content-Type": "application/json"},
        )
        answer = json.loads(urllib.request.urlopen(request, timeout=60).read())
        assert answer.get("data", {}).get("launchRun", {}).get("__typename") == "LaunchRunSuccess", answer
        return str(answer["data"]["launchRun"]["run"]["runId"])

    def runs(self) -> list[DagsterRun]:
        with self.instance() as instance:
            return list(instance.get_runs())

    def instance(self) -> Any:
        # Its event log is found by the variable, as everywhere.
        os.environ["DAGSTER_HOME"] = str(self.home / "dagster")
        return DagsterInstance.get()

    def status(self, run_id: str) -> DagsterRunStatus:
        return next(run.status for run in self.runs() if run.run_id == run_id)

    def ended(self, run_id: str, well: bool = True) -> None:
        """Wait for a run's end; AssertionError with what it said when it is not the one that is wanted."""
        until(lambda: self.status(run_id) in (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE), f"run {run_id}")
        if (self.status(run_id) == DagsterRunStatus.SUCCESS) is not well:
            with self.instance() as instance:
                events = [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event]
            raise AssertionError(f"run {run_id}: {failures_of(events)}")

    def retry_of(self, run_id: str) -> str:
        """The id of the run that Dagster starts instead of one whose process died."""
        return until(
            lambda: next((run.run_id for run in self.runs() if run.parent_run_id == run_id), None), "a second try"
        )

    def has_said(self, event: str) -> bool:
        """Has any run an event of this type?"""
        with self.instance() as instance:
            return any(
                entry.dagster_event and entry.dagster_event.event_type_value == event
                for run in instance.get_runs()
                for entry in instance.all_logs(run.run_id)
            )

    def worker(self, run_id: str) -> psutil.Process:
        """The process of a run that Dagster has launched."""
        with self.instance() as instance:
            said = " ".join(str(entry.message or entry.user_message) for entry in instance.all_logs(run_id))
        found = re.search(r"Started process for run \(pid: (\d+)\)", said)
        assert found, said
        return psutil.Process(int(found[1]))

    @contextmanager
    def held_up(self, dataset: str = "messages") -> Iterator[None]:
        """Whoever loads this dataset waits in the middle of its step."""
        with self.connect() as connection, connection.transaction():
            _lock_dataset(connection, DATASETS[dataset])
            yield

    def is_loading(self) -> bool:
        """Does a load wait for whoever holds it up?"""
        with self.connect() as connection:
            return locks.is_waited_for(connection)

    def connect(self) -> psycopg.Connection[Any]:
        return warehouse.connect(self.url)

    def digest(self) -> str:
        with self.connect() as connection:
            return marts_digest.digest(connection)
