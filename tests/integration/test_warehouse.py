"""The embedded server: private, durable, re-startable, and safe to start twice at once."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
from modes import open_to_others
from psycopg import conninfo

from orchestration import warehouse
from orchestration.marts import dbt_ready
from orchestration.settings import Settings
from orchestration.sources.loading.upgrade import migrate
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
        assert migrate(connection) == []
        files = [row[0] for row in connection.execute("select file from raw.migration order by file")]
    assert files == sorted(path.name for path in MIGRATIONS.glob("*.sql"))


def test_dbt_gets_the_password_that_the_url_only_points_to(server: str, database: str) -> None:
    environment = warehouse.dbt_environment(database, "a run")
    assert environment.pop("PGAPPNAME") == "a run"
    prefix = "CAUSERIE_PG_"
    given = {name.removeprefix(prefix).lower(): value for name, value in environment.items() if name.startswith(prefix)}
    with psycopg.connect(**given, passfile="/dev/null") as connection:
        assert connection.info.dbname == conninfo.conninfo_to_dict(database)["dbname"]


def test_dbt_sees_no_option_that_was_set_for_another_project(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DBT_TARGET", "DBT_EMPTY", "DBT_FULL_REFRESH", "DBT_PROFILES_DIR"):
        monkeypatch.setenv(name, "marts")
    environment = warehouse.dbt_environment(database)
    assert [name for name in environment if name.startswith("DBT_")] == ["DBT_SEND_ANONYMOUS_USAGE_STATS"]


LIBPQ = {
    "PGPASSWORD": "of another server",
    "PGHOST": "nowhere.invalid",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "somebody",
    "PGDATABASE": "elsewhere",
    "PGSERVICE": "not-there",
    "PGSERVICEFILE": "/dev/null",
    "PGSSLMODE": "verify-full",
    "PGREQUIREAUTH": "none",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGCLIENTENCODING": "LATIN1",
    "PGTARGETSESSIONATTRS": "standby",
}


def test_libpqs_variables_reach_no_connection_of_the_embedded_server(settings: Settings) -> None:
    warehouse.start(settings)
    script = f"""
import os
from orchestration import settings, warehouse
url = warehouse.url(settings.Settings.from_environment())
with warehouse.connect(url) as connection:
    print(connection.execute("select current_user, current_setting('default_transaction_read_only'),"
                             " current_setting('client_encoding')").fetchone())
