"""What preparation and publication share: one of them at a time, in one transaction, with fresh statistics.

Not here: what they write (preparation.py, publication.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from orchestration.marts import guests
from orchestration.warehouse import locks

T = TypeVar("T")

# What alters a table waits for its readers, and new readers queue behind whoever waits: so it asks often, and not for
# long. Readers that take longer than the grace are ended; whoever is no reader of ours is named in the end.
LOCK_MILLISECONDS = 50
PAUSE_SECONDS = 0.5
GRACE_SECONDS = 60
PATIENCE_SECONDS = 600


class Hindered(RuntimeError):
    """A session kept a table of marts from being altered for longer than PATIENCE_SECONDS; the message names it."""


class PublicationError(RuntimeError):
    """What is in `build` is not what this run prepared, or is not there; nothing was published."""


def is_idle(connection: psycopg.Connection[Any]) -> bool:
    return connection.info.transaction_status == TransactionStatus.IDLE


def refuse_open_transaction() -> list[str]:
    raise PublicationError("the connection is in a transaction: commit or roll back before publishing")


@contextmanager
def serialised(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """One publication (or preparation) of a database at a time. Readers never wait for this lock."""
    with connection.transaction():
        connection.execute("set local search_path = pg_catalog")
        connection.execute("set local timezone = 'UTC'")
        locks.hold(connection, locks.PUBLICATION)
        yield


def unhindered(
    connection: psycopg.Connection[Any], alter: Callable[[], T], remarks: list[str], grace: float | None = None
) -> T:
    """What `alter` returns, called again and again until no reader stands in the way of it.

    Each call is a transaction (a savepoint within the caller's), so that a vain one leaves nothing, no lock either.
    Readers whose transaction has lasted for `grace` seconds (by default GRACE_SECONDS) are ended then, and told of in
    `remarks`. Raises Hindered after PATIENCE_SECONDS.
    """
    grace = GRACE_SECONDS if grace is None else grace
    began = time.monotonic()
    while True:
        try:
            with connection.transaction():
                connection.execute(f"set local lock_timeout = '{LOCK_MILLISECONDS}ms'".encode())
                result = alter()
                connection.execute("set local lock_timeout = 0")
                return result
        except psycopg.errors.LockNotAvailable as error:
            waited = time.monotonic() - began
            if waited >= grace:
                remarks += guests.end_those_in_the_way(connection, grace)
            if waited > PATIENCE_SECONDS:
                who = " and ".join(guests.in_the_way(connection)) or "a session that has gone since"
                raise Hindered(
                    f"tables of marts could not be altered, for they are in use by {who}: readers have what they had;"
                    " end that session, then `causerie run` goes on from here"
                ) from error
        time.sleep(PAUSE_SECONDS)


def value_of(connection: psycopg.Connection[Any], statement: str, *values: Any) -> Any:
    row = connection.execute(statement, values).fetchone()
    return row[0] if row else None


def analyse(connection: psycopg.Connection[Any], schema: str, tables: Iterable[str]) -> None:
    """Statistics for tables of which the server has none or that have grown or shrunk by a tenth since. Rows it knows
    the number of from building an index, too, which says nothing of their columns."""
    rows = connection.execute(
        """
        select c.relname
        from pg_class as c
        cross join lateral (
            select pg_relation_size(c.oid) / current_setting('block_size')::integer as pages
        ) as now
        where
            c.relnamespace = %s::regnamespace and c.relname = any(%s) and c.relkind = 'r'
            and (
                c.reltuples < 0 or abs(now.pages - c.relpages) > 0.1 * c.relpages
                or now.pages > 0 and not exists (
                    select from pg_stats as s where s.schemaname = %s and s.tablename = c.relname
                )
            )
        """,
        [schema, sorted(tables), schema],
    ).fetchall()
    for (name,) in rows:
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier(schema, name)))
