"""Faults of the database server: a backend is killed, the server goes away, its disk is full.

Each test here has a server of its own to maltreat. Not here: the loader under a lost connection
(tests/integration/test_loading_laws.py).
"""

from __future__ import annotations

import itertools
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from landing_of import DAY, Doomed, Raw, brand, message

from faults.installation import PATIENCE_SECONDS, Extracts, Installation, until
from orchestration import warehouse
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
        warehouse.wait_until_ready(url, 60)
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
    assert installation.digest() == few_days.golden

    # Not up at the start: it comes when the run has knocked in vain.
    warehouse.stop(own)
    with socket.create_server(("127.0.0.1", urlsplit(installation.url).port or 0)) as door:
        run = installation.causerie("run", "--from", str(few_days.days[0]), "--to", str(few_days.days[0]))
        door.settimeout(PATIENCE_SECONDS)
        door.accept()[0].close()
    warehouse.start(own)
    said, _ = run.communicate(timeout=PATIENCE_SECONDS)
    assert run.returncode == 0, said
    assert installation.digest() == few_days.golden

    # A password that is wrong: no waiting.
    parts = urlsplit(installation.url)
    wrong: Any = parts._replace(netloc=f"{warehouse.NAME}:wrong@{parts.hostname}:{parts.port}", query="").geturl()
    began = time.monotonic()
    code, said = Installation(tmp_path, wrong, few_days.landing).run()
    seconds = time.monotonic() - began
    assert code == 1 and "password authentication failed" in said, said
    assert seconds < 30
    figure("2 of 2 runs went on, golden; wrong password: exit code 1, no retry")