print(sorted(set(os.environ) & set({sorted(LIBPQ)!r})))
"""
    for start in ("", "warehouse.stop(settings.Settings.from_environment());"):
        done = subprocess.run(
            [sys.executable, "-c", f"from orchestration import settings, warehouse\n{start}\n{script}"],
            env={**os.environ, **LIBPQ, "CAUSERIE_HOME": str(settings.home), "CAUSERIE_DATABASE_URL": ""},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout.splitlines() == ["('causerie', 'off', 'UTF8')", "[]"], done.stderr


def test_a_copied_home_drives_a_server_of_its_own(settings: Settings) -> None:
    original = warehouse.start(settings)
    with tempfile.TemporaryDirectory(prefix="causerie-test-") as folder:
        home = Path(folder) / "copy"
        with warehouse.connect(original) as connection:
            connection.execute("create table if not exists original as select 1 as n")
            connection.commit()
            connection.execute("checkpoint")
        shutil.copytree(settings.home, home)
        if os.geteuid() == 0:
            shutil.chown(home / "postgres", "causerie")
            for path in (home / "postgres").rglob("*"):
                shutil.chown(path, "causerie")
        copy = Settings.from_environment({"CAUSERIE_HOME": str(home)})
        assert not warehouse.is_running(copy)
        assert not warehouse.stop(copy)
        assert warehouse.is_running(settings)
        address = warehouse.start(copy)
        try:
            assert conninfo.conninfo_to_dict(address)["port"] != conninfo.conninfo_to_dict(original)["port"]
            with warehouse.connect(address) as connection:
                assert connection.execute("show data_directory").fetchone() == (str(home / "postgres"),)
                connection.execute("drop table original")
        finally:
            warehouse.stop(copy)
        with warehouse.connect(original) as connection:
            assert connection.execute("select n from original").fetchone() == (1,)


@pytest.mark.parametrize(
    "content",
    ["", "x\n", f"{os.getpid()}\n/elsewhere\n0\n1\n", "1\n"],
    ids=["empty", "torn", "of a living process", "short"],
)
@pytest.mark.fault(
    47,
    "kill -9 of the whole server in mid-dbt and in mid-publication; the disk of its log is full; its pid and port files"
    " are stale, torn or another's",
    "readers see the old generation or the new one; it starts again, and drives no other server",
)
def test_it_starts_beside_pid_and_port_files_that_are_stale_torn_or_anothers(
    settings: Settings, content: str, figure: Callable[[str], None]
) -> None:
    warehouse.start(settings)
    pid, _ = (settings.home / "postgres" / "postmaster.pid").read_text().splitlines()[:2]
    server = psutil.Process(int(pid))
    server.kill()
    psutil.wait_procs([server], timeout=30)
    (settings.home / "postgres" / "postmaster.pid").write_text(content)
    (settings.home / "postgres.port").write_text(content)
    with warehouse.connect(warehouse.start(settings)) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    figure("started beside 4 of 4 such files")


def test_it_starts_while_processes_that_it_asks_end(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.start(settings)
    warehouse.stop(settings)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    listed = psutil.pids
    monkeypatch.setattr(psutil, "pids", lambda: [ended.pid, *listed()])
    for content in ("torn\n", f"{ended.pid}\n", "-1\n", f"{10**30}\n"):
        (settings.home / "postgres" / "postmaster.pid").write_text(content)
        with warehouse.connect(warehouse.start(settings)) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        warehouse.stop(settings)


def test_state_is_its_owners_alone_under_any_umask() -> None:
    with tempfile.TemporaryDirectory(prefix="causerie-test-") as folder:
        home = Path(folder) / "home"
        environment = {**os.environ, "CAUSERIE_HOME": str(home), "CAUSERIE_DATABASE_URL": "", "CAUSERIE_LANDING": ""}
        command = [sys.executable, "-m", "orchestration.cli.main"]
        try:
            subprocess.run([*command, "run"], env=environment, umask=0, capture_output=True, check=False)
            subprocess.run([*command, "db", "url"], env=environment, umask=0, capture_output=True, check=True)
            # Under root the server is a user of its own, who has to pass through the home, and may not list it.
            assert stat.S_IMODE(home.stat().st_mode) == (0o701 if os.geteuid() == 0 else 0o700)
            assert open_to_others(home) == []
        finally:
            warehouse.stop(Settings.from_environment(environment))


def test_whoever_may_pass_through_a_home_that_was_there_can_not_list_or_write_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for mode, left in ((0o777, 0o711), (0o755, 0o711), (0o750, 0o710), (0o701, 0o701), (0o700, 0o700)):
        home.chmod(mode)
        Settings.from_environment({"CAUSERIE_HOME": str(home)}).make_home()
        assert stat.S_IMODE(home.stat().st_mode) == left


def test_what_set_up_has_parsed_is_handed_on_to_its_owner_alone(tmp_path: Path) -> None:
    parsed, target = tmp_path / "parsed", tmp_path / "home" / "dbt"
    parsed.mkdir()
    (parsed / "partial_parse.msgpack").write_bytes(b"1")
    (parsed / "partial_parse.msgpack").chmod(0o644)
    dbt_ready.hand_on_parsed(parsed, target)
    assert open_to_others(tmp_path / "home") == [] and (target / "partial_parse.msgpack").read_bytes() == b"1"
    # What an earlier version left there is closed, and otherwise left alone: it is of the newest build.
    (target / "partial_parse.msgpack").write_bytes(b"2")
    (target / "partial_parse.msgpack").chmod(0o644)
    dbt_ready.hand_on_parsed(parsed, target)
    assert open_to_others(tmp_path / "home") == [] and (target / "partial_parse.msgpack").read_bytes() == b"2"


def test_a_server_that_is_too_old_is_said_in_a_sentence(
    server: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no such server here: this one is too old for a Causerie that needs version 99."""
    monkeypatch.setattr(warehouse.connection, "OLDEST", 99)
    said = r"the warehouse is PostgreSQL \d+\.\d+, and Causerie needs 99 or newer: name such a server in"
    with pytest.raises(warehouse.WarehouseError, match=said):
        warehouse.wait_until_ready(server, 1)
    with warehouse.connect(database) as connection, pytest.raises(warehouse.WarehouseError, match=said):
        migrate(connection)
