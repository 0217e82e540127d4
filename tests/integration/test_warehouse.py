"""The embedded server: private, durable, re-startable, and safe to start twice at once."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from orchestration import warehouse
from orchestration.settings import Settings
from orchestration.warehouse.connection import MIGRATIONS


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    # A home whose name alone would overrun the 107 bytes of a socket path, and which holds a blank.
    with tempfile.TemporaryDirectory(prefix="causerie-test-") as folder:
        settings = Settings.from_environment({"CAUSERIE_HOME": f"{folder}/a home {'long' * 30}"})
        yield settings
        warehouse.stop(settings)


PRINT_URL = """
from orchestration import settings, warehouse
print(warehouse.url(settings.Settings.from_environment()))
"""


def test_start_is_repeatable_and_outlives_the_command(settings: Settings) -> None:
    first = warehouse.start(settings)
    assert warehouse.is_running(settings)
    assert warehouse.start(settings) == warehouse.url(settings) == first
    in_another_process = subprocess.run(
        [sys.executable, "-c", PRINT_URL],
        env={**os.environ, "CAUSERIE_HOME": str(settings.home), "CAUSERIE_DATABASE_URL": ""},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert in_another_process.stdout.strip() == first
    with warehouse.connect(first) as connection:
        assert connection.execute("show timezone").fetchone() == ("UTC",)
        assert connection.execute("show data_checksums").fetchone() == ("on",)


def test_nobody_gets_in_without_the_password(settings: Settings) -> None:
    address = warehouse.start(settings)
    passfile = settings.home / "pgpass"
    assert stat.S_IMODE(passfile.stat().st_mode) == 0o600
    assert passfile.read_text().strip().rsplit(":", 1)[1] not in address
    for attempt in ({"passfile": "/dev/null"}, {"password": "wrong"}):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(conninfo.make_conninfo(address, **attempt))
    with warehouse.connect(address) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
        methods = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
        assert methods == [("scram-sha-256",)]


def test_stop_and_start_keep_rows_and_port(settings: Settings) -> None:
    before = warehouse.start(settings)
    with warehouse.connect(before) as connection:
        connection.execute("create table kept as select 1 as one")
    assert warehouse.stop(settings)
    assert not warehouse.is_running(settings)
    assert not warehouse.stop(settings)
    with warehouse.connect(warehouse.start(settings)) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)
    assert warehouse.url(settings) == before


def test_a_crash_is_recovered_from(settings: Settings) -> None:
    with warehouse.connect(warehouse.start(settings)) as connection:
        connection.execute("create table survives as select 1 as one")
    postmaster = int((settings.home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGQUIT)  # no checkpoint, as after a power cut; a stale pid file may stay
    with warehouse.connect(warehouse.start(settings)) as connection:
        assert connection.execute("select one from survives").fetchone() == (1,)


def test_two_first_starts_at_once_make_one_server() -> None:
    with tempfile.TemporaryDirectory(prefix="causerie-test-") as folder:
        home = Path(folder) / "home"
        environment = {**os.environ, "CAUSERIE_HOME": str(home), "CAUSERIE_DATABASE_URL": ""}
        both = [
            subprocess.Popen([sys.executable, "-c", PRINT_URL], env=environment, stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        answers = {process.communicate()[0].strip() for process in both}
        assert [process.returncode for process in both] == [0, 0]
        assert len(answers) == 1
        warehouse.stop(Settings.from_environment(environment))


def test_a_start_that_cannot_succeed_says_why() -> None:
    with tempfile.TemporaryDirectory(prefix="causerie-test-") as folder:
        settings = Settings.from_environment({"CAUSERIE_HOME": folder})
        (settings.home / "postgres").mkdir()
        with pytest.raises(warehouse.WarehouseError, match="not a database cluster directory"):
            warehouse.start(settings)


def test_a_url_of_ones_own_is_used_as_it_is() -> None:
    settings = Settings.from_environment({"CAUSERIE_DATABASE_URL": "postgresql://somewhere/else"})
    assert warehouse.url(settings) == "postgresql://somewhere/else"


def test_migrations_run_once(database: str) -> None:
    with warehouse.connect(database) as connection:
        assert warehouse.migrate(connection) == []
        files = [row[0] for row in connection.execute("select file from raw.migration order by file")]
    assert files == sorted(path.name for path in MIGRATIONS.glob("*.sql"))


def test_dbt_gets_the_password_that_the_url_only_points_to(server: str, database: str) -> None:
    environment = warehouse.dbt_environment(database, "a run")
    assert environment.pop("PGAPPNAME") == "a run"
    given = {name.removeprefix("CAUSERIE_PG_").lower(): value for name, value in environment.items()}
    with psycopg.connect(**given, passfile="/dev/null") as connection:
        assert connection.info.dbname == conninfo.conninfo_to_dict(database)["dbname"]
