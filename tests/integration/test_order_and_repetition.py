"""Marts are a function of the extracts as they now are: not of the order in which they came, nor of how often.

Here: two platforms that live through different nights and must end alike. Not here: the loader alone
(test_loading.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from brute import brands
from brute.facts import Row, Rows, extract_day
from brute.landing import write
from landing_of import Raw, brand, conversation, message
from night import Extract, Night
from small_days import rows
from town import SEED, by_month

from orchestration.marts import access_check

pytestmark = pytest.mark.xdist_group("order")

SMALL = ["paris", "window_shopping"]
# The extracts that are first delivered wrong, and then again as they should be.
REPLACED = (("messages", date(2025, 6, 2)), ("site_events", date(2025, 6, 1)))


def _rows() -> Rows:
    """Small days, a day an extract, and a random brand, a month an extract: corrected, repeated and late."""
    found = {dataset: [row for row in lines if row["brand_id"] in SMALL] for dataset, lines in rows().items()}
    for dataset, lines in by_month(brands.brand(Random(f"{SEED} order"), "other").rows).items():
        found[dataset] = found.get(dataset, []) + lines
    return found


def _tables(digest: str) -> dict[str, str]:
    return dict(line.split(" ") for line in digest.splitlines())


@pytest.fixture(scope="module")
def plain(new_night: Callable[[], Night]) -> Night:
    """Everything in order, in one go, published once."""
    night = new_night()
    write(night.landing, _rows())
    night.run(audited=True)
    return night


@pytest.mark.fault(
    1, "every extract is loaded once, twice, five times", "the same state; the ledger says that nothing changed"
)
def test_the_same_extracts_again_change_nothing(plain: Night, figure: Callable[[str], None]) -> None:
    before = plain.digest()
    extracts = plain.extracts()
    for _ in range(4):
        Random(SEED).shuffle(extracts)
        assert {load.outcome for load in plain.load(extracts)} == {"unchanged"}
    with plain.connect() as connection:
        assert connection.execute("select count(*) from raw.touched").fetchall() == [(0,)]
        assert access_check.offenders(connection) == []
    again = plain.publish()
    assert (again.generation, again.is_new) == (1, False)
    assert plain.digest() == before
    figure("lost 0, twice 0, golden")


@pytest.mark.fault(
    15, "one row in twenty comes again, in other files and on other days", "one is kept; the tables are the same"
)
def test_copies_in_other_files_and_on_other_days(plain: Night, tmp_path: Path, figure: Callable[[str], None]) -> None:
    before = plain.digest()
    rng = Random(SEED)
    copies: Rows = {}
    for dataset, lines in _rows().items():
        days = sorted({extract_day(row) for row in lines})
        for row in rng.sample(lines, -(-len(lines) // 20)):
            day = rng.choice([day for day in days if day >= extract_day(row)])
            copies.setdefault(dataset, []).append({**row, "extract_day": day})
    again = []
    for path in write(tmp_path, copies):
        place = plain.landing / path.relative_to(tmp_path).with_name("part-1.jsonl")
        path.rename(place)
        again.append((place.parts[-3], date.fromisoformat(place.parts[-2])))
    loads = plain.load(again)
    assert all(load.outcome != "refused" for load in loads)
    plain.publish()
    assert plain.digest() == before
    figure(f"{sum(len(lines) for lines in copies.values())} copies, twice 0, golden")


@pytest.mark.fault(
    16, "versions that contradict each other arrive in 10 orders", "the same one wins, in every order"
)
def test_the_same_version_wins_in_any_order(plain: Night, tmp_path: Path, figure: Callable[[str], None]) -> None:
    days = [date(2026, 3, number) for number in (10, 11, 12)]
    named = {"brand_id": "versions"}
    instant = "2026-03-09T12:00:00Z"
    versions: dict[Extract, list[dict[str, Any]]] = {("brands", days[0]): [brand(**named, updated_at=instant)]}
    for number, day in enumerate(days):
        # Of one instant and different; older though later; an event with three contents.
        versions["conversations", day] = [
            conversation(1, **named, channel=("web", "app", "store")[number], requested_at=instant, updated_at=instant),
            conversation(
                2, **named, requested_at="2026-03-01T00:00:00Z", updated_at=f"2026-03-0{9 - number}T09:00:00Z"
            ),
        ]
        versions["messages", day] = [
            message(1, **named, sent_at=instant, content_type=("text", "photo", "video")[number])
        ]  # fmt: skip
    winners = (
        "select (select string_agg(row(conversation_id, channel, updated_at)::text, ' ' order by conversation_id)"
        " from build.stg_chat__conversations where brand_id = 'versions'),"
        " (select string_agg(content_type, ' ') from build.stg_chat__messages where brand_id = 'versions')"
    )
    rng = Random(SEED)
    seen = set()
    with plain.connect() as connection:
        raw = Raw(connection, tmp_path)
        for _ in range(10):
            for dataset, day in rng.sample(sorted(versions), len(versions)):
                raw.take(dataset, versions[dataset, day], day)
            seen.update(raw.all(winners))
            for dataset, day in versions:
                raw.land(dataset, [], day)
                raw.load(dataset, day)
    assert len(seen) == 1 and all("photo" not in str(won) for won in seen)
    figure(f"10 orders, {len(seen)} result")


def test_whatever_the_nights_they_end_alike(plain: Night, new_night: Callable[[], Night]) -> None:
    """Shuffled days over three nights: a brand last of all, a promotion late, and an extract that is replaced."""
    night = new_night()
    right = _rows()
    write(night.landing, _with_rows_that_will_vanish(right))
    extracts = night.extracts()
    Random(SEED).shuffle(extracts)

    def is_first(extract: Extract) -> bool:
        # The days after the promotion, and the other brand, are not there yet.
        return extract[1] <= date(2025, 6, 2) and extract != ("brands", _brand_day(right, "other"))

    first = [extract for extract in extracts if is_first(extract)]
    night.run(first)
    with night.connect() as connection:
        assert _brands(connection) == SMALL
        assert _roles_of_ben(connection) == {2}
        # A browser's sessions are whose first event they are: until the wrong event goes, ben's is ann's.
        assert _count(connection, "fct_session", "session_id = 'browser of ben' and visitor_id = 'ann'") == 1
        assert _count(connection, "fct_message", "conversation_id = 'd1'") == 6, "with one that is going to vanish"

    # The extract comes again, without what should not have been in it.
    shutil.rmtree(night.landing)
    write(night.landing, right)
    night.run([*REPLACED, *(extract for extract in extracts if extract[0] != "brands" and not is_first(extract))])
    with night.connect() as connection:
        assert _brands(connection) == SMALL
        assert _count(connection, "fct_session", "session_id = 'browser of ben' and visitor_id = 'ann'") == 0
        assert _roles_of_ben(connection) == {2}, "facts of before the promotion keep the role of their time"
        assert _count(connection, "dim_member", "member_id = 'ben'") == 2
        assert _count(connection, "fct_message", "conversation_id = 'd1'") == 6, "Tuesday's came, the wrong one went"
        assert _count(connection, "fct_message", "message_id like 'wrong%'") == 0

    last = night.run([extract for extract in extracts if extract[0] == "brands" and not is_first(extract)])
    assert last.counts["fct_message"].inserted > 0, "what waited for its brand is taken up"
    mine, theirs = _tables(night.digest()), _tables(plain.digest())
    assert [table for table in mine if mine[table] != theirs[table]] == []
    assert mine.keys() == theirs.keys()


def _with_rows_that_will_vanish(right: Rows) -> Rows:
    """The same rows and, in one extract, messages of an old conversation and of one that nobody will hear of again; in
    another, a visitor at somebody else's browser."""
    template = next(row for row in right["messages"] if row["brand_id"] == "paris" and row["conversation_id"] == "d1")
    wrong: list[Row] = [
        template | {"message_id": "wrong 1", "content_type": "video"},
        template | {"message_id": "wrong 2", "conversation_id": "o1", "sender_type": "member", "sender_id": "ben"},
    ]
    stranger = next(row for row in right["site_events"] if row["session_id"] == "browser of ben") | {
        "event_id": "wrong", "visitor_id": "ann", "occurred_at": datetime(2025, 6, 1, 21, 45, tzinfo=UTC),
        "event_type": "recommendation_shown", "product_id": "rug",
    }  # fmt: skip
    return right | {"messages": right["messages"] + wrong, "site_events": [*right["site_events"], stranger]}


def _brand_day(right: Rows, brand_id: str) -> date:
    (day,) = {row["extract_day"] for row in right["brands"] if row["brand_id"] == brand_id}
    return day


def _brands(connection: psycopg.Connection[tuple[str]]) -> list[str]:
    return [brand for (brand,) in connection.execute("select brand_id from marts.dim_brand order by 1")]


def _roles_of_ben(connection: psycopg.Connection[tuple[int]]) -> set[int]:
    query = "select started_role from marts.fct_conversation where member_id = 'ben' and brand_id = 'paris'"
    return {role for (role,) in connection.execute(query)}


def _count(connection: psycopg.Connection[tuple[int]], table: str, where: str) -> int:
    (count,) = connection.execute(f"select count(*) from marts.{table} where {where}").fetchone() or (0,)
    return count
