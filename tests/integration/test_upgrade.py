"""An installation that was made under an older contract, and goes on under one that has grown.

Here: raw's tables, rows and quarantine, and what is published in the end. Not here: marts, functions and roles, which
an upgrade brings up to date with the first run (test_publication.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from brute.landing import write
from landing_of import DAY, Raw, Row, brand, message, order
from night import Night

from orchestration.sources.contract import BRAND, DATASETS, Column, Dataset
from orchestration.sources.loading.load import Counts, load_extract
from orchestration.sources.loading.raw_tables import RawTableError
from orchestration.sources.loading.upgrade import migrate

NEXT = DAY + timedelta(days=1)


def without(dataset: str, *names: str) -> Dataset:
    """A dataset as an older contract had it: without these columns, and with amounts below 0."""
    older = DATASETS[dataset]
    columns = [replace(c, least=None) if c.type == "money" else c for c in older.columns if c.name not in names]
    return replace(older, columns=tuple(columns), looked_up_by=())


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path) -> Raw:
    return Raw(connection, tmp_path)


@pytest.fixture
def made_before(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[], None]]:
    """Turns raw into what an older contract made; gives the upgrade to today's."""

    def older(*datasets: Dataset) -> Callable[[], None]:
        for dataset in datasets:
            monkeypatch.setitem(DATASETS, dataset.name, dataset)  # type: ignore[misc]
            raw.connection.execute(f"drop table raw.{dataset.name}".encode())
        migrate(raw.connection)

        def upgrade() -> None:
            monkeypatch.undo()
            migrate(raw.connection)

        return upgrade

    return older


Older = Callable[..., Callable[[], None]]


def test_a_table_gains_columns_and_goes_on(raw: Raw, made_before: Older) -> None:
    upgrade = made_before(without("conversations", "inbox", "labels", "handled_basis"))
    raw.take("brands", [brand()])
    conversation: Row = {
        "brand_id": "acme", "conversation_id": "c1", "visitor_id": "v", "kind": "customer", "source": "direct",
        "channel": "web", "medium": "text", "initiated_by": "visitor", "requested_at": "2026-03-10T09:00:00Z",
        "is_blocked": False, "updated_at": "2026-03-10T09:00:00Z",
    }  # fmt: skip
    raw.take("conversations", [conversation])
    upgrade()
    assert raw.load("conversations").outcome == "unchanged"
    later = {**conversation, "inbox": "support", "labels": ["vip", "b2b"], "updated_at": "2026-03-11T09:00:00Z"}
    assert raw.take("conversations", [later], NEXT).counts == Counts(1, 1)
    assert raw.all("select extract_day, inbox, labels from raw.conversations order by 1") == [
        (DAY, None, None), (NEXT, "support", "b2b|vip"),
    ]  # fmt: skip
    described = "select col_description('raw.conversations'::regclass, attnum) from pg_attribute where attname = %s"
    assert raw.all(described + " and attrelid = 'raw.conversations'::regclass", "inbox")[0][0]


def test_negative_amounts_that_stand_move_to_the_quarantine_as_corrections(raw: Raw, made_before: Older) -> None:
    upgrade = made_before(without("orders", "identity_system", "identity_id"), without("order_lines"))
    raw.take("brands", [brand()])
    line: Row = {"brand_id": "acme", "order_id": "o1", "product_id": "p", "quantity": 1,
                 "updated_at": "2026-03-10T10:00:00Z"}  # fmt: skip
    rows = [order(1, gross_amount="100.00"), order(2, gross_amount="-80.00"), order(3, brand_id="nobody knows",
            gross_amount="-1")]  # fmt: skip
    first = raw.take("orders", rows)
    lines = [{**line, "line_number": 1, "unit_amount": "5"}, {**line, "line_number": 2, "unit_amount": "-5"}]
    second = raw.take("order_lines", lines)
    assert first.counts == Counts(3, 2, waiting=1) and second.counts == Counts(2, 2)
    raw.all("delete from raw.touched returning 1")
    upgrade()
    assert raw.all("select order_id from raw.orders") == [("o1",)]
    assert raw.all("select line_number from raw.order_lines") == [(1,)]
    found = "select dataset, brand_id, file, line, rule, column_name, value from raw.quarantine order by 1, 2"
    assert raw.all(found) == [
        ("order_lines", "acme", "part-0.jsonl", 0, "negative", "unit_amount", "-5"),
        ("orders", "acme", "part-0.jsonl", 2, "negative", "gross_amount", "-80.00"),
        ("orders", "nobody knows", "part-0.jsonl", 3, "negative", "gross_amount", "-1"),
    ]
    assert ("order", "o2", first.load_id, True) in raw.all(
        "select entity, entity_id, load_id, is_correction from raw.touched where since = '-infinity'"
    )
    counted = "select brand_id, rows_loaded, waiting, rejected from raw.load_count where load_id = %s order by 1"
    assert raw.all(counted, first.load_id) == [("acme", 1, 0, 1), ("nobody knows", 0, 0, 1)]
    assert raw.all(counted, second.load_id) == [("acme", 1, 0, 1)]
    # The extract says the same as before, and so does raw.
    assert raw.load("orders").outcome == "unchanged"


