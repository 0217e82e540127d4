"""Publication: what is carried, that it is one transaction, what older snapshots see, and how tables follow contracts.

Not here: who may read (test_access.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import marts_digest
import psycopg
import pytest
from little_mart import DATA_THROUGH, FUNCTION, KPI, Warehouse, changed, manifest
from thoroughness import times

from orchestration import warehouse
from orchestration.marts import access_check
from orchestration.marts.contracts import MartContractError, marts_of
from orchestration.marts.merge import Counts
from orchestration.marts.publication import PublicationError

MESSAGES = [("star", "m1", "c1", 1, 5), ("star", "m2", "c1", 2, None), ("star", "m3", "c2", 3, None)]
CONVERSATIONS = [("star", "c1"), ("star", "c2")]


@pytest.fixture
def mart(connection: psycopg.Connection[Any]) -> Warehouse:
    return Warehouse(connection)


@pytest.fixture
def published(mart: Warehouse) -> Warehouse:
    """One brand, two conversations, three messages, in generation 1."""
    mart.load(star=3)
    mart.run(["star"], CONVERSATIONS, MESSAGES)
    return mart


def messages(mart: Warehouse) -> list[Any]:
    return mart.rows("select message_id, conversation_id, amount from marts.fct_message order by message_id")


# --- rows -------------------------------------------------------------------------------------------------------------


def test_the_first_publication_carries_everything(mart: Warehouse) -> None:
    mart.load(star=3)
    result = mart.run(["star"], CONVERSATIONS, MESSAGES)
    assert (result.generation, result.is_new) == (1, True)
    assert result.counts == {
        "dim_brand": Counts(1, 0, 0),
        "dim_date": Counts(7, 0, 0),
        "dim_kpi": Counts(1, 0, 0),
        "fct_message": Counts(3, 0, 0),
    }
    assert messages(mart) == [("m1", "c1", 5), ("m2", "c1", None), ("m3", "c2", None)]
    assert "fct_message +3 ~0 -0" in str(result)


def test_readers_plans_know_what_columns_hold_from_the_first_publication_on(published: Warehouse) -> None:
    """The server learns the number of rows when it builds an index, and nothing of what they hold."""
    unknown = published.rows(
        "select c.relname::text from pg_class as c where c.relnamespace = 'marts'::regnamespace and c.relname = any(%s)"
        " and not exists (select from pg_stats as s where s.schemaname = 'marts' and s.tablename = c.relname)",
        ["dim_brand", "dim_date", "dim_kpi", "fct_message"],
    )
    assert unknown == []


def test_vanished_changed_new_and_equal_rows_of_touched_keys(published: Warehouse) -> None:
    before = dict(published.rows("select message_id, ctid::text from marts.fct_message"))
    # c1 is touched: m1 is the same, m2 vanished, m4 is new. c2 is not, though build knows nothing of it.
    result = published.run(["star"], [("star", "c1")], [("star", "m1", "c1", 1, 5), ("star", "m4", "c1", 9, 1)])
    assert result.counts["fct_message"] == Counts(1, 0, 1)
    assert messages(published) == [("m1", "c1", 5), ("m3", "c2", None), ("m4", "c1", 1)]
    # m1 changes; the untouched and the equal rows are the very tuples of before.
    result = published.run(["star"], [("star", "c1")], [("star", "m1", "c1", 1, 6), ("star", "m4", "c1", 9, 1)])
    assert result.counts["fct_message"] == Counts(0, 1, 0)
    after = dict(published.rows("select message_id, ctid::text from marts.fct_message"))
    assert after["m3"] == before["m3"] and after["m1"] != before["m1"]


def test_null_is_a_value_like_others(published: Warehouse) -> None:
    result = published.run(["star"], [("star", "c1")], [("star", "m1", "c1", 1, None), ("star", "m2", "c1", 2, 0)])
    assert result.counts["fct_message"] == Counts(0, 2, 0)


def test_a_touched_key_without_rows_is_emptied(published: Warehouse) -> None:
    assert published.run(["star"], [("star", "c1")], []).counts["fct_message"] == Counts(0, 0, 2)


def test_a_touched_key_reaches_its_own_brand_only(mart: Warehouse) -> None:
    mart.run(
        ["star", "moon"], [("star", "c1"), ("moon", "c1")], [("star", "m1", "c1", 1, 1), ("moon", "m1", "c1", 1, 1)]
    )
    assert mart.run(["star", "moon"], [("star", "c1")], []).counts["fct_message"] == Counts(0, 0, 1)
    assert mart.rows("select brand_id from marts.fct_message") == ["moon"]


def test_a_row_that_moves_to_another_key_is_an_update(published: Warehouse) -> None:
    moved = [("star", "m1", "c2", 1, 5), ("star", "m2", "c1", 2, None), ("star", "m3", "c2", 3, None)]
    assert published.run(["star"], CONVERSATIONS, moved).counts["fct_message"] == Counts(0, 1, 0)
    assert messages(published)[0] == ("m1", "c2", 5)


def test_a_row_that_moves_away_with_only_its_old_key_touched_is_gone(published: Warehouse) -> None:
    result = published.run(["star"], [("star", "c1")], [("star", "m1", "c1", 1, 5)])
    assert result.counts["fct_message"] == Counts(0, 0, 1)


def test_tables_without_touched_keys_are_compared_whole(published: Warehouse) -> None:
    published.prepare()
    published.build(["star", "moon"], [], [])
    published.connection.execute("update build.brands set name = 'Renamed' where brand_id = 'star'")
    published.connection.execute(
        "create or replace view next.dim_date as select date '2024-01-02' as date_day, 2 as weekday"
    )
    published.connection.commit()
    result = published.publish()
    assert result.counts["dim_brand"] == Counts(1, 1, 0)
    assert result.counts["dim_date"] == Counts(0, 0, 6)


def test_a_key_twice_in_build_fails_and_leaves_all_as_before(published: Warehouse) -> None:
    before = marts_digest.digest(published.connection)
    published.connection.commit()
    with pytest.raises(psycopg.errors.UniqueViolation):
        published.run(["star", "moon"], [("star", "c1")], [("star", "m9", "c1", 1, 5), ("star", "m9", "c1", 1, 6)])
    assert marts_digest.digest(published.connection) == before


# --- generations ------------------------------------------------------------------------------------------------------


def test_publication_records_what_it_wrote(published: Warehouse) -> None:
    published.load(star=1)
    published.run(["star"], [("star", "c1")], [("star", "m1", "c1", 1, 6), ("star", "m4", "c1", 9, 1)])
    one_each = {"inserted": 1, "updated": 1, "deleted": 1}
    assert published.rows(
        "select generation, run_id, extract_days::text, rows_inserted, rows_updated, rows_deleted, tables, data_through"
        " from marts.publication where generation = 2"
    ) == [(2, "run 2", "{2024-05-01}", 1, 1, 1, {"fct_message": one_each}, DATA_THROUGH)]
    assert published.rows("select generation from marts.brand_generation") == [2]


def test_without_a_change_no_generation_is_made(published: Warehouse) -> None:
    published.load(star=3)
    result = published.run(["star"], CONVERSATIONS, MESSAGES)
    assert (result.generation, result.is_new) == (1, False)
    assert str(result) == "nothing changed: generation 1 stands"
    assert published.rows("select count(*) from marts.publication") == [1]
    # The extract was read all the same, and the ledger says so.
    assert published.rows("select load_id, rows_read from marts.load_ledger order by 1") == [(1, 3), (2, 3)]


def test_a_later_data_through_alone_is_a_generation(published: Warehouse) -> None:
    result = published.run(["star"], [], [], data_through=DATA_THROUGH + timedelta(days=1))
    assert (result.generation, result.is_new) == (2, True)


def test_every_brand_takes_part_in_every_generation(published: Warehouse) -> None:
    published.run(["star", "moon"], [], [])
    assert published.rows("select * from marts.brand_generation order by 1") == [("moon", 2), ("star", 2)]


def test_the_ledger_follows_counts_that_move(published: Warehouse) -> None:
    published.connection.execute("update raw.load_count set rows_loaded = 2, waiting = 1")
    published.connection.commit()
    published.run(["star"], [], [])
    assert published.rows("select brand_id, rows_read, rows_loaded, waiting from marts.load_ledger") == [
        ("star", 3, 2, 1)
    ]


def test_what_waits_in_quarantine_is_told_by_rule(published: Warehouse) -> None:
    """Seven rows of one rule in one column, a line of nobody's; a better extract takes them out again."""
    load = published.load(star=3)
    with published.connection.transaction(), published.connection.cursor() as cursor:
        cursor.executemany(
            "insert into raw.quarantine (load_id, dataset, extract_day, brand_id, file, line, place, rule, column_name,"
            " digest) values (%s, 'orders', '2024-05-01', %s, %s, %s, 1, %s, %s, '')",
            [
                *((load, "star", "b.csv", line, "required", "order_id") for line in (7, 12, 3)),
                *((load, "star", "a.csv", line, "required", "order_id") for line in (40, 9, 100)),
                (load, "star", "b.csv", 4, "required", "ordered_at"),
                (load, "", "b.csv", 5, "line", None),
            ],
        )
    published.run(["star"], CONVERSATIONS, MESSAGES)
    told = "select brand_id, rule, column_name, rows, first_lines from marts.load_quarantine order by 1, 2, 3"
    assert published.rows(told) == [
        ("", "line", "", 1, ["b.csv:5"]),
        ("star", "required", "order_id", 6, ["a.csv:9", "a.csv:40", "a.csv:100", "b.csv:3", "b.csv:7"]),
        ("star", "required", "ordered_at", 1, ["b.csv:4"]),
    ]
    published.connection.execute("delete from raw.quarantine")
    published.connection.commit()
    published.load(star=3)
    published.run(["star"], CONVERSATIONS, MESSAGES)
    assert published.rows(told) == []


