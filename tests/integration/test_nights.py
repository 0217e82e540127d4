"""Nights that bring one kind of row and nothing else: what they touch is told by that kind of row alone.

Each ends like a clean build of the same extracts. Not here: rows in any order (test_order_and_repetition.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest
from brute import brands
from brute.facts import Row, Rows
from brute.landing import write
from night import Night
from small_days import HARMLESS
from town import SEED, by_month

from orchestration.catalogue import facts

BRAND = "nights"
# The extract days of what comes later, and by itself; before them all that there is.
VERSIONS, CALLS, ACTIVITY, BROWSER = (date(2025, 6, day) for day in (10, 11, 12, 13))


def _row(dataset: str, /, **values: Any) -> Row:
    row = {"brand_id": BRAND, **HARMLESS.get(dataset, {}), **values}
    if dataset not in ("messages", "member_activity"):
        row.setdefault("updated_at", max(value for value in row.values() if isinstance(value, datetime)))
    return row


def _at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2025, 6, day, hour, minute, tzinfo=UTC)


def _rows() -> Rows:
    """Monday to Wednesday of a brand in UTC. Each of five members plays one part, in conversations of its own."""
    members = ("attributed", "author", "rated", "caller")
    first = [_row("members", member_id=member, role=1, updated_at=_at(1, 0)) for member in members]
    # What is said later of a time before: they had been promoted on Sunday.
    later = [_row("members", member_id=member, role=4, updated_at=_at(1, 12)) for member in members]
    return {
        "brands": [_row("brands", timezone="UTC", updated_at=_at(1, 0))],
        "members": [*first, *({**row, "extract_day": VERSIONS} for row in later)],
        "conversations": [
            _row("conversations", conversation_id="theirs", member_id="attributed", requested_at=_at(2, 9)),
            _row("conversations", conversation_id="written", member_id="unknown", requested_at=_at(2, 10)),
            _row("conversations", conversation_id="rated", member_id="unknown", requested_at=_at(2, 11)),
            _row("conversations", conversation_id="called", member_id="unknown", requested_at=_at(2, 12)),
        ],
        "messages": [
            _row("messages", message_id="1", conversation_id="written", sender_type="visitor", sent_at=_at(2, 10, 1)),
            _row("messages", message_id="2", conversation_id="written", sender_type="member", sender_id="author",
                 sent_at=_at(2, 10, 2)),
            _row("messages", message_id="3", conversation_id="called", sender_type="visitor", sent_at=_at(2, 12, 1)),
            # Beyond the day on which the late call is answered, so that the brand has that day's periods.
            _row("messages", message_id="4", conversation_id="rated", sender_type="visitor", sent_at=_at(5, 8)),
        ],
        "ratings": [
            _row("ratings", rating_id="r", conversation_id="rated", member_id="rated", requested_at=_at(2, 12),
                 given_at=_at(2, 13), score=5, status="submitted"),
        ],
        "calls": [
            {**_row("calls", call_id="k", initiated_by="visitor", conversation_id="called", requested_at=_at(2, 23, 55),
                    answered_at=_at(3, 0, 5), ended_at=_at(3, 0, 10)), "extract_day": CALLS},
        ],
        "member_activity": [
            _row("member_activity", event_id="2", member_id="caller", action="click", occurred_at=_at(2, 9)),
            _row("member_activity", event_id="3", member_id="caller", action="click", occurred_at=_at(3, 9)),
            {**_row("member_activity", event_id="5", member_id="caller", action="click", occurred_at=_at(5, 9)),
             "extract_day": ACTIVITY},
        ],
        "site_events": [
            _row("site_events", event_id="2", session_id="shared", visitor_id="second", event_type="page_view",
                 occurred_at=_at(2, 14, 5)),
            {**_row("site_events", event_id="1", session_id="shared", visitor_id="first", event_type="page_view",
                    occurred_at=_at(2, 14)), "extract_day": BROWSER},
        ],
    }  # fmt: skip


def _together(*several: Rows) -> Rows:
    return {name: [row for rows in several for row in rows.get(name, [])] for name in {n for r in several for n in r}}


@pytest.fixture(scope="module")
def rows() -> Rows:
    """The brand above, and a random one, a month an extract."""
    random = by_month(brands.brand(Random(f"{SEED} nights"), "random").rows)
    assert random["calls"] and random["members"]
    return _together(_rows(), random)


@pytest.fixture(scope="module")
def clean(new_night: Callable[[], Night], rows: Rows) -> Night:
    """Everything in one night."""
    night = new_night()
    write(night.landing, rows)
    night.run()
    return night


@pytest.fixture(scope="module")
def lived(new_night: Callable[[], Night], rows: Rows) -> Night:
    """Six nights: the brands' rows come with the first, and never again."""
    night = new_night()
    write(night.landing, rows)
    # The random brand's extracts are of whole months, the other's of days at a month's beginning.
    months = sorted({day for name, day in night.extracts() if name == "messages" and day.day >= 28})
    assert len(months) > 1
    half = months[len(months) // 2]
    first = [(name, day) for name, day in night.extracts() if name == "brands" or (day < half and day.day >= 28)]
    first += [(name, day) for name, day in night.extracts() if day < VERSIONS and day.day < 28 and name != "brands"]
    night.run(first)
    night.run([(name, day) for name, day in night.extracts() if name != "brands" and day >= half and day.day >= 28])
    night.run([("members", VERSIONS)])
    night.run([("calls", CALLS)])
    night.run([("site_events", BROWSER)])
    night.run([("member_activity", ACTIVITY)])
    return night


def _rows_of(night: Night, table: str, brand: str) -> list[str]:
    with night.connect() as connection:
        query = f"select t::text from marts.{table} as t where t.brand_id = %s order by 1"
        return [row[0] for row in connection.execute(query.encode(), [brand])]


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("fct_conversation", "started_role"),
        ("fct_message", "author_role"),
        ("fct_rating", "member_role"),
    ],
)
def test_a_late_version_of_a_member_reaches_what_carries_the_role(lived: Night, table: str, columns: str) -> None:
    """The member attributed, an author and one who is rated: the version is all that the night brings of them."""
    with lived.connect() as connection:
        query = f"select {columns} from marts.{table} where brand_id = %s and {columns} is not null"
        assert {row[0] for row in connection.execute(query.encode(), [BRAND])} == {4}


