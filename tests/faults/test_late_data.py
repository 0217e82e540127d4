"""Faults of time: rows that come months late, corrections that empty a day, a brand that moves to another zone.

Each is a night in the life of one brand, and each must restate what it touches and nothing else; at the end everything
is held against a rebuild. Not here: one cause at a time (tests/integration/test_published_values.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from brute.facts import Row, Rows
from brute.landing import write
from night import Night
from small_days import HARMLESS

from orchestration.assets.progress import Progress
from orchestration.settings import Settings
from orchestration.sources.pending import pending_extracts
from orchestration.verification import verify

pytestmark = pytest.mark.long

ZONE = ZoneInfo("Europe/Madrid")
FIRST = date(2025, 1, 1)
DAYS = 160
LATE = 500
LAST = FIRST + timedelta(days=DAYS - 1)
# A day in the middle that corrections will empty.
EMPTIED = FIRST + timedelta(days=80)
KEY = "brand_id, grain, period_start, dimension, dimension_value, ref, bin"
Key = tuple[Any, ...]


def _rows(rng: Random) -> Rows:
    """A brand with eight conversations a day, each of a few messages within hours."""
    brand = {"brand_id": "late", **HARMLESS["brands"], "timezone": str(ZONE)}
    rows: Rows = {
        "brands": [{**brand, "updated_at": _at(FIRST, 0)}],
        "members": [
            {"brand_id": "late", **HARMLESS["members"], "member_id": f"m{n}", "role": n, "updated_at": _at(FIRST, 0)}
            for n in range(3)
        ],
        "conversations": [],
        "messages": [],
    }
    for number in range(8 * DAYS):
        day = FIRST + timedelta(days=number // 8)
        asked = _at(day, rng.randrange(6 * 3600, 16 * 3600))
        name, member = f"c{number}", f"m{rng.randrange(3)}"
        rows["conversations"].append(
            {"brand_id": "late", **HARMLESS["conversations"], "conversation_id": name, "visitor_id": f"v{number % 97}",
             "source": rng.choice(("direct", "hook")), "member_id": member, "requested_at": asked, "updated_at": asked}
        )  # fmt: skip
        for place in range(rng.randrange(1, 6)):
            sent = asked + timedelta(seconds=rng.randrange(1, 3600) + 1200 * place)
            by = rng.choice(("visitor", "member"))
            rows["messages"].append(
                {"brand_id": "late", **HARMLESS["messages"], "message_id": f"{name}-{place}", "conversation_id": name,
                 "sender_type": by, "sender_id": member if by == "member" else None, "sent_at": sent}
            )  # fmt: skip
    return rows


def _at(day: date, seconds: int) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(seconds=seconds)


def _local(instant: datetime) -> date:
    return instant.astimezone(ZONE).date()


class Brand:
    """The brand's extracts, ten days each, and its nights."""

    def __init__(self, night: Night) -> None:
        self.night = night
        rng = Random(17)
        self.rows = _rows(rng)
        old = [
            row for row in self.rows["messages"] if _at(LAST, 0) - timedelta(days=150) < row["sent_at"] < _at(LAST, 0)
        ]
        self.late: list[Row] = rng.sample(old, LATE)

    def deliver(self, rows: Rows) -> None:
        """Write these rows, each to the extract of the last of its ten days unless it names another."""

        def extract(row: Row) -> date:
            happened = row.get("sent_at") or row["updated_at"]
            tenth = FIRST + timedelta(days=(happened.date() - FIRST).days // 10 * 10 + 9)
            return min(tenth, LAST)

        write(
            self.night.landing,
            {
                dataset: [{**row, "extract_day": row.get("extract_day") or extract(row)} for row in lines]
                for dataset, lines in rows.items()
            },
        )

    def publish(self) -> int:
        with self.night.connect() as connection:
            pending = [(one.dataset, one.day) for one in pending_extracts(connection, self.night.sources, date.max)]
        return self.night.run(pending).generation

    def numbers(self) -> dict[Key, Any]:
        """Every published number of a period that is over, by its key."""
        return {
            tuple(key): value
            for *key, value in self.ask(
                f"select {KEY}, value from marts.kpi_period"
                " where (grain, period_start) in (select grain, period_start from marts.kpi_published)"
            )
        }

    def restated(self, generation: int) -> dict[Key, tuple[Any, Any, str]]:
        """What a generation recorded as changed: the value before, the value after, the cause."""
        return {
            tuple(key): (before, after, cause)
            for *key, before, after, cause in self.ask(
                f"select {KEY}, previous_value, value, cause from marts.kpi_published"
                f" where generation = {generation} and cause <> 'first'"
            )
        }

    def ask(self, statement: str) -> list[Any]:
        with self.night.connect() as connection:
            return connection.execute(statement.encode()).fetchall()


def _changes(before: dict[Key, Any], after: dict[Key, Any]) -> dict[Key, tuple[Any, Any]]:
    both = {key: (before.get(key), after.get(key)) for key in before.keys() | after.keys()}
    return {key: values for key, values in both.items() if values[0] != values[1]}


@pytest.fixture(scope="module")
def brand(new_night: Callable[[], Night]) -> Brand:
    """All but the late messages, published."""
    brand = Brand(new_night())
    late = {row["message_id"] for row in brand.late}
    brand.deliver(brand.rows | {"messages": [row for row in brand.rows["messages"] if row["message_id"] not in late]})
    assert brand.publish() == 1
    return brand


@pytest.mark.fault(
    17,
    "500 messages come 1 to 150 days late",
    "exactly the periods that they touch are computed again; what moved is recorded with the loads that brought it",
)
def test_messages_months_late(brand: Brand, figure: Callable[[str], None]) -> None:
    before = brand.numbers()
    tomorrow = LAST + timedelta(days=1)
    brand.deliver({"messages": [{**row, "extract_day": tomorrow} for row in brand.late]})
    generation = brand.publish()
    moved, restated = _changes(before, brand.numbers()), brand.restated(generation)
    stated = {one[:3] for one in before}
    known = {key: values for key, values in moved.items() if key[:3] in stated}
    assert {key: values[:2] for key, values in restated.items()} == known, "each change is recorded, and nothing else"
    fixed = {ref for (ref,) in brand.ask("select ref from marts.dim_kpi where stability = 'fixed'")}
    # What was said after a period's end may move what fluctuates there, as it would have had it come in time.
    assert {cause for key, (_, _, cause) in restated.items() if key[5] in fixed} == {"late data"}
    assert {cause for _, _, cause in restated.values()} <= {"late data", "fluctuating"}
    ((loads,),) = brand.ask(f"select distinct loads from marts.kpi_published where generation = {generation}"
                            " and cause = 'late data'")  # fmt: skip
    assert brand.ask(f"select dataset, extract_day from marts.load_ledger where load_id = any(array{loads})"
                     " and brand_id = 'late'") == [("messages", tomorrow)]  # fmt: skip

    late = {row["conversation_id"] for row in brand.late}
    touched = {_local(row["requested_at"]) for row in brand.rows["conversations"] if row["conversation_id"] in late}
    touched |= {_local(row["sent_at"]) for row in brand.rows["messages"] if row["conversation_id"] in late}
    # Beside them moves what moves with time alone: nothing that is fixed, as asserted above.
    by_late_rows = [key for key, (_, _, cause) in restated.items() if cause == "late data"]
    days = {key[2] for key in by_late_rows if key[1] == "day"}
    assert days <= touched
    figure(f"{len(by_late_rows):,} numbers restated, on {len(days)} of {len(touched)} touched days; elsewhere 0")


@pytest.mark.fault(
    18,
    "corrections empty a day",
    "what lay on it is gone from every table; its counts are published as 0, and recorded",
)
def test_corrections_empty_a_day(brand: Brand, figure: Callable[[str], None]) -> None:
    gone = {row["conversation_id"] for row in brand.rows["conversations"] if _local(row["requested_at"]) == EMPTIED}
    gone |= {row["conversation_id"] for row in brand.rows["messages"] if _local(row["sent_at"]) == EMPTIED}
    assert len(gone) >= 8
    late = {row["message_id"] for row in brand.late}
    brand.rows = {
        dataset: [row for row in lines if row.get("conversation_id") not in gone]
        for dataset, lines in brand.rows.items()
    }
    brand.deliver(brand.rows | {"messages": [row for row in brand.rows["messages"] if row["message_id"] not in late]})
    tomorrow = LAST + timedelta(days=1)
    brand.deliver(
        {"messages": [{**row, "extract_day": tomorrow} for row in brand.late if row["conversation_id"] not in gone]}
    )
    generation = brand.publish()
    stale = {
        table: brand.ask(f"select count(*) from marts.{table} where {column} = any(array{sorted(gone)})")[0][0]
        for table in ("fct_conversation", "fct_conversation_day", "fct_author_day", "fct_message", "fct_turn")
        for column in ["conversation_id"]
    }
    assert set(stale.values()) == {0}
    left = brand.ask(
        f"select ref, bin, value from marts.kpi_period where grain = 'day' and period_start = '{EMPTIED}'"
        " and coalesce(value, 0) <> 0"
    )
    rows = brand.ask(
        f"select count(*) from marts.kpi_period where grain = 'day' and period_start = '{EMPTIED}'"
        " and dimension <> 'all'"
    )
    assert (left, rows) == ([], [(0,)])
    restated = brand.restated(generation)
    assert {cause for key, (_, _, cause) in restated.items() if key[2] == EMPTIED} == {"corrected data"}
    figure(f"stale rows {sum(stale.values()) + rows[0][0]}; {len(restated):,} numbers restated")


@pytest.mark.fault(
    21, "a brand changes its time zone", "everything of it is computed anew; what moved is recorded as due to settings"
)
def test_a_brand_moves_to_another_zone(brand: Brand, tmp_path: Path, figure: Callable[[str], None]) -> None:
    before = brand.numbers()
    tomorrow = LAST + timedelta(days=1)
    moved_to = {**brand.rows["brands"][0], "timezone": "Pacific/Auckland", "updated_at": _at(LAST, 0)}
    brand.deliver({"brands": [{**moved_to, "extract_day": tomorrow}]})
    generation = brand.publish()
    restated = brand.restated(generation)
    known = {one[:3] for one in before}
    moved = {key: values for key, values in _changes(before, brand.numbers()).items() if key[:3] in known}
    assert {key: values[:2] for key, values in restated.items()} == moved
    assert {cause for _, _, cause in restated.values()} == {"settings"}
    # Golden: after all of that, every table is what raw alone would give.
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": brand.night.url})
    differing = [line for verdict in verify(settings, brand.night.url, None, Progress()) for line in verdict.named]
    assert differing == []
    figure(f"{len(restated):,} numbers restated; differences from a rebuild, after scenarios 17, 18 and 21, 0")
