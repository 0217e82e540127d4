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
    if not has_rows:
        return Counts(inserted=count_written(connection, _insert(mart, columns, fresh, order)))
    reached: sql.Composable = sql.SQL("")
    reaches: sql.Composable = sql.SQL("true")
    if touched:
        reached = sql.SQL("(select distinct {} from {} as t) as touched").format(
            _select("t", touched.columns, texts), touched.relation
        )
        reaches = _equal("touched", "published", touched.columns)
    deleted = 0
    if not keep_vanished:
        deleted = count_written(
            connection,
            sql.SQL(
                "delete from {} as published{} where {} and not exists (select 1 from {} where {}) returning 1"
            ).format(
                mart,
                sql.SQL(" using {}").format(reached) if touched else reached,
                reaches,
                fresh,
                _equal("fresh", "published", key),
            ),
        )
    values = [column for column in columns if column not in key]
    differs = sql.SQL("row({}) is distinct from row({})").format(_plain("published", values), _plain("fresh", values))
    written = connection.execute(
        # Each row is compared once, be it new or changed: most stand as they are.
        sql.SQL(
            "with differing as materialized (select fresh.*, published.{first} is null as is_new from {fresh}"
            "  left join (select published.* from {mart} as published{reached} where {reaches}) as published on {same}"
            "  where published.{first} is null{changed}),"
            " updated as ({update}), inserted as ({insert})"
            " select (select count(*) from updated), (select count(*) from inserted)"
        ).format(
            first=sql.Identifier(key[0]),
            fresh=fresh,
            mart=mart,
            reached=sql.SQL(" cross join {}").format(reached) if touched else reached,
            reaches=reaches,
            same=_equal("fresh", "published", key),
            changed=sql.SQL(" or {}").format(differs) if values else sql.SQL(""),
            update=_update(mart, values, key) if values else sql.SQL("select 1 where false"),
            insert=_insert(mart, columns, sql.SQL("differing as fresh where fresh.is_new"), order),
        )
    ).fetchone()
    updated, inserted = written or (0, 0)
    return Counts(inserted, updated, deleted)


def _update(mart: sql.Identifier, values: Sequence[str], key: Sequence[str]) -> sql.Composable:
    assigned = [sql.SQL("{} = {}").format(sql.Identifier(c), sql.Identifier("fresh", c)) for c in values]
    return sql.SQL(
        "update {} as published set {} from differing as fresh where not fresh.is_new and {} returning 1"
    ).format(mart, sql.SQL(", ").join(assigned), _equal("fresh", "published", key))


def _insert(
    mart: sql.Identifier, columns: Sequence[str], rows: sql.Composable, order: Sequence[str]
) -> sql.Composable:
    return sql.SQL("insert into {} ({}) select {} from {}{} returning 1").format(
        mart,
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        _plain("fresh", columns),
        rows,
        sql.SQL(" order by {}").format(_plain("fresh", order)) if order else sql.SQL(""),
    )


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


def count_written(
    connection: psycopg.Connection[Any], statement: sql.Composable, values: Sequence[Any] | None = None
) -> int:
    """The number of rows that a statement ending in `returning 1` wrote: not what a distributed one says of itself."""
    counted = sql.SQL("with written as ({}) select count(*) from written").format(statement)
    row = connection.execute(counted, values).fetchone()
    return int(row[0]) if row else 0
