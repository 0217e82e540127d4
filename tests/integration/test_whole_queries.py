"""Queries without a window: one for the whole past, then what is new, late or gone, by its own time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from conftest import Databases
from landing_of import Raw, brand

from orchestration import warehouse
from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.extract_days import available
from orchestration.sources.loading.load import LoadResult, load_extract, load_extracts
from orchestration.sources.looks import announce
from orchestration.sources.pending import pending_extracts

TODAY = date(2026, 3, 20)
WORDS = """
datasets:
  messages:
    connector: sql
    url_env: SHOP_URL
    query: select 'acme' as brand_id, id, thread, author, at, false as is_automatic, kind from chat -- ::text, :x, %
    columns: {id: message_id, thread: conversation_id, author: sender_type, at: sent_at, kind: content_type}
    values: {sender_type: {agent: member}}
    where: {kind: [text, photo]}
    changed_since: id
    timezone: Europe/Paris
"""


class Shop:
    """Somebody's chat database, and a platform that reads it."""

    def __init__(self, url: str, raw: Raw, folder: Path) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.raw = raw
        self.file = folder / "sources.yml"
        self.words = WORDS

    def do(self, statement: str, *values: Any) -> None:
        self.connection.execute(statement, values)  # type: ignore[call-overload]

    def load(self, today: date = TODAY) -> list[LoadResult]:
        """What `causerie run` loads, and refuses."""
        self.file.write_text(self.words)
        sources = read_sources(self.file, "unused")
        extracts = [(one.dataset, one.day) for one in pending_extracts(self.raw.connection, sources, today)]
        announce(sources, extracts)
        return [load_extract(self.raw.connection, DATASETS[name], day, sources[name]) for name, day in extracts]

    def run(self, today: date = TODAY) -> list[LoadResult]:
        """What it loads, where it refuses nothing."""
        loads = self.load(today)
        assert all(load.outcome != "refused" for load in loads), loads
        return loads

    def loaded(self) -> list[str]:
        return [row[0] for row in self.raw.all("select message_id from raw.messages order by message_id::bigint")]


@pytest.fixture
def shop(server: str, connection: psycopg.Connection[Any], tmp_path: Path, monkeypatch: Any) -> Iterator[Shop]:
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()], date(2026, 3, 1))
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("drop database if exists whole_shop with (force)")
        admin.execute("create database whole_shop")
        admin.execute("alter database whole_shop set timezone = 'Asia/Tokyo'")
        url = urlsplit(server)._replace(path="/whole_shop").geturl()
        monkeypatch.setenv("SHOP_URL", url)
        made = Shop(url, raw, tmp_path)
        made.do("create table chat (id bigint, thread text default 'c', author text default 'agent', at timestamp,"
                " kind text default 'text')")  # fmt: skip
        # 0:30 in Paris is 23:30 of the day before, UTC.
        made.do("insert into chat (id, at) select n, timestamp '2026-03-01 00:30' + (n - 1) * interval '1 day'"
                " from generate_series(1, 15) n")  # fmt: skip
        yield made
        made.connection.close()
        admin.execute("drop database whole_shop with (force)")


