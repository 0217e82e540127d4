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
        ("datasets: {messages: {rot: x}}", "unknown option rot"),
        ("datasets: {messages: {connector: ftp}}", "'ftp' is unknown; allowed: files, sql"),
        ("datasets: {messages: {expect: weekly}}", "allowed: daily, when changed"),
        ("datasets: {messages: {columns: {a: b}}}", "'b' is unknown"),
        ("datasets: {messages: {columns: {a: message_id, b: message_id}}}", "maps two"),
        ("datasets: {messages: {values: {sender_type: agent}}}", "wants, for each column, a mapping"),
        ("datasets: {messages: {connector: sql, query: select 1}}", ":start"),
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
