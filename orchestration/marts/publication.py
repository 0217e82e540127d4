"""From `build` to `marts`, after the audits: one transaction over all tables.

Not here: what is made ready before dbt (preparation.py), the tables' shape (schema.py), readers (access.py), one
table's rows (merge.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from orchestration.compiler import fingerprint
from orchestration.marts import access, contracts, routines, schema
from orchestration.marts.contracts import Mart
from orchestration.marts.dependents import Dependents
from orchestration.marts.merge import Counts, Touched, count_written, merge
from orchestration.marts.transaction import (
    PublicationError,
    analyse,
    is_idle,
    refuse_open_transaction,
    serialised,
    unhindered,
    value_of,
)
from orchestration.warehouse import distribution

# The tables that the catalogue fills, with their keys; those that only functions read make no generation by themselves.
CATALOGUE_TABLES = {"dim_kpi": ("ref",), "kpi_line": ("position",), "kpi_scan": ("form", "name")}
OF_FUNCTIONS = frozenset({"kpi_line", "kpi_scan"})


@dataclass(frozen=True)
class Published:
    """What a publication did. `generation` is the newest one (0: none yet), made by this call if `is_new`.

    `counts` has every table, unchanged ones too; `rendered` the functions and views made anew or dropped.
    """

    generation: int
    is_new: bool
    counts: Mapping[str, Counts]
    rendered: tuple[str, ...]
    data_through: datetime | None
    remarks: tuple[str, ...]

    def __str__(self) -> str:
        if not self.is_new:
            return f"nothing changed: generation {self.generation} stands"
        written = ", ".join(
            f"{table} +{c.inserted} ~{c.updated} -{c.deleted}" for table, c in self.counts.items() if c.total
        )
        return f"generation {self.generation}, data through {self.data_through}: {written or 'no row changed'}"


def publish(
    connection: psycopg.Connection[Any],
    manifest: Mapping[str, Any],
    run_id: str,
    instant: datetime,
    extract_days: Iterable[date],
    functions: Sequence[str],
    catalogue: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Published:
    """Carry what the run built into marts, all tables in one transaction, and commit: readers see all of it or none.

    Without any change (and with the same data_through) no generation is made; the ledger and the consumed list of
    touched keys are written all the same. Roles of new brands are made just before, in transactions of their own.
    Raises PublicationError, MartContractError, RenderedSqlError and psycopg errors, after which marts are as before.
    """
    marts = contracts.marts_of(manifest)
    remarks = [] if is_idle(connection) else refuse_open_transaction()
    with connection.transaction():
        _check_built(connection, marts)
        brands = _built_brands(connection, marts)
    remarks += access.ensure_roles(connection, brands)
    with serialised(connection):
        data_through, newest = _read_run(connection, run_id)
        restated = any(mart.name == "kpi_period" for mart in marts)
        if restated:
            _check_causes(connection)
        counts = _merge_marts(connection, marts)
        counts |= merge_catalogue(connection, catalogue)
        finished, rendered = unhindered(connection, lambda: _alter(connection, marts, functions), remarks)
        remarks += finished
        _record_definitions(connection)
        if restated:
            counts["kpi_published"] = _record_values(connection, instant)
        _merge_ledger(connection, newest)
        _merge_quarantine(connection, newest)
        connection.execute("delete from raw.touched where load_id <= %s", [newest])
        generation, is_new = _write_generation(connection, run_id, instant, extract_days, counts, data_through)
        unhindered(connection, lambda: access.secure(connection), remarks)
    # By itself: Citus does not let a transaction analyse what it has written in another way.
    with connection.transaction():
        analyse(connection, "marts", counts)
    return Published(generation, is_new, counts, tuple(rendered), data_through, tuple(remarks))


def _alter(
    connection: psycopg.Connection[Any], marts: Sequence[Mart], functions: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The tables, functions and views as they are to be, with people's views over them as they were."""
    views = Dependents(connection)
    finished = schema.finish(connection, marts, views)
    rendered = routines.ensure(connection, functions, views)
    views.restore(own=False)
    return finished, rendered


def _read_run(connection: psycopg.Connection[Any], run_id: str) -> tuple[datetime | None, int]:
    row = connection.execute("select run_id, data_through, newest_load_id from build.run").fetchone()
    if row is None or row[0] != run_id:
        raise PublicationError(
            f"build belongs to run {row[0] if row else '(none)'}, not to run {run_id}:"
            " another run has prepared in between; run again"
        )
    return row[1], row[2]


