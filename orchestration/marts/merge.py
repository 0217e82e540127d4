"""Carrying rows into one table of marts: vanished rows deleted, changed ones updated, new ones inserted, equal ones
left alone.

Not here: which tables, and the transaction around them (publication.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql


@dataclass(frozen=True)
class Counts:
    """Rows that a publication wrote."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def total(self) -> int:
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True)
class Touched:
    """The keys that the run rebuilt: a relation, and which of its columns meet which columns of the mart."""

    relation: sql.Identifier
    columns: Mapping[str, str]


def merge(
    connection: psycopg.Connection[Any],
    table: str,
    key: Sequence[str],
    columns: Sequence[str],
    rows: sql.Identifier,
    touched: Touched | None = None,
    *,
    order: Sequence[str] = (),
    keep_vanished: bool = False,
) -> Counts:
    """Make marts.`table` hold `rows`: as far as `touched` reaches, or as a whole without it.

    New rows are laid down in `order`. A row that moved from one touched key to another is an update, for it is found by
    its own key. Part of the caller's transaction. Raises psycopg errors, among them the unique key's where `rows` has a
    key twice.
    """
    mart = sql.Identifier("marts", table)
    texts = _collatable(connection, table)
    fresh = sql.SQL("(select {} from {} as r) as fresh").format(_select("r", {c: c for c in columns}, texts), rows)
    has_rows = connection.execute(sql.SQL("select exists (select 1 from {})").format(mart)).fetchone() == (True,)
    deleted = updated = 0
    if has_rows and not keep_vanished:
        absent = sql.SQL("not exists (select 1 from {} where {})").format(fresh, _equal("fresh", "published", key))
        if touched:
            reached: sql.Composable = sql.SQL(" using (select distinct {} from {} as t) as touched").format(
                _select("t", touched.columns, texts), touched.relation
            )
            condition = sql.SQL("{} and {}").format(_equal("touched", "published", touched.columns), absent)
        else:
            reached, condition = sql.SQL(""), absent
        deleted = count_written(
            connection,
            sql.SQL("delete from {} as published{} where {} returning 1").format(mart, reached, condition),
        )
    values = [column for column in columns if column not in key]
    if has_rows and values:
        updated = count_written(
            connection,
            sql.SQL("update {} as published set {} from {} where {} and ({}) is distinct from ({}) returning 1").format(
                mart,
                sql.SQL(", ").join(
                    sql.SQL("{} = {}").format(sql.Identifier(c), sql.Identifier("fresh", c)) for c in values
                ),
                fresh,
                _equal("fresh", "published", key),
                _row("published", values),
                _row("fresh", values),
            ),
        )
    inserted = count_written(
        connection,
        sql.SQL(
            "insert into {} ({}) select {} from {}"
            " where not exists (select 1 from {} as published where {}){} returning 1"
        ).format(
            mart,
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            _plain("fresh", columns),
            fresh,
            mart,
            _equal("fresh", "published", key),
            sql.SQL(" order by {}").format(_plain("fresh", order)) if order else sql.SQL(""),
        ),
    )
    return Counts(inserted, updated, deleted)


def _collatable(connection: psycopg.Connection[Any], table: str) -> set[str]:
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = format('marts.%%I', %s::text)::regclass"
        " and attcollation <> 0 and attnum > 0",
        [table],
    )
    return {row[0] for row in rows}


def _select(alias: str, columns: Mapping[str, str], texts: set[str]) -> sql.Composable:
    """`columns` maps names to give to names found. Texts take the collation of marts, the default one: comparing them
    with another, such as the "C" of raw, is an error of PostgreSQL's."""
    return sql.SQL(", ").join(
        sql.SQL("{}{} as {}").format(
            sql.Identifier(alias, found), sql.SQL(' collate "default"' if given in texts else ""), sql.Identifier(given)
        )
        for given, found in columns.items()
    )


def _equal(left: str, right: str, columns: Iterable[str]) -> sql.Composable:
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(left, column), sql.Identifier(right, column)) for column in columns
    )


def _plain(alias: str, columns: Iterable[str]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(alias, column) for column in columns)


def _row(alias: str, columns: Iterable[str]) -> sql.Composable:
    return sql.SQL("row({})").format(_plain(alias, columns))


def count_written(
    connection: psycopg.Connection[Any], statement: sql.Composable, values: Sequence[Any] | None = None
) -> int:
    """The number of rows that a statement ending in `returning 1` wrote: not what a distributed one says of itself."""
    counted = sql.SQL("with written as ({}) select count(*) from written").format(statement)
    row = connection.execute(counted, values).fetchone()
    return int(row[0]) if row else 0
