"""Faults of extracts: refused, quarantined or taken, and what stood before stands.

Not here: a rule by itself (tests/integration/test_loading_*.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from landing_of import DAY, Raw, brand, message

from orchestration.assets.partitions import daily
from orchestration.sources import extract_days
from orchestration.sources.loading.load import Counts
from orchestration.sources.pending import pending_extracts

NEXT = DAY + timedelta(days=1)


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path) -> Raw:
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()], date(2026, 3, 1))
    return raw


def messages(changes: Callable[[int], dict[str, Any]] = lambda number: {}, rows: int = 100) -> list[dict[str, Any]]:
    return [message(number, **changes(number)) for number in range(rows)]


@pytest.mark.fault(
    13,
    "a column appears, is renamed, vanishes or changes its type; a word is new to an enumeration",
    "the new column is ignored and reported, rows with the new word wait; else refused, saying what differs",
)
def test_columns_and_words_change(raw: Raw, figure: Callable[[str], None]) -> None:
    raw.take("messages", messages())
    before = raw.state()
    handled = 0

    def refused(rows: list[dict[str, Any]], *said: str) -> bool:
        result = raw.take("messages", rows)
        return (
            result.outcome == "refused"
            and all(word in str(result.reason) for word in said)
            and raw.state() == before
        )  # fmt: skip

    renamed = [{("written_at" if name == "sent_at" else name): row[name] for name in row} for row in messages()]
    handled += refused(renamed, "lacks the required column sent_at", "written_at")
    dropped = [{name: row[name] for name in row if name != "sender_type"} for row in messages()]
    handled += refused(dropped, "lacks the required column sender_type")
    handled += refused(messages(lambda n: {"sent_at": 1_773_000_000 + n}), "100 of 100 rows are bad", "sent_at")
    new = raw.take("messages", messages(lambda n: {"mood": "fine"}))
    handled += (new.outcome, new.unknown_columns, raw.state()) == ("unchanged", ("mood",), before)
    word = raw.take("messages", messages(lambda n: {"content_type": "sticker"} if n < 3 else {}))
    handled += (word.counts, word.rejected) == (Counts(100, 97, rejected=3), {"values": 3})
    assert handled == 5
    figure(f"{handled} of 5")


@pytest.mark.fault(
    19,
    "clocks that are wrong: 1970, two days and ten years ahead, a time without its zone",
    "up to a day ahead is tolerated, all else waits in quarantine; days that lie ahead are left alone",
)
def test_clocks_that_are_wrong(raw: Raw, figure: Callable[[str], None]) -> None:
    times = ["1970-01-01T00:00:00Z", f"{DAY + timedelta(days=2)}T00:00:01Z", "2036-03-10T09:00:00Z",
             "2026-03-10T09:00:00", f"{NEXT}T23:59:59Z"]  # fmt: skip
    result = raw.take("messages", messages(lambda n: {"sent_at": times[n]} if n < len(times) else {}))
    assert result.counts == Counts(read=100, loaded=96, rejected=4)
    assert result.rejected == {"too_early": 1, "too_late": 2, "offset": 1}
    ((latest,),) = raw.all("select max(sent_at) from raw.messages")
    assert latest == datetime(2026, 3, 11, 23, 59, 59, tzinfo=UTC)
    # The extract of a day ten years on is no day's yet, for the loader, the sensor and the partitions alike.
    raw.land("messages", messages(), DAY.replace(year=2036))
    sources = {"messages": raw.source("messages")}
    assert {one.day for one in pending_extracts(raw.connection, sources, today=NEXT)} == set()
    assert extract_days.available(sources) == [("messages", DAY)]
    assert daily(DAY).get_partition_keys(datetime(2026, 3, 11, 5, tzinfo=UTC)) == [str(DAY), str(NEXT)]
    figure("100 read = 96 loaded + 4 waiting; partitions ahead 0")
