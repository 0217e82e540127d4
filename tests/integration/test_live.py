"""Live readings: what they count, where from, and that they agree with the next morning's report.

Here: loaded rows, a chat database under the contract's names and under its own. Not here: the cache and the screen
(test_live_cache.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from asking import report, values
from brute import live as brute
from brute.brands import Brand
from brute.facts import KEYS, winning
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from thoroughness import times
from town import Town

from orchestration.readers import live
from orchestration.readers.live import Asked
from orchestration.settings import Settings
from simulator import chat

pytestmark = pytest.mark.xdist_group("town")

examples = settings(max_examples=times(1, 3), deadline=None, phases=[Phase.reuse, Phase.generate])
SAME = {
    "Day-Card-1": ("Wlst-Card-1",),
    "Day-Card-2": ("Wlst-Card-10",),
    "Day-Card-3": ("Chat-Card-2", "Chat-Card-3"),
    "Day-Card-4": ("Chat-Card-10",),
    "Day-Card-5": ("Chat-Card-20",),
    "Day-Card-6": ("Chat-Card-70",),
}


def loaded(town: Town, tmp_path: Path) -> Settings:
    return Settings.from_environment({"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": town.night.url})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="module")
def chat_database(town: Town, databases: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """The town's newest rows as a chat database holds them: one row per key, the newest version of each member."""
    with databases() as url:
        with psycopg.connect(url) as connection:
            chat.create_tables(connection)
            everything = {
                name: [line for brand in town.brands for line in brand.rows.get(name, ())] for name in chat.TABLES
            }
            everything["members"] = newest(everything["members"], "member_id")
            everything["calls"] = newest(everything["calls"], "call_id")
            for name, lines in everything.items():
                found = winning(name, lines) if name in KEYS else lines
                chat.write(
                    connection,
                    [
                        chat.Change(datetime.min, name, {k: v for k, v in row.items() if k != "extract_day"})
                        for row in found
                    ],
                )
        yield url