@pytest.mark.parametrize("brand", [BRAND, "random"])
def test_the_nights_end_like_a_clean_build(lived: Night, clean: Night, brand: str) -> None:
    tables = [name for name in sorted(facts.marts()) if name.startswith(("fct_", "dim_", "kpi_"))]
    differing = [table for table in tables if _rows_of(lived, table, brand) != _rows_of(clean, table, brand)]
    assert differing == []


def test_a_late_call_restates_the_day_on_which_it_was_answered(lived: Night) -> None:
    """Nothing else of its conversation lies on that day."""
    with lived.connect() as connection:
        stated = connection.execute(
            "select period_start, value from marts.kpi_period"
            " where brand_id = %s and ref = 'One-Card-3' and grain = 'day' and dimension = 'all' and value <> 0",
            [BRAND],
        ).fetchall()
    assert stated == [(date(2025, 6, 3), 1)]


def test_a_late_event_takes_the_session_of_a_shared_browser_from_another_visitor(lived: Night) -> None:
    """A session is whose first event it is; of the other one the night brings nothing."""
    with lived.connect() as connection:
        sessions = connection.execute(
            "select visitor_id, started_at from marts.fct_session where brand_id = %s and kind = 'site'", [BRAND]
        ).fetchall()
    assert sessions == [("first", _at(2, 14))]


def test_what_comes_out_as_it_was_states_no_day_anew(lived: Night) -> None:
    """All that a member ever did is rebuilt, and only the day on which more is told now says anything else."""
    with lived.connect() as connection:
        rebuilt = connection.execute(
            "select count(distinct occurred_at::date) from build.int_member_activity_timed where brand_id = %s",
            [BRAND],
        ).fetchone()
        dates = connection.execute("select local_date from build.touched_date where brand_id = %s", [BRAND]).fetchall()
        stated = connection.execute("select distinct brand_id from build.touched_period").fetchall()
    assert rebuilt == (3,)
    assert stated == [(BRAND,)], "of the other brand nothing has come"
    assert dates == [(date(2025, 6, 5),)]