def test_only_the_touched_keys_of_the_run_are_consumed(mart: Warehouse) -> None:
    first = mart.load(star=1)
    mart.touch("c1", first)
    mart.prepare()
    mart.touch("c2", mart.load(star=1))
    mart.build(["star"], [("star", "c1")], MESSAGES[:2])
    mart.publish()
    assert mart.rows("select entity_id from raw.touched") == ["c2"]
    assert mart.rows("select load_id from marts.load_ledger") == [first]


def test_a_run_does_not_publish_what_another_built(published: Warehouse) -> None:
    published.prepare()
    published.build(["star"], [], [])
    published.runs = 7
    with pytest.raises(PublicationError, match=r"build belongs to run run 2, not to run run 7"):
        published.publish()


def test_what_dbt_did_not_build_is_named(published: Warehouse) -> None:
    published.prepare()
    published.connection.execute("drop table build.messages, build.touched_conversation")
    published.connection.commit()
    with pytest.raises(PublicationError, match=r"build\.messages, build\.touched_conversation"):
        published.publish()


def test_an_open_transaction_is_refused(published: Warehouse) -> None:
    published.connection.execute("select 1")
    with pytest.raises(PublicationError, match="in a transaction"):
        published.prepare()


# --- one transaction --------------------------------------------------------------------------------------------------


