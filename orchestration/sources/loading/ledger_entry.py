"""What a load leaves written about itself: its line in the ledger, its rows by fate.

Not here: the loading (load.py); what the rows look like (profile.py); reading the ledger (readers/ledger.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from orchestration.sentences import as_json
from orchestration.sources.connectors.extract import Extract
from orchestration.sources.contract import Dataset
from orchestration.sources.loading.gathering import Taken
from orchestration.warehouse import locks

FATES = ("rows_read", "rows_loaded", "duplicates", "superseded", "waiting", "rejected", "erased")


class Load(Protocol):
    """The load under way, of one extract or several: `execute` knows {fresh} (its good rows), {raw}, and {first} and
    {last}, the numbers of its first and last extract's load; `keep` makes a table that lasts until its end."""

    dataset: Dataset
    taken: Sequence[Taken]

    def execute(self, statement: str, *parameters: Any, **parts: sql.Composable) -> psycopg.Cursor[Any]: ...
    def keep(self, name: str, query: str, *parameters: Any, **parts: sql.Composable) -> sql.Identifier: ...


def readable_brand(alias: str) -> sql.Composed:
    """A staged row's brand, or '' where it can't be known."""
    return sql.SQL("case when length({0}) between 1 and 128 then {0} else '' end").format(
        sql.Identifier(alias, "brand_id")
    )


def open_loads(
    connection: psycopg.Connection[Any], dataset: Dataset, taken: Sequence[Taken], started: datetime
) -> None:
    """Give each extract the number of its load and its line in the ledger, first of all that a load writes: the rest
    refers to it."""
    numbers = next_load_ids(connection, len(taken))
    for one, load_id in zip(taken, numbers, strict=True):
        one.load_id = load_id
    _write_lines(connection, [_line(dataset, one.day, one.load_id, one.extract, started) for one in taken])


def refuse_load(
    connection: psycopg.Connection[Any],
    dataset: Dataset,
    day: date,
    extract: Extract | None,
    reason: str,
    started: datetime,
) -> int:
    """The ledger's line of an extract that could not be taken, and why, as text and as a sentence; returns its
    number."""
    (load_id,) = next_load_ids(connection, 1)
    line = _line(dataset, day, load_id, extract, started) | {
        "outcome": "refused",
        "reason": reason,
        "sentence": as_json(reason),
    }
    _write_lines(connection, [line])
    return load_id


def next_load_ids(connection: psycopg.Connection[Any], count: int) -> list[int]:
    """Numbers of new loads, each greater than the one before. Held until commit, the lock makes loads appear in the
    order of their numbers: whoever has seen load 7 has seen all before it, which lets a publication consume the touched
    list up to a number."""
    locks.hold(connection, locks.LEDGER)
    found = connection.execute("select nextval('raw.load_id') from generate_series(1, %s)", [count])
    return [int(number) for (number,) in found]


def _line(dataset: Dataset, day: date, load_id: int, extract: Extract | None, started: datetime) -> dict[str, Any]:
    return {
        "load_id": load_id,
        "dataset": dataset.name,
        "extract_day": day.isoformat(),
        "outcome": "loaded",
        "reason": None,
        "sentence": None,
        "files": [asdict(file) for file in extract.files] if extract else [],
        "fingerprint": extract.fingerprint if extract else "",
        "unknown_columns": sorted(extract.unknown) if extract else [],
        "warnings": {},
        "started_at": started.isoformat(),
        "ended_at": datetime.now(UTC).isoformat(),
    }


def _write_lines(connection: psycopg.Connection[Any], lines: list[dict[str, Any]]) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, lines[0]))
    connection.execute(
        sql.SQL("insert into raw.load ({0}) select {0} from jsonb_populate_recordset(null::raw.load, %s)").format(
            columns
        ),
        [Jsonb(lines)],
    )


