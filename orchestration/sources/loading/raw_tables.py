"""The raw tables and their indexes, made from the contract.

Not here: the ledger's tables (migrations/001_raw.sql) or what fills any of them.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from orchestration.sources.contract import DATASETS, Dataset
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


def create_tables(connection: psycopg.Connection[Any]) -> None:
    """Make the raw tables that are missing, without indexes (see ensure_indexes), and their locks. Safe to repeat."""
    locks.ensure(connection, map(locks.of_dataset, DATASETS))
    for dataset in DATASETS.values():
        columns: list[sql.Composable] = [
            sql.SQL("{} {}{}").format(
                sql.Identifier(column.name),
                sql.SQL(column.sql_type),
                sql.SQL(" not null" if column.required else ""),
            )
            for column in dataset.columns
        ]
        columns += [sql.SQL("extract_day date not null, content_hash bytea, load_id bigint not null")]
        if dataset.currency_column:
            columns.append(sql.SQL("place bigint not null"))
        connection.execute(
            sql.SQL("create table if not exists {} ({})").format(table(dataset), sql.SQL(", ").join(columns))
        )
        _describe(connection, dataset)


def _describe(connection: psycopg.Connection[Any], dataset: Dataset) -> None:
    def comment(of: str, name: sql.Composable, text: str) -> None:
        connection.execute(sql.SQL("comment on {} {} is {}").format(sql.SQL(of), name, sql.Literal(text)))

    comment("table", table(dataset), dataset.description)
    for column in dataset.columns:
        comment("column", sql.Identifier("raw", dataset.name, column.name), column.description)
    for name, text in {
        "extract_day": "Day (UTC) of the extract that brought the row.",
        "content_hash": "SHA-256 over the contract's columns where its extract has several rows of one key, else null.",
        "load_id": "The load that wrote the row.",
        "place": "File (number within its load, above bit 40) and line that it came from.",
    }.items():
        if name in stored_columns(dataset):
            comment("column", sql.Identifier("raw", dataset.name, name), text)


def ensure_indexes(connection: psycopg.Connection[Any], dataset: Dataset) -> None:
    """Make the indexes of a raw table where they are missing; afterwards each load keeps them.

    A first bulk load is several times faster into a table without indexes, so they are made after it.
    """
    # The key alone would not be unique: every version of every extract is kept.
    wanted: dict[str, tuple[bool, tuple[str, ...]]] = {"version": (True, (*dataset.key, "extract_day", "content_hash"))}
    for entity, column in dataset.touches.items():
        if ("brand_id", column) != dataset.key[:2] and column != "brand_id":
            wanted[entity] = (False, ("brand_id", column))
    wanted["extract_day"] = (False, ("extract_day",))
    for suffix, (unique, columns) in wanted.items():
        connection.execute(
            sql.SQL("create {} if not exists {} on {} ({})").format(
                sql.SQL("unique index" if unique else "index"),
                sql.Identifier(f"{dataset.name}_{suffix}"),
                table(dataset),
                names(columns),
            )
        )