def test_failing_at_the_last_step_leaves_everything_as_before(published: Warehouse) -> None:
    before = marts_digest.digest(published.connection), published.rows("select * from marts.publication")
    published.load(star=1)
    published.prepare()
    published.build(["star", "moon"], [("star", "c1")], [("star", "m8", "c1", 1, 5)])
    with pytest.raises(psycopg.errors.SyntaxError):
        published.publish(functions=[FUNCTION, "create view marts.broken as selec"])
    assert (marts_digest.digest(published.connection), published.rows("select * from marts.publication")) == before
    assert published.rows("select to_regprocedure('marts.message_count(text)') is not null") == [True]
    assert published.publish().generation == 2  # what was wrong is mended: the same build goes through


@pytest.mark.fault(
    24,
    "a reader holds a snapshot while a publication goes through",
    "it goes on seeing the old generation, whole",
)
def test_an_older_snapshot_stays_whole_and_nobody_waits(
    published: Warehouse, database: str, figure: Callable[[str], None]
) -> None:
    snapshot = "select (select count(*) from marts.fct_message), (select count(*) from marts.dim_brand)"
    with warehouse.connect(database) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert reader.execute(snapshot.encode()).fetchone() == (3, 1)
        # The reader's locks would make anything exclusive time out.
        published.connection.execute("set lock_timeout = '1s'")
        published.connection.commit()
        published.run(["star", "moon"], CONVERSATIONS, [])
        assert reader.execute(snapshot.encode()).fetchone() == (3, 1)
        assert reader.execute("select marts.message_count('star')").fetchone() == (3,)
        reader.commit()
        assert reader.execute(snapshot.encode()).fetchone() == (0, 2)
    figure("rows seen 3 of 3")


