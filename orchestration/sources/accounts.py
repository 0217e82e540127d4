"""What a load leaves written about itself: its line in the ledger, its rows by fate, its profile.

Not here: the loading (loading.py); reading the ledger (ledger.py). Next: ledger.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from orchestration.sources.batches import Extract
from orchestration.sources.contract import Column, Dataset
from orchestration.sources.tables import same

FATES = ("rows_read", "rows_loaded", "duplicates", "superseded", "waiting", "rejected")


class Load(Protocol):
    """The load under way: `execute` knows {staged}, {fresh} (its good rows), {raw}, {day} and {load}."""

    dataset: Dataset
    load_id: int

    def execute(self, statement: str, *parameters: Any, **parts: sql.Composable) -> psycopg.Cursor[Any]: ...


def readable_brand(alias: str) -> sql.Composed:
    """A staged row's brand, or '' where it can't be known."""
    return sql.SQL("case when length({0}) between 1 and 128 then {0} else '' end").format(
        sql.Identifier(alias, "brand_id")
    )


def open_load(
    connection: psycopg.Connection[Any],
    load_id: int,
    dataset: Dataset,
    day: date,
    extract: Extract | None,
    started: datetime,
    outcome: str = "loaded",
    reason: str | None = None,
) -> None:
    """The ledger's line, first of all that a load writes: the rest refers to it."""
    connection.execute(
        "insert into raw.load (load_id, dataset, extract_day, outcome, reason, files, fingerprint, unknown_columns,"
        " started_at, ended_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            load_id,
            dataset.name,
            day,
            outcome,
            reason,
            Jsonb([asdict(file) for file in extract.files] if extract else []),
            extract.fingerprint if extract else "",
            sorted(extract.unknown) if extract else [],
            started,
            datetime.now(UTC),
        ],
    )


def close_load(
    connection: psycopg.Connection[Any], load_id: int, outcome: str, extract: Extract, warnings: Mapping[str, int]
) -> None:
    """How it ended; from now on this load is what stands of its extract."""
    connection.execute(
        "update raw.load set outcome = %s, unknown_columns = %s, warnings = %s, ended_at = %s where load_id = %s",
        [outcome, sorted(extract.unknown), Jsonb(dict(warnings)), datetime.now(UTC), load_id],
    )
    connection.execute(
        "insert into raw.extract (dataset, extract_day, fingerprint, load_id)"
        " select dataset, extract_day, fingerprint, load_id from raw.load where load_id = %s"
        " on conflict (dataset, extract_day)"
        " do update set fingerprint = excluded.fingerprint, load_id = excluded.load_id",
        [load_id],
    )


def count_rows(load: Load, rivals: bool) -> dict[str, tuple[int, ...]]:
    """What became of the rows, by brand, in the order of FATES. `rivals`: may another row have the same key?"""
    rows = load.execute(
        """
        with read as (
            select {brand} as brand_id, count(*) as read_rows from {staged} s group by 1
        ), rejected as (
            select brand_id, count(*) as rejected from raw.quarantine where load_id = {load} group by 1
        ), stored as (
            select brand_id, count(*) as stored from {fresh} group by 1
        ), beaten as (
            {beaten}
        ), counted as (
            select brand_id, read_rows, coalesce(rejected, 0) as rejected,
                   read_rows - coalesce(rejected, 0) - coalesce(stored, 0) + coalesce(copies, 0) as duplicates,
                   coalesce(older, 0) as superseded,
                   coalesce(stored, 0) - coalesce(copies, 0) - coalesce(older, 0) as remaining,
                   exists (select from raw.brands b where b.brand_id = read.brand_id) as is_known
              from read left join rejected using (brand_id) left join stored using (brand_id)
                   left join beaten using (brand_id)
        )
        insert into raw.load_count
               (load_id, brand_id, rows_read, rows_loaded, duplicates, superseded, waiting, rejected)
        select {load}, brand_id, read_rows, case when is_known then remaining else 0 end, duplicates, superseded,
               case when is_known then 0 else remaining end, rejected
          from counted
        returning brand_id, rows_read, rows_loaded, duplicates, superseded, waiting, rejected
        """,
        brand=readable_brand("s"),
        beaten=_beaten(load.dataset) if rivals else sql.SQL("select null::text as brand_id, 0 as copies, 0 as older"),
    ).fetchall()
    return {brand: tuple(counts) for brand, *counts in rows}


def _beaten(dataset: Dataset) -> sql.Composed:
    """Of the fresh rows those that others had brought (`copies`), and those that lose to another version (`older`)."""
    mine, other = (
        sql.SQL(", ").join(sql.Identifier(alias, name) for name in dataset.version_order) for alias in ("f", "v")
    )
    newer = sql.SQL("false") if dataset.keeps_every_version else sql.SQL("({}) > ({})").format(other, mine)
    return sql.SQL(
        """
        select brand_id, count(*) filter (where is_copy) as copies,
               count(*) filter (where is_older and not is_copy) as older
          from (
            select f.brand_id, bool_or(v.content_hash = f.content_hash) as is_copy, bool_or({newer}) as is_older
              from {fresh} f cross join lateral (
                    -- OFFSET keeps this a lookup by index for each row. Left free, and with statistics that lag behind
                    -- in a backfill, PostgreSQL reads the whole table for each day's few rows.
                    select * from {raw} v
                     where {same_key} and (v.extract_day, v.content_hash) <> (f.extract_day, f.content_hash)
                    offset 0) v
             group by f.brand_id, f.place
          ) fates
         group by brand_id
        """
    ).format(
        newer=newer,
        same_key=same(dataset.key, "f", "v"),
        fresh=sql.Identifier("raw", f"fresh_{dataset.name}"),
        raw=sql.Identifier("raw", dataset.name),
    )