def test_the_whole_past_is_one_look_and_one_query(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.sources.connectors import sql

    shop.words += "    deletes: compare\n"
    asked: list[str] = []

    def note(way: str) -> None:
        real = getattr(sql._Asking, way)

        def noted(self: Any, query: Any) -> Any:
            asked.append(str(query))
            return real(self, query)

        monkeypatch.setattr(sql._Asking, way, noted)

    note("run")
    note("stream")
    loads = shop.run()
    assert len(asked) == 2 and len(loads) == 15 and all(load.outcome == "loaded" for load in loads)
    assert shop.raw.all("select extract_day::text, (sent_at at time zone 'UTC')::text, sender_type from raw.messages"
                        " order by 1 limit 1") == [("2026-02-28", "2026-02-28 23:30:00", "member")]  # fmt: skip
    assert shop.run() == [] and len(asked) == 4  # a look, and what has vanished


def test_a_row_written_late_is_seen_however_old_its_time(shop: Shop) -> None:
    shop.run()
    shop.do("insert into chat (id, at) select 100 + n, timestamp '2026-03-05 12:00' from generate_series(1, 40) n")
    assert [(load.day, load.counts.read) for load in shop.run()] == [(date(2026, 3, 5), 41)]
    assert len(shop.loaded()) == 55 and shop.run() == []


def test_a_transaction_that_was_open_is_seen_the_next_day(shop: Shop) -> None:
    shop.do("insert into chat (id, at) values (50, '2026-03-16 12:00')")
    shop.run()
    shop.do("insert into chat (id, at) values (40, '2026-03-16 12:00')")
    assert shop.run() == []
    assert "40" not in shop.loaded()
    shop.run(TODAY + timedelta(days=1))
    assert "40" in shop.loaded() and shop.run(TODAY + timedelta(days=1)) == []


def test_today_is_left_for_tomorrow_even_behind_an_imported_row(shop: Shop) -> None:
    shop.do("insert into chat (id, at) select 20 + n, '2026-03-20 09:00' from generate_series(1, 3000) n")
    shop.do("insert into chat (id, at) values (9000, '2026-03-11 09:00')")
    shop.run()
    assert "9000" in shop.loaded() and "21" not in shop.loaded()
    shop.run(TODAY + timedelta(days=1))
    assert len(shop.loaded()) == 15 + 3000 + 1


def test_what_vanished_goes_and_is_a_correction(shop: Shop) -> None:
    shop.words += "    deletes: compare\n"
    shop.run()
    shop.do("delete from chat where id in (3, 4)")
    shop.do("insert into chat (id, at) values (0, '2026-03-09 12:00')")
    loads = shop.run()
    assert [load.day.isoformat() for load in loads] == ["2026-03-02", "2026-03-03", "2026-03-09"]
    assert shop.loaded() == ["0", "1", "2", *map(str, range(5, 16))]
    newest = max(load.load_id for load in loads[:2])
    assert shop.raw.all(f"select distinct is_correction from raw.touched where load_id = {newest}") == [(True,)]
    assert shop.run() == [] and shop.raw.all("select * from raw.vanished") == []


@pytest.mark.fault(
    51,
    "rows of a database arrive late, are removed, or were hidden by a transaction that was open",
    "seen by the next night",
)
def test_the_next_night_makes_of_it_what_a_fresh_load_makes(
    shop: Shop, databases: Databases, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    shop.words += "    deletes: compare\n"
    shop.do("insert into chat (id, at) values (50, '2026-03-16 12:00')")
    shop.run()
    shop.do("insert into chat (id, at) select 100 + n, timestamp '2026-03-05 12:00' from generate_series(1, 40) n")
    shop.do("insert into chat (id, at) values (40, '2026-03-16 12:00')")
    shop.do("delete from chat where id in (3, 4)")
    tomorrow = TODAY + timedelta(days=1)
    shop.run(tomorrow)
    with databases() as url, warehouse.connect(url) as connection:
        raw = Raw(connection, tmp_path / "fresh")
        raw.take("brands", [brand()], date(2026, 3, 1))
        fresh = Shop(os.environ["SHOP_URL"], raw, tmp_path)
        fresh.words = shop.words
        fresh.run(tomorrow)
        assert shop.raw.state() == fresh.raw.state()
        assert len(fresh.loaded()) == 15 + 1 + 40 + 1 - 2
        fresh.connection.close()
    figure("41 rows late, 2 removed: equal to a fresh load")


def test_an_emptied_database_is_not_believed(shop: Shop) -> None:
    shop.words += "    deletes: compare\n"
    shop.do("insert into chat (id, at) select 100 + n, timestamp '2026-03-05 12:00' from generate_series(1, 40) n")
    shop.run()
    shop.do("truncate chat")
    assert shop.run() == [] and len(shop.loaded()) == 55
    assert shop.raw.all("select reason from raw.load where outcome = 'refused'") == [
        ("messages: 55 of 55 rows are no longer in the source; so many are not taken out"
         " (is this the database that it was?)",)]  # fmt: skip


def test_a_row_without_a_time_waits_and_a_bad_query_is_refused(shop: Shop) -> None:
    shop.do("insert into chat (id, at) values (16, null), (17, '1970-01-01')")
    shop.run()
    assert shop.raw.all("select rule, \"row\" ->> 'message_id' from raw.quarantine order by 2") == [
        ("required", "16"), ("too_early", "17")]  # fmt: skip
    shop.words = shop.words.replace("kind from chat", "no_such from chat")
    assert shop.run() == []
    assert "no_such" in str(shop.raw.all("select reason from raw.load where outcome = 'refused'"))


def test_a_row_of_no_brand_waits_until_it_has_one(shop: Shop) -> None:
    shop.words += "    deletes: compare\n"
    shop.words = shop.words.replace("select 'acme' as", "select case thread when 'lost' then null else 'acme' end as")
    shop.words = shop.words.replace("where: {", 'where: {brand_id: [acme, ""], ')
    shop.do("update chat set thread = 'lost' where id = 3")
    shop.run()
    assert shop.raw.all("select rule, column_name, \"row\" ->> 'message_id' from raw.quarantine") == [
        ("required", "brand_id", "3")]  # fmt: skip
    assert shop.run() == []  # it is none that raw lacks
    shop.do("update chat set thread = 'found' where id = 3")
    assert [load.day for load in shop.run()] == [date(2026, 3, 2)]
    assert "3" in shop.loaded() and shop.raw.all("select rule from raw.quarantine") == []


def test_rows_that_a_source_leaves_out_are_counted_by_its_reason(shop: Shop) -> None:
    shop.words += "    deletes: compare\n    left_out: why\n"
    shop.words = shop.words.replace("kind from chat", "kind, case thread when 'n' then 'a note' end as why from chat")
    shop.do("update chat set thread = 'n' where id in (3, 4)")
    loads = shop.run()
    assert [dict(load.warnings) for load in loads[1:5]] == [{}, {"left out: a note": 1}, {"left out: a note": 1}, {}]
    assert "3" not in shop.loaded() and len(shop.loaded()) == 13 and shop.run() == []
    shop.do("update chat set thread = 'c' where id = 3")
    shop.run()
    assert "3" in shop.loaded()


def test_a_day_that_can_t_be_read_is_refused_alone(shop: Shop) -> None:
    told = "case id when 3 then to_jsonb(1.5) else to_jsonb(thread) end as thread"
    shop.file.write_text(shop.words.replace("id, thread", f"id, {told}", 1))
    sources = read_sources(shop.file, "unused")
    days = [one.day for one in pending_extracts(shop.raw.connection, sources, TODAY)]
    announce(sources, [("messages", day) for day in days])
    loads = list(load_extracts(shop.raw.connection, DATASETS["messages"], days, sources["messages"]))
    refused = {load.day: str(load.reason) for load in loads if load.outcome == "refused"}
    assert list(refused) == [date(2026, 3, 2)], refused
    assert "query for 2026-03-02: column conversation_id holds floating-point" in refused[date(2026, 3, 2)]
    assert len(shop.loaded()) == 14


# Values of every kind that PostgreSQL sends, good and bad: a column of the contract, and what it is asked for.
ODD = r"""
create type kind as enum ('text', 'photo'); create domain author as varchar;
create table odd as select * from (values
 (1::bigint, 'a b', '2026-03-01 10:00Z'::timestamptz, true, 1.50::numeric, 'text'::kind, 'bot'::author),
 (2, 'quote " and, comma', '2026-03-01 10:00:00.123456Z', false, 0.0000000001, 'photo', 'visitor'),
 (3, e'two\nlines\r\nand \\N', '2026-03-02 10:00Z', null, 'NaN', 'text', ''),
 (4, '', '2026-03-03 10:00Z', true, 12345678901234567890.5, 'text', null),
 (5, null, '2026-03-03 11:00Z', false, -7, null, 'member'),
 (6, '%s :x é', '1999-12-31 10:00Z', true, null, 'text', 'bot')
) as odd (id, words, at, flag, amount, kind, author)
"""
KINDS = {
    "plain": ("id", "words", "author", "at", "flag", "kind"),
    "numbers": ("id::smallint", "amount", "author", "at", "id::int", "kind::text"),
    "uuids and lists": ("md5(id::text)::uuid", "array[words]", "author", "at", "flag", "array[kind::text, 'text']"),
    "json": ("to_jsonb(id)", "to_jsonb(words)", "author", "at", "to_jsonb(flag)", "to_json(array['text'])"),
    "names, days, times of a clock": ("id::text::name", "at::date", "author", "at::timestamp", "'TRUE'", "flag"),
    "bytes": ("id::char(3)", "words::bytea", "author", "at", "flag", "interval '1 day'"),
    "floats": ("id", "id::float8", "author", "at", "flag", "kind"),
    "no times": ("id", "words", "author", "null::timestamptz", "null::bool", "null::int"),
    "times before Christ": ("id", "words", "author", "at - interval '3000 years'", "flag", "kind"),
    "no end of time": ("id", "words", "author", "'infinity'::timestamptz", "flag", "kind"),
}


@pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)
def test_what_postgresql_copies_is_what_its_driver_gives(
    shop: Shop, kinds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.sources.connectors import sql
    from orchestration.sources.connectors.extract import Refusal
    from orchestration.sources.loading.bulk_copy import as_text

    shop.connection.execute(ODD)
    names = ("message_id", "conversation_id", "sender_type", "sent_at", "is_automatic", "content_type")
    told = ", ".join(f"{value} as {name}" for name, value in zip(names, kinds, strict=True))
    query = f"select 'acme' as brand_id, words as beside, {told} from odd order by id"

    def read(words: str) -> list[Any]:
        shop.file.write_text(
            f"datasets:\n  messages:\n    connector: sql\n    url_env: SHOP_URL\n    query: {query!r}\n{words}"
        )
        source: Any = read_sources(shop.file, "unused")["messages"]
        extract = source.everything()
        try:
            batches = list(extract.batches)
        except Refusal as refusal:
            return [str(refusal)]
        columns = [{name: as_text(column).to_pylist() for name, column in batch.columns.items()} for batch in batches]
        return [columns, [batch.faults for batch in batches], extract.unknown, extract.left_out]

    for words in ("", "    values: {is_automatic: {t: true, 1: true}, content_type: {text: photo}}\n",
                  "    left_out: beside\n", "    timezone: Europe/Paris\n    round: {}\n"):  # fmt: skip
        copied = read(words)
        with monkeypatch.context() as only:
            only.setattr(sql, "can_copy", lambda connection: False)
            assert copied == read(words)


def test_both_ways_from_postgresql_make_the_same_tables(
    shop: Shop, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.sources.connectors import sql

    shop.do(
        "insert into chat (id, thread, author, at, kind) select 100 + n, 'c' || mod(n, 7),"
        " case mod(n, 50) when 0 then 'x' else 'agent' end, timestamp '2026-03-01' + n * interval '37 minutes',"
        " case mod(n, 3) when 0 then 'no' else 'text' end from generate_series(1, 700) n"
    )
    shop.do("insert into chat (id, at) values (101, '2026-03-01 12:00'), (16, null), (17, '1970-01-01')")
    shop.run()
    with databases() as url, warehouse.connect(url) as connection:
        raw = Raw(connection, tmp_path / "fresh")
        raw.take("brands", [brand()], date(2026, 3, 1))
        general = Shop(os.environ["SHOP_URL"], raw, tmp_path)
        monkeypatch.setattr(sql, "can_copy", lambda connection: False)
        general.run()
        assert shop.raw.state() == general.raw.state() and len(shop.loaded()) > 400
        general.connection.close()


@pytest.mark.parametrize("then", ["", " union all select 'acme', 1, '', '', now(), false, '' from pg_sleep(3600)"])
def test_a_stream_that_is_left_gives_its_connection_back(shop: Shop, then: str) -> None:
    shop.do("insert into chat (id, at) select 100 + n, '2026-03-05 12:00' from generate_series(1, 200000) n")
    shop.words = shop.words.replace(" -- ", f"{then} -- ")
    shop.file.write_text(shop.words)
    source: Any = read_sources(shop.file, "unused")["messages"]
    batches = source.everything().batches
    assert len(next(batches).lines) == 65_536
    batches.close()
    shop.do("set lock_timeout = '30s'")
    shop.do("drop table chat")  # which waits for whoever still reads it


ENDED = (
    "the source ended the query (its statement_timeout, or somebody): canceling statement due to statement timeout"
)


@pytest.fixture
def hurried(shop: Shop, server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The shop read by a role whose statements may last 600 ms; a message's thread is told after `pause.seconds`."""
    shop.do("create table pause (id bigint, seconds float)")
    shop.do(
        "create function slowly(told text, message bigint) returns text stable language sql return"
        " (select told from pause, pg_sleep(seconds) where pause.id = message union all select told limit 1)"
    )
    shop.words = shop.words.replace("id, thread", "id, slowly(thread, id) as thread", 1)
    role = f"hurried_{uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"create role {role} login password 'x'".encode())
        admin.execute(f"alter role {role} set statement_timeout = '600ms'".encode())
        shop.do(f"grant select on chat, pause to {role}")
        address = urlsplit(os.environ["SHOP_URL"])
        place = address.netloc.rpartition("@")[2]
        monkeypatch.setenv("SHOP_URL", address._replace(netloc=f"{role}:x@{place}").geturl())
        yield shop
        shop.do(f"drop owned by {role}")
        admin.execute(f"drop role {role}".encode())


def test_a_source_that_ends_the_one_query_is_asked_for_less_at_once(
    hurried: Shop, databases: Databases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hurried.do("insert into pause select id, 0.1 from chat")
    assert len(hurried.run()) == 15 and len(hurried.loaded()) == 15 and hurried.run() == []
    whole, half = (record.getMessage() for record in caplog.records)
    assert whole.startswith(f"messages: query for 2026-02-28 to 2026-03-14: {ENDED}")
    assert whole.endswith("; what is left is asked for from 2026-02-28 on, 7 days at once")
    assert half.startswith(f"messages: query for 2026-02-28 to 2026-03-06: {ENDED}")
    assert half.endswith("; what is left is asked for from 2026-02-28 on, day by day")
    hurried.do("truncate pause")
    with databases() as url, warehouse.connect(url) as connection:
        raw = Raw(connection, tmp_path / "fresh")
        raw.take("brands", [brand()], date(2026, 3, 1))
        fresh = Shop(os.environ["SHOP_URL"], raw, tmp_path)
        fresh.words = hurried.words
        fresh.run()
        assert hurried.raw.state() == fresh.raw.state()
        fresh.connection.close()


def test_a_day_that_a_source_gives_no_time_for_is_refused_alone_and_comes_when_it_does(hurried: Shop) -> None:
    hurried.do("insert into pause values (9, 60)")
    refused = {load.day: str(load.reason) for load in hurried.load() if load.outcome == "refused"}
    assert list(refused) == [date(2026, 3, 8)]
    assert refused[date(2026, 3, 8)].startswith(f"messages: query for 2026-03-08: {ENDED}")
    assert hurried.loaded() == [str(number) for number in range(1, 16) if number != 9]
    hurried.do("truncate pause")
    assert [load.day for load in hurried.run()] == [date(2026, 3, 8)] and "9" in hurried.loaded()


def test_a_source_that_gives_no_time_to_compare_still_brings_what_is_new(hurried: Shop) -> None:
    hurried.words = hurried.words.replace("brand_id, id,", "brand_id, slowly(id::text, id) as told, id,", 1)
    hurried.words = hurried.words.replace("{id: message_id", "{told: message_id", 1) + "    deletes: compare\n"
    hurried.run()
    hurried.do("insert into pause values (3, 60)")
    hurried.do("delete from chat where id = 2")
    hurried.do("insert into chat (id, at) values (2000, '2026-03-18 12:00')")
    assert "2000" in [*hurried.run(), *hurried.loaded()]
    ((day, reason),) = hurried.raw.all("select extract_day, reason from raw.load where outcome = 'refused'")
    assert day == TODAY and reason.startswith(f"messages: comparing ids: {ENDED}")
    hurried.do("truncate pause")
    hurried.run()
    assert "2" not in hurried.loaded()


def test_another_mapping_reads_every_day_again(shop: Shop) -> None:
    shop.run()
    shop.words = shop.words.replace("{agent: member}", "{agent: bot}")
    assert len(shop.run()) == 15


def test_facts_before_from_are_left_and_entities_are_not(shop: Shop) -> None:
    shop.words += "    from: 2026-03-10\n"
    shop.do("create table people as select 'm' as member_id, 1 as role, timestamptz '2025-01-01Z' as updated_at")
    shop.words += (
        "  members:\n    connector: sql\n    url_env: SHOP_URL\n    from: 2026-03-10\n    deletes: compare\n"
        "    query: select 'acme' as brand_id, p.* from people p\n"
    )
    shop.run()
    assert shop.loaded() == [str(number) for number in range(11, 16)]
    assert shop.raw.all("select extract_day::text from raw.members") == [("2025-01-01",)]
    assert available(read_sources(shop.file, "unused")) == []


def test_without_a_cursor_the_look_back_is_read_again(shop: Shop) -> None:
    shop.words = shop.words.replace("    changed_since: id\n", "")
    shop.run()
    shop.do("insert into chat (id, at) values (30, '2026-03-18 12:00'), (31, '2026-03-05 12:00')")
    shop.run()
    assert "30" in shop.loaded() and "31" not in shop.loaded()


def test_a_database_that_keeps_times_as_text(raw: Raw, tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "shop.db") as other:
        other.execute("create table chat (id, at)")
        rows = [(n, f"2026-03-{n:02}T23:30:00-01:00") for n in range(1, 9)]
        other.executemany("insert into chat values (?, ?)", rows)
    file = tmp_path / "sources.yml"
    file.write_text(
        f"""
datasets:
  messages:
    connector: sql
    url: sqlite:///{tmp_path}/shop.db
    deletes: compare
    query: select 'acme' as brand_id, id as message_id, at as sent_at from chat
    set: {{is_automatic: true, content_type: text, sender_type: bot, conversation_id: c}}
"""
    )

    def run() -> list[Any]:
        sources = read_sources(file, "unused")
        extracts = [(one.dataset, one.day) for one in pending_extracts(raw.connection, sources, TODAY)]
        announce(sources, extracts)
        loads = [load_extract(raw.connection, DATASETS[name], day, sources[name]) for name, day in extracts]
        assert all(load.outcome != "refused" for load in loads), loads
        return raw.all("select message_id, extract_day::text from raw.messages order by 1")

    assert run() == [(str(n), f"2026-03-{n + 1:02}") for n in range(1, 9)]
    with sqlite3.connect(tmp_path / "shop.db") as other:
        other.execute("delete from chat where id = 2")
    assert len(run()) == 7


def test_a_missing_driver_is_named(tmp_path: Path) -> None:
    from orchestration.sources.connectors.database import Database
    from orchestration.sources.connectors.extract import Refusal

    wanted = {"oracle+oracledb://x/y": "pip install oracledb", "nosuch://x/y": "knows no database 'nosuch'"}
    for url, words in wanted.items():
        with pytest.raises(Refusal, match=words), Database("messages", url, None).connect("messages"):
            pass


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path) -> Raw:
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()], date(2026, 3, 1))
    return raw
