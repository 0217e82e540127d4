"""Fault 2: the process of a load is killed, at points all over it. What stands is what stood before, or the whole.

Not here: a killed backend (test_database.py) or a killed Dagster step (test_orchestration.py).
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Callable
from datetime import date, timedelta
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import psycopg
import pytest
from landing_of import DAY, Raw, brand, message
from thoroughness import times

from orchestration import warehouse
from orchestration.sources.connectors.files import FilesSource
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import load_extract

MESSAGES = DATASETS["messages"]
POINTS = times(4, 10)  # in each of the two ways into raw
# Every loader is a process of its own, forked from one that has the imports behind it.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["orchestration.sources.loading.load", "orchestration.sources.connectors.files"])


def load_until(url: str, landing: Path, day: date, last: int | None, calls: Synchronized[int]) -> None:
    """Load an extract; kill this process at a call, the `last` one counted from the start of the load."""

    def count(*_: object) -> None:
        calls.value += 1
        if calls.value == last:
            os.kill(os.getpid(), signal.SIGKILL)

    with warehouse.connect(url) as connection:
        sys.setprofile(count)
        load_extract(connection, MESSAGES, day, FilesSource(MESSAGES, str(landing)))
        sys.setprofile(None)


def run(url: str, landing: Path, day: date, last: int | None = None) -> tuple[int | None, int]:
    """The exit code of a loader's process, and how many calls it made."""
    calls = PROCESSES.Value("q", 0)
    process = PROCESSES.Process(target=load_until, args=(url, landing, day, last, calls))
    process.start()
    process.join()
    return process.exitcode, calls.value


def stands(raw: Raw, day: date) -> tuple[Any, ...]:
    """What raw and the ledger show of an extract, as soon as nobody loads the dataset any more."""
    with raw.connection.transaction():
        raw.connection.execute("lock raw.messages in access exclusive mode")
    return (
        raw.all("select message_id, content_type from raw.messages where extract_day = %s order by 1", day),
        raw.all(
            "select sum(rows_loaded), sum(rejected), count(*) from raw.extract join raw.load_count using (load_id)"
            " where extract_day = %s", day,
        ),
        raw.all("select count(*) from raw.quarantine where extract_day = %s", day),
        raw.all("select count(*) from raw.profile join raw.extract using (load_id) where raw.extract.extract_day = %s",
                day),
    )  # fmt: skip


@pytest.mark.fault(
    2,
    "kill -9 of the loader's process at 20 random points of a load",
    "the extract is there with its ledger, or not at all; loading again completes it",
)
def test_the_loader_is_killed(
    database: str, connection: psycopg.Connection[Any], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()], date(2026, 3, 1))
    randomly = random.Random(2)
    days = [DAY + timedelta(days=number) for number in range(POINTS + 1)]

    def rows(day: date, **other: Any) -> list[dict[str, Any]]:
        number = 100 * (day - DAY).days
        return [message(number + one, sent_at=f"{day}T09:00:00Z", **other) for one in range(100)]

    def killed_and_mended(day: date, calls: int, seen: set[str]) -> None:
        before = stands(raw, day)
        assert run(database, tmp_path, day, randomly.randint(1, calls))[0] == -signal.SIGKILL
        found = stands(raw, day)
        raw.load("messages", day)
        whole = stands(raw, day)
        assert found in (before, whole)
        seen.add("none" if found == before else "all")

    seen: set[str] = set()
    lost = twice = 0
    ways: list[Callable[[date], list[dict[str, Any]]]] = [
        lambda day: rows(day),  # new and good: straight into raw
        lambda day: [*rows(day, content_type="photo"), message(-1, sent_at="?")],  # replaces what stands, has a bad row
    ]
    for way in ways:
        raw.land("messages", way(days[-1]), days[-1])
        code, calls = run(database, tmp_path, days[-1])
        assert code == 0
        for day in days[:-1]:
            raw.land("messages", way(day), day)
            killed_and_mended(day, calls, seen)
            ((there, distinct),) = raw.all(
                "select count(*), count(distinct message_id) from raw.messages where extract_day = %s", day
            )
            lost, twice = lost + 100 - distinct, twice + there - distinct
    assert seen <= {"none", "all"} and "none" in seen
    assert (lost, twice) == (0, 0)
    figure(f"{2 * POINTS} kills; states seen: {', '.join(sorted(seen, reverse=True))}; L {lost}, D {twice}")
