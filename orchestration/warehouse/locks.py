"""Whose turn it is: locks that only a writer can take, since no reader may touch `raw`, where they are kept.

An advisory lock can be taken by whoever can log in, and so would let any reader stop every load. These are rows of
`raw.lock`, locked to the end of the transaction, and the table itself for the turn of a run.

Order, for whoever takes several: the turn, migration, publication; the turn, brands, one dataset, ledger.

Not here: locks on the tables of marts, which readers do hold (marts/transaction.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

MIGRATION = "migration"
PUBLICATION = "publication"
LEDGER = "ledger"
NAMES = (MIGRATION, PUBLICATION, LEDGER)

# After this long somebody is told who is waited for; after the patience, which is that of Dagster's longest run
# (dagster.yaml), waiting ends with an error.
TELL_SECONDS = 2
PATIENCE_SECONDS = 6 * 3600


class LockTimeout(RuntimeError):
    """Another writer kept a lock for longer than PATIENCE_SECONDS; the message names its session."""


def of_dataset(name: str) -> str:
    """The lock of a dataset's loads."""
    return f"dataset {name}"


def ensure(connection: psycopg.Connection[Any], names: Iterable[str]) -> None:
    """Make the schema `raw`, the table of locks and these locks, each where it is missing, and commit.

    Nothing can be locked before: of two that begin at once, the second finds its names taken, and asks again.
    """
    wanted = sorted({*NAMES, *names})
    while True:
        try:
            with connection.transaction():
                if connection.execute("select to_regclass('raw.lock')").fetchone() == (None,):
                    connection.execute("create schema if not exists raw")
                    connection.execute("create table raw.lock (name text primary key)")
                    connection.execute(
                        "comment on table raw.lock is 'Locks of the writers: a row each. No reader may see them.'"
                    )
                there = {row[0] for row in connection.execute("select name from raw.lock")}
                with connection.cursor() as cursor:
                    cursor.executemany(
                        "insert into raw.lock (name) values (%s) on conflict do nothing",
                        [[name] for name in wanted if name not in there],
                    )
            return
        except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable, psycopg.errors.DuplicateSchema):
            continue


def hold(
    connection: psycopg.Connection[Any],
    name: str,
    shared: bool = False,
    tell: Callable[[str], object] = lambda _: None,
    patience: float | None = None,
) -> None:
    """Lock a row until the end of the caller's transaction, waiting for whoever has it.

    Raises LockTimeout after `patience` seconds (by default PATIENCE_SECONDS), and ValueError for a lock that `ensure`
    has not made.
    """
    statement = f"select 1 from raw.lock where name = %s for {'share' if shared else 'update'}"
    if connection.execute(f"{statement} skip locked".encode(), [name]).fetchone():
        return

    def take() -> None:
        if connection.execute(statement.encode(), [name]).fetchone() is None:
            raise ValueError(f"there is no lock {name!r} in raw.lock: `causerie run` makes it")

    _patiently(connection, take, lambda: _holders_of_row(connection, name), f"the lock {name!r}", tell, patience)


def hold_turn(
    connection: psycopg.Connection[Any],
    tell: Callable[[str], object] = lambda _: None,
    patience: float | None = None,
) -> None:
    """Be the only run that writes, until the end of the caller's transaction. Raises LockTimeout as `hold` does.

    A lock on the table takes no transaction id, so that vacuum goes on cleaning up under a run of hours. This mode
    keeps out itself alone, not the locks on the rows.
    """
    _patiently(
        connection,
        lambda: connection.execute("lock table raw.lock in share update exclusive mode"),
        lambda: _holders_of_turn(connection),
        "its turn to write",
        tell,
        patience,
    )


def _patiently(
    connection: psycopg.Connection[Any],
    take: Callable[[], object],
    holders: Callable[[], list[str]],
    what: str,
    tell: Callable[[str], object],
    patience: float | None,
) -> None:
    if connection.info.transaction_status == TransactionStatus.IDLE:
        raise ValueError("a lock lasts as long as its transaction: begin one first")
    patience = PATIENCE_SECONDS if patience is None else patience
    deadline = time.monotonic() + patience
    told: list[str] = []
    before = connection.execute("select current_setting('lock_timeout')").fetchone()
    while True:
        try:
            with connection.transaction():
                connection.execute(
                    "select set_config('lock_timeout', %s, true)", [f"{round(min(TELL_SECONDS, patience) * 1000)}ms"]
                )
                take()
                connection.execute("select set_config('lock_timeout', %s, true)", list(before or ["0"]))
            return
        except psycopg.errors.LockNotAvailable as error:
            connection.execute("select pg_stat_clear_snapshot()")  # else a transaction sees its first look for ever
            who = holders()
            said = f"waiting for {what}, which {' and '.join(who) or 'another session'} has"
            if time.monotonic() > deadline:
                raise LockTimeout(f"gave up {said}: end that session, then run again") from error
            if who != told:
                tell(said)
                told = who


# A session as a person finds it again in pg_stat_activity.
SESSION = (
    "format('session %s of %s (%s, %s since %s UTC)', a.pid, a.usename, coalesce(nullif(a.application_name, ''),"
    " 'no name'), a.state, to_char(coalesce(a.state_change, a.backend_start) at time zone 'UTC', 'HH24:MI:SS'))"
)


def _holders_of_row(connection: psycopg.Connection[Any], name: str) -> list[str]:
    """Who has locked the row; where several share it, every writer that has locked any row and waits for none."""
    one = connection.execute(
        f"select {SESSION} from raw.lock as l".replace("%s", "%%s")
        + " inner join pg_locks as k on k.locktype = 'transactionid' and k.transactionid = l.xmax and k.granted"
        " inner join pg_stat_activity as a on a.pid = k.pid where l.name = %s and a.pid <> pg_backend_pid()",
        [name],
    ).fetchall()
    if not one:
        one = connection.execute(
            f"select {SESSION} from pg_stat_activity as a"
            " where a.pid <> pg_backend_pid() and a.pid in"
            "  (select pid from pg_locks where relation = 'raw.lock'::regclass and mode = 'RowShareLock')"
            "  and a.pid not in (select pid from pg_locks where not granted) order by a.pid".encode()
        ).fetchall()
    return [row[0] for row in one]


def _holders_of_turn(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute(
        f"select {SESSION} from pg_stat_activity as a where a.pid <> pg_backend_pid() and a.pid in"
        " (select pid from pg_locks where relation = 'raw.lock'::regclass and mode = 'ShareUpdateExclusiveLock'"
        "  and granted) order by a.pid".encode()
    ).fetchall()
    return [row[0] for row in rows]


def is_waited_for(connection: psycopg.Connection[Any]) -> bool:
    """Does anybody wait for one of the rows?"""
    row = connection.execute(
        "select exists (select 1 from pg_locks as w where not w.granted and w.pid in"
        " (select pid from pg_locks where relation = 'raw.lock'::regclass and mode = 'RowShareLock'))"
    ).fetchone()
    return row == (True,)
