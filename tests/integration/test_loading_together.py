"""Extracts that are loaded together leave what each would have left by itself, and none spoils another."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from landing_of import DAY, Raw, brand, conversation, message, order
from thoroughness import times

from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.files import FilesSource
from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.connectors.sql import WholeQuery
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading import gathering
from orchestration.sources.loading.load import LoadResult, load_extracts
from orchestration.sources.looks import announce
from orchestration.sources.pending import pending_extracts

DAYS = [DAY + timedelta(days=number) for number in range(4)]
WRITTEN = ("load", "load_count", "quarantine", "profile", "extract", "touched")

moments = st.sampled_from(["2026-03-10T09:00:00Z", "2026-03-10T10:00:00Z", "2026-03-11T09:00:00Z", "?"])
brand_ids = st.sampled_from(["acme", "acme", "acme", "later"])
rows = {
    "messages": st.builds(
        lambda brand_id, number, place, kind: message(
            number, brand_id=brand_id, conversation_id=place, content_type=kind
        ),
        brand_ids, st.integers(0, 4), st.sampled_from(["a", "b"]), st.sampled_from(["text", "photo", "bad", None]),
    ),
    "conversations": st.builds(
        lambda brand_id, number, page, moment: conversation(
            number, brand_id=brand_id, page_url=page, updated_at=moment
        ),
        brand_ids, st.integers(0, 3), st.sampled_from(["x", "y"]), moments,
    ),
    "orders": st.builds(
        lambda brand_id, number, currency, moment, visitor: order(
            number, brand_id=brand_id, currency=currency, updated_at=moment, visitor_id=visitor
        ),
        brand_ids, st.integers(0, 3), st.sampled_from(["EUR", "EUR", "USD"]), moments, st.sampled_from(["v1", "v2"]),
    ),
    "members": st.builds(
        lambda role, moment: {"brand_id": "acme", "member_id": "ana", "role": role, "updated_at": moment},
        st.integers(0, 2), moments,
    ),
}  # fmt: skip
landings = st.fixed_dictionaries(
    {}, optional={(name, day): st.lists(some, max_size=5) for name, some in rows.items() for day in DAYS}
)


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path) -> Raw:
    return Raw(connection, tmp_path / "landing")


def begin(raw: Raw) -> None:
    with raw.connection.transaction():
        for name in (*DATASETS, *(name for name in reversed(WRITTEN) if name != "load"), "load"):
            raw.connection.execute(f"delete from raw.{name}".encode())
    if not (raw.landing / "brands").exists():
        raw.land("brands", [brand()], date(2026, 3, 1))
    raw.load("brands", date(2026, 3, 1))


def together(raw: Raw, dataset: str, days: list[date]) -> list[LoadResult]:
    return list(load_extracts(raw.connection, DATASETS[dataset], days, raw.source(dataset)))


def written(raw: Raw) -> dict[str, list[Any]]:
    """All that loads wrote, with the extract in the place of a load's number, and without the time of day."""
    ours = ("load_id", "started_at", "ended_at", "quarantine_id")
    found = {}
    for name in (*rows, *WRITTEN):
        found[name] = sorted(
            str(row)
            for row in raw.all(
                "select l.dataset, l.extract_day, to_jsonb(t) - %s::text[]"
                f" from raw.{name} t join raw.load l using (load_id)",
                list(ours),
            )
        )
    return found


