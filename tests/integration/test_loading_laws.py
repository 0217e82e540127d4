"""The laws of loading, one by one, on extracts small enough to follow by eye."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from landing_of import DAY, Doomed, Raw, brand, conversation, message, order

from orchestration import warehouse
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import Counts, _lock_dataset, load_extract
from orchestration.warehouse import locks

NEXT = DAY + timedelta(days=1)


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path) -> Raw:
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()], date(2026, 3, 1))
    return raw


# Law 1: an extract is the whole of what its source said that day.


def test_loading_twice_changes_nothing(raw: Raw) -> None:
    first = raw.take("messages", [message(1), message(2)])
    before = raw.state()
    touched = raw.all("select count(*) from raw.touched")
    second = raw.load("messages")
    assert (first.outcome, second.outcome) == ("loaded", "unchanged")
    assert first.counts == second.counts == Counts(read=2, loaded=2)
    assert raw.state() == before
    assert raw.all("select count(*) from raw.touched") == touched


def test_an_extract_that_is_replaced_is_held_against_its_rows_by_their_index(raw: Raw) -> None:
    """Also where it is the only one: row by row against all rows, a large day would take hours."""
    indexes = "select count(*) > 1 from pg_indexes where schemaname = 'raw' and tablename = 'messages'"
    raw.take("messages", [message(1)])
    assert raw.all(indexes) == [(False,)]
    raw.take("messages", [message(1), message(2)])
    assert raw.all(indexes) == [(True,)]


def test_a_replaced_extract_forgets_and_touches_old_and_new(raw: Raw) -> None:
    raw.take("messages", [message(1), message(2), message(11)])
    last = raw.load("messages").load_id
    raw.take("messages", [message(1), message(11, conversation_id="c9"), message(25)])
    assert raw.all("select message_id, conversation_id from raw.messages order by 1") == [
        ("m1", "c0"), ("m11", "c9"), ("m25", "c2")]  # fmt: skip
    # m2 of c0 went, m11 moved from c1 to c9, m25 of c2 came
    assert raw.all("select entity_id from raw.touched where load_id > %s order by 1", last) == [
        ("c0",), ("c1",), ("c2",), ("c9",)]  # fmt: skip


def test_a_row_that_other_extracts_have_elsewhere_touches_both_places(raw: Raw) -> None:
    raw.take("messages", [message(1, conversation_id="old")])
    load = raw.take("messages", [message(1, conversation_id="new")], NEXT).load_id
    assert raw.all("select entity_id from raw.touched where load_id = %s order by 1", load) == [("new",), ("old",)]


def test_an_emptied_extract_leaves_nothing(raw: Raw) -> None:
    path = raw.land("messages", [message(1)])
    raw.load("messages")
    path.write_text("")
    result = raw.load("messages")
    assert result.outcome == "loaded" and result.counts == Counts()
    assert raw.all("select count(*) from raw.messages") == [(0,)]


def test_any_order_ends_in_the_same_state(server: str, raw: Raw) -> None:
    raw.land("brands", [brand(currency="GBP", updated_at="2026-03-11T00:00:00Z")], NEXT)
    raw.land("orders", [order(1), order(2, currency="GBP"), order(3, brand_id="later"), order(1)])
    raw.land("orders", [order(1, gross_amount="9", updated_at="2026-03-11T00:00:00Z")], NEXT)
    extracts = [("brands", NEXT), ("orders", DAY), ("orders", NEXT), ("brands", date(2026, 3, 1))]
    states = []
    for turn in itertools.permutations(extracts):
        with raw.connection.transaction():
            for name in (*DATASETS, "load_count", "quarantine", "profile", "extract", "touched", "load"):
                raw.connection.execute(f"delete from raw.{name}".encode())
        for dataset, day in turn:
            raw.load(dataset, day)
        states.append(raw.state())
    assert all(state == states[0] for state in states)
    # The brand's newest currency is GBP: the two EUR orders of the first day and the one of the second wait.
    assert len(states[0]["quarantine"]) == 2 and len(states[0]["orders"]) == 2


# Law 2: newest wins; of events, equal content is a duplicate.


def test_fates_of_versions(raw: Raw) -> None:
    old, new = "2026-03-10T10:00:00Z", "2026-03-11T10:00:00Z"
    raw.take("conversations", [conversation(1, updated_at=new), conversation(2, updated_at=old)], NEXT)
    late = raw.take("conversations", [conversation(1, updated_at=old), conversation(2, updated_at=old)])
    # c1 loses to the newer version; c2 has nothing new to say
    assert late.counts == Counts(read=2, duplicates=1, superseded=1)


def test_of_members_every_version_counts(raw: Raw) -> None:
    member = {"brand_id": "acme", "member_id": "a", "role": 1, "updated_at": "2026-03-11T00:00:00Z"}
    raw.take("members", [member], NEXT)
    assert raw.take("members", [{**member, "role": 0, "updated_at": "2026-03-01T00:00:00Z"}]).counts == Counts(1, 1)


def test_copies_inside_an_extract_and_across_extracts(raw: Raw) -> None:
    raw.land("messages", [message(1), message(2)], name="a.jsonl")
    raw.land("messages", [message(2), message(3)], name="b.csv")
    assert raw.load("messages").counts == Counts(read=4, loaded=3, duplicates=1)
    other = raw.take("messages", [message(3), message(2, content_type="photo"), message(4)], NEXT)
    # of an event with other content, the later day wins
    assert other.counts == Counts(read=3, loaded=2, duplicates=1)
    assert raw.load("messages").counts == Counts(read=4, loaded=1, duplicates=2, superseded=1)


def test_a_hash_stands_where_it_decides_and_nowhere_else(raw: Raw) -> None:
    def hashed() -> list[Any]:
        return raw.all("select page_url, content_hash is not null from raw.conversations order by 1")

    raw.take("conversations", [conversation(1, page_url="a")])
    assert hashed() == [("a", False)]
    two = raw.take("conversations", [conversation(1, page_url="a"), conversation(1, page_url="b")])
    assert hashed() == [("a", True), ("b", True)]
    # Nothing but the hash tells the two apart: exactly one of them is newer.
    assert two.counts == Counts(read=2, loaded=1, superseded=1)
    assert raw.all(
        "select count(*) from raw.conversations r where not exists (select from raw.conversations n where"
        " (n.updated_at, n.extract_day, n.content_hash) > (r.updated_at, r.extract_day, r.content_hash))"
    ) == [(1,)]
    raw.take("conversations", [conversation(1, page_url="b")])
    assert hashed() == [("b", False)]


def test_equal_are_values_not_spellings(raw: Raw) -> None:
    raw.take("orders", [order(1, gross_amount="10.50", ordered_at="2026-03-10T10:00:00Z")])
    same = order(1, gross_amount=10.5, ordered_at="2026-03-10T11:00:00+01:00")
    assert raw.take("orders", [same], NEXT).counts == Counts(read=1, duplicates=1)


# Law 3: nothing is lost.


@pytest.mark.fault(
    10,
    "1,000 rows of which 37 are bad, in 9 ways",
    "the good ones are loaded; the bad ones wait with rule, file and line until a corrected extract comes",
)
def test_bad_rows_wait_and_go_with_a_better_extract(raw: Raw, figure: Callable[[str], None]) -> None:
    rows = [message(number) for number in range(1_000)]
    bad = [
        {"sent_at": "2026-03-10T09:00:00"}, {"sent_at": None}, {"sent_at": "1999-12-31T23:59:59Z"},
        {"sent_at": "2026-03-12T00:00:01Z"}, {"sender_type": "robot"}, {"is_automatic": "maybe"},
        {"message_id": "x" * 129}, {"conversation_id": ""}, {"sent_at": "2026-02-30T00:00:00Z"},
    ]  # fmt: skip
    for number in range(37):
        rows[20 * number] = message(20 * number, **bad[number % 9])
    result = raw.take("messages", rows)
    assert result.counts == Counts(read=1_000, loaded=963, rejected=37)
    assert result.rejected == {
        "offset": 5, "required": 4, "too_early": 4, "too_late": 4, "values": 4, "type": 8, "length": 8}  # fmt: skip
    kept = raw.all(
        "select file, line, rule, column_name, value, row ->> 'message_id' from raw.quarantine order by line"
    )
    assert len(kept) == 37
    assert kept[0] == ("part-0.jsonl", 1, "offset", "sent_at", "2026-03-10T09:00:00", "m0")
    assert raw.take("messages", [message(number) for number in range(1_000)]).counts == Counts(1_000, 1_000)
    assert raw.all("select count(*) from raw.quarantine") == [(0,)]
    figure("963 loaded, 37 waiting; then 1,000 and 0")


def test_a_line_that_is_no_row_waits_with_its_digest(raw: Raw) -> None:
    path = raw.land("messages", [message(1), message(2)])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], '{"brand_id": "acme", "comment": oops}', "[1, 2]", lines[1], ""]))
    assert raw.load("messages").counts == Counts(read=4, loaded=2, rejected=2)
    kept = raw.all("select brand_id, file, line, rule, row, length(digest) from raw.quarantine order by line")
    assert kept == [("", "part-0.jsonl", 2, "line", None, 64), ("", "part-0.jsonl", 3, "line", None, 64)]


def test_free_text_never_reaches_the_quarantine(raw: Raw) -> None:
    rating = {
        "brand_id": "acme", "rating_id": "r", "conversation_id": "c", "requested_at": "2026-03-10T09:00:00Z",
        "score": 6, "comment": "my secret", "status": "submitted", "updated_at": "2026-03-10T09:00:00Z",
    }  # fmt: skip
    raw.take("ratings", [rating, {**rating, "rating_id": "s", "score": 5}])
    assert raw.all("select comment from raw.ratings") == [("my secret",)]
    assert "secret" not in str(raw.all("select q::text from raw.quarantine q"))
    assert "secret" not in str(raw.all("select p::text from raw.profile p"))


# Law 4: the unit of refusal.


@pytest.mark.fault(
    11,
    "over 5 % of an extract's rows are bad, and at least 20; its key column is missing, or empty throughout",
    "that extract is refused, and what it brought before stays",
)
def test_too_many_bad_rows_refuse_the_extract(raw: Raw, figure: Callable[[str], None]) -> None:
    raw.take("messages", [message(1), message(2, sent_at="?")])
    before = raw.state()
    result = raw.take("messages", [message(n, **({"sent_at": "?"} if n < 20 else {})) for n in range(390)])
    assert result.outcome == "refused" and "20 of 390 rows are bad" in str(result.reason)
    assert raw.state() == before
    without_key = [{name: row[name] for name in row if name != "message_id"} for row in [message(1), message(2)]]
    assert raw.take("messages", without_key).outcome == "refused" and raw.state() == before
    assert raw.take("messages", [message(n, message_id="") for n in range(30)]).outcome == "refused"
    assert raw.state() == before
    figure("3 of 3 refused, rows changed 0")
    # 19 are too few, whatever their share; and 20 are not over 5 % of 400
    assert raw.take("messages", [message(n, sent_at="?") for n in range(19)]).outcome == "loaded"
    few = [message(n, **({"sent_at": "?"} if n < 20 else {})) for n in range(400)]
    assert raw.take("messages", few).counts == Counts(read=400, loaded=380, rejected=20)


@pytest.mark.parametrize("name", ["part-0.jsonl.gz", "part-0.csv.gz"])
def test_a_truncated_archive_refuses_the_extract(raw: Raw, name: str) -> None:
    path = raw.land("messages", [message(number) for number in range(200)], name=name)
    raw.load("messages")
    before = raw.state()
    path.write_bytes(path.read_bytes()[:-40])
    assert raw.load("messages").outcome == "refused"
    assert raw.state() == before


@pytest.mark.parametrize("name", ["part-0.jsonl", "part-0.csv"])
def test_half_a_last_line_refuses_the_extract(raw: Raw, name: str) -> None:
    path = raw.land("messages", [message(1), message(2)], name=name)
    path.write_text(path.read_text()[:-50])
    result = raw.load("messages")
    assert result.outcome == "refused" and "cut off" in str(result.reason)
    assert raw.all("select count(*) from raw.messages") == [(0,)]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_a_lacking_column_refuses_with_the_difference(raw: Raw, ending: str) -> None:
    rows = [{("when" if name == "sent_at" else name): value for name, value in message(1).items()}]
    result = raw.take("messages", rows, name=f"part-0.{ending}")
    assert result.outcome == "refused"
    assert "lacks the required column sent_at" in str(result.reason) and "when" in str(result.reason)


def test_a_retyped_parquet_column_refuses(raw: Raw) -> None:
    result = raw.take("orders", [order(1, gross_amount=10.5)], name="part-0.parquet")
    assert result.outcome == "refused" and "gross_amount is double" in str(result.reason)


def test_a_file_that_is_no_parquet_or_of_no_known_ending_refuses(raw: Raw) -> None:
    for name in ("part-0.parquet", "part-1.xlsx"):
        path = raw.landing / "messages" / DAY.isoformat() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no such thing")
        result = raw.load("messages")
        assert result.outcome == "refused" and name in str(result.reason)
        path.unlink()


# Law 5: atomic, under a lock per dataset.


def test_a_backend_that_dies_in_mid_load_leaves_nothing(raw: Raw, database: str) -> None:
    raw.take("messages", [message(1)])
    before = raw.state()
    raw.land("messages", [message(number) for number in range(50)])
    for moment in itertools.count(1):
        with warehouse.connect(database) as connection:
            Doomed(connection, moment, lambda pid: raw.all("select pg_terminate_backend(%s, 10000)", pid))
            try:
                load_extract(connection, DATASETS["messages"], DAY, raw.source("messages"))
                break
            except psycopg.OperationalError:
                assert raw.state() == before
    assert moment > 15
    assert raw.all("select count(*) from raw.messages") == [(50,)]


def test_a_second_loader_waits_for_the_first(raw: Raw, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw.land("messages", [message(1)])
    with warehouse.connect(database) as holder, warehouse.connect(database) as second:
        source = raw.source("messages")
        load_extract(holder, DATASETS["messages"], DAY, source)
        with holder.transaction():
            _lock_dataset(holder, DATASETS["messages"])
            monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.05)
            with pytest.raises(
                locks.LockTimeout, match=rf"'dataset messages', which session {holder.info.backend_pid} "
            ):
                load_extract(second, DATASETS["messages"], DAY, source)
        assert load_extract(second, DATASETS["messages"], DAY, source).outcome == "unchanged"


# Law 6: unknown columns are ignored and reported.


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_unknown_columns_are_reported_and_message_text_is_never_stored(raw: Raw, ending: str) -> None:
    result = raw.take("messages", [message(1, text="hello there", mood="fine")], name=f"part-0.{ending}")
    assert result.outcome == "loaded" and result.unknown_columns == ("mood", "text")
    assert "hello" not in str(raw.state())


# Law 7 has tests of its own: test_loading_rules.py.

# Law 8: waiting for a brand.


def test_rows_of_an_unknown_brand_wait_until_it_arrives(raw: Raw) -> None:
    early = raw.take("messages", [message(1), message(2, brand_id="new"), message(2, brand_id="new")])
    assert early.counts == Counts(read=3, loaded=1, duplicates=1, waiting=1)
    raw.take("brands", [brand(brand_id="new")])
    counted = "select rows_loaded, duplicates, waiting from raw.load_count where load_id = %s and brand_id = 'new'"
    assert raw.all(counted, early.load_id) == [(1, 1, 0)]
    (raw.landing / "brands" / DAY.isoformat() / "part-0.jsonl").write_text("")
    raw.load("brands")
    assert raw.all(counted, early.load_id) == [(0, 1, 1)]


def test_the_quarantine_says_where_a_row_stands_now(raw: Raw) -> None:
    """Not where an earlier version of its extract had it: orders come again on other lines, in another file."""
    raw.take("brands", [brand()])
    raw.take("orders", [order(1), order(2), order(3)])
    (raw.landing / "orders" / DAY.isoformat() / "part-0.jsonl").unlink()
    raw.take("orders", [order(3), order(1)], name="again.jsonl")
    raw.take("brands", [brand(currency="USD", updated_at="2026-03-10T00:00:00Z")], NEXT)
    waiting = 'select file, line, "row" ->> \'order_id\' from raw.quarantine order by 2'
    assert raw.all(waiting) == [("again.jsonl", 1, "o3"), ("again.jsonl", 2, "o1")]


def test_a_brand_that_changes_its_currency_has_its_orders_judged_again(raw: Raw) -> None:
    load = raw.take("orders", [order(1), order(2, currency="USD"), order(3)])
    assert load.counts == Counts(read=3, loaded=2, rejected=1)
    counted = "select rows_loaded, rejected from raw.load_count where load_id = %s"
    raw.take("brands", [brand(currency="USD", updated_at="2026-03-10T00:00:00Z")])
    assert raw.all(counted, load.load_id) == [(1, 2)]
    assert raw.all("select order_id from raw.orders") == [("o2",)]
    assert raw.all("select line, value from raw.quarantine order by line") == [(1, "EUR"), (3, "EUR")]
    # and back, when that extract is corrected
    raw.take("brands", [brand()])
    assert raw.all(counted, load.load_id) == [(2, 1)]
    assert raw.all("select order_id, gross_amount::text from raw.orders order by 1") == [
        ("o1", "10.00"),
        ("o3", "10.00"),
    ]


def test_parents_may_come_later(raw: Raw) -> None:
    line = {"brand_id": "acme", "order_id": "o9", "line_number": 1, "product_id": "p", "quantity": 1,
            "unit_amount": "1", "updated_at": "2026-03-10T00:00:00Z"}  # fmt: skip
    assert raw.take("order_lines", [line]).counts == Counts(1, 1)


# Files that are not finished, and what a folder says.


def test_unfinished_files_are_never_read(raw: Raw) -> None:
    raw.land("messages", [message(1)])
    folder = raw.landing / "messages" / DAY.isoformat()
    for name in ("b.jsonl.tmp", "b.jsonl.part", ".b.jsonl", "_SUCCESS"):
        (folder / name).write_text("not yet")
    assert raw.load("messages").counts == Counts(1, 1)


def test_a_folder_with_only_success_is_an_empty_extract(raw: Raw) -> None:
    folder = raw.landing / "messages" / DAY.isoformat()
    folder.mkdir(parents=True)
    assert DAY not in raw.source("messages").days(NEXT)
    (folder / "_SUCCESS").touch()
    assert DAY in raw.source("messages").days(NEXT)
    assert raw.load("messages").counts == Counts()


def test_a_gzip_of_nothing_is_an_empty_extract(raw: Raw) -> None:
    path = raw.land("messages", [message(1)], name="part-0.jsonl.gz")
    path.write_bytes(gzip.compress(b""))
    assert raw.load("messages").counts == Counts()
