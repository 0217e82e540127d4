"""A deployment: code location, web server and daemon apart, their history in PostgreSQL, several runs at once.

Not here: images and charts, for which there is no engine on the machines of these tests (docs/deployment.md).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from faults.installation import LAUNCH, until

import simulator
from orchestration import warehouse
from orchestration.automation.jobs import JOB
from orchestration.settings import PROJECT, Settings

DEPLOY = PROJECT / "deploy"
DAYS = 3
PARTS = {
    "code": ["dagster", "api", "grpc", "--module-name", "orchestration.definitions", "--attribute", "defs",
             "--location-name", "causerie", "--host", "127.0.0.1", "--port"],
    "webserver": ["dagster-webserver", "--host", "127.0.0.1", "--workspace", "workspace.yaml", "--port"],
    "daemon": ["dagster-daemon", "run", "--workspace", "workspace.yaml"],
}  # fmt: skip
RUNS = """{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }"""


def test_the_instance_of_a_deployment_is_the_projects_but_for_its_storage() -> None:
    ours = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    theirs = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    assert theirs.pop("storage") == {"postgres": {"postgres_url": {"env": "CAUSERIE_DAGSTER_URL"}}}
    ours.pop("event_log_storage")
    assert theirs == ours


def test_compose_starts_what_is_tried_here() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for part, command in PARTS.items():
        entry = services[part]["entrypoint"]
        assert entry[0] == command[0]
        given = {word for word in command if word.startswith("--")}
        assert given <= set(entry), part
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert published and all(port.startswith("127.0.0.1:") for port in published)
    assert not [name for name, one in services.items() if "PASSWORD=" in str(one)]


@dataclass
class Deployment:
    folder: Path
    url: str
    ports: dict[str, int]
    processes: dict[str, subprocess.Popen[bytes]]

    def ask(self, query: str, **variables: Any) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['webserver']}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        return json.loads(urllib.request.urlopen(request, timeout=120).read())["data"]

    def answers(self) -> bool:
        try:
            location = self.ask("{ repositoriesOrError { __typename ... on RepositoryConnection { nodes { name } } } }")
        except (OSError, KeyError):
            return False
        return bool(location["repositoriesOrError"].get("nodes"))

    def runs(self) -> dict[str, tuple[str, dict[str, str]]]:
        found = self.ask(RUNS)["runsOrError"]["results"]
        return {one["runId"]: (one["status"], {tag["key"]: tag["value"] for tag in one["tags"]}) for one in found}

    def launch(self, day: date) -> str:
        tags = [{"key": "dagster/partition", "value": str(day)}]
        return str(self.ask(LAUNCH, tags=tags, job=JOB)["launchRun"]["run"]["runId"])

    def log(self) -> str:
        return "\n".join((self.folder / f"{part}.log").read_text()[-3000:] for part in PARTS)


@pytest.fixture
def deployment(databases: Callable[[], AbstractContextManager[str]], tmp_path: Path) -> Iterator[Deployment]:
    today = datetime.now(UTC).date()
    # The night comes when everything is up, on a busy machine too: a schedule has no tick from before its start.
    night = datetime.now(UTC) + timedelta(minutes=6)
    with databases() as url, databases() as history:
        with psycopg.connect(history, autocommit=True) as connection:
            for schema in ("raw", "build", "next", "marts"):
                connection.execute(f"drop schema {schema} cascade".encode())
        for name in ("dagster.yaml", "workspace.yaml"):
            shutil.copy(DEPLOY / name, tmp_path)
        ports = {part: _free_port() for part in ("code", "webserver")}
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DAGSTER_HOME": str(tmp_path),
            "CAUSERIE_HOME": str(tmp_path / "home"),
            "CAUSERIE_DATABASE_URL": url,
            "CAUSERIE_DAGSTER_URL": history.replace("postgresql://", "postgresql+psycopg2://"),
            "CAUSERIE_CODE_HOST": "127.0.0.1",
            "CAUSERIE_CODE_PORT": str(ports["code"]),
            "CAUSERIE_NIGHTLY": f"{night:%H:%M}",
        }
        simulator.write(Path(Settings.from_environment(environment).landing), DAYS, 1, 5, today - timedelta(DAYS))
        found = Deployment(tmp_path, url, ports, {})
        try:
            for part, command in PARTS.items():
                port = [str(ports[part])] if part in ports else []
                with (tmp_path / f"{part}.log").open("wb") as log:
                    found.processes[part] = subprocess.Popen(
                        [*command, *port], env=environment, cwd=tmp_path, stdout=log, stderr=log
                    )
            until(found.answers, "the web server and the code location")
            yield found
        finally:
            for process in found.processes.values():
                process.terminate()
            for process in found.processes.values():
                process.wait(60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.long
def test_several_runs_at_once_and_the_night_asked_for_by_the_daemon(deployment: Deployment) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    first = [deployment.launch(yesterday - timedelta(days=number)) for number in (2, 1)]

    def nights() -> list[str]:
        return [run for run, (_, tags) in deployment.runs().items() if tags.get("dagster/schedule_name") == "nightly"]

    until(nights, "the schedule's tick")
    assert "dagster/partition" in deployment.runs()[nights()[0]][1]

    def ended() -> bool:
        states = {run: status for run, (status, _) in deployment.runs().items() if run in [*first, *nights()]}
        assert "FAILURE" not in states.values(), deployment.log()
        return set(states.values()) == {"SUCCESS"}

    until(ended, "all of them")
    (night,) = nights()
    assert deployment.runs()[night][1]["dagster/partition"] == str(yesterday)
    with warehouse.connect(deployment.url) as connection:
        ((rows, keys),) = connection.execute(
            "select count(*), count(distinct (brand_id, message_id)) from marts.fct_message"
        ).fetchall()
        days = connection.execute("select distinct extract_day from raw.extract order by 1").fetchall()
    assert rows == keys > 0
    assert [day for (day,) in days] == [yesterday - timedelta(days=number) for number in (2, 1, 0)]
    told = (deployment.folder / "daemon.log").read_text()
    assert "Scheduler" in told and "nightly" in told