def _check_built(connection: psycopg.Connection[Any], marts: Iterable[Mart]) -> None:
    wanted = {mart.rows for mart in marts} | {("build", mart.touched) for mart in marts if mart.touched}
    missing = [
        f"{schema}.{name}"
        for schema, name in sorted(wanted | {("build", "run")})
        if value_of(connection, "select to_regclass(format('%%I.%%I', %s::text, %s::text))", schema, name) is None
    ]
    if missing:
        raise PublicationError(f"dbt has not built {', '.join(missing)}: nothing to publish")


# --- rows -------------------------------------------------------------------------------------------------------------


def _built_brands(connection: psycopg.Connection[Any], marts: Iterable[Mart]) -> list[str]:
    """Every brand that will stand in marts after the publication."""
    for mart in marts:
        if mart.name == "dim_brand":
            rows = connection.execute(
                sql.SQL("select brand_id::text from {} union select brand_id from marts.dim_brand").format(
                    sql.Identifier(*mart.rows)
                )
            )
            return sorted(row[0] for row in rows)
    return []


def _merge_marts(connection: psycopg.Connection[Any], marts: Sequence[Mart]) -> dict[str, Counts]:
    with ExitStack() as staged:
        sources = {mart.name: sql.Identifier(*mart.rows) for mart in marts}
        for mart in marts:
            if mart.rows[0] == "build":
                distribution.distribute(connection, sources[mart.name])
            else:
                # Copied before anything is merged: a view of next may look at marts that change under it.
                rows = sql.SQL("select * from {}").format(sources[mart.name])
                sources[mart.name] = staged.enter_context(_staged(connection, mart.name, rows))
        analyse(connection, "build", {name for mart in marts for name in (mart.rows[1], mart.touched) if name})
        return {
            mart.name: merge(
                connection,
                mart.name,
                mart.key,
                mart.column_names,
                sources[mart.name],
                Touched(sql.Identifier("build", mart.touched), mart.touched_by) if mart.touched else None,
                order=mart.order,
            )
            for mart in marts
        }


@contextmanager
def _staged(
    connection: psycopg.Connection[Any], table: str, rows: sql.Composable, values: Sequence[Any] = ()
) -> Iterator[sql.Identifier]:
    """A table of what marts.`table` is to hold, for as long as it is merged. Not a temporary one: past one machine it
    lies where the rows of marts do."""
    staged = sql.Identifier("build", f"publication_of_{table}")
    connection.execute(sql.SQL("create unlogged table {} as {}").format(staged, rows), values or None)
    distribution.distribute(connection, staged, everywhere=table in schema.EVERYWHERE)
    yield staged
    connection.execute(sql.SQL("drop table {}").format(staged))


def _check_causes(connection: psycopg.Connection[Any]) -> None:
    """The law of publication once more, where nobody can pass it by. Raises PublicationError naming the first few."""
    rows = connection.execute(
        "select format('%s %s of %s, %s %s (%s): %s published, %s now', ref, bin, brand_id, grain, period_start,"
        "  dimension_value, coalesce(previous_value::text, 'nothing'), coalesce(value::text, 'nothing'))"
        " from build.int_kpi_restated where cause is null order by 1 limit 5"
    ).fetchall()
    if rows:
        raise PublicationError(
            "fixed indicators of periods that are over changed without a cause: " + "; ".join(row[0] for row in rows)
        )


def _record_values(connection: psycopg.Connection[Any], instant: datetime) -> Counts:
    """The life of each number: what this publication states of periods that are over, where it is new or changed."""
    columns = sql.SQL(
        "brand_id, grain, period_start, dimension, dimension_value, ref, bin, value, previous_value, cause, loads"
    )
    record = sql.SQL(
        "insert into marts.kpi_published ({columns}, generation, published_at)"
        " select {columns}, (select coalesce(max(generation), 0) + 1 from marts.publication), %s"
        " from build.int_kpi_restated returning 1"
    ).format(columns=columns)
    return Counts(inserted=count_written(connection, record, [instant]))


def _record_definitions(connection: psycopg.Connection[Any]) -> None:
    """The definitions under which the indicators are published from now on."""
    prepared = fingerprint.prepared(connection)
    connection.execute("delete from marts.rendered where kind in ('indicator', 'models')")
    connection.execute(
        "insert into marts.rendered (object_name, kind, digest)"
        " select ref, 'indicator', definition from build.indicator where definition is not null"
        " union all select 'models', 'models', %s where %s::text is not null",
        [prepared and prepared.models] * 2,
    )