def test_readers_go_on_while_a_publication_is_under_way(published: Warehouse, database: str) -> None:
    published.prepare()
    published.build(["star"], CONVERSATIONS, [])
    with warehouse.connect(database) as holder, warehouse.connect(database) as reader, ThreadPoolExecutor(1) as pool:
        holder.execute("lock table marts.brand_generation in exclusive mode")  # stops it when all rows are carried
        publication = pool.submit(published.publish)
        waiting = "select exists (select 1 from pg_locks where not granted)"
        while reader.execute(waiting.encode()).fetchone() != (True,):
            reader.rollback()
        reader.execute("set lock_timeout = '50ms'")
        assert reader.execute("select count(*) from marts.fct_message").fetchone() == (3,)
        assert reader.execute("select marts.message_count('star')").fetchone() == (3,)
        assert reader.execute("select sum(messages) from marts.message_days").fetchone() == (3,)
        holder.rollback()
        assert publication.result().counts["fct_message"] == Counts(0, 0, 3)


def test_a_publication_that_is_killed_leaves_everything_as_before(published: Warehouse, database: str) -> None:
    before = marts_digest.digest(published.connection)
    published.connection.commit()
    published.prepare()
    published.build(["star"], CONVERSATIONS, [])
    with (
        warehouse.connect(database) as holder,
        warehouse.connect(database) as doomed,
        warehouse.connect(database) as watcher,
        ThreadPoolExecutor(1) as pool,
    ):
        holder.execute("lock table marts.brand_generation in exclusive mode")
        victim = Warehouse(doomed)
        victim.runs = published.runs
        publication = pool.submit(victim.publish)
        while watcher.execute("select exists (select 1 from pg_locks where not granted)").fetchone() != (True,):
            watcher.rollback()
        watcher.execute("select pg_terminate_backend(%s)", [doomed.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            publication.result()
    assert marts_digest.digest(published.connection) == before
    published.connection.commit()
    assert published.publish().counts["fct_message"] == Counts(0, 0, 3)


@pytest.mark.fault(23, "50 publications while 3 readers read on and on", "every read sees one generation, all of it")
def test_every_read_under_fifty_publications_sees_one_generation(
    published: Warehouse, database: str, figure: Callable[[str], None]
) -> None:
    """Each publication gives every message its generation as amount, and takes one message away or brings it back."""
    question = (
        "select count(*), count(distinct amount), max(amount), (select max(generation) from marts.publication),"
        " (select max(generation) from marts.brand_generation) from marts.fct_message"
    )
    done = threading.Event()

    def read() -> list[Any]:
        with warehouse.connect(database, autocommit=True) as reader:
            seen = [reader.execute(question.encode()).fetchone()]
            while not done.is_set():
                seen.append(reader.execute(question.encode()).fetchone())
            return seen

    published.run(["star"], CONVERSATIONS, [(*message[:4], 2) for message in MESSAGES])
    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for generation in range(3, 3 + times(12, 50)):
            published.prepare()
            published.connection.execute("truncate build.messages")
            published.connection.execute(
                "insert into build.messages select 'star', 'm' || n, 'c1', now(), %s, '{}'"
                " from generate_series(1, %s) as n",
                [generation, 2 + generation % 2],
            )
            published.connection.commit()
            assert published.publish().generation == generation
        done.set()
        reads = [row for reader in readers for row in reader.result()]
    mixed = [
        row for row in reads if row != (row[0], 1, row[3], row[3], row[3]) or (row[3] > 2 and row[0] != 2 + row[3] % 2)
    ]
    assert (mixed, len(reads) > times(12, 50)) == ([], True)
    figure("mixed 0, errors 0 in over 50 reads")


def test_two_publications_at_once_wait_for_each_other(published: Warehouse, database: str) -> None:
    published.prepare()
    published.build(["star"], CONVERSATIONS, [])
    with warehouse.connect(database) as other, ThreadPoolExecutor(2) as pool:
        twin = Warehouse(other)
        twin.runs = published.runs
        results = [job.result() for job in [pool.submit(published.publish), pool.submit(twin.publish)]]
    assert sorted((result.generation, result.is_new) for result in results) == [(2, False), (2, True)]


# --- functions, views, the catalogue of indicators --------------------------------------------------------------------


def test_functions_are_made_anew_only_when_their_text_changed(published: Warehouse) -> None:
    identity = "select oid::bigint from pg_proc where proname = 'message_count'"
    before = published.rows(identity)
    assert published.run(["star"], [], []).rendered == ()
    assert published.rows(identity) == before
    published.prepare()
    published.build(["star"], [], [])
    other = FUNCTION.replace("(p_brand text)", "(p_brand text, p_extra integer = 0)").replace(
        "(text)", "(text, integer)"
    )
    result = published.publish(functions=[other])
    assert result.rendered == ("message_count", "message_days")
    assert published.rows("select marts.message_count('star')") == [3]  # one of that name, so no ambiguity
    assert published.rows("select to_regclass('marts.message_days') is null") == [True]
    assert access_check.offenders(published.connection) == []


def test_the_catalogue_of_indicators_is_carried_like_any_table(published: Warehouse) -> None:
    published.prepare()
    published.build(["star"], [], [])
    rows = [{**KPI, "name_en": "Conversations"}, {**KPI, "ref": "Chat-Card-2"}]
    assert published.publish(dim_kpi=rows).counts["dim_kpi"] == Counts(1, 1, 0)
    with pytest.raises(PublicationError, match="Chat-Card-1 lacks or adds columns: colour"):
        published.publish(dim_kpi=[{**KPI, "colour": "red"}])


# --- contracts --------------------------------------------------------------------------------------------------------


def described(mart: Warehouse) -> dict[str, Any]:
    return {
        name: (data_type, required, comment)
        for name, data_type, required, comment in mart.rows(
            "select attname, format_type(atttypid, atttypmod), attnotnull, col_description(attrelid, attnum)"
            " from pg_attribute where attrelid = 'marts.fct_message'::regclass and attnum > 0 and not attisdropped"
        )
    }


def test_a_table_is_as_its_contract_says(published: Warehouse) -> None:
    assert described(published)["sent_at"] == ("timestamp with time zone", True, "What sent_at holds.")
    assert described(published)["amount"] == ("numeric", False, "What amount holds.")
    assert published.rows("select obj_description('marts.fct_message'::regclass)") == ["The table fct_message."]
    indexes = published.rows(
        "select indexdef from pg_indexes where schemaname = 'marts' and tablename = 'fct_message' order by indexname"
    )
    assert [text.split("USING btree ")[1] for text in indexes] == [
        "(brand_id, conversation_id)",
        "(brand_id, sent_at) WHERE (amount IS NOT NULL)",
        "(brand_id, message_id)",
    ]
    assert access_check.offenders(published.connection) == []


def test_nothing_is_issued_when_the_catalogue_agrees(published: Warehouse) -> None:
    """Each change of a table, comment, policy or grant writes the catalogue: its newest writer stays."""
    newest = (
        "select (select max(xmin::text::bigint) from pg_class where relnamespace = 'marts'::regnamespace),"
        " (select max(xmin::text::bigint) from pg_attribute where attrelid = 'marts.fct_message'::regclass),"
        " (select max(xmin::text::bigint) from pg_description where objoid = 'marts.fct_message'::regclass),"
        " (select max(xmin::text::bigint) from pg_policy),"
        " (select max(xmin::text::bigint) from pg_proc where pronamespace = 'marts'::regnamespace),"
        " (select xmin::text::bigint from pg_namespace where nspname = 'marts')"
    )
    before = published.rows(newest)
    published.prepare()
    assert published.rows(newest) == before


def test_a_new_column_rebuilds_every_brand(published: Warehouse) -> None:
    published.manifest = changed(word_count="bigint")
    prepared = published.prepare()
    assert prepared.rebuilt == ("fct_message",)
    assert published.rows("select brand_id, entity, entity_id, load_id from raw.touched") == [
        ("star", "brand", "star", 1)
    ]
    assert described(published)["word_count"] == ("bigint", False, "What word_count holds, bigint.")
    published.build(["star"], CONVERSATIONS, MESSAGES)
    published.connection.execute("alter table build.messages add column word_count integer default 4")
    published.connection.commit()
    assert published.publish().counts["fct_message"] == Counts(0, 3, 0)
    assert published.rows("select distinct word_count from marts.fct_message") == [4]
    assert published.rows("select count(*) from raw.touched") == [0]
    assert access_check.offenders(published.connection) == []


def test_a_new_required_column_is_required_once_it_is_filled(published: Warehouse) -> None:
    published.manifest = changed(word_count="integer")
    node = published.manifest["nodes"]["model.causerie.fct_message"]
    node["constraints"] = [{"type": "not_null", "columns": ["word_count"]}]
    published.prepare()
    published.build(["star"], [("star", "c1")], MESSAGES[:2])
    published.connection.execute("alter table build.messages add column word_count integer default 4")
    published.connection.commit()
    result = published.publish()
    assert len(result.remarks) == 1 and "word_count still has nulls" in result.remarks[0]
    published.prepare()
    published.build(["star"], [("star", "c2")], MESSAGES[2:])
    published.connection.execute("alter table build.messages add column word_count integer default 4")
    published.connection.commit()
    assert published.publish().remarks == ()
    assert described(published)["word_count"][1] is True


def test_a_dropped_column_is_readable_until_the_publication(published: Warehouse) -> None:
    published.manifest = changed(sent_at=None)
    del published.manifest["nodes"]["model.causerie.fct_message"]["config"]["meta"]["publication"]["indexes"][1]
    published.prepare()
    assert published.rows("select count(sent_at) from marts.fct_message") == [3]
    published.build(["star"], [("star", "c1")], [("star", "m9", "c1", 1, 5)])
    published.publish(functions=[FUNCTION])
    assert "sent_at" not in described(published)
    assert [row[0] for row in messages(published)] == ["m3", "m9"]
    assert access_check.offenders(published.connection) == []


def test_a_column_changes_its_type_in_place(published: Warehouse) -> None:
    published.connection.execute("create view next.fct_message as select * from marts.fct_message")
    published.connection.commit()
    published.manifest = changed(amount="text")
    assert published.prepare().rebuilt == ()
    assert described(published)["amount"][0] == "text"
    assert published.rows("select amount from marts.fct_message where message_id = 'm1'") == ["5"]
    published.manifest = manifest()
    published.prepare()
    published.build(["star"], [], [])
    assert not published.publish().counts["fct_message"].total
    assert published.rows("select sum(messages) from marts.message_days") == [3]  # the view over it is back
    assert access_check.offenders(published.connection) == []


def test_a_type_that_values_do_not_fit_needs_a_migration(published: Warehouse) -> None:
    published.manifest = changed(conversation_id="integer")
    with pytest.raises(
        MartContractError, match=r"fct_message\.conversation_id can't become integer.*\"c1\".*migration"
    ):
        published.prepare()
    assert described(published)["conversation_id"][0] == "text"


def test_a_key_changes_with_the_publication(published: Warehouse) -> None:
    published.manifest = changed(part="integer")
    published.manifest["nodes"]["model.causerie.fct_message"]["config"]["meta"]["publication"]["key"].append("part")
    assert published.prepare().rebuilt == ("fct_message",)
    published.build(["star"], CONVERSATIONS, [*MESSAGES, MESSAGES[0]])
    published.connection.execute("alter table build.messages add column part integer generated always as identity")
    published.connection.commit()
    assert published.publish().counts["fct_message"] == Counts(4, 0, 3)
    assert described(published)["part"][1] is True
    assert access_check.offenders(published.connection) == []


def test_declared_indexes_come_and_go_and_a_persons_own_stays(published: Warehouse) -> None:
    published.connection.execute("create index my_own on marts.fct_message (brand_id, amount)")
    published.connection.commit()
    meta = published.manifest["nodes"]["model.causerie.fct_message"]["config"]["meta"]["publication"]
    meta["indexes"] = [{"columns": ["brand_id", "sent_at"], "include": ["amount"]}]
    published.run(["star"], [], [])
    names = published.rows("select indexname from pg_indexes where schemaname = 'marts' and tablename = 'fct_message'")
    assert len(names) == 3 and "my_own" in names and "fct_message_pkey" in names


def test_a_table_that_a_person_renamed_comes_again_with_its_indexes(published: Warehouse) -> None:
    """The old one keeps its indexes, under the names that the new one's have to have."""
    for number in (1, 2):
        published.connection.execute(f"alter table marts.fct_message rename to kept_{number}".encode())
        published.connection.commit()
        assert published.prepare().rebuilt == ("fct_message",)
        published.build(["star"], CONVERSATIONS, MESSAGES)
        published.publish()
        assert len(messages(published)) == 3
    counted = "select count(*) from pg_indexes where schemaname = 'marts' and tablename = '{}'"
    counts = [published.rows(counted.format(table)) for table in ("fct_message", "kept_1", "kept_2")]
    assert counts[0] == counts[1] == counts[2] != [0]
    assert access_check.offenders(published.connection) == []


def test_a_model_that_is_gone_is_remarked_on_and_left(published: Warehouse) -> None:
    del published.manifest["nodes"]["model.causerie.dim_date"]
    assert published.run(["star"], [], []).remarks == (
        "marts.dim_date is no model any more and is left as it is: drop it by a migration",
    )


def test_every_fault_of_a_manifest_is_named_at_once() -> None:
    faulty = changed(amount="numeric(18, 2)")
    faulty["nodes"]["model.causerie.fct_message"]["description"] = ""
    faulty["nodes"]["model.causerie.dim_brand"]["config"]["meta"]["publication"]["key"] = ["name"]
    with pytest.raises(MartContractError) as raised:
        marts_of(faulty)
    assert "fct_message: has no description" in str(raised.value)
    assert "column amount needs a data_type without length" in str(raised.value)
    assert "dim_brand: meta.publication.key must begin with brand_id" in str(raised.value)


# --- order and repetition ---------------------------------------------------------------------------------------------


def test_the_digest_tells_data_apart_and_nothing_else(
    published: Warehouse, connection: psycopg.Connection[Any]
) -> None:
    before = marts_digest.digest(connection)
    connection.commit()
    assert [line.split()[0] for line in before.splitlines()] == [
        "access",
        "dim_brand",
        "dim_date",
        "dim_kpi",
        "fct_message",
        "load_quarantine",
    ]
    connection.execute("set timezone = 'Pacific/Auckland'")
    connection.commit()
    # Equal values in another spelling, in other generations, in another order.
    published.run(["star"], [("star", "c1")], [])
    spelled = [("star", "m2", "c1", 2, None), ("star", "m1", "c1", 1, "5.000")]
    published.run(["star"], [("star", "c1")], spelled, data_through=DATA_THROUGH + timedelta(days=1))
    assert marts_digest.digest(connection) == before
    connection.execute("update marts.fct_message set amount = 7 where message_id = 'm1'")
    assert marts_digest.digest(connection) != before
