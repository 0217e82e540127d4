"""A chat database on MySQL (or MariaDB): everything, then what is new, late and gone, by a real server where one is
installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from landing_of import Raw, brand

from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import load_extract
from orchestration.sources.looks import announce
from orchestration.sources.pending import pending_extracts

SERVER = shutil.which("mariadbd") or shutil.which("mysqld")
pytestmark = pytest.mark.skipif(not SERVER, reason="neither MySQL nor MariaDB is installed")

TODAY = date(2026, 3, 20)
WORDS = """
datasets:
  messages:
    connector: sql
    url_env: SHOP_URL
    query: select 'acme' as brand_id, id, thread, author, at, false as is_automatic, kind from chat
    columns: {id: message_id, thread: conversation_id, author: sender_type, at: sent_at, kind: content_type}
    values: {sender_type: {agent: member}}
    where: {kind: [text, photo]}
    changed_since: id
    deletes: compare
    timezone: UTC
"""


@pytest.fixture(scope="module")
def mysql() -> Iterator[str]:
    """URL of an empty database on a server of its own, whose clock stands in Tokyo."""
    assert SERVER
    with tempfile.TemporaryDirectory(prefix="mysql-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        user = pwd.getpwuid(os.getuid()).pw_name
        own = ["--no-defaults", f"--datadir={folder}/data", f"--user={user}"]
        if install := shutil.which("mariadb-install-db"):
            made = [install, *own, "--auth-root-authentication-method=normal", "--skip-test-db"]
        else:
            made = [SERVER, *own, "--initialize-insecure"]
        subprocess.run(made, check=True, capture_output=True)
        server = subprocess.Popen(
            [SERVER, *own, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/socket",
             "--default-time-zone=+09:00", "--skip-log-bin"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert server.stderr and any("ready for connections" in line for line in server.stderr)
            url = f"mysql+pymysql://root@127.0.0.1:{port}/"
            with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
                connection.exec_driver_sql("create database shop")
            yield f"{url}shop"
        finally:
            server.terminate()
            server.wait(30)


def test_the_past_what_is_new_late_and_gone(
    mysql: str, connection: psycopg.Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()], date(2026, 3, 1))
    monkeypatch.setenv("SHOP_URL", mysql)
    file = tmp_path / "sources.yml"
    file.write_text(WORDS)
    engine = sa.create_engine(mysql, poolclass=sa.NullPool)

    def do(*statements: str) -> None:
        with engine.begin() as shop:
            for statement in ("set time_zone = '+00:00'", *statements):
                shop.exec_driver_sql(statement)

    def run() -> list[str]:
        sources = read_sources(file, "unused")
        extracts = [(one.dataset, one.day) for one in pending_extracts(connection, sources, TODAY)]
        announce(sources, extracts)
        loads = [load_extract(connection, DATASETS[name], day, sources[name]) for name, day in extracts]
        assert all(load.outcome == "loaded" and not load.counts.rejected for load in loads), loads
        return [str(load.day) for load in loads]

    def loaded() -> list[int]:
        return [int(row[0]) for row in raw.all("select message_id from raw.messages order by message_id::bigint")]

    do(
        "create table chat (id bigint primary key, thread varchar(40) default 'c', author varchar(20) default 'agent',"
        " at datetime(6), kind varchar(20) default 'text')",
        *(f"insert into chat (id, at) values ({n}, '2026-03-{n:02} 23:30:00.125')" for n in range(1, 11)),
        "insert into chat (id, at, kind) values (90, '2026-03-04 12:00', 'note')",
    )
    assert len(run()) == 10 and loaded() == [*range(1, 11)]
    assert raw.all("select sent_at at time zone 'UTC' from raw.messages where message_id = '3'")[0][0].isoformat() == (
        "2026-03-03T23:30:00.125000"
    )
    assert run() == []
    do("insert into chat (id, at) values (100, '2026-03-02 08:00')", "delete from chat where id in (5, 6)")
    assert run() == ["2026-03-02", "2026-03-05", "2026-03-06"]
    assert loaded() == [1, 2, 3, 4, 7, 8, 9, 10, 100] and run() == []
