"""Locks of the writers: no reader can take them, whoever waits says for whom, and waiting ends."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from little_mart import Warehouse, role_url

from orchestration import warehouse
from orchestration.assets import resources
from orchestration.marts import access
from orchestration.settings import Settings
from orchestration.sources.contract import DATASETS
from orchestration.warehouse import locks

# The advisory locks of earlier versions: the turn, migration, publication, brands, messages, the ledger.
FORMER = [(0x0CA5E417,), (0x0CA5E41E,), (0x0CA5E41F,), (0x0CA5, 1), (0x0CA5, 4), (0x0CA5, 0)]


@pytest.fixture
def mart(connection: psycopg.Connection[Any]) -> Warehouse:
    mart = Warehouse(connection)
    mart.load(acme=2)
    mart.run(["acme"], [("acme", "c1")], [("acme", "m1", "c1", 1, None)])
    return mart


@contextmanager
def reader(mart: Warehouse, database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(role_url(mart.connection, database, access.READER), autocommit=True) as session:
        yield session


def test_no_reader_can_take_a_lock_of_ours(mart: Warehouse, database: str) -> None:
    with reader(mart, database) as session:
        for attempt in (
            "select 1 from raw.lock for update",
            "select 1 from raw.lock for share",
            "lock table raw.lock in share update exclusive mode",
            "lock table marts.fct_message in row exclusive mode",
            "select 1 from marts.fct_message for share",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), session.transaction():
                session.execute(attempt.encode())


def test_whatever_advisory_lock_is_held_nobody_waits(mart: Warehouse, database: str) -> None:
    with warehouse.connect(database, autocommit=True) as holder:
        for numbers in FORMER:
            holder.execute("select pg_advisory_lock(" + ", ".join(map(str, numbers)) + ")")
        mart.connection.execute("set lock_timeout = '1s'")
        mart.connection.commit()
        mart.load(acme=2)
        assert mart.run(["acme"], [("acme", "c1")], [("acme", "m2", "c1", 1, None)]).is_new
        warehouse.migrate(mart.connection)


@pytest.mark.parametrize("name", [locks.MIGRATION, locks.PUBLICATION, locks.LEDGER, locks.of_dataset("messages")])
def test_whoever_waits_says_for_whom_and_not_for_ever(database: str, name: str) -> None:
    with warehouse.connect(database, application_name="a slow load") as holder, warehouse.connect(database) as waiting:
        locks.hold(holder, name)
        waiting.execute("select 1")
        with pytest.raises(
            locks.LockTimeout, match=rf"session {holder.info.backend_pid} of \w+ \(a slow load, idle in"
        ):
            locks.hold(waiting, name, patience=0.1)
        waiting.rollback()
        holder.rollback()
        locks.hold(waiting, name)


def test_sharers_do_not_wait_for_each_other(database: str) -> None:
    brands = locks.of_dataset("brands")
    with warehouse.connect(database, application_name="the first") as one, warehouse.connect(database) as other:
        locks.hold(one, brands, shared=True)
        locks.hold(other, brands, shared=True)
        with warehouse.connect(database) as third:
            third.execute("select 1")
            with pytest.raises(locks.LockTimeout, match="the first"):
                locks.hold(third, brands, patience=0.1)


def test_there_is_a_lock_for_each_dataset(connection: psycopg.Connection[Any]) -> None:
    found = {row[0] for row in connection.execute("select name from raw.lock")}
    assert found == {*locks.NAMES, *map(locks.of_dataset, DATASETS)}
    with pytest.raises(ValueError, match="there is no lock 'dataset nonsense'"):
        locks.hold(connection, locks.of_dataset("nonsense"))


def test_a_lock_needs_a_transaction_to_live_in(database: str) -> None:
    with warehouse.connect(database) as connection, pytest.raises(ValueError, match="begin one first"):
        locks.hold_turn(connection)


def test_one_run_writes_at_a_time_and_the_other_says_for_whom_it_waits(database: str, tmp_path: Path) -> None:
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": database})
    waits, said = Event(), []

    def tell(text: str) -> None:
        said.append(text)
        waits.set()

    def second() -> None:
        with resources.writing(settings, "2", tell):
            pass

    with ThreadPoolExecutor() as pool:
        with resources.writing(settings, "1", print):
            other = pool.submit(second)
            assert waits.wait(60)
            assert not other.done()
            with warehouse.connect(database) as connection:
                # Vacuum is not held up by the turn: it has no transaction id.
                ((xid,),) = connection.execute(
                    "select max(backend_xid::text) from pg_stat_activity where datname = current_database()"
                    " and pid <> pg_backend_pid()"
                ).fetchall()
                assert xid is None
        other.result(60)
    assert said[0].startswith("waiting for its turn to write, which session ")


def test_two_that_begin_on_an_empty_database_find_one_table_of_locks(server: str) -> None:
    admin = psycopg.connect(server, autocommit=True)
    name = "causerie_empty_locks"
    admin.execute(f"create database {name}".encode())
    url = psycopg.conninfo.make_conninfo(server, dbname=name)

    def begin(_: int) -> list[str]:
        with warehouse.connect(url) as connection:
            return warehouse.migrate(connection)

    try:
        with ThreadPoolExecutor(4) as pool:
            ran = list(pool.map(begin, range(4)))
        assert sorted(map(bool, ran)) == [False, False, False, True]
    finally:
        admin.execute(f"drop database {name} with (force)".encode())
        admin.close()
