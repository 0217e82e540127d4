"""What the loader says of each touched entity: since when a load says something new of it, and whether it corrects.

Not here: what publications make of it (test_published_values.py).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from landing_of import DAY, Raw, brand, conversation, message, order

NEXT = DAY + timedelta(days=1)
NEVER = "infinity"


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path) -> Raw:
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()], date(2026, 3, 1))
    return raw


def said(raw: Raw, load: int, entity: str = "conversation") -> dict[str, tuple[str, bool]]:
    """Of each entity that a load touched: since when (UTC, to the minute), and whether it is a correction."""
    rows = raw.all(
        "select entity_id, case when isfinite(since) then to_char(since at time zone 'UTC', 'YYYY-MM-DD HH24:MI')"
        " else since::text end, is_correction from raw.touched where load_id = %s and entity = %s order by 1",
        load,
        entity,
    )
    return {entity_id: (since, is_correction) for entity_id, since, is_correction in rows}


def clock(hour: int, day: date = DAY) -> str:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC).isoformat()


def test_a_new_row_speaks_of_its_own_time(raw: Raw) -> None:
    first = raw.take("messages", [message(1), message(2, sent_at=clock(12))]).load_id
    later = raw.take("messages", [message(3, sent_at=clock(7))], NEXT).load_id
    assert said(raw, first) == {"c0": ("2026-03-10 09:00", False)}
    assert said(raw, later) == {"c0": ("2026-03-10 07:00", False)}, "late, but no correction"


def test_what_is_known_already_says_nothing(raw: Raw) -> None:
    raw.take("messages", [message(1)])
    raw.take("conversations", [conversation(0, updated_at=clock(12))])
    again = raw.take("messages", [message(1)], NEXT).load_id
    older = raw.take("conversations", [conversation(0, source="hook", updated_at=clock(11))], NEXT).load_id
    assert said(raw, again) == said(raw, older) == {"c0": (NEVER, False)}


def test_a_thing_that_goes_on_speaks_of_its_next_steps(raw: Raw) -> None:
    raw.take("conversations", [conversation(0)])
    handled = conversation(0, handled_at=clock(11, NEXT), member_id="ana", updated_at=clock(11, NEXT))
    blocked = {**handled, "is_blocked": True, "updated_at": clock(13, NEXT)}
    assert said(raw, raw.take("conversations", [handled], NEXT).load_id) == {"c0": ("2026-03-11 11:00", False)}
    last = raw.take("conversations", [blocked], NEXT + timedelta(days=1)).load_id
    assert said(raw, last) == {"c0": ("2026-03-11 13:00", False)}


def test_what_is_told_otherwise_is_a_correction(raw: Raw) -> None:
    raw.take("conversations", [conversation(0), conversation(1), conversation(2, handled_at=clock(10))])
    load = raw.take(
        "conversations",
        [
            conversation(0, source="hook", updated_at=clock(8, NEXT)),
            conversation(1, requested_at=clock(6), updated_at=clock(8, NEXT)),
            conversation(2, handled_at=clock(15), updated_at=clock(8, NEXT)),
        ],
        NEXT,
    ).load_id
    assert said(raw, load) == {
        "c0": ("2026-03-10 09:00", True),  # another source, from its request on
        "c1": ("2026-03-10 06:00", True),  # asked for earlier
        "c2": ("2026-03-10 10:00", True),  # handled later: untrue from the first answer on
    }
    raw.take("orders", [order(1)])
    dearer = raw.take("orders", [order(1, gross_amount="12.00", updated_at=clock(8, NEXT))], NEXT).load_id
    assert said(raw, dearer, "order") == {"o1": ("2026-03-10 10:00", True)}


def test_a_replaced_extract_corrects(raw: Raw) -> None:
    raw.take("messages", [message(1), message(11), message(21)])
    load = raw.take("messages", [message(1), message(11, conversation_id="c9"), message(31)]).load_id
    # m11 moved from c1 to c9, m21 of c2 is gone, m31 of c3 should have been there.
    assert said(raw, load) == dict.fromkeys(("c1", "c2", "c3", "c9"), ("2026-03-10 09:00", True))


def test_an_event_told_otherwise_by_a_later_extract_corrects_both_places(raw: Raw) -> None:
    raw.take("messages", [message(1, conversation_id="old")])
    load = raw.take("messages", [message(1, conversation_id="new")], NEXT).load_id
    assert said(raw, load) == dict.fromkeys(("new", "old"), ("2026-03-10 09:00", True))


def test_a_role_holds_from_its_version_on_and_the_first_one_for_ever(raw: Raw) -> None:
    def member(updated_at: str, role: int) -> dict[str, Any]:
        return {"brand_id": "acme", "member_id": "ana", "role": role, "updated_at": updated_at}

    first = raw.take("members", [member(clock(12), 1)]).load_id
    promoted = raw.take("members", [member(clock(9, NEXT), 2)], NEXT).load_id
    before = raw.take("members", [member(clock(6), 3)], NEXT + timedelta(days=1)).load_id
    assert said(raw, first, "member") == {"ana": ("-infinity", False)}
    assert said(raw, promoted, "member") == {"ana": ("2026-03-11 09:00", False)}
    assert said(raw, before, "member") == {"ana": ("-infinity", False)}
