"""The sources file: what it may say, and what is said of it when it can't be followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.settings import PROJECT
from orchestration.sources.connectors.files import FilesSource
from orchestration.sources.connectors.sources_file import SourcesError, read_sources
from orchestration.sources.contract import DATASETS


def test_the_default_file_reads_every_dataset_from_the_landing_folder() -> None:
    sources = read_sources(PROJECT / "sources.yml", "s3://lake/landing")
    assert list(sources) == list(DATASETS)
    assert all(isinstance(source, FilesSource) and source.root == "s3://lake/landing" for source in sources.values())


def test_roots_names_and_expectations(tmp_path: Path) -> None:
    file = tmp_path / "sources.yml"
    file.write_text(
        "datasets:\n  orders: {root: /elsewhere, expect: daily, columns: {no: order_id},"
        " values: {channel: {1: web, true: app}}}\n  brands:\n"
    )
    sources = read_sources(file, "/here")
    orders = sources["orders"]
    assert isinstance(orders, FilesSource) and orders.root == "/elsewhere" and orders.daily
    assert orders.naming.columns == {"no": "order_id"}
    assert orders.naming.values == {"channel": {"1": "web", "true": "app"}}
    assert list(sources) == ["brands", "orders"] and not sources["brands"].daily


SQL = "connector: sql, url_env: X, from: 2026-01-01, query: 'select 1 where :start < :end'"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("- messages", "datasets:"),
        ("datasets: {massages: {}}", "unknown dataset massages"),
        ("datasets: {messages: {rot: x}}", "datasets.messages.rot: unknown word; allowed: connector"),
        ("datasets: {messages: {connector: ftp}}", "'ftp' is unknown; allowed: files, sql"),
        ("datasets: {messages: {expect: weekly}}", "allowed: daily, when changed"),
        ("datasets: {messages: {columns: {a: b}}}", "'b' is unknown"),
        ("datasets: {messages: {columns: {a: message_id, b: message_id}}}", "maps two"),
        ("datasets: {messages: {values: {sender_type: agent}}}", "wanted a mapping, found 'agent'"),
        ("datasets: {messages: {connector: sql, query: 'select :start', url_env: X}}", ":end (excluded), or none"),
        ("datasets: {messages: {connector: sql, url_env: X}}", "wanted SQL"),
        ("datasets: {messages: {root: x, query: select 1}}", "unknown option query of files; allowed: root"),
        ("datasets: {messages: {}, messages: {}}", "stands here twice"),
        ("datasets: {messages: {set: {x: y}}}", "'x' is unknown"),
        ("datasets: {messages: {set: {kind: y}, columns: {a: message_id}}}", "'kind' is unknown"),
        ("datasets: {messages: {set: {message_id: y}, columns: {a: message_id}}}", "wanted one of the two"),
        ("datasets: {messages: {rows: all}}", "wanted `first per COLUMN`"),
        ("datasets: {messages: {timezone: Paris}}", "no IANA time zone"),
        ("datasets: {messages: {round: {sent_at: 2}}}", "wanted an amount of money"),
        ("datasets: {messages: {hash: {sender_id: md5}}}", "allowed: email, phone, exact"),
        ("datasets: {messages: {encoding: latin-99}}", "is no encoding"),
        ("datasets: {orders: {lines: {dataset: order_lines}}}", "only what has `rows: first per COLUMN`"),
        ("datasets: {orders: {rows: first per n, lines: {dataset: lines}}}", "'lines' is unknown; allowed: brands"),
        ("datasets: {order_lines: {}, orders: {rows: first per n, lines: {dataset: order_lines}}}", "two places"),
        ("systems: {deskwise: {url_env: X, brands: {1: {}}}}", "unknown system deskwise; packaged:"),
        ("live: {tables: {calls: none}}\ndatasets: {}", "'calls' is unknown"),
        ("live: {reuse: true}\ndatasets: {}", "wanted datasets from one database"),
        ("datasets: {messages: {" + SQL.replace("from: 2026-01-01", "from: soon") + "}}", "YYYY-MM-DD"),
        ("datasets: {messages: {" + SQL + ", url: 'sqlite://'}}", "either url, or url_env"),
        ("datasets: {messages: {" + SQL + ", lookback_days: -1}}", "from 0, found '-1'"),
        ("datasets: [", "not YAML"),
    ],
)
def test_what_can_not_be_followed(tmp_path: Path, told: str, words: str) -> None:
    file = tmp_path / "sources.yml"
    file.write_text(told)
    with pytest.raises(SourcesError) as error:
        read_sources(file, "/here")
    assert words in str(error.value) and str(file) in str(error.value)


def test_every_fault_of_a_file_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "sources.yml"
    file.write_text(
        "datasets:\n  messages:\n    rot: x\n    set: {no: 1}\n  orders:\n    lookback_days: 3\n    layout: deep\n"
        "  orders: {}\nlive:\n  cache: 3\n"
    )
    with pytest.raises(SourcesError) as error:
        read_sources(file, "/here")
    told = str(error.value)
    assert "4 faults: line 3: datasets.messages.rot: unknown word" in told
    assert "line 4: datasets.messages.set.no: 'no' is unknown" in told
    assert "line 8: datasets.orders: this word stands here twice" in told
    assert "line 10: live.cache: unknown word; allowed: reuse, timeout_seconds, cache_seconds, tables" in told


@pytest.mark.parametrize("example", sorted((PROJECT / "docs" / "sources").glob("*.yml")), ids=lambda path: path.stem)
def test_the_examples_can_be_followed(example: Path) -> None:
    assert read_sources(example, "/here")


def test_live_indicators_may_read_the_datasets_own_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.sources.connectors.chat_database import read_chat_database

    monkeypatch.setenv("CHAT_URL", "postgresql+psycopg://reader:w@db/chat")
    database = read_chat_database(PROJECT / "docs" / "sources" / "chat_database.yml")
    assert database.url() == "postgresql://reader:w@db/chat"
    messages = database.relations()["messages"]
    assert "is_robot, kind from chat\n) as t" in messages and "when 'agent' then 'member'" in messages
    assert database.tables["orders"] is None and database.tables["ratings"] is None
    monkeypatch.delenv("CHAT_URL")
    with pytest.raises(SourcesError, match="CHAT_URL"):
        database.url()