@settings(
    max_examples=times(20, 60),
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(landing=landings, standing=st.sets(st.sampled_from(DAYS), max_size=1))
def test_loading_together_leaves_what_one_by_one_leaves(
    server: str, raw: Raw, landing: dict[tuple[str, date], list[dict[str, Any]]], standing: set[date]
) -> None:
    """Fates, warnings, profiles, touched entities and quarantine too; also where some extracts were there before."""
    shutil.rmtree(raw.landing, ignore_errors=True)
    for (dataset, day), some in landing.items():
        raw.land(dataset, some, day)
    ways = []
    for is_together in (False, True):
        begin(raw)
        for dataset, day in landing:
            if day in standing:
                raw.load(dataset, day)
        for dataset, some in itertools.groupby(sorted(landing), lambda extract: extract[0]):
            days = [day for _, day in some if day not in standing]
            if is_together:
                together(raw, dataset, days)
            else:
                for day in days:
                    raw.load(dataset, day)
        ways.append(written(raw))
    assert ways[0] == ways[1]


def test_of_a_batch_the_extract_at_fault_is_refused_and_named_and_the_others_load(raw: Raw) -> None:
    begin(raw)
    for number, day in enumerate(DAYS):
        raw.land("messages", [message(100 * number + n) for n in range(30)], day)
    raw.land("messages", [message(100 + n, sent_at="?") for n in range(25)], DAYS[1])
    (raw.landing / "messages" / DAYS[2].isoformat() / "part-0.jsonl").write_text('{"brand_id": "ac')
    results = together(raw, "messages", DAYS)
    assert [(result.day, result.outcome) for result in results] == [
        (DAYS[0], "loaded"), (DAYS[1], "refused"), (DAYS[2], "refused"), (DAYS[3], "loaded")]  # fmt: skip
    assert f"messages of {DAYS[1]}: 25 of 25 rows are bad" in str(results[1].reason)
    assert "cut off" in str(results[2].reason)
    assert raw.all("select extract_day, count(*) from raw.messages group by 1 order by 1") == [
        (DAYS[0], 30), (DAYS[3], 30)]  # fmt: skip
    assert raw.all("select extract_day, outcome from raw.load where dataset = 'messages' order by 1") == [
        (result.day, result.outcome) for result in results
    ]
    assert raw.all("select extract_day from raw.extract where dataset = 'messages' order by 1") == [
        (DAYS[0],), (DAYS[3],)]  # fmt: skip


def test_a_row_too_large_for_an_index_is_its_own_extracts_fault(raw: Raw) -> None:
    """The database itself refuses the batch, and does not say whose row it was."""
    begin(raw)
    raw.take("messages", [message(1)], date(2026, 3, 2))
    for number, day in enumerate(DAYS):
        raw.land("messages", [message(10 * number + 5)], day)
    far_too_long = "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(3000))
    raw.land("messages", [message(99, brand_id=far_too_long)], DAYS[2])
    assert [result.counts.loaded for result in together(raw, "messages", DAYS)] == [1, 1, 0, 1]


def test_a_batch_is_bounded_and_one_extract_may_be_larger(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(raw)
    for number, day in enumerate(DAYS):
        raw.land("messages", [message(10 * number + n) for n in range(8 if number == 2 else 2)], day)
    monkeypatch.setattr(gathering, "MOST_ROWS", 4)
    gathered = []
    gather = gathering.gather
    monkeypatch.setattr(
        gathering, "gather", lambda source, days: gathered.append(gather(source, days)) or gathered[-1]
    )
    assert [result.counts.loaded for result in together(raw, "messages", DAYS)] == [2, 2, 8, 2]
    assert [[one.day for one in some.taken] for some in gathered] == [DAYS[:2], DAYS[2:3], DAYS[3:]]
    assert [one.is_held for some in gathered for one in some.taken] == [True, True, False, True]


def test_the_next_extracts_are_read_once_while_others_are_loaded(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(raw)
    for number, day in enumerate(DAYS):
        raw.land("messages", [message(number)], day)
    monkeypatch.setattr(gathering, "MOST_EXTRACTS", 1)
    read_day, read = FilesSource.read, []
    monkeypatch.setattr(FilesSource, "read", lambda source, day: read.append(day) or read_day(source, day))
    loading = load_extracts(raw.connection, DATASETS["messages"], DAYS, raw.source("messages"))
    assert next(loading).day == DAYS[0]
    # What was not asked for yet is not loaded, though it is at hand.
    assert raw.all("select distinct extract_day from raw.messages") == [(DAYS[0],)]
    assert [result.day for result in loading] == DAYS[1:]
    assert read == DAYS


def test_many_days_are_as_many_statements_as_two(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(raw)
    days = [DAY + timedelta(days=number) for number in range(20)]
    for number, day in enumerate(days):
        raw.land("messages", [message(number, sent_at=f"{day}T09:00:00Z")], day)
    execute, said = raw.connection.execute, []
    monkeypatch.setattr(raw.connection, "execute", lambda *given: said.append(given) or execute(*given))
    together(raw, "messages", days[:2])
    two, said[:] = len(said), []
    together(raw, "messages", days[2:])
    # Tables that this transaction emptied need no second look at what they hold.
    assert len(said) <= two


SHOP = """
datasets:
  messages:
    connector: sql
    url: sqlite:///{shop}
    query: select 'acme' as brand_id, id as message_id, 'c' as conversation_id, 'member' as sender_type,
           at as sent_at, false as is_automatic, 'text' as content_type from chat
"""


def test_a_query_that_breaks_off_loses_no_day(raw: Raw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had not brought yet is asked for anew: the end of a broken query is not the end of the rows."""
    begin(raw)
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("create table chat (id text, at text)")
        shop.executemany(
            "insert into chat values (?, ?)", [(f"m{n}", f"{DAY + timedelta(days=n)}T09:00:00Z") for n in range(9)]
        )
    file = tmp_path / "sources.yml"
    file.write_text(SHOP.format(shop=tmp_path / "shop.db"))
    streamed = WholeQuery._streamed

    def broken(source: WholeQuery, days: Sequence[date]) -> Iterator[Any]:
        yield from itertools.islice(streamed(source, days), 4)
        raise Refusal("the server went away")

    monkeypatch.setattr(WholeQuery, "_streamed", broken)
    sources = read_sources(file, "unused")
    days = [one.day for one in pending_extracts(raw.connection, sources, DAY + timedelta(days=20))]
    announce(sources, [("messages", day) for day in days])
    loads = list(load_extracts(raw.connection, DATASETS["messages"], days, sources["messages"]))
    assert [(load.day, load.outcome, load.counts.loaded) for load in loads] == [(day, "loaded", 1) for day in days]
    assert not pending_extracts(raw.connection, sources, DAY + timedelta(days=20))
