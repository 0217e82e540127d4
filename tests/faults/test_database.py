"""Faults of the database server: a backend is killed, the server goes away, its disk is full.

Each test here has a server of its own to maltreat. Not here: the loader under a lost connection
(tests/integration/test_loading_laws.py).
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import marts_digest
import psutil
import psycopg
import pytest
from landing_of import DAY, Doomed, Raw, brand, message

from faults.installation import PATIENCE_SECONDS, Extracts, Installation, until, without_access
from orchestration import warehouse
from orchestration.cli import runs
from orchestration.readers.ledger import newest_generation
from orchestration.settings import Settings
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import load_extract
from orchestration.sources.loading.upgrade import migrate


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An embedded server that runs, for these tests alone."""
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path_factory.mktemp("own"))})
    with warehouse.connect(warehouse.start(settings)) as connection:
        migrate(connection)
    yield settings
    warehouse.stop(settings)


def missing_rows(raw: Raw) -> int:
    """How many loaded rows the ledger vouches for that are not there, over all extracts that stand."""
    # Each row of these extracts is there once, so loaded rows are kept rows.
    ((vouched,),) = raw.all(
        "select coalesce(sum(c.rows_loaded), 0) from raw.extract join raw.load_count c using (load_id)"
        " where dataset = 'messages'"
    )
    ((kept,),) = raw.all("select count(*) from raw.messages")
    return int(vouched - kept)


@pytest.mark.fault(
    3,
    "kill -9 of a database backend in the middle of a load: the whole server recovers",
    "what was committed is whole, the load fails and leaves nothing; loading again works",
)
def test_a_backend_is_killed(own: Settings, tmp_path: Path, figure: Callable[[str], None]) -> None:
    url = warehouse.start(own)

    def look() -> Raw:
        while True:
            warehouse.wait_until_ready(url, 60)
            with suppress(psycopg.OperationalError):  # the server notices only now that one of its processes is gone
                return Raw(warehouse.connect(url), tmp_path)

    raw = look()
    raw.take("brands", [brand()])
    raw.take("messages", [message(number) for number in range(100)])
    before = raw.state()
    raw.land("messages", [message(number) for number in range(300)])
    kills = 0
    # After the first statement, between judging and storing, and at the last one before the commit.
    for moment in itertools.count(2, 9):
        with warehouse.connect(url) as connection:
            Doomed(connection, moment, lambda pid: os.kill(pid, signal.SIGKILL))
            try:
                load_extract(connection, DATASETS["messages"], DAY, raw.source("messages"))
                break
            except psycopg.OperationalError:
                kills += 1
        raw = look()
        assert raw.state() == before
        assert missing_rows(raw) == 0
    assert kills >= 3
    raw = look()
    assert raw.all("select count(*) from raw.messages") == [(300,)]
    assert missing_rows(raw) == 0
    unlogged = "select relname from pg_class where relpersistence = 'u' and relnamespace in"
    assert raw.all(f"{unlogged} ('raw'::regnamespace, 'marts'::regnamespace)") == []
    figure(f"{kills} kills, rows missing 0")
    raw.connection.close()