def test_what_waits_for_its_currency_does_not_come_back_below_zero(raw: Raw, made_before: Older) -> None:
    upgrade = made_before(without("orders", "identity_system", "identity_id"))
    raw.take("brands", [brand()])
    raw.take("orders", [order(1, currency="USD", gross_amount="-5")])
    upgrade()
    raw.take("brands", [brand(currency="USD", updated_at="2026-03-11T00:00:00Z")], NEXT)
    assert raw.all("select rule from raw.quarantine") == [("negative",)]
    assert raw.all("select 1 from raw.orders") == []


def test_contended_rows_are_told_apart_as_a_new_installation_would(raw: Raw, made_before: Older) -> None:
    # Of versions equal in age the hash decides, over all columns: it must not remember the columns of before.
    upgrade = made_before(without("conversations", "inbox", "labels", "handled_basis"))
    raw.take("brands", [brand()])
    rows = [
        {"brand_id": "acme", "conversation_id": f"c{number}", "visitor_id": "v", "kind": "customer", "source": source,
         "channel": "web", "medium": "text", "initiated_by": "visitor", "requested_at": "2026-03-10T09:00:00Z",
         "is_blocked": False, "updated_at": "2026-03-10T09:00:00Z"}
        for number in range(20) for source in ("direct", "hook")
    ]  # fmt: skip
    raw.take("conversations", rows)
    upgrade()
    upgraded = raw.state()["conversations"]
    raw.all("delete from raw.conversations returning 1")
    raw.all("delete from raw.extract where dataset = 'conversations' returning 1")
    raw.load("conversations")
    assert raw.state()["conversations"] == upgraded


def test_extracts_of_which_the_contract_now_takes_more_are_read_again(raw: Raw, made_before: Older) -> None:
    older = without("conversations", "inbox", "labels", "handled_basis")
    channels = tuple(replace(c, values=("web", "store")) if c.name == "channel" else c for c in older.columns)
    upgrade = made_before(replace(older, columns=channels))
    raw.take("brands", [brand()])
    told: Row = {
        "brand_id": "acme", "visitor_id": "v", "kind": "customer", "source": "direct", "medium": "text",
        "initiated_by": "visitor", "requested_at": "2026-03-10T09:00:00Z", "is_blocked": False,
        "updated_at": "2026-03-10T09:00:00Z",
    }  # fmt: skip
    raw.take("conversations", [{**told, "conversation_id": "c1", "channel": "web", "inbox": "sales"}], DAY)
    raw.take("conversations", [{**told, "conversation_id": "c2", "channel": "email"}], NEXT)
    raw.take("conversations", [{**told, "conversation_id": "c3", "channel": "web"}], NEXT + timedelta(days=1))
    upgrade()
    known = raw.source("conversations").days(date.max)
    stands = dict(raw.all("select extract_day, fingerprint from raw.extract where dataset = 'conversations'"))
    assert [day for day in sorted(known) if known[day] != stands[day]] == [DAY, NEXT]
    for day in (DAY, NEXT):
        raw.load("conversations", day)
    assert raw.all("select conversation_id, channel, inbox from raw.conversations order by 1") == [
        ("c1", "web", "sales"), ("c2", "email", None), ("c3", "web", None),
    ]  # fmt: skip
    migrate(raw.connection)
    assert dict(raw.all("select extract_day, fingerprint from raw.extract where dataset = 'conversations'")) == known