def merge_catalogue(
    connection: psycopg.Connection[Any], tables: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, Counts]:
    """Make the tables of the catalogue hold these rows; counts of those that people read.

    Raises PublicationError when a row's names are not the table's columns.
    """
    counts = {}
    for table, rows in tables.items():
        columns = _own_columns(connection, table)
        for row in rows:
            if set(row) != set(columns):
                differing = ", ".join(sorted(set(row) ^ set(columns)))
                what = row.get("ref") or row.get("name")
                raise PublicationError(f"{table}: {what} lacks or adds columns: {differing}")
        fresh = sql.Identifier(f"publication_of_{table}")
        connection.execute(
            sql.SQL("create temporary table {} (like {}) on commit drop").format(fresh, sql.Identifier("marts", table))
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                sql.SQL("insert into {} ({}) values ({})").format(
                    fresh,
                    sql.SQL(", ").join(map(sql.Identifier, columns)),
                    sql.SQL(", ").join(map(sql.Placeholder, columns)),
                ),
                rows,
            )
        counts[table] = merge(connection, table, CATALOGUE_TABLES[table], columns, fresh)
    return {table: count for table, count in counts.items() if table not in OF_FUNCTIONS}


def _merge_ledger(connection: psycopg.Connection[Any], newest: int) -> None:
    """Show the loader's ledger to readers. Counts of older loads may move: waiting rows are taken up later."""
    rows = sql.SQL(
        """
        select
            coalesce(c.brand_id, '') as brand_id, l.load_id, l.dataset, l.extract_day, l.outcome, l.reason, l.sentence,
            l.files, c.rows_read, c.rows_loaded, c.duplicates, c.superseded, c.waiting, c.rejected, c.erased,
            l.started_at, l.ended_at
        from raw.load as l
        left join raw.load_count as c on c.load_id = l.load_id
        where l.load_id <= %s
        """
    )
    columns = _own_columns(connection, "load_ledger")
    with _staged(connection, "load_ledger", rows, [newest]) as fresh:
        merge(connection, "load_ledger", ["brand_id", "load_id"], columns, fresh, keep_vanished=True)


def _merge_quarantine(connection: psycopg.Connection[Any], newest: int) -> None:
    """Show readers what waits in quarantine now, by rule, and where its first rows stand."""
    rows = sql.SQL(
        """
        select
            q.brand_id, q.dataset, q.extract_day, q.rule, coalesce(q.column_name, '') as column_name,
            count(*) as rows,
            (array_agg(q.file || ':' || q.line order by q.file, q.line, q.quarantine_id))[:5] as first_lines
        from raw.quarantine as q
        where q.load_id <= %s
        group by q.brand_id, q.dataset, q.extract_day, q.rule, coalesce(q.column_name, '')
        """
    )
    key = ["brand_id", "dataset", "extract_day", "rule", "column_name"]
    columns = _own_columns(connection, "load_quarantine")
    with _staged(connection, "load_quarantine", rows, [newest]) as fresh:
        merge(connection, "load_quarantine", key, columns, fresh)


def _own_columns(connection: psycopg.Connection[Any], table: str) -> list[str]:
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = format('marts.%%I', %s::text)::regclass"
        " and attnum > 0 and not attisdropped order by attnum",
        [table],
    )
    return [row[0] for row in rows]


def _write_generation(
    connection: psycopg.Connection[Any],
    run_id: str,
    instant: datetime,
    extract_days: Iterable[date],
    counts: Mapping[str, Counts],
    data_through: datetime | None,
) -> tuple[int, bool]:
    row = connection.execute(
        "select generation, data_through from marts.publication order by generation desc limit 1"
    ).fetchone()
    newest, newest_data_through = row or (0, None)
    if not any(count.total for count in counts.values()) and newest_data_through == data_through:
        return newest, False
    generation = newest + 1
    connection.execute(
        "insert into marts.publication (generation, run_id, extract_days, rows_inserted, rows_updated, rows_deleted,"
        " tables, data_through, published_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            generation,
            run_id,
            sorted(set(extract_days)),
            sum(count.inserted for count in counts.values()),
            sum(count.updated for count in counts.values()),
            sum(count.deleted for count in counts.values()),
            Jsonb(
                {
                    table: {"inserted": c.inserted, "updated": c.updated, "deleted": c.deleted}
                    for table, c in counts.items()
                    if c.total
                }
            ),
            data_through,
            instant,
        ],
    )
    connection.execute("update marts.brand_generation set generation = %s", [generation])
    if "dim_brand" in counts:
        # Only a brand that is new gets its access: what an administrator took away stays away.
        new = connection.execute(
            "insert into marts.brand_generation (brand_id, generation)"
            " select brand_id, %s from marts.dim_brand on conflict do nothing returning brand_id",
            [generation],
        ).fetchall()
        access.admit(connection, [brand_id for (brand_id,) in new])
    return generation, True
