"""What is pending, what a refusal means for it, and how far the data reach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from landing_of import DAY, Raw, message

from orchestration.sources.connectors.files import FilesSource
from orchestration.sources.contract import DATASETS
from orchestration.sources.pending import data_through, first_extract_day, pending_extracts

NEXT = DAY + timedelta(days=1)


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path) -> Raw:
    return Raw(connection, tmp_path)


def reasons(raw: Raw) -> list[tuple[Any, str]]:
    found = pending_extracts(raw.connection, {"messages": raw.source("messages")})
    return [(extract.day, extract.reason) for extract in found]


def test_new_changed_late_refused(raw: Raw) -> None:
    assert reasons(raw) == []
    path = raw.land("messages", [message(1)], NEXT)
    assert reasons(raw) == [(NEXT, "new")]
    raw.load("messages", NEXT)
    assert reasons(raw) == []
    raw.land("messages", [message(1)], DAY)
    assert reasons(raw) == [(DAY, "late")]
    raw.land("messages", [message(2)], NEXT, "part-1.jsonl")
    assert reasons(raw) == [(DAY, "late"), (NEXT, "changed")]
    raw.load("messages", DAY)
    path.write_text('{"half')
    assert raw.load("messages", NEXT).outcome == "refused"
    assert reasons(raw) == [(NEXT, "refused")]
    path.write_text("")
    assert reasons(raw) == [(NEXT, "changed")]


def test_a_folder_that_went_away_says_nothing(raw: Raw) -> None:
    raw.take("messages", [message(1)])
    for path in (raw.landing / "messages" / DAY.isoformat()).iterdir():
        path.unlink()
    assert reasons(raw) == []


def test_how_far_the_data_reach(raw: Raw) -> None:
    def source(name: str, daily: bool) -> FilesSource:
        return FilesSource(DATASETS[name], str(raw.landing), daily=daily)

    some = {"messages": source("messages", False), "calls": source("calls", False)}
    assert first_extract_day(some) is None and data_through(raw.connection, some) is None
    raw.take("messages", [message(1)], DAY)
    raw.take("messages", [message(1)], NEXT)
    assert first_extract_day(some) == DAY
    end = datetime(2026, 3, 11, tzinfo=UTC)
    assert data_through(raw.connection, some) == end + timedelta(days=1)
    both = {"messages": source("messages", True), "calls": source("calls", True)}
    assert data_through(raw.connection, both) is None
    raw.take("calls", [], DAY)
    assert data_through(raw.connection, both) == end
    assert data_through(raw.connection, {**both, "calls": source("calls", False)}) == end + timedelta(days=1)
