"""The sql connector against a second PostgreSQL database, and against SQLite: adds and never removes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from landing_of import DAY, Raw, brand
from other_system import empty_database

from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import Counts, LoadResult, load_extract
from orchestration.sources.pending import pending_extracts

SOURCES = """
datasets:
  messages:
    connector: sql
    url_env: SHOP_URL
    from: 2026-03-09
    lookback_days: 2
    query: select id, thread, author, author_id, at, auto, kind, body from chat where at >= :start and at < :end
    columns: {id: message_id, thread: conversation_id, author: sender_type, author_id: sender_id,
              at: sent_at, auto: is_automatic, kind: content_type, shop: brand_id}
    values: {sender_type: {agent: member}}
"""


@pytest.fixture
def shop(server: str) -> Iterator[str]:
    """URL of a second database: somebody's shop, with names of its own."""
    with empty_database(server) as url:
        with psycopg.connect(url) as other:
            other.execute(
                "create table chat (shop text default 'acme', id bigint, thread uuid default gen_random_uuid(),"
                " author text, author_id text, at timestamptz, auto boolean, kind text, body text)"
            )
            other.execute(
                "insert into chat (id, author, author_id, at, auto, kind, body) values"
                " (1, 'agent', '0012', '2026-03-10T00:00:00Z', false, 'text', 'hi'),"
                " (2, 'visitor', null, '2026-03-10T23:59:59.999999Z', true, 'text', 'secret'),"
                " (3, 'visitor', null, '2026-03-11T00:00:00Z', true, 'text', 'tomorrow')"
            )
        yield url


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path) -> Raw:
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()], date(2026, 3, 1))
    return raw


@pytest.fixture
def take(raw: Raw, shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SHOP_URL", shop.replace("postgresql://", "postgresql+psycopg://"))
    file = tmp_path / "sources.yml"
    file.write_text(SOURCES.replace("select id", "select shop, id"))
    source = read_sources(file, "unused")["messages"]

    def load(day: date = DAY) -> LoadResult:
        return load_extract(raw.connection, DATASETS["messages"], day, source)

    load.source = source  # type: ignore[attr-defined]
    return load


def test_a_day_of_a_second_database(raw: Raw, take: Any) -> None:
    result = take()
    assert result.counts == Counts(2, 2) and result.unknown_columns == ("body",)
    assert raw.all("select message_id, sender_type, sender_id, is_automatic from raw.messages order by 1") == [
        ("1", "member", "0012", False), ("2", "visitor", None, True)]  # fmt: skip
    assert "secret" not in str(raw.state())


def test_a_second_reading_adds_and_never_removes(raw: Raw, take: Any, shop: str) -> None:
    take()
    with psycopg.connect(shop) as other:
        other.execute("delete from chat where id = 1")
        other.execute("update chat set kind = 'photo' where id = 2")
    assert take().counts == Counts(2 - 1, 1)
    assert raw.all("select message_id, content_type from raw.messages order by 1, 2") == [
        ("1", "text"), ("2", "photo"), ("2", "text")]  # fmt: skip
    assert take().outcome == "unchanged"


def test_days_within_the_look_back_are_read_again_each_day(raw: Raw, take: Any) -> None:
    sources = {"messages": take.source}
    today = DAY + timedelta(days=1)
    assert [extract.day for extract in pending_extracts(raw.connection, sources, today)] == [date(2026, 3, 9), DAY]
    before = take.source.days(today)
    for later, again in ((today + timedelta(days=1), True), (today + timedelta(days=2), True)):
        assert (take.source.days(later)[DAY] != before[DAY]) == again
        before = take.source.days(later)
    assert take.source.days(today + timedelta(days=30))[DAY] == before[DAY]


def test_whatever_is_wrong_with_the_query_or_its_database_refuses_this_extract_alone(
    raw: Raw, take: Any, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(shop) as other:
        other.execute("alter table chat rename at to moment")
    result = take()
    assert result.outcome == "refused" and '"at" does not exist' in str(result.reason)
    monkeypatch.setenv("SHOP_URL", "postgresql+psycopg://nobody:canary-5e1@127.0.0.1:1/none")
    reason = str(take().reason)
    assert "Connection refused" in reason and "canary" not in reason
    for url in ("oracle+cx_oracle://nobody:canary-5e1@127.0.0.1/none", "nosuch://nobody:canary-5e1@127.0.0.1/none"):
        monkeypatch.setenv("SHOP_URL", url)  # drivers that are not installed
        reason = str(take().reason)
        assert reason.startswith("messages: query for 2026-03-10: ") and "canary" not in reason
    monkeypatch.delenv("SHOP_URL")
    assert "SHOP_URL" in str(take().reason)


def test_any_database_that_sqlalchemy_knows(raw: Raw, tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "shop.db") as other:
        other.execute("create table chat (id, at)")
        other.execute("insert into chat values ('m1', '2026-03-10T09:00:00Z')")
    file = tmp_path / "sources.yml"
    file.write_text(
        f"""
datasets:
  messages:
    connector: sql
    url: sqlite:///{tmp_path}/shop.db
    from: 2026-03-09
    query: >
      select 'acme' as brand_id, id as message_id, 'c' as conversation_id, 'bot' as sender_type, at as sent_at,
             'true' as is_automatic, 'text' as content_type
        from chat where datetime(at) >= datetime(:start) and datetime(at) < datetime(:end)
"""
    )
    source = read_sources(file, "unused")["messages"]
    assert load_extract(raw.connection, DATASETS["messages"], DAY, source).counts == Counts(1, 1)


def test_a_floating_point_amount_refuses(raw: Raw, tmp_path: Path, shop: str) -> None:
    file = tmp_path / "sources.yml"
    columns = "'acme' as brand_id, 'o' as order_id, 1::bigint as line_number, 'p' as product_id, 1 as quantity"
    query = f"select {columns}, 1.5::float8 as unit_amount, :start as updated_at where :end > :start"
    file.write_text(
        "datasets:\n  order_lines:\n    connector: sql\n    from: 2026-03-09\n"
        f'    url: {shop.replace("postgresql://", "postgresql+psycopg://")}\n    query: "{query}"\n'
    )
    source = read_sources(file, "unused")["order_lines"]
    result = load_extract(raw.connection, DATASETS["order_lines"], DAY, source)
    assert "unit_amount holds floating-point numbers" in str(result.reason)