def newest(lines: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return list({(r["brand_id"], r[key]): r for r in sorted(lines, key=lambda r: r["updated_at"])}.values())


def instants(brand: Brand, town: Town, rng: Random) -> Iterator[datetime]:
    """Instants at and around the brand's facts, where readings differ."""
    conversations = list(town.facts[brand.brand_id].conversations.values())
    for _ in range(4):
        about = rng.choice(conversations)
        at = rng.choice(
            [about.requested_at, about.handled_at or about.requested_at, *(m.sent_at for m in about.messages)]
        )
        yield at + rng.choice((timedelta(0), timedelta(microseconds=1), timedelta(minutes=5), timedelta(hours=2)))


def filters(brand: Brand, rng: Random) -> dict[str, tuple[Any, ...] | None]:
    return {
        "members": tuple(rng.choices(sorted(brand.members), k=2)) if rng.random() < 0.4 else None,
        "roles": tuple(rng.sample(range(7), 3)) if rng.random() < 0.4 else None,
    }


@examples
@given(seed=st.integers(0, 2**32))
def test_a_reading_of_loaded_rows_is_what_a_reader_of_the_rows_would_count(town: Town, home: Path, seed: int) -> None:
    rng = Random(seed)
    for brand in town.brands:
        for at in instants(brand, town, rng):
            asked = filters(brand, rng)
            said = live.read(loaded(town, home), Asked(brand.brand_id, at=at, **asked))
            facts = town.facts[brand.brand_id]
            assert dict(said.figures) == brute.live(facts, at, **asked), f"{brand.brand_id} {brand.zone} {at} {asked}"
            assert said.read_at == at
            for member in said.members[:2]:
                alone = brute.live(facts, at, [member.member_id])
                if asked["roles"] is None:
                    assert dict(member.figures) == {ref: alone[ref] for ref in live.LIST}, f"{brand.brand_id} {at}"


@examples
@given(seed=st.integers(0, 2**32))
def test_a_reading_is_the_report_of_that_day_as_of_its_instant(town: Town, home: Path, seed: int) -> None:
    rng = Random(seed)
    with town.night.connect() as connection:
        for brand in town.brands:
            for at in instants(brand, town, rng):
                asked = filters(brand, rng)
                said = live.read(loaded(town, home), Asked(brand.brand_id, at=at, **asked))
                named = {name: list(value) for name, value in asked.items() if value is not None}
                refs = [ref for them in SAME.values() for ref in them]
                told = values(
                    report(connection, brand.brand_id, said.local_date, said.local_date, as_of=at, refs=refs, **named)
                )
                for card, them in SAME.items():
                    parts = [told[ref, (), None].value for ref in them]
                    # The report does not know what no feed had told of by then; the chat database has its tables.
                    if None not in parts:
                        assert said.figures[card] == sum(parts), f"{card} {brand.brand_id} {brand.zone} {at} {asked}"


def test_the_chat_database_says_the_same_as_the_rows_loaded_from_it(town: Town, home: Path, chat_database: str) -> None:
    """But for the names of members: a chat database has the newest one only."""

    def unnamed(said: live.Reading) -> live.Reading:
        members = sorted((replace(one, name="") for one in said.members), key=lambda one: one.member_id)
        return replace(said, origin="loaded rows", members=tuple(members))

    rng = Random(5)
    mapped = home / "closings.yml"
    mapped.write_text("datasets: {}\nlive: {tables: {conversation_events: {table: conversation_events}}}\n")
    there = replace(loaded(town, home), live_url=chat_database, sources_file=mapped)
    for brand in town.brands:
        for at in instants(brand, town, rng):
            asked = Asked(brand.brand_id, at=at)
            assert unnamed(live.read(there, asked)) == unnamed(live.read(loaded(town, home), asked))


def test_a_chat_database_has_its_own_names(town: Town, home: Path, chat_database: str, tmp_path: Path) -> None:
    """Another schema, another column, other words, a query, and a dataset that it does not have."""
    with psycopg.connect(chat_database) as connection:
        connection.execute("create schema if not exists app")
        connection.execute(
            "create view app.chats as select conversation_id as \"Chat\", case source when 'direct' then 'to one'"
            " else source end as way, brand_id, kind, requested_at, cancelled_at, handled_at, member_id"
            " from conversations"
        )
        connection.execute("alter table ratings rename to opinions")
    try:
        sources = tmp_path / "sources.yml"
        sources.write_text(
            """
live:
  timeout_seconds: 20
  tables:
    conversations: {table: app.chats, columns: {Chat: conversation_id, way: source}, values: {source: {to one: direct}}}
    ratings: {query: "select * from opinions where status like '%'"}
    member_activity: none
    conversation_events: {table: conversation_events}
datasets: {}
"""
        )
        brand = town.brands[0]
        at = next(instants(brand, town, Random(3)))
        asked = Asked(brand.brand_id, at=at)
        own = replace(loaded(town, home), live_url=chat_database, sources_file=sources)
        said, wanted = live.read(own, asked), live.read(loaded(town, home), asked)
        assert {ref: v for ref, v in said.figures.items() if ref != "Live-Card-1"} == {
            ref: v for ref, v in wanted.figures.items() if ref != "Live-Card-1"
        }
        unmapped = replace(own, sources_file=Settings.from_environment({}).sources_file)
        with pytest.raises(live.LiveError, match='relation "ratings" does not exist: say under live: tables'):
            live.read(unmapped, asked)
    finally:
        with psycopg.connect(chat_database) as connection:
            connection.execute("alter table opinions rename to ratings")


def test_without_an_instant_loaded_rows_are_read_as_of_the_newest_fact(town: Town, home: Path) -> None:
    brand = town.brands[0]
    said = live.read(loaded(town, home), Asked(brand.brand_id))
    times = [
        row[name]
        for dataset, name in live.FACTS
        for row in winning(dataset, brand.rows.get(dataset, []))
        if row[name] is not None
    ]
    assert said.read_at == max(times) + timedelta(microseconds=1)
    assert said.origin == "loaded rows"
    assert said.age_seconds(said.read_at + timedelta(hours=3)) == 3 * 3600


def test_a_brand_that_nobody_knows_is_named(town: Town, home: Path) -> None:
    with pytest.raises(live.LiveError, match="the loaded rows know no brand 'nobody'"):
        live.read(loaded(town, home), Asked("nobody"))


@pytest.fixture
def shop(databases: Callable[[], AbstractContextManager[str]], tmp_path: Path) -> Iterator[tuple[Settings, Any]]:
    """A chat database with the tables of the contract, empty, and the settings that point at it."""
    with databases() as url, psycopg.connect(url, autocommit=True) as connection:
        chat.create_tables(connection)
        yield (
            Settings.from_environment(
                {"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_LIVE_URL": url, "CAUSERIE_DATABASE_URL": url}
            ),
            connection,
        )


def test_a_morning_worked_out_by_hand(shop: tuple[Settings, Any]) -> None:
    """Paris, 10 March, 10:00 (09:00 UTC). Yesterday's question is handled at 09:30 and answered at 09:57; a request of
    09:50 waits; a direct one of 09:55 has only its question; one order of 60 with 5 of shipping, a score of 4."""
    settings_, connection = shop

    def at(clock: str, day: int = 10) -> datetime:
        return datetime.fromisoformat(f"2026-03-{day:02d}T{clock}:00+01:00")

    def put(table: str, **row: Any) -> None:
        row = {name: Jsonb(v) if isinstance(v, dict) else v for name, v in row.items()}
        names = ", ".join(row)
        slots = ", ".join(f"%({name})s" for name in row)
        connection.execute(f"insert into {table} (brand_id, {names}) values ('b', {slots})".encode(), row)

    put("brands", name="B", timezone="Europe/Paris", currency="EUR", locale="fr", updated_at=at("00:00", 1))
    put("members", member_id="anna", first_name="Anna", role=2, updated_at=at("00:00", 1))
    whole = {"kind": "customer", "channel": "web", "medium": "text", "initiated_by": "visitor", "visitor_id": "v",
             "is_blocked": False, "updated_at": at("10:00")}  # fmt: skip
    put("conversations", conversation_id="c1", source="waiting_list", requested_at=at("22:00", 9),
        handled_at=at("09:30"), member_id="anna", **whole)  # fmt: skip
    put("conversations", conversation_id="c2", source="waiting_list", requested_at=at("09:50"), **whole)
    put("conversations", conversation_id="c3", source="direct", requested_at=at("09:55"), member_id="anna", **whole)
    put("conversations", conversation_id="inside", source="direct", requested_at=at("09:55"), member_id="anna",
        **{**whole, "kind": "internal"})  # fmt: skip
    for number, (chat_id, side, moment) in enumerate(
        [("c1", "visitor", at("22:01", 9)), ("c1", "member", at("09:57")), ("c3", "visitor", at("09:56"))]
    ):
        put("messages", message_id=str(number), conversation_id=chat_id, sender_type=side, sent_at=moment,
            sender_id="anna" if side == "member" else "v", is_automatic=False, content_type="text")  # fmt: skip
    put("ratings", rating_id="r", conversation_id="c1", requested_at=at("22:30", 9), given_at=at("09:58"), score=4,
        status="submitted", updated_at=at("09:58"))  # fmt: skip
    put("orders", order_id="o", conversation_id="c1", channel="web", origin="conversation", ordered_at=at("09:59"),
        payment_method="card", currency="EUR", gross_amount=60, tax_amount=10, shipping_amount=5, discount_amount=0,
        updated_at=at("09:59"))  # fmt: skip

    said = live.read(settings_, Asked("b", at=at("10:00")))
    assert said.figures == {
        "Live-Card-1": 1, "Live-Card-2": 1, "Live-Card-3": 2, "Day-Card-1": 1, "Day-Card-2": 1, "Day-Card-3": 1,
        "Day-Card-4": 1, "Day-Card-5": 1, "Day-Card-6": 0, "Day-Card-7": 4, "Day-Card-8": 1, "Day-Card-9": 55,
    }  # fmt: skip
    (anna,) = said.members
    assert (anna.name, anna.last_active_at) == ("Anna", at("09:57"))
    assert anna.figures == {"Day-Card-2": 1, "Day-Card-4": 1, "Day-Card-5": 1, "Day-Card-6": 0, "Day-Card-7": 4,
                            "Day-Card-8": 1, "Day-Card-9": 55}  # fmt: skip
    # Anna's message of 09:57 is five minutes old, exactly, and the only one; a microsecond later none is.
    for moment, figures in ((at("10:02"), (1, 1)), (at("10:02") + timedelta(microseconds=1), (0, 0))):
        lately = live.read(settings_, Asked("b", at=moment))
        assert (lately.figures["Live-Card-1"], lately.figures["Live-Card-3"]) == figures
    # A table that there is not tells nothing, and not 0; who wrote was active all the same.
    sources = settings_.home / "without.yml"
    sources.write_text("datasets: {}\nlive: {tables: {orders: none, ratings: none, member_activity: none}}\n")
    less = live.read(replace(settings_, sources_file=sources), Asked("b", at=at("10:00")))
    assert less.missing == {"Day-Card-6": ["ratings"], "Day-Card-7": ["ratings"], "Day-Card-8": ["orders"],
                            "Day-Card-9": ["orders"]}  # fmt: skip
    assert {ref: v for ref, v in less.figures.items() if ref not in less.missing} == {
        ref: v for ref, v in said.figures.items() if ref not in less.missing
    }
    assert all(figures[ref] is None for figures in (less.figures, less.members[0].figures) for ref in less.missing
               if ref in figures)  # fmt: skip
    assert live.unknown_without({"messages", "member_activity"})["Live-Card-1"] == ["member_activity", "messages"]
    # At midnight nothing of today has happened; the request of 22:00 waited then.
    early = live.read(settings_, Asked("b", at=at("00:00")))
    assert {ref: v for ref, v in early.figures.items() if v} == {"Live-Card-2": 1}
    assert early.figures["Day-Card-7"] is None and early.figures["Day-Card-9"] == Decimal(0)


def test_the_future_does_not_show_in_a_simulated_day(shop: tuple[Settings, Any]) -> None:
    """What the database says at noon is what the whole day's rows say as of noon: later changes hide nothing."""
    settings_, connection = shop
    made = chat.changes(date(2026, 3, 10), seed=3, conversations_per_day=60)
    noon = datetime(2026, 3, 10, 11, tzinfo=UTC)
    asked = Asked("maison-lumen", at=noon)
    chat.write(connection, [change for change in made if change.at < noon])
    said = live.read(settings_, asked)
    chat.write(connection, [change for change in made if change.at >= noon])
    assert live.read(settings_, asked) == said
    assert all(said.figures[ref] for ref in ("Day-Card-1", "Day-Card-2", "Day-Card-4", "Day-Card-5", "Live-Card-2"))


def test_a_reading_changes_nothing_and_ends_in_time(shop: tuple[Settings, Any], tmp_path: Path) -> None:
    settings_, connection = shop
    chat.write(connection, chat.changes(date(2026, 3, 10), seed=3, conversations_per_day=5)[:50])
    slow = tmp_path / "slow.yml"
    slow.write_text(
        "datasets: {}\nlive:\n  timeout_seconds: 0.2\n  tables:\n"
        "    brands: {query: 'select *, pg_sleep(30) from brands'}\n"
    )
    with pytest.raises(live.LiveError, match=r"took over 0.2 s and was stopped"):
        live.read(replace(settings_, sources_file=slow), Asked("maison-lumen"))
    writing = tmp_path / "writing.yml"
    connection.execute(
        "create function meddle() returns setof brands language sql"
        " as 'insert into brands select * from brands returning *'"
    )
    writing.write_text("datasets: {}\nlive:\n  tables:\n    brands: {query: select * from meddle()}\n")
    with pytest.raises(live.LiveError, match="read-only transaction"):
        live.read(replace(settings_, sources_file=writing), Asked("maison-lumen"))
