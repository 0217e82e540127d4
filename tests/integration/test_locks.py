"""What no reader can do to a writer: take its locks, connections or time; and whoever waits says for whom."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from little_mart import Warehouse, changed, role_url
from psycopg import sql

from orchestration import warehouse
from orchestration.assets import resources
from orchestration.marts import access, guests, transaction
from orchestration.settings import Settings
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.upgrade import migrate
from orchestration.warehouse import locks

# The advisory locks of earlier versions: the turn, migration, publication, brands, messages, the ledger.
FORMER = [(0x0CA5E417,), (0x0CA5E41E,), (0x0CA5E41F,), (0x0CA5, 1), (0x0CA5, 4), (0x0CA5, 0)]

GUEST = (
    45,
    "a guest takes every lock, connection, temporary file and minute that it can, and idles in the way of an upgrade",
    "denied, or ended and named; loads, runs and publications go on",
)


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


@pytest.mark.fault(
    *GUEST,
    figure="locks taken 0 of 5",
)
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
        migrate(mart.connection)


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
            return migrate(connection)

    try:
        with ThreadPoolExecutor(4) as pool:
            ran = list(pool.map(begin, range(4)))
        assert sorted(map(bool, ran)) == [False, False, False, True]
    finally:
        admin.execute(f"drop database {name} with (force)".encode())
        admin.close()


# --- limits of readers ------------------------------------------------------------------------------------------------


@pytest.mark.fault(
    *GUEST,
    figure="connections over the limit 0",
)
def test_connections_of_a_role_are_limited_and_the_writer_finds_a_place(mart: Warehouse, database: str) -> None:
    role = access.brand_role(mart.connection, "acme")
    url = role_url(mart.connection, database, role)
    with ExitStack() as opened:
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            for _ in range(access.CONNECTIONS_OF_A_ROLE + 1):
                opened.enter_context(psycopg.connect(url))
        warehouse.connect(database).close()


@pytest.mark.fault(
    *GUEST,
    figure="temporary files over the limit 0",
)
def test_temporary_files_are_limited(mart: Warehouse, database: str) -> None:
    mart.connection.execute(sql.SQL("alter role {} set temp_file_limit = '1MB'").format(sql.Identifier(access.READER)))
    mart.connection.commit()
    with reader(mart, database) as session, pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
        session.execute("set work_mem = '64kB'; select n from generate_series(1, 1000000) as n order by md5(n::text)")
    # A limit that an administrator has set is left as it is; one that is missing comes back.
    mart.run(["acme"], [], [])
    assert "temp_file_limit=1MB" in settings_of(mart, access.READER)
    mart.connection.execute(sql.SQL("alter role {} reset all").format(sql.Identifier(access.READER)))
    mart.connection.commit()
    mart.run(["acme"], [], [])
    assert settings_of(mart, access.READER) == [f"{name}={value}" for name, value in access.LIMITS.items()]


def settings_of(mart: Warehouse, role: str) -> list[str]:
    return list(mart.rows("select s.setconfig from pg_db_role_setting as s where s.setrole = %s::regrole", role)[0])


@pytest.mark.fault(
    *GUEST,
    figure="sessions ended 2 of 2",
)
def test_a_reader_who_lifts_its_own_times_is_ended_all_the_same(mart: Warehouse, database: str) -> None:
    none, long = timedelta(0), timedelta(hours=1)
    with (
        reader(mart, database) as idle,
        reader(mart, database) as busy,
        warehouse.connect(database) as admin,
        ThreadPoolExecutor() as pool,
    ):
        for session in (idle, busy):
            session.execute("set statement_timeout = 0; set idle_in_transaction_session_timeout = 0")
        idle.execute("begin; select count(*) from marts.fct_message")
        endless = pool.submit(busy.execute, "select pg_sleep(600)")
        active = (
            f"select exists (select 1 from pg_stat_activity where pid = {busy.info.backend_pid} and state = 'active')"
        )
        while mart.rows(active) == [False]:
            pass
        assert guests.end_overdue(admin, long, long) == []
        ended = guests.end_overdue(admin, statement=none, idle=none)
        assert len(ended) == 2 and all(access.READER in sentence for sentence in ended)
        assert "idle in a transaction for" in "".join(ended) and "its statement ran for" in "".join(ended)
        with pytest.raises(psycopg.OperationalError):
            endless.result(60)
        with pytest.raises(psycopg.OperationalError):
            idle.execute("select 1")


@pytest.mark.fault(
    *GUEST,
    figure="upgrades stopped 0 of 2",
)
def test_an_idle_reader_stops_no_upgrade(mart: Warehouse, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps the lock of its last SELECT, and a column is to go."""
    monkeypatch.setattr(transaction, "GRACE_SECONDS", 0)
    with reader(mart, database) as session:
        session.execute("begin; select count(*) from marts.fct_message")
        mart.manifest = changed(amount="double precision")
        remarks = mart.prepare().remarks
        assert len(remarks) == 1 and f"session {session.info.backend_pid} of {access.READER}" in remarks[0]
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")
    with reader(mart, database) as session:
        mart.build(["acme"], [("acme", "c1")], [("acme", "m1", "c1", 1, None)])
        mart.manifest = changed(amount="double precision", extra=None)
        session.execute("begin; select count(*) from marts.fct_message")
        published = mart.publish()
        assert f"session {session.info.backend_pid} of {access.READER}" in published.remarks[0]
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")


def test_an_upgrade_that_an_administrator_stops_says_who_and_goes_on_later(
    mart: Warehouse, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "GRACE_SECONDS", 0)
    monkeypatch.setattr(transaction, "PATIENCE_SECONDS", 0)
    mart.manifest = changed(amount="double precision")
    with warehouse.connect(database, application_name="pgAdmin") as administrator:
        administrator.execute("select count(*) from marts.fct_message")
        with pytest.raises(transaction.Hindered, match=f"session {administrator.info.backend_pid} of .*pgAdmin"):
            mart.prepare()
    assert mart.run(["acme"], [("acme", "c1")], [("acme", "m3", "c1", 1, None)]).is_new
