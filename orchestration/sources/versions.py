"""When two rows are the same, and which of several versions is the newest: their contents, and the hash of these.

Not here: which rows are compared (loading.py, brands.py, accounts.py). The hash decides only between rows of one key
in one extract, so only those have it: of a million rows that no other contends with, none is ever hashed.
Next: loading.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from orchestration.sources.contract import Column, Dataset
from orchestration.sources.tables import names, same, table


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


def tell_apart(connection: psycopg.Connection[Any], dataset: Dataset, days: Iterable[date]) -> None:
    """Give the rows of raw that share their key inside an extract their hash, and take it from those that no longer do,
    so that raw follows from the extracts alone, by whatever way they came."""
    connection.execute(
        sql.SQL(
            """
            with contended as (
                select {key}, extract_day from {raw} where extract_day = any (%(days)s)
                group by {key}, extract_day having count(*) > 1
            )
            update {raw} r
               set content_hash = case when found.is_contended then {hash} end
              from (
                    select s.ctid as at, c.extract_day is not null as is_contended
                      from {raw} s left join contended c on {same_key} and c.extract_day = s.extract_day
                     where s.extract_day = any (%(days)s)
                       and (s.content_hash is null) = (c.extract_day is not null)) found
             where r.ctid = found.at
            """
        ).format(
            key=names(dataset.key), raw=table(dataset), hash=hash_of(dataset, "r"), same_key=same(dataset.key, "c", "s")
        ),
        {"days": list(days)},
    )
