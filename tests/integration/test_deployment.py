"""A deployment: code location, web server and daemon apart, their history in PostgreSQL, several runs at once.

Not here: images and charts, for which there is no engine on the machines of these tests (docs/deployment.md).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
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
# On a busy machine a run takes minutes, and there are three in a row.
LONG_SECONDS = 1800
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


def test_the_charts_instance_is_the_same_in_the_charts_words() -> None:
    values = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())
    daemon, launcher = values["dagsterDaemon"], values["runLauncher"]["config"]["customRunLauncher"]
    assert launcher.pop("config") == {}
    told = values["additionalInstanceConfig"] | {"run_launcher": launcher, "telemetry": values["telemetry"]}
    told |= {key: daemon[key] for key in ("runMonitoring", "runRetries", "schedules", "sensors")}
    for key in ("concurrency", "retention"):
        assert values[key].pop("enabled")
        told[key] = values[key]
    project = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    del project["storage"]
    assert _in_words_of_dagster(told) == project


def _in_words_of_dagster(values: Any) -> Any:
    if not isinstance(values, dict):
        return values
    return {re.sub("[A-Z]", r"_\g<0>", key).lower(): _in_words_of_dagster(value) for key, value in values.items()}


def _instructions(stage: int) -> list[str]:
    """The instructions of one stage of the Dockerfile, each on one line."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [line for line in text.split("\nFROM ")[stage].splitlines()[1:] if line]


def test_the_image_runs_whatever_command_it_is_given_and_not_as_root() -> None:
    last = _instructions(2)
    assert not [line for line in last if line.startswith("ENTRYPOINT")], "Dagster's chart gives arguments, no command"
    (user,) = [line.split()[1] for line in last if line.startswith("USER")]
    values = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())
    (code,) = values["dagster-user-deployments"]["deployments"]
    assert user == str(code["securityContext"]["runAsUser"]) != "0"
    home = values["global"]["dagsterHome"]
    assert any(f"DAGSTER_HOME={home}" in line for line in last)
    assert any(line.startswith("COPY deploy/dagster.yaml") and line.endswith(f"{home}/") for line in last)


@pytest.mark.long
def test_the_images_build_steps_as_shell_in_an_empty_folder(tmp_path: Path) -> None:
    """All that the first stage runs, but for the packages of the distribution (git and make)."""
    source = tmp_path / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, source / name)
    # As in a build: no variable of this project, and the Python that this environment was made of.
    environment = {
        name: value for name, value in os.environ.items() if not re.match("CAUSERIE_|DAGSTER_|VIRTUAL_E", name)
    }
    environment["PATH"] = f"{Path(sys.base_prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    if index := os.environ.get("PIP_INDEX_URL"):
        environment["UV_DEFAULT_INDEX"] = index
    steps = [
        line.removeprefix("RUN ") for line in _instructions(1) if line.startswith("RUN ") and "apt-get" not in line
    ]
    assert steps
    for step in steps:
        here = re.sub(r"(?<=\s)/(?=wheels|opt)", f"{tmp_path}/", step)
        done = subprocess.run(
            ["sh", "-c", here], cwd=source, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{step}\n{done.stdout}{done.stderr}"
    shutil.rmtree(source)
    # The last stage copies this environment: whatever the four parts start is there, and the code location loads.
    programs = tmp_path / "opt" / "causerie" / "bin"
    environment["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environment |= {
        "CAUSERIE_HOME": str(tmp_path / "home"),
        "CAUSERIE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    }
    for command in ["causerie --help", "dagster definitions validate --module-name orchestration.definitions"]:
        done = subprocess.run(
            command.split(), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert {command[0] for command in PARTS.values()} <= {path.name for path in programs.iterdir()}


def test_compose_starts_what_is_tried_here() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for part, command in PARTS.items():
        entry = services[part]["command"]
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
    night = datetime.now(UTC) + timedelta(minutes=4)
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
            until(found.answers, "the web server and the code location", pause_seconds=1)
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

    def asked_by(kind: str) -> list[str]:
        return [run for run, (_, tags) in deployment.runs().items() if f"dagster/{kind}_name" in tags]

    with warehouse.connect(deployment.url) as other, other.transaction():
        # Nobody writes before all of them have been asked for: by itself the first may have ended by then.
        warehouse.locks.hold_turn(other)
        by_hand = deployment.launch(yesterday - timedelta(days=1))
        # Asking costs the web server work: not ten times a second.
        for kind in ("sensor", "schedule"):
            until(partial(asked_by, kind), f"the {kind}'s tick", LONG_SECONDS, pause_seconds=2)
        together = [status for status, _ in deployment.runs().values() if status != "SUCCESS"]
    assert len(together) > 2, "or several runs at once were not tried"

    def ended() -> bool:
        states = {status for status, _ in deployment.runs().values()}
        assert "FAILURE" not in states, deployment.log()
        return states == {"SUCCESS"}

    until(ended, "all of them", LONG_SECONDS, pause_seconds=2)
    runs, (night,), (stretch,) = deployment.runs(), asked_by("schedule"), asked_by("sensor")
    assert set(runs) == {by_hand, night, stretch}, "each tick asked for nothing more"
    assert runs[night][1]["dagster/partition"] == str(yesterday)
    with warehouse.connect(deployment.url) as connection:
        ((rows, keys),) = connection.execute(
            "select count(*), count(distinct (brand_id, message_id)) from marts.fct_message"
        ).fetchall()
        days = connection.execute("select distinct extract_day from raw.extract order by 1").fetchall()
    assert rows == keys > 0
    assert [day for (day,) in days] == [yesterday - timedelta(days=number) for number in (2, 1, 0)]
