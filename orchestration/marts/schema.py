"""The shape of marts: every table as its dbt contract describes it, made and altered until the catalogue agrees.

Not here: reading the contracts (contracts.py), who may read (access.py), rows (merge.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestration.marts.contracts import OWN_TABLES, Column, Mart, MartContractError
from orchestration.marts.dependents import Dependents
from orchestration.warehouse import distribution

# Past one machine: what stands whole on every node although it tells of brands, being small and asked beside raw, or by
# the row policies; and what the publication alone reads.
EVERYWHERE = frozenset({"access", "brand_generation", "data_quality", "load_ledger", "load_quarantine"})
LOCAL = frozenset({"rendered"})

INDEX_NAME = re.compile(r"_ix_[0-9a-f]{8}$")  # as Index.name makes them


def ensure(connection: psycopg.Connection[Any], marts: Iterable[Mart]) -> list[str]:
    """Make the tables, and alter them as far as can be while readers read the old rows; `finish` does the rest.

    Returns the tables that were not there, or whose published rows no longer fit their contract (a column or a key is
    new), so that every row has to be built again. Does nothing where the catalogue agrees. Raises MartContractError
    for a column that can't be converted in place. Part of the caller's transaction.
    """
    rebuilt = []
    views = Dependents(connection)
    for mart in marts:
        types = _server_types(connection, mart)
        table = sql.Identifier("marts", mart.name)
        if _kind(connection, mart.name) == "v":
            # Made by a dbt under another target in the place of the table, which comes again.
            views.drop(f"view {table.as_string()}")
        found = _columns(connection, mart.name)
        if not found:
            # A person may have dropped it, or given it another name: then all its rows come again.
            connection.execute(_create_table(table, mart, types))
            rebuilt.append(mart.name)
        elif _alter_table(connection, table, mart, types, found, views):
            rebuilt.append(mart.name)
        _comment(connection, table, mart)
    for name in sorted(_tables(connection) - LOCAL):
        distribution.distribute(connection, sql.Identifier("marts", name), everywhere=name in EVERYWHERE)
    views.restore()
    return rebuilt


def missing(connection: psycopg.Connection[Any], marts: Iterable[Mart]) -> list[str]:
    """The marts that are no table: not there (any more), or a view of the same name."""
    return [mart.name for mart in marts if _kind(connection, mart.name) not in ("r", "p")]


def _kind(connection: psycopg.Connection[Any], name: str) -> str | None:
    row = connection.execute(
        "select relkind::text from pg_class where relnamespace = to_regnamespace('marts') and relname = %s", [name]
    ).fetchone()
    return row[0] if row else None


def finish(connection: psycopg.Connection[Any], marts: Iterable[Mart], views: Dependents) -> list[str]:
    """What has to wait until the rows are in: keys, indexes, NOT NULL, and the end of columns no longer described.

    Keys and indexes come after the first rows because sorting once is several times faster than inserting into them.
    Returns remarks for people about what could not be done. Part of the caller's transaction.
    """
    marts = list(marts)
    remarks = []
    for mart in marts:
        table = sql.Identifier("marts", mart.name)
        found = _columns(connection, mart.name)
        for name in found.keys() - set(mart.column_names):
            drop = sql.SQL("alter table {} drop column {}").format(table, sql.Identifier(name))
            views.alter(drop, mart.name, name)
        if not _primary_key(connection, mart.name):
            connection.execute(sql.SQL("alter table {} add primary key ({})").format(table, _names(mart.key)))
        for column in mart.columns:
            if column.is_required and not found[column.name].is_required and column.name not in mart.key:
                remarks += _require(connection, table, column.name)
        _index(connection, mart)
    orphans = _tables(connection) - {mart.name for mart in marts} - OWN_TABLES
    remarks += [f"marts.{name} is no model any more and is left as it is: drop it by a migration" for name in orphans]
    return sorted(remarks)


# --- making and altering tables ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """A column as the catalogue has it."""

    data_type: str
    is_required: bool


def _tables(connection: psycopg.Connection[Any]) -> set[str]:
    return {
        row[0]
        for row in connection.execute(
            "select relname from pg_class where relnamespace = 'marts'::regnamespace and relkind in ('r', 'p')"
        )
    }


def _columns(connection: psycopg.Connection[Any], table: str) -> dict[str, _Found]:
    rows = connection.execute(
        """
        select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
        from pg_attribute as a
        inner join pg_class as c on c.oid = a.attrelid
        where c.relnamespace = 'marts'::regnamespace and c.relname = %s and a.attnum > 0 and not a.attisdropped
        order by a.attnum
        """,
        [table],
    )
    return {name: _Found(data_type, is_required) for name, data_type, is_required in rows}


def _server_types(connection: psycopg.Connection[Any], mart: Mart) -> dict[str, str]:
    """Column to type in the server's own spelling (timestamptz: timestamp with time zone), safe to put into SQL."""
    spelled = dict(
        connection.execute(
            "select declared, format_type(to_regtype(declared), null) from unnest(%s::text[]) as t (declared)",
            [sorted({column.data_type for column in mart.columns})],
        ).fetchall()
    )
    for column in mart.columns:
        if spelled[column.data_type] is None:
            raise MartContractError(f"marts.{mart.name}.{column.name}: PostgreSQL has no type {column.data_type!r}")
    return {column.name: spelled[column.data_type] for column in mart.columns}


def _names(names: Iterable[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _create_table(table: sql.Identifier, mart: Mart, types: Mapping[str, str]) -> sql.Composed:
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name),
            sql.SQL(types[column.name]),
            sql.SQL(" not null" if column.is_required else ""),
        )
        for column in mart.columns
    )
    return sql.SQL("create table {} ({})").format(table, columns)