def test_what_a_loaded_table_cannot_take_is_refused_by_name(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    raw.take("brands", [brand()])
    raw.take("messages", [message(1)])
    messages = DATASETS["messages"]
    mood = Column("mood", "text", "How it was meant.")
    monkeypatch.setitem(DATASETS, "messages", replace(messages, columns=(*messages.columns, mood)))  # type: ignore[misc]
    with pytest.raises(RawTableError, match=r"raw\.messages has rows, and can't take the required column mood"):
        migrate(raw.connection)
    retyped = tuple(replace(c, type="integer") if c.name == "sender_id" else c for c in messages.columns)
    monkeypatch.setitem(DATASETS, "messages", replace(messages, columns=retyped))  # type: ignore[misc]
    with pytest.raises(RawTableError, match=r"raw\.messages: column sender_id is text, and .* now says integer"):
        migrate(raw.connection)


@pytest.mark.long
def test_a_contract_that_grows_leads_to_what_a_clean_installation_has(
    new_night: Callable[[], Night], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An optional column and a dataset of which nobody had heard, on an installation that has published already."""
    messages = DATASETS["messages"]
    mood = Column("mood", "text", "How it was meant.", required=False)
    visits = Dataset(
        name="visits", family="chat", kind="event", key=("brand_id", "visit_id"), description="A visit to the shop.",
        columns=(BRAND, Column("visit_id", "id", "The visit."), Column("occurred_at", "instant", "When it was.")),
        event_time="occurred_at", touches={"visitor": "visit_id"},
    )  # fmt: skip

    def grow() -> None:
        monkeypatch.setitem(DATASETS, "messages", replace(messages, columns=(*messages.columns, mood)))  # type: ignore[misc]
        monkeypatch.setitem(DATASETS, "visits", visits)  # type: ignore[misc]

    def extracts(day: date, **more: str) -> dict[str, list[Row]]:
        at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        named = {"brand_id": "acme", "conversation_id": f"c{day.day}"}
        told = {"visitor_id": "v", "kind": "customer", "source": "direct", "channel": "web", "medium": "text",
                "initiated_by": "visitor", "is_blocked": False}  # fmt: skip
        sent = {"is_automatic": False, "content_type": "text", "sender_id": None}
        return {
            "brands": [{**brand(), "updated_at": at}],
            "conversations": [{**named, **told, "requested_at": at, "updated_at": at}],
            "messages": [
                {**named, **sent, **more, "message_id": f"m{day.day}{side}", "sender_type": side, "sent_at": at}
                for side in ("visitor", "member")
            ],
        }

    def second(night: Night) -> None:
        write(night.landing, {**extracts(NEXT, mood="gay"), "visits": [
            {"brand_id": "acme", "visit_id": "x", "occurred_at": datetime(2026, 3, 11, 9, tzinfo=UTC)}]})  # fmt: skip
        raw = Raw(night.connect(), night.landing)
        with raw.connection:
            load_extract(raw.connection, visits, NEXT, raw.source("visits"))
        night.run([extract for extract in night.extracts() if extract[1] == NEXT])

    before = new_night()
    write(before.landing, extracts(DAY))
    before.run()
    grow()
    with before.connect() as connection:
        migrate(connection)
    second(before)

    clean = new_night()
    with clean.connect() as connection:
        migrate(connection)
    write(clean.landing, extracts(DAY))
    clean.load(clean.extracts())
    second(clean)
    assert before.digest() == clean.digest()
    for night in (before, clean):
        with night.connect() as connection:
            told = "select message_id, mood from raw.messages where mood is not null order by 1"
            assert connection.execute(told).fetchall() == [("m11member", "gay"), ("m11visitor", "gay")]
            assert connection.execute("select visit_id from raw.visits").fetchall() == [("x",)]