def write_profile(load: Load) -> None:
    """One row per brand and column, from the good rows; and one per brand for the rows as they were read."""
    columns = load.dataset.columns
    load.execute(
        """
        with whole as (
            select brand_id, count(*) as rows_here, {totals} from {fresh} group by brand_id
        ), combined as materialized (
            select brand_id, {closed}, count(*) as times from {fresh} group by {closed_positions}
        ), profiled as (
            select whole.brand_id, told.* from whole, lateral (values {told}) as told
                   (column_name, row_count, null_count, min_value, max_value)
        ), distincts (brand_id, column_name, distinct_count) as (
            {distincts}
        ), counted (brand_id, column_name, value_counts) as (
            {counted}
        ), faults as (
            select {brand} as brand_id, coalesce(b.column_name, '') as column_name, b.rule, count(*) as times
              from bad b join {staged} s using (place) group by 1, 2, 3
            union all
            select brand_id, column_name, rule, count(*) from raw.quarantine
             where load_id = {load} and rule = 'brand_currency' group by 1, 2, 3
        )
        insert into raw.profile (load_id, dataset, extract_day, brand_id, column_name, row_count, null_count,
                                 distinct_count, min_value, max_value, value_counts, rejected)
        select {load}, %s, {day}, c.brand_id, name, coalesce(p.row_count, 0), coalesce(p.null_count, 0),
               d.distinct_count, p.min_value, p.max_value, v.value_counts,
               coalesce((select jsonb_object_agg(rule, times) from faults f
                          where f.brand_id = c.brand_id and f.column_name = name), '{{}}')
          from raw.load_count c cross join unnest(%s::text[]) as name
               left join profiled p on p.brand_id = c.brand_id and p.column_name = name
               left join distincts d on d.brand_id = c.brand_id and d.column_name = name
               left join counted v on v.brand_id = c.brand_id and v.column_name = name
         where c.load_id = {load} and c.brand_id <> ''
        union all
        select {load}, %s, {day}, brand_id, '', rows_read, 0, null, null, null, null,
               coalesce((select jsonb_object_agg(rule, times)
                           from (select rule, sum(times) as times from faults f
                                  where f.brand_id = c.brand_id group by rule) r), '{{}}')
          from (select brand_id, rows_read from raw.load_count where load_id = {load}
                union all select '', 0 where not exists (select from raw.load_count where load_id = {load})) c
        """,
        load.dataset.name,
        [column.name for column in columns],
        load.dataset.name,
        brand=readable_brand("s"),
        totals=sql.SQL(", ").join(_totals(column) for column in columns),
        told=sql.SQL(", ").join(_told(column) for column in columns),
        closed=sql.SQL(", ").join(sql.Identifier(column.name) for column in columns if _is_closed(column))
        if any(map(_is_closed, columns))
        else sql.SQL("null"),
        closed_positions=sql.SQL(", ").join(
            sql.SQL(str(place)) for place in range(1, 2 + max(1, sum(map(_is_closed, columns))))
        ),
        distincts=_union(columns, _is_countable, "select null::text, null::text, 0::bigint",
                         "select brand, {literal}, count(*) from (select brand_id as brand, {name} from {fresh}"
                         " where {name} is not null group by 1, 2) x group by 1",
                         load.dataset),
        counted=_union(columns, _is_closed, "select null::text, null::text, null::jsonb",
                       "select brand_id, {literal}, jsonb_object_agg(value, times) from"
                       " (select brand_id, {name}::text as value, sum(times) as times from combined"
                       " where {name} is not null group by 1, 2) x group by 1",
                       load.dataset),
    )  # fmt: skip


def _union(columns: tuple[Column, ...], wanted: Any, nothing: str, each: str, dataset: Dataset) -> sql.Composed:
    parts: list[sql.Composable] = [
        sql.SQL(each).format(
            literal=sql.Literal(column.name),
            name=sql.Identifier(column.name),
            fresh=sql.Identifier("raw", f"fresh_{dataset.name}"),
        )
        for column in columns
        if wanted(column)
    ]
    return sql.SQL(" union all ").join(parts or [sql.SQL(nothing)])


def _is_closed(column: Column) -> bool:
    return bool(column.values) or column.type == "boolean"


def _is_countable(column: Column) -> bool:
    """Is the number of distinct values worth its cost?"""
    return column.type in ("id", "integer", "zone", "currency") or bool(column.values)


def _has_bounds(column: Column) -> bool:
    # People's names and words stay out of the profile.
    return bool(column.values) or column.type not in ("text", "boolean", "hours")


def _totals(column: Column) -> sql.Composed:
    name = column.name
    parts = [sql.SQL("count({}) as {}").format(sql.Identifier(name), sql.Identifier(f"n:{name}"))]
    if _has_bounds(column):
        parts += [
            sql.SQL("{}({})::text as {}").format(
                sql.SQL(which), sql.Identifier(name), sql.Identifier(f"{which}:{name}")
            )
            for which in ("min", "max")
        ]
    return sql.SQL(", ").join(parts)


def _told(column: Column) -> sql.Composed:
    bounds = [
        sql.Identifier(f"{which}:{column.name}") if _has_bounds(column) else sql.SQL("null") for which in ("min", "max")
    ]
    return sql.SQL("({}, rows_here, rows_here - {}, {}::text, {}::text)").format(
        sql.Literal(column.name), sql.Identifier(f"n:{column.name}"), *bounds
    )