@pytest.fixture
def small_disk(own: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A database on a file system of 64 MB: its URL, and the folder."""
    folder = tmp_path_factory.mktemp("disk")
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True, text=True)
    if mount.returncode:
        pytest.skip("may not mount a small disk")
    url = warehouse.start(own)
    place = folder / "tablespace"
    place.mkdir(mode=0o700)
    account = pwd.getpwnam(warehouse.NAME)
    os.chown(place, account.pw_uid, account.pw_gid)
    folder.chmod(0o755)
    try:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(f"create tablespace small location '{place}'".encode())
            admin.execute("create database small tablespace small")
            yield urlsplit(url)._replace(path="/small").geturl(), folder
            admin.execute("drop database small with (force)")
            admin.execute("drop tablespace small")
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.fault(
    5, "the disk is full", "the load fails and says so; what stood stands, and with room again the load goes through"
)
def test_the_disk_is_full(small_disk: tuple[str, Path], tmp_path: Path, figure: Callable[[str], None]) -> None:
    url, disk = small_disk
    with warehouse.connect(url) as connection:
        migrate(connection)
        raw = Raw(connection, tmp_path)
        raw.take("brands", [brand()])
        raw.take("messages", [message(number) for number in range(1_000)])
        before = raw.state()
        raw.land("messages", [message(number) for number in range(20_000)])
        room = os.statvfs(disk)
        (disk / "filler").write_bytes(b"x" * (room.f_bavail * room.f_bsize - 2**20))
        with pytest.raises(psycopg.errors.DiskFull, match="No space left on device"):
            raw.load("messages")
        assert raw.state() == before
        (disk / "filler").unlink()
        assert raw.load("messages").counts.loaded == 20_000
    figure("1,000 rows before, 1,000 after; then 20,000")


KILLED = (
    47,
    "kill -9 of the whole server in mid-dbt and in mid-publication; the disk of its log is full; its pid and port files"
    " are stale, torn or another's",
    "readers see the old generation or the new one; it starts again, and drives no other server",
)


@pytest.fixture
def small_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Path]]:
    """An embedded server whose write-ahead log lies on a file system of 96 MB, and that folder."""
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path_factory.mktemp("small_log"))})
    folder = tmp_path_factory.mktemp("log")
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", folder], capture_output=True, text=True)
    if mount.returncode:
        pytest.skip("may not mount a small disk")
    try:
        warehouse.start(settings)
        warehouse.stop(settings)
        log = settings.home / "postgres" / "pg_wal"
        log.rename(settings.home / "pg_wal")
        shutil.copytree(settings.home / "pg_wal", folder / "pg_wal")
        account = pwd.getpwnam(warehouse.NAME)
        for place in (folder, *folder.rglob("*")):
            os.chown(place, account.pw_uid, account.pw_gid)
        log.symlink_to(folder / "pg_wal")
        warehouse.start(settings)
        yield settings, folder
    finally:
        warehouse.stop(settings)
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.fault(*KILLED)
def test_the_disk_of_the_log_is_full(
    small_log: tuple[Settings, Path], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    settings, disk = small_log
    with warehouse.connect(warehouse.start(settings)) as connection:
        migrate(connection)
        raw = Raw(connection, tmp_path)
        raw.take("brands", [brand()])
        raw.take("messages", [message(number) for number in range(1_000)])
        before = raw.state()
        raw.land("messages", [message(number) for number in range(20_000)])
        # A quarter of a megabyte is left of the log's newest file, and no room for another.
        connection.execute(
            "select pg_logical_emit_message(false, '', repeat('x', (2^24 - 2^18"
            " - mod(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0'), (2^24)::numeric))::integer))"
        )
        connection.commit()
        room = os.statvfs(disk)
        (disk / "filler").write_bytes(b"x" * (room.f_bavail * room.f_bsize - 2**20))
        with pytest.raises(psycopg.OperationalError):
            raw.load("messages")
    assert "No space left on device" in (settings.home / "postgres" / "server.log").read_text()
    (disk / "filler").unlink()
    with warehouse.connect(warehouse.start(settings)) as connection:
        raw = Raw(connection, tmp_path)
        assert raw.state() == before
        assert raw.load("messages").counts.loaded == 20_000
    figure("log full: 1,000 rows before, 1,000 after; then 20,000")


def kill(settings: Settings) -> None:
    """The whole embedded server at once, as when the host loses its power."""
    server = psutil.Process(int((settings.home / "postgres" / "postmaster.pid").read_text().splitlines()[0]))
    server.suspend()
    victims = [server, *server.children()]
    for one in victims:
        with suppress(psutil.NoSuchProcess):  # some end by themselves meanwhile
            one.suspend()
    for one in victims:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(victims, timeout=30)


def is_building(connection: psycopg.Connection[Any]) -> bool:
    """Does dbt make or fill a table just now?"""
    return (
        connection.execute(
            "select 1 from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()"
            " and query like '%\"app\": \"dbt\"%' and query ilike any('{%create%table%,%insert into%}') limit 1"
        ).fetchone()
        is not None
    )


def is_publishing(connection: psycopg.Connection[Any]) -> bool:
    """Does a publication wait at what is locked?"""
    waits = "select 1 from pg_locks where relation = 'marts.kpi_published'::regclass and not granted limit 1"
    return connection.execute(waits.encode()).fetchone() is not None


@pytest.mark.long
@pytest.mark.fault(*KILLED)
def test_the_server_is_killed_in_mid_run(
    few_days: Extracts, tmp_path_factory: pytest.TempPathFactory, figure: Callable[[str], None]
) -> None:
    """Twice in one run, which starts it again by itself and goes on."""
    home = tmp_path_factory.mktemp("killed")
    settings = Settings.from_environment({"CAUSERIE_HOME": str(home), "CAUSERIE_LANDING": str(few_days.landing)})

    def seen() -> tuple[int, str]:
        with warehouse.connect(warehouse.start(settings)) as connection:
            connection.execute("set transaction isolation level repeatable read")
            generation = newest_generation(connection)
            return generation.number if generation else 0, without_access(marts_digest.digest(connection))

    try:
        assert runs.run(settings, few_days.days[0], few_days.days[0]).exit_code == 0
        old = seen()
        states = []
        with ThreadPoolExecutor() as pool:
            run = pool.submit(runs.run, settings, None, None)
            address = warehouse.url(settings)
            with suppress(psycopg.OperationalError), warehouse.connect(address, autocommit=True) as watch:
                until(lambda: run.done() or is_building(watch), "dbt")
                kill(settings)
            states.append(seen())
            with suppress(psycopg.OperationalError), warehouse.connect(warehouse.url(settings)) as watch:
                # Whoever publishes waits here, in the middle of its transaction.
                watch.execute("lock table marts.kpi_published in share mode")
                until(lambda: run.done() or is_publishing(watch), "the publication")
                kill(settings)
            states.append(seen())
            outcome = run.result()
        assert (outcome.exit_code, outcome.failures) == (0, [])
        new = seen()
        assert new == (old[0] + 1, without_access(few_days.golden))
        assert set(states) <= {old, new} and states[0] == old
    finally:
        warehouse.stop(settings)
    figure("2 kills of the server in one run, states between 0, golden")


@pytest.mark.long
@pytest.mark.fault(
    4,
    "the database is stopped in mid-run, is not up at the start, refuses the password",
    "the first two are waited for, a minute at most; a wrong password fails at once",
)
def test_the_server_goes_away(
    own: Settings, few_days: Extracts, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    installation = Installation(tmp_path, warehouse.start(own), few_days.landing)
    with installation.connect() as connection:
        connection.execute("drop schema if exists raw, build, next, marts cascade")
        connection.commit()
        migrate(connection)

    # Stopped while a load is under way, and started again once the run has noticed.
    with suppress(psycopg.OperationalError), installation.held_up():
        run = installation.causerie("run")
        until(installation.is_loading, "the load")
        warehouse.stop(own)
    until(lambda: installation.has_said("STEP_UP_FOR_RETRY"), "the run to notice")
    assert run.poll() is None
    warehouse.start(own)
    said, _ = run.communicate(timeout=PATIENCE_SECONDS)
    assert run.returncode == 0, said
    assert without_access(installation.digest()) == without_access(few_days.golden)

    # Not up at the start: it comes when the run has knocked in vain.
    warehouse.stop(own)
    with socket.create_server(("127.0.0.1", urlsplit(installation.url).port or 0)) as door:
        run = installation.causerie("run", "--from", str(few_days.days[0]), "--to", str(few_days.days[0]))
        door.settimeout(PATIENCE_SECONDS)
        door.accept()[0].close()
    warehouse.start(own)
    said, _ = run.communicate(timeout=PATIENCE_SECONDS)
    assert run.returncode == 0, said
    assert without_access(installation.digest()) == without_access(few_days.golden)

    # A password that is wrong: no waiting.
    parts = urlsplit(installation.url)
    wrong: Any = parts._replace(netloc=f"{warehouse.NAME}:wrong@{parts.hostname}:{parts.port}", query="").geturl()
    began = time.monotonic()
    code, said = Installation(tmp_path, wrong, few_days.landing).run()
    seconds = time.monotonic() - began
    assert code == 1 and "password authentication failed" in said, said
    assert seconds < 30
    figure("2 of 2 runs went on, golden; wrong password: exit code 1, no retry")
