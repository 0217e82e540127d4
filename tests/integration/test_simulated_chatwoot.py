"""The made-up brand written into a Chatwoot: read by the packaged system, every row is good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from other_system import empty_database

from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.loading.check_sources import check_sources
from orchestration.sources.systems import packages, setup
from simulator import chatwoot
from simulator.chat import Tape
from simulator.day import Day

FIRST, DAYS, BUSY = date(2026, 3, 2), 3, 30


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    with empty_database(server) as url:
        yield url


def test_a_demo_needs_nobodys_data(empty: str, connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    written = chatwoot.write(empty, DAYS, 1, BUSY, FIRST)
    again = chatwoot.write(empty, DAYS, 1, BUSY, FIRST)
    assert (written["accounts"], again["accounts"]) == (1, 2)
    assert {**written, "accounts": 0} == {**again, "accounts": 0}
    found = setup.look_into(packages.package("chatwoot"), empty, None)
    assert list(found.brands) == ["1", "2"] and found.unsaid == ("currency",)
    assert found.version in packages.package("chatwoot").versions

    file = tmp_path / "sources.yml"
    brands = "{1: {currency: EUR}, 2: {currency: EUR}}"
    file.write_text(f"systems: {{chatwoot: {{url: '{empty}', brands: {brands}}}}}")
    judged = {one.dataset: one for one in check_sources(connection, read_sources(file, "unused"), date(2026, 4, 1))}
    assert all(one.is_good for one in judged.values()), judged
    counts = {name: one.result.by_brand["chatwoot-2"].loaded for name, one in judged.items()}
    assert counts["conversations"] == written["conversations"] == len(asked())
    assert counts["messages"] == written["messages"] and counts["ratings"] > 0 and counts["hook_events"] > 0
    assert counts["conversation_events"] >= written["reporting_events"] - counts["conversations"] > 0


def asked() -> set[str]:
    """The customers' conversations of these days, as the simulator tells them."""
    tape = Tape(1)
    brand = Day(tape, Random(1), 1, BUSY, FIRST)
    brand.open()
    for number in range(DAYS):
        brand.live(FIRST + timedelta(days=number))
    end = datetime.combine(FIRST + timedelta(days=DAYS), datetime.min.time(), UTC)
    return {
        change.row["conversation_id"]
        for change in tape.changes
        if change.table == "conversations" and change.row["kind"] == "customer" and change.at < end
    }
