"""One reading serves everybody who asks within its seconds; a failure is shared the same way.

Not here: what a reading counts (test_live.py).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo
from typer.testing import CliRunner

from orchestration.cli.main import app
from orchestration.readers import live
from orchestration.readers.live import Asked
from orchestration.settings import Settings
from simulator import chat

ASKED = Asked("maison-lumen", clock="data")


@dataclass
class Shop:
    """A chat database with a simulated morning, which counts how often it was read."""

    settings: Settings
    connection: psycopg.Connection[Any]

    def readings(self) -> int:
        row = self.connection.execute("select last_value - 1 from readings").fetchone()
        assert row
        return int(row[0])

    def sources(self, text: str) -> Settings:
        path = self.settings.home / "sources.yml"
        path.write_text("datasets: {}\nlive:\n" + text)
        return replace(self.settings, sources_file=path)


# A sequence counts beyond transactions, though a read-only one may not touch it: it is moved by a second connection.
COUNTING = """
create extension dblink;
create sequence readings minvalue 1;
select nextval('readings');
create view counted_brands as
select b.* from brands as b, dblink('{}', 'select nextval(''readings'')') as c (n bigint);
"""


@pytest.fixture
def shop(databases: Callable[[], AbstractContextManager[str]], tmp_path: Path) -> Iterator[Shop]:
    with databases() as url, psycopg.connect(url, autocommit=True) as connection:
        chat.create_tables(connection)
        chat.write(connection, chat.changes(date(2026, 3, 10), seed=4, conversations_per_day=8)[:200])
        given = conninfo.conninfo_to_dict(url)
        if "passfile" in given:
            line = Path(str(given.pop("passfile"))).read_text().splitlines()[0]
            given["password"] = line.rsplit(":", 1)[1]
        connection.execute(COUNTING.format(conninfo.make_conninfo(**given).replace("'", "''")).encode())
        settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_LIVE_URL": url})
        yield Shop(settings, connection)


def test_a_hundred_viewers_cost_one_reading(shop: Shop) -> None:
    settings = shop.sources("  cache_seconds: 600\n  tables:\n    brands: {table: counted_brands}\n")
    with ThreadPoolExecutor(20) as viewers:
        said = list(viewers.map(lambda _: live.reading(settings, ASKED), range(100)))
    assert shop.readings() == 1
    assert all(one == said[0] for one in said)
    live.reading(settings, replace(ASKED, roles=(1,)))
    assert shop.readings() == 2, "another question is another reading"


def test_a_reading_grows_old(shop: Shop) -> None:
    settings = shop.sources("  cache_seconds: 600\n  tables:\n    brands: {table: counted_brands}\n")
    first = live.reading(settings, ASKED)
    for kept in (settings.home / "live").glob("*.json"):
        os.utime(kept, (kept.stat().st_atime, kept.stat().st_mtime - 601))
    assert live.reading(settings, ASKED) == first
    assert shop.readings() == 2


def test_a_failure_is_shared_too(shop: Shop) -> None:
    settings = shop.sources("  cache_seconds: 600\n  tables:\n    brands: {table: missing}\n")
    for _ in range(2):
        with pytest.raises(live.LiveError, match='relation "missing" does not exist'):
            live.reading(settings, ASKED)
        shop.connection.execute("create table if not exists missing (like brands)")


def test_a_database_that_is_away_is_said_without_its_password(shop: Shop) -> None:
    away = replace(shop.settings, live_url="postgresql://reader:canary@127.0.0.1:1/chat")
    with pytest.raises(live.LiveError, match="the chat database can't be read: ") as said:
        live.reading(away, ASKED)
    assert "canary" not in str(said.value) + repr(away)
    kept = "".join(path.read_text() + path.name for path in (away.home / "live").iterdir())
    assert "canary" not in kept


def test_the_command_line_shows_a_reading(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSERIE_HOME", str(shop.settings.home))
    monkeypatch.setenv("CAUSERIE_LIVE_URL", str(shop.settings.live_url))
    plain = CliRunner().invoke(app, ["live", "maison-lumen", "--clock", "data", "--json"])
    said = json.loads(plain.output)
    assert said["origin"] == "chat database" and set(said["indicators"]) == set(live.refs())
    table = CliRunner().invoke(app, ["live", "maison-lumen", "--clock", "data", "--once", "--lang", "fr"])
    assert "Demandes en attente maintenant" in table.output
    assert CliRunner().invoke(app, ["live", "maison-lumen", "--clock", "sun"]).exit_code == 2
    assert CliRunner().invoke(app, ["simulate"]).exit_code == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  tables: {chats: {}}\n", "line 3: live.tables.chats: 'chats' is unknown; allowed: brands, "),
        (
            "  tables: {orders: {file: x}}\n",
            "line 3: live.tables.orders.file: unknown word; allowed: table, query, columns, values",
        ),
        (
            "  tables: {orders: {table: a, query: b}}\n",
            "line 3: live.tables.orders: wanted a table or a query, found both",
        ),
        (
            "  timeout_seconds: soon\n",
            "line 3: live.timeout_seconds: wanted a number of seconds up to 3600, found 'soon'",
        ),
        (
            "  refresh: 3\n",
            "line 3: live.refresh: unknown word; allowed: reuse, timeout_seconds, cache_seconds, tables",
        ),
    ],
)
def test_a_faulty_mapping_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "sources.yml"
    path.write_text("datasets: {}\nlive:\n" + text)
    with pytest.raises(ValueError, match=said):
        live.reading(Settings.from_environment({"CAUSERIE_SOURCES": str(path), "CAUSERIE_HOME": str(tmp_path)}), ASKED)