def _alter_table(
    connection: psycopg.Connection[Any],
    table: sql.Identifier,
    mart: Mart,
    types: Mapping[str, str],
    found: Mapping[str, _Found],
    views: Dependents,
) -> bool:
    """Bring an existing table to its contract. True when its rows have to be built again."""
    is_rebuilt = False
    key = _primary_key(connection, mart.name)
    if key and key.columns != mart.key:
        connection.execute(sql.SQL("alter table {} drop constraint {}").format(table, sql.Identifier(key.name)))
        is_rebuilt = True
    for column in mart.columns:
        name = sql.Identifier(column.name)
        now = found.get(column.name)
        if now is None:
            # Without NOT NULL: the rows that stand have no value yet.
            connection.execute(
                sql.SQL("alter table {} add column {} {}").format(table, name, sql.SQL(types[column.name]))
            )
            is_rebuilt = True
            continue
        if now.data_type != types[column.name]:
            _retype(views, table, mart.name, column, types[column.name])
        if now.is_required and not column.is_required:
            connection.execute(sql.SQL("alter table {} alter column {} drop not null").format(table, name))
    for gone in found.keys() - set(mart.column_names):
        # Readers keep it until the publication, which brings rows without it.
        if found[gone].is_required:
            connection.execute(
                sql.SQL("alter table {} alter column {} drop not null").format(table, sql.Identifier(gone))
            )
    return is_rebuilt


def _retype(views: Dependents, table: sql.Identifier, name: str, column: Column, data_type: str) -> None:
    """Convert a column in place. The views over it stand in the way, and are made again."""
    convert = sql.SQL("alter table {} alter column {} type {} using {}::{}").format(
        table, sql.Identifier(column.name), sql.SQL(data_type), sql.Identifier(column.name), sql.SQL(data_type)
    )
    try:
        views.alter(convert, name, column.name)
    except (psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError) as error:
        raise MartContractError(
            f"marts.{name}.{column.name} can't become {data_type} in place ({str(error).splitlines()[0]}): "
            "write a migration that converts or drops the column"
        ) from error


def _comment(connection: psycopg.Connection[Any], table: sql.Identifier, mart: Mart) -> None:
    described = dict(
        connection.execute(
            "select objsubid, description from pg_description"
            " where classoid = 'pg_class'::regclass and objoid = %s::regclass",
            [table.as_string()],
        ).fetchall()
    )
    numbers = dict(
        connection.execute(
            "select attname, attnum from pg_attribute where attrelid = %s::regclass", [table.as_string()]
        ).fetchall()
    )
    if described.get(0) != mart.description:
        connection.execute(sql.SQL("comment on table {} is {}").format(table, sql.Literal(mart.description)))
    for column in mart.columns:
        if described.get(numbers[column.name]) != column.description:
            connection.execute(
                sql.SQL("comment on column {} is {}").format(
                    sql.Identifier("marts", mart.name, column.name), sql.Literal(column.description)
                )
            )


# --- keys, indexes, NOT NULL ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Key:
    name: str
    columns: tuple[str, ...]


def _primary_key(connection: psycopg.Connection[Any], table: str) -> _Key | None:
    row = connection.execute(
        """
        select k.conname, array_agg(a.attname::text order by p.position)
        from pg_constraint as k
        inner join pg_class as c on c.oid = k.conrelid
        cross join unnest(k.conkey) with ordinality as p (attnum, position)
        inner join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = p.attnum
        where k.contype = 'p' and c.relnamespace = 'marts'::regnamespace and c.relname = %s
        group by k.conname
        """,
        [table],
    ).fetchone()
    return _Key(row[0], tuple(row[1])) if row else None


def _require(connection: psycopg.Connection[Any], table: sql.Identifier, column: str) -> list[str]:
    has_nulls = connection.execute(
        sql.SQL("select exists (select 1 from {} where {} is null)").format(table, sql.Identifier(column))
    ).fetchone()
    if has_nulls == (True,):
        return [f"{table.as_string()}.{column} still has nulls in rows that were not built again: not yet NOT NULL"]
    connection.execute(sql.SQL("alter table {} alter column {} set not null").format(table, sql.Identifier(column)))
    return []


def _index(connection: psycopg.Connection[Any], mart: Mart) -> None:
    """Make the declared indexes that are missing and drop those of ours no longer declared; a person's own stay."""
    there = {
        row[0]
        for row in connection.execute(
            "select indexname from pg_indexes where schemaname = 'marts' and tablename = %s", [mart.name]
        )
    }
    wanted = {index.name(mart.name): index for index in mart.indexes}
    for name in there - wanted.keys():
        if INDEX_NAME.search(name):
            connection.execute(sql.SQL("drop index {}").format(sql.Identifier("marts", name)))
    for name in wanted.keys() - there:
        index = wanted[name]
        _free(connection, name)
        connection.execute(
            sql.SQL("create index {} on {} ({}){}{}").format(
                sql.Identifier(name),
                sql.Identifier("marts", mart.name),
                _names(index.columns),
                sql.SQL(" include ({})").format(_names(index.include)) if index.include else sql.SQL(""),
                sql.SQL(" where " + index.where) if index.where else sql.SQL(""),
            )
        )


def _free(connection: psycopg.Connection[Any], name: str) -> None:
    """Let go of a name that another table's index has: of one that a person renamed, and whose indexes kept theirs."""
    held = connection.execute(
        "select c.oid from pg_class as c"
        " where c.relnamespace = 'marts'::regnamespace and c.relname = %s and c.relkind in ('i', 'I')",
        [name],
    ).fetchone()
    if held:
        connection.execute(
            sql.SQL("alter index {} rename to {}").format(
                sql.Identifier("marts", name), sql.Identifier(f"{name[:45]}_before_{held[0]}")
            )
        )
