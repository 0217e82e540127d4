"""What a load leaves written about itself: its line in the ledger, its rows by fate.

Not here: the loading (load.py); what the rows look like (profile.py); reading the ledger (readers/ledger.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from orchestration.sources.connectors.extract import Extract
from orchestration.sources.contract import Dataset
from orchestration.sources.loading.raw_tables import same
from orchestration.sources.loading.versions import equal, newer

FATES = ("rows_read", "rows_loaded", "duplicates", "superseded", "waiting", "rejected", "erased")


class Load(Protocol):
    """The load under way: `execute` knows {fresh} (its good rows), {raw}, {day} and {load}."""

    dataset: Dataset
    load_id: int
    rows_read: int

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


def count_rows(
    load: Load, dropped: sql.Composable, rivals: bool, erased: Mapping[str, int]
) -> dict[str, tuple[int, ...]]:
    """What became of the rows, by brand, in the order of FATES.

    `dropped` selects brands and the number of their rows that were copies inside the extract; `rivals`: may another
    row have the same key? `erased`: rows of erased people by brand, which were left out when the extract was read.
    """
    rows = load.execute(
        """
        with met as (
            select brand_id, 0 as rejected, 0 as dropped, count(*) as stored, 0 as copies, 0 as older, 0 as erased
              from {fresh} group by 1
            union all select brand_id, count(*), 0, 0, 0, 0, 0 from raw.quarantine
             where load_id = {load} and dataset = %s and extract_day = {day} group by 1
            union all select brand_id, 0, rows_dropped, 0, 0, 0, 0 from ({dropped}) dropped
            union all select brand_id, 0, 0, 0, copies, older, 0 from ({beaten}) beaten
            union all select brand_id, 0, 0, 0, 0, 0, n
             from unnest(%s::text[], %s::bigint[]) as left_out (brand_id, n)
        ), counted as (
            select brand_id, sum(rejected + dropped + stored + erased) as read_rows, sum(rejected) as rejected,
                   sum(dropped + copies) as duplicates, sum(older) as superseded,
                   sum(stored - copies - older) as remaining, sum(erased) as erased,
                   exists (select from raw.brands b where b.brand_id = met.brand_id) as is_known
              from met group by brand_id
        )
        insert into raw.load_count
               (load_id, brand_id, rows_read, rows_loaded, duplicates, superseded, waiting, rejected, erased)
        select {load}, brand_id, read_rows, case when is_known then remaining else 0 end, duplicates, superseded,
               case when is_known then 0 else remaining end, rejected, erased
          from counted
        returning brand_id, rows_read, rows_loaded, duplicates, superseded, waiting, rejected, erased
        """,
        load.dataset.name,
        list(erased),
        list(erased.values()),
        dropped=dropped,
        beaten=_beaten(load.dataset)
        if rivals
        else sql.SQL("select ''::text as brand_id, 0 as copies, 0 as older where false"),
    ).fetchall()
    if load.rows_read + sum(erased.values()) != sum(counts[0] for _, *counts in rows):
        raise AssertionError(f"{load.dataset.name}: of {load.rows_read} rows read, these are accounted for: {rows}")
    return {brand: tuple(counts) for brand, *counts in rows}


def _beaten(dataset: Dataset) -> sql.Composed:
    """Of the fresh rows those that others had brought (`copies`), and those that lose to another version (`older`)."""
    # Aggregated for each row, and so a lookup by index for each. A plain join, with statistics that lag behind in a
    # backfill, would read the whole table for each day's few rows.
    return sql.SQL(
        """
        select f.brand_id, count(*) filter (where is_copy) as copies,
               count(*) filter (where is_older and not is_copy) as older
          from {fresh} f cross join lateral (
                select coalesce(bool_or({equal}), false) as is_copy, bool_or({newer}) as is_older
                  from {raw} v
                 where {same_key} and (v.extract_day <> f.extract_day or not ({equal}))) fate
         group by f.brand_id
        """
    ).format(
        equal=equal(dataset, "v", "f"),
        newer=newer(dataset, "v", "f"),
        same_key=same(dataset.key, "f", "v"),
        fresh=sql.Identifier("raw", f"fresh_{dataset.name}"),
        raw=sql.Identifier("raw", dataset.name),
    )