def close_loads(
    connection: psycopg.Connection[Any],
    taken: Sequence[Taken],
    outcome: str,
    warnings: Mapping[int, Mapping[str, int]],
) -> None:
    """How each ended, `warnings` by its number; from now on these loads are what stands of their extracts."""
    ended = [
        {
            "load_id": one.load_id,
            "unknown_columns": sorted(one.extract.unknown),
            "warnings": warnings.get(one.load_id, {}),
        }
        for one in taken
    ]
    connection.execute(
        """
        with ended as (
            update raw.load l
               set outcome = %s, unknown_columns = e.unknown_columns, warnings = e.warnings, ended_at = %s
              from jsonb_populate_recordset(null::raw.load, %s) e
             where l.load_id = e.load_id
            returning l.dataset, l.extract_day, l.fingerprint, l.load_id
        )
        insert into raw.extract (dataset, extract_day, fingerprint, load_id)
        select dataset, extract_day, fingerprint, load_id from ended
        on conflict (dataset, extract_day)
        do update set fingerprint = excluded.fingerprint, load_id = excluded.load_id
        """,
        [outcome, datetime.now(UTC), Jsonb(ended)],
    )


def count_rows(
    load: Load,
    combined: sql.Composable,
    dropped: sql.Composable,
    beaten: sql.Composable,
    erased: Mapping[str, int],
) -> dict[int, dict[str, tuple[int, ...]]]:
    """What became of the rows of each load, by brand, in the order of FATES.

    `combined` has the number of good rows (profile.py). `dropped` selects loads, brands and the number of their rows
    that were copies inside their extract; `beaten` the number of those that others had brought, and of those that lose
    to another version. `erased`: rows of erased people by brand, which were left out when the one extract was read.
    """
    rows = load.execute(
        """
        with met as (
            select load_id, brand_id, 0 as rejected, 0 as dropped, sum(times) as stored, 0 as copies, 0 as older,
                   0 as erased
              from {combined} group by 1, 2
            union all select load_id, brand_id, count(*), 0, 0, 0, 0, 0 from raw.quarantine
             where load_id between {first} and {last} and dataset = %s group by 1, 2
            union all select load_id, brand_id, 0, rows_dropped, 0, 0, 0, 0 from ({dropped}) dropped
            union all select load_id, brand_id, 0, 0, 0, copies, older, 0 from ({beaten}) beaten
            union all select {first}, brand_id, 0, 0, 0, 0, 0, n
             from unnest(%s::text[], %s::bigint[]) as left_out (brand_id, n)
        ), counted as (
            select load_id, brand_id, sum(rejected + dropped + stored + erased) as read_rows,
                   sum(rejected) as rejected, sum(dropped + copies) as duplicates, sum(older) as superseded,
                   sum(stored - copies - older) as remaining, sum(erased) as erased,
                   exists (select from raw.brands b where b.brand_id = met.brand_id) as is_known
              from met group by load_id, brand_id
        )
        insert into raw.load_count
               (load_id, brand_id, rows_read, rows_loaded, duplicates, superseded, waiting, rejected, erased)
        select load_id, brand_id, read_rows, case when is_known then remaining else 0 end, duplicates, superseded,
               case when is_known then 0 else remaining end, rejected, erased
          from counted
        returning load_id, brand_id, rows_read, rows_loaded, duplicates, superseded, waiting, rejected, erased
        """,
        load.dataset.name,
        list(erased),
        list(erased.values()),
        combined=combined,
        dropped=dropped,
        beaten=beaten,
    ).fetchall()
    found: dict[int, dict[str, tuple[int, ...]]] = {one.load_id: {} for one in load.taken}
    for load_id, brand, *counts in rows:
        found[load_id][brand] = tuple(counts)
    for one in load.taken:
        counted = found[one.load_id].values()
        if one.rows_read + sum(erased.values()) != sum(counts[0] for counts in counted):
            raise AssertionError(
                f"{load.dataset.name} of {one.day}: of {one.rows_read} rows read, these are accounted for: {counted}"
            )
    return found
