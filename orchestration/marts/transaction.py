"""What preparation and publication share: one of them at a time, in one transaction, with fresh statistics.

Not here: what they write (preparation.py, publication.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from orchestration.warehouse import locks


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


def value_of(connection: psycopg.Connection[Any], statement: str, *values: Any) -> Any:
    row = connection.execute(statement, values).fetchone()
    return row[0] if row else None


def analyse(connection: psycopg.Connection[Any], schema: str, tables: Iterable[str]) -> None:
    """Statistics for tables that the server has never seen analysed or that have grown or shrunk by a tenth since."""
    rows = connection.execute(
        """
        select c.relname
        from pg_class as c
        cross join lateral (
            select pg_relation_size(c.oid) / current_setting('block_size')::integer as pages
        ) as now
        where
            c.relnamespace = %s::regnamespace and c.relname = any(%s) and c.relkind = 'r'
            and (c.reltuples < 0 or abs(now.pages - c.relpages) > 0.1 * c.relpages)
        """,
        [schema, sorted(tables)],
    ).fetchall()
    for (name,) in rows:
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier(schema, name)))
