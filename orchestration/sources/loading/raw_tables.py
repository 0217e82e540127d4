"""The raw tables and their indexes, made from the contract.

Not here: the ledger's tables (migrations/001_raw.sql), what fills any of them, or what a grown contract means for the
rows that stand (upgrade.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from orchestration.sources.contract import Column, Dataset
from orchestration.warehouse import locks


def table(dataset: Dataset) -> sql.Identifier:
    return sql.Identifier("raw", dataset.name)


def names(columns: tuple[str, ...], alias: str | None = None) -> sql.Composed:
    """A comma-separated list of column names, each after the alias if there is one."""
    return sql.SQL(", ").join(sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in columns)


def same(columns: tuple[str, ...], left: str, right: str) -> sql.Composed:
    """Equality of two rows in these columns, none of which is ever null."""
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(left, name), sql.Identifier(right, name)) for name in columns
    )


def stored_columns(dataset: Dataset) -> tuple[str, ...]:
    """Every column of the raw table, in its order."""
    # An order can go to quarantine long after its load, when its brand's currency comes to light: it knows its place.
    place = ("place",) if dataset.currency_column else ()
    return (*dataset.column_names, "extract_day", "content_hash", "load_id", *place)


class RawTableError(Exception):
    """A raw table can't be made what the contract says; the message names table and column, and what is allowed."""


def ensure_tables(connection: psycopg.Connection[Any], datasets: Sequence[Dataset]) -> dict[str, tuple[str, ...]]:
    """Make the raw tables that are missing, without indexes (see ensure_indexes), and give those that stand the columns
    that the contract gained; and their locks. Safe to repeat.

    Returns the gained columns by dataset. What a grown contract means for rows that stand is upgrade.py's. Raises
    RawTableError where a table with rows lacks a required column, or has one of another type.
    """
    locks.ensure(connection, [locks.of_dataset(dataset.name) for dataset in datasets])
    gained: dict[str, tuple[str, ...]] = {}
    for dataset in datasets:
        standing = _standing_columns(connection, dataset)
        if not standing:
            columns = [_definition(column) for column in dataset.columns]
            columns.append(sql.SQL("extract_day date not null, content_hash bytea, load_id bigint not null").format())
            if dataset.currency_column:
                columns.append(sql.SQL("place bigint not null").format())
            connection.execute(sql.SQL("create table {} ({})").format(table(dataset), sql.SQL(", ").join(columns)))
        elif new := _grow(connection, dataset, standing):
            gained[dataset.name] = new
        _describe(connection, dataset)
    return gained


def _definition(column: Column) -> sql.Composed:
    return sql.SQL("{} {}{}").format(
        sql.Identifier(column.name), sql.SQL(column.sql_type), sql.SQL(" not null" if column.required else "")
    )


def _standing_columns(connection: psycopg.Connection[Any], dataset: Dataset) -> dict[str, tuple[str, bool]]:
    """The columns that a raw table has, with their types and whether they must be filled; none if there is no table."""
    rows = connection.execute(
        "select attname, format_type(atttypid, null), attnotnull from pg_attribute"
        " where attrelid = to_regclass(format('raw.%%I', %s::text)) and attnum > 0 and not attisdropped",
        [dataset.name],
    )
    return {name: (kind, is_required) for name, kind, is_required in rows}


def _grow(
    connection: psycopg.Connection[Any], dataset: Dataset, standing: Mapping[str, tuple[str, bool]]
) -> tuple[str, ...]:
    """Bring a table that stands up to the contract; returns the columns that it gained."""
    new = [column for column in dataset.columns if column.name not in standing]
    for column in new:
        try:
            connection.execute(sql.SQL("alter table {} add column {}").format(table(dataset), _definition(column)))
        except psycopg.errors.NotNullViolation as error:
            raise RawTableError(
                f"raw.{dataset.name} has rows, and can't take the required column {column.name}:"
                " a dataset that has been loaded can only gain optional columns"
            ) from error
    types = {"timestamptz": "timestamp with time zone"}
    for column in dataset.columns:
        kind, is_required = standing.get(column.name, (column.sql_type, column.required))
        if kind != types.get(column.sql_type, column.sql_type):
            raise RawTableError(
                f"raw.{dataset.name}: column {column.name} is {kind}, and the contract now says {column.sql_type}:"
                " a column that has been loaded keeps its type"
            )
        if is_required and not column.required:
            _may_be_null(connection, dataset, column.name)
    for name, (_, is_required) in standing.items():
        # A column that the contract has lost stays with what it holds, and is filled no more.
        if is_required and name not in stored_columns(dataset):
            _may_be_null(connection, dataset, name)
    return tuple(column.name for column in new)


def _may_be_null(connection: psycopg.Connection[Any], dataset: Dataset, name: str) -> None:
    connection.execute(
        sql.SQL("alter table {} alter column {} drop not null").format(table(dataset), sql.Identifier(name))
    )


def _describe(connection: psycopg.Connection[Any], dataset: Dataset) -> None:
    def comment(of: str, name: sql.Composable, text: str) -> None:
        connection.execute(sql.SQL("comment on {} {} is {}").format(sql.SQL(of), name, sql.Literal(text)))

    comment("table", table(dataset), dataset.description)
    for column in dataset.columns:
        comment("column", sql.Identifier("raw", dataset.name, column.name), column.description)
    for name, text in {
        "extract_day": "Day (UTC) of the extract that brought the row.",
        "content_hash": "SHA-256 over the contract's columns where its extract has several rows of one key, else null.",
        "load_id": "The load that wrote the row, or last found it in another place.",
        "place": "File (number within its load, above bit 40) and line that it came from.",
    }.items():
        if name in stored_columns(dataset):
            comment("column", sql.Identifier("raw", dataset.name, name), text)


def ensure_indexes(connection: psycopg.Connection[Any], dataset: Dataset, only_loads: bool = False) -> None:
    """Make the indexes of a raw table where they are missing; afterwards each load keeps them. `only_loads`: those that
    loads themselves read by.

    A first bulk load is several times faster into a table without indexes, so they are made after it.
    """
    # The key alone would not be unique: every version of every extract is kept.
    wanted: dict[str, tuple[bool, tuple[str, ...]]] = {"version": (True, (*dataset.key, "extract_day", "content_hash"))}
    wanted["extract_day"] = (False, ("extract_day",))
    for entity, column in dataset.touches.items() if not only_loads else ():
        if ("brand_id", column) != dataset.key[:2] and column != "brand_id":
            wanted[entity] = (False, ("brand_id", column))
    for column in dataset.looked_up_by if not only_loads else ():
        wanted[column] = (False, ("brand_id", column))
    for suffix, (unique, columns) in wanted.items():
        connection.execute(
            sql.SQL("create {} if not exists {} on {} ({})").format(
                sql.SQL("unique index" if unique else "index"),
                sql.Identifier(f"{dataset.name}_{suffix}"),
                table(dataset),
                names(columns),
            )
        )
