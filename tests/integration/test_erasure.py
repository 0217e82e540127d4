"""Erasure in raw: what is a person's goes, is counted, and does not come back in whatever order it comes.

Not here: marts after an erasure (tests/faults/test_erasure.py).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from landing_of import DAY, Raw, brand, conversation, message, order

from orchestration.sources.connectors.mapping import HASH_KEY
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading import erasure, gathering
from orchestration.sources.loading.load import load_extracts

KEY = "a key of sixteen characters or more"
WHO = "v-100%-of-them"  # what looks like a placeholder is a name like any other


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Raw:
    monkeypatch.setenv(HASH_KEY, KEY)
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()])
    return raw


def rows() -> dict[str, list[dict[str, Any]]]:
    """Two conversations of one visitor, one of another; messages, an order of each, and a bad row of each."""
    return {
        "conversations": [
            conversation(0, visitor_id=WHO), conversation(1, visitor_id=WHO), conversation(2, visitor_id="other"),
            conversation(3, visitor_id=WHO, source="nonsense"), conversation(4, visitor_id="other", source="nonsense"),
        ],
        "messages": [message(number, sender_id=WHO if number < 20 else "other") for number in range(30)],
        "orders": [order(1, visitor_id=WHO), order(2, visitor_id="other")],
    }  # fmt: skip


def fates(raw: Raw) -> dict[str, tuple[int, ...]]:
    """Rows read, loaded, rejected and erased by dataset, of the extracts that stand."""
    found = raw.all(
        "select dataset, rows_read, rows_loaded, rejected, erased from raw.extract join raw.load_count using (load_id)"
        " where dataset <> 'brands'"
    )
    return {dataset: tuple(counts) for dataset, *counts in found}


def test_a_persons_rows_go_and_others_stay(raw: Raw) -> None:
    for dataset, some in rows().items():
        raw.take(dataset, some)
    erased = erasure.erase_visitor(raw.connection, "acme", WHO)
    assert erased.rows == {"raw.conversations": 2, "raw.messages": 20, "raw.orders": 1, "raw.quarantine": 1}
    assert erasure.places_left(raw.connection, "acme", erased.names) == ["raw.touched.entity_id"]
    assert raw.all("select distinct visitor_id from raw.conversations") == [("other",)]
    assert raw.all("select \"row\" ->> 'visitor_id' from raw.quarantine") == [("other",)]
    assert fates(raw) == {"conversations": (5, 1, 1, 3), "messages": (30, 10, 0, 20), "orders": (2, 1, 0, 1)}
    # What has to be computed again, as a correction of its past.
    noted = raw.all("select entity, entity_id from raw.touched where load_id = %s and is_correction", erased.load_id)
    assert {("visitor", WHO), ("conversation", "c0"), ("conversation", "c1"), ("order", "o1")} <= set(noted)
    # What is kept says nothing without the key.
    kept = str(raw.all("select brand_id, encode(id_hash, 'escape') from raw.erased"))
    assert WHO not in kept and "c0" not in kept
    # Twice is as good as once.
    assert erasure.erase_visitor(raw.connection, "acme", WHO).rows == {}


def test_what_was_read_before_an_erasure_is_not_loaded_after_it(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_EXTRACTS", 1)
    days = [DAY, DAY + timedelta(days=1)]
    for number, day in enumerate(days):
        raw.land("conversations", [conversation(number, visitor_id=WHO)], day)
    loading = load_extracts(raw.connection, DATASETS["conversations"], days, raw.source("conversations"))
    assert next(loading).counts.loaded == 1
    erasure.erase_visitor(raw.connection, "acme", WHO)
    (second,) = loading
    assert (second.counts.loaded, second.counts.erased) == (0, 1)
    assert raw.all("select * from raw.conversations") == []


@pytest.mark.parametrize(
    "order_of_loading", [["conversations", "messages", "orders"], ["messages", "orders", "conversations"]]
)
def test_it_does_not_come_back(raw: Raw, order_of_loading: list[str]) -> None:
    """Nor what the erasure could not know of: it came only afterwards, the messages before their conversation too."""
    erasure.erase_visitor(raw.connection, "acme", WHO)
    for dataset in order_of_loading:
        raw.take(dataset, rows()[dataset])
    state = raw.state()
    assert WHO not in str(state)
    assert len(state["conversations"]) == 1 and len(state["messages"]) == 10 and len(state["orders"]) == 1
    assert fates(raw) == {"conversations": (5, 1, 1, 3), "messages": (30, 10, 0, 20), "orders": (2, 1, 0, 1)}
    # Late, in another extract, and with the first one once more.
    raw.take("messages", [message(7), message(25, sender_id="other")], day=DAY + timedelta(days=1))
    raw.load("conversations")
    assert len(raw.state()["messages"]) == 11
    assert WHO not in str(raw.state())


def test_an_extract_of_erased_people_alone_is_no_reason_to_refuse(raw: Raw) -> None:
    erasure.erase_visitor(raw.connection, "acme", WHO)
    result = raw.take("conversations", [conversation(number, visitor_id=WHO) for number in range(40)])
    assert (result.outcome, result.counts.read, result.counts.erased) == ("loaded", 40, 40)


def test_without_the_key_nothing_is_loaded_and_nobody_erased(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    erasure.erase_visitor(raw.connection, "acme", WHO)
    for key, said in (("", "must hold a secret"), ("short", "at least 16"), ("another key of sixteen", "not the key")):
        monkeypatch.setenv(HASH_KEY, key)
        result = raw.take("conversations", rows()["conversations"])
        assert result.outcome == "refused" and said in str(result.reason)
        with pytest.raises(erasure.ErasureError, match=said):
            erasure.erase_visitor(raw.connection, "acme", "other")
    assert raw.all("select count(*) from raw.conversations") == [(0,)]
