"""When two rows are the same, and which of several versions is the newest: their contents, and the hash of these.

Not here: which rows are compared (load.py, revalidation.py, ledger_entry.py). The hash decides only between rows of one
key in one extract, so only those have it: of a million rows that no other contends with, none is ever hashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from orchestration.sources.contract import Column, Dataset
from orchestration.sources.loading.raw_tables import names, same, table


def content_hash(dataset: Dataset, values: Sequence[sql.Composable]) -> sql.Composed:
    """SHA-256 over the typed contract columns in canonical form: decimals without trailing zeros, JSON with its keys
    in order, instants as microseconds."""
    canonical = [_canonical(column, value) for column, value in zip(dataset.columns, values, strict=True)]
    # The separators are control characters, which no source writes.
    return sql.SQL("sha256(convert_to(concat_ws(e'\\x1f', {}), 'UTF8'))").format(sql.SQL(", ").join(canonical))


def _canonical(column: Column, value: sql.Composable) -> sql.Composable:
    match column.type:
        case "money":
            value = sql.SQL("trim_scale({})").format(value)
        case "instant":
            # As microseconds in hexadecimal: no setting of the session can change how that is written.
            value = sql.SQL("encode(timestamptz_send({}), 'hex')").format(value)
    return value if column.required else sql.SQL("coalesce(({})::text, e'\\x01')").format(value)


def hash_of(dataset: Dataset, alias: str) -> sql.Composed:
    """The content hash of a typed row."""
    return content_hash(dataset, [sql.Identifier(alias, name) for name in dataset.column_names])


def equal(dataset: Dataset, left: str, right: str) -> sql.Composed:
    """Do two typed rows say the same of the same thing? Values are compared, not how they were written."""
    return sql.SQL("{} and ({}) is not distinct from ({})").format(
        same(dataset.key, left, right), names(dataset.column_names, left), names(dataset.column_names, right)
    )


def newer(dataset: Dataset, left: str, right: str) -> sql.Composed:
    """Does a row win over another of its key? The hash, last in order, is worked out only where all else is equal."""
    if dataset.keeps_every_version:
        return sql.SQL("false").format()

    def rank(alias: str) -> sql.Composed:
        first = [sql.Identifier(alias, name) for name in dataset.version_order]
        return sql.SQL(", ").join([*first, hash_of(dataset, alias)])

    return sql.SQL("({}) > ({})").format(rank(left), rank(right))


def tell_apart(connection: psycopg.Connection[Any], dataset: Dataset, rows: sql.Composable) -> None:
    """Give the rows of raw that share their key inside an extract their hash, and take it from those that no longer do,
    so that raw follows from the extracts alone, by whatever way they came.

    Looked at are the keys of `rows`, a relation with the key and extract_day of whatever came or went.
    """
    connection.execute(
        sql.SQL(
            """
            with met as (
                select {met_key}, r.extract_day, count(*) > 1 as is_contended
                  from (select distinct {key}, extract_day from {rows} as whichever) a
                  join {raw} r on {same_key} and r.extract_day = a.extract_day
                 group by {met_key}, r.extract_day
            )
            update {raw} r
               set content_hash = case when a.is_contended then {hash} end
              from met a
             where {same_key} and r.extract_day = a.extract_day and (r.content_hash is not null) <> a.is_contended
            """
        ).format(
            key=names(dataset.key),
            met_key=names(dataset.key, "r"),
            rows=rows,
            raw=table(dataset),
            hash=hash_of(dataset, "r"),
            same_key=same(dataset.key, "a", "r"),
        )
    )
