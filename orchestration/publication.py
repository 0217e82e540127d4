"""From `build` to `marts`: what a run does before dbt (`prepare`) and after the audits (`publish`).

Not here: the tables' shape (marts_schema.py), readers (access.py), one table's rows (carrying.py). Next: carrying.py.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from orchestration import access, catalogue, edition, mart_contracts, marts_rendered, marts_schema
from orchestration.carrying import Counts, Touched, carry
from orchestration.mart_contracts import Mart

PUBLICATION_LOCK = 0x0CA5E41F
# How often, and how far apart, an upgrade asks for tables that reports are reading: ten minutes in all.
LOCK_ATTEMPTS = 1200
LOCK_PAUSE_SECONDS = 0.5


class PublicationError(RuntimeError):
    """What is in `build` is not what this run prepared, or is not there; nothing was published."""


@dataclass(frozen=True)
class Prepared:
    """What `prepare` found: the newest load that the run covers, the tables to be rebuilt as a whole, remarks."""

    newest_load_id: int
    rebuilt: tuple[str, ...]
    remarks: tuple[str, ...]


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


def prepare(
    connection: psycopg.Connection[Any],
    manifest: Mapping[str, Any],
    run_id: str,
    instant: datetime,
    data_through: datetime | None,
) -> Prepared:
    """Make marts ready for dbt's views over it, and write down what this run is, in `build.run`. Commits.

    A table whose contract has a new column or key is built again as a whole, and so is everything when a model, a
    report or the catalogue has changed: all brands are noted as touched.
    Raises MartContractError; the connection must be idle.
    """
    marts = mart_contracts.marts_of(manifest)
    remarks = [] if _is_idle(connection) else _refuse_open_transaction()
    remarks += access.ensure_roles(connection, [])
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            with _serialised(connection):
                # Altering a table waits for its readers, and new readers would queue behind that: so not for long.
                connection.execute("set local lock_timeout = '50ms'")
                newest, stale = _prepare(connection, marts, run_id, instant, data_through)
                return Prepared(newest, tuple(stale), tuple(remarks))
        except psycopg.errors.LockNotAvailable:
            if attempt == LOCK_ATTEMPTS:
                raise
            time.sleep(LOCK_PAUSE_SECONDS)
    raise AssertionError("the last attempt returns or raises")


def _prepare(
    connection: psycopg.Connection[Any],
    marts: Sequence[Mart],
    run_id: str,
    instant: datetime,
    data_through: datetime | None,
) -> tuple[int, list[str]]:
    """The newest load that the run covers, and the tables to be rebuilt as a whole."""
    for schema in ("build", "next", "marts"):
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    stale = marts_schema.ensure(connection, marts)
    access.secure(connection)
    # Loads commit in the order of their numbers (loading.py), so whoever sees this one has all before it.
    newest = int(_value(connection, "select coalesce(max(load_id), 0) from raw.load"))
    _render_indicators(connection)
    _write_indicators(connection)
    at_hand = edition.at_hand()
    if at_hand != edition.prepared(connection) or stale:
        connection.execute(
            "insert into raw.touched (brand_id, entity, entity_id, load_id)"
            " select brand_id, 'brand', brand_id, %s from marts.brand_generation",
            [newest],
        )
    _write_run(connection, run_id, instant, data_through, newest)
    edition.write(connection, at_hand)
    return newest, stale


def _render_indicators(connection: psycopg.Connection[Any]) -> None:
    """Put the reports over `next` in place, unless they are."""
    functions = catalogue.audit_functions()
    digest = hashlib.sha256("".join(functions).encode()).hexdigest()
    before = _value(connection, "select obj_description(to_regprocedure('next.kpi_answers(text)'), 'pg_proc')")
    if before and str(before).endswith(digest):
        return
    for function in functions:
        connection.execute(function.encode())
    connection.execute(
        sql.SQL("comment on function next.kpi_answers is {}").format(
            sql.Literal(f"Every touched period of every brand by one dimension, as defined by {digest}")
        )
    )


def _write_indicators(connection: psycopg.Connection[Any]) -> None:
    """Write down in `build.indicator` what each indicator is, and whether it was published under another definition."""
    definitions = catalogue.definitions(edition.of_models())
    fixed = {indicator.ref for indicator in catalogue.load().dated if indicator.stability == "fixed"}
    connection.execute(
        "create table if not exists build.indicator (ref text primary key, is_fixed boolean not null,"
        " definition text not null, is_redefined boolean not null)"
    )
    connection.execute("delete from build.indicator")
    connection.execute(
        "insert into build.indicator (ref, is_fixed, definition, is_redefined)"
        " select i.ref, i.ref = any(%s), i.definition, coalesce(r.digest <> i.definition, false)"
        " from unnest(%s::text[], %s::text[]) as i (ref, definition)"
        " left join marts.rendered as r on r.kind = 'indicator' and r.object_name = i.ref",
        [list(fixed), list(definitions), list(definitions.values())],
    )


def publish(
    connection: psycopg.Connection[Any],
    manifest: Mapping[str, Any],
    run_id: str,
    instant: datetime,
    extract_days: Iterable[date],
    functions: Sequence[str],
    dim_kpi: Sequence[Mapping[str, Any]],
) -> Published:
    """Carry what the run built into marts, all tables in one transaction, and commit: readers see all of it or none.

    Without any change (and with the same data_through) no generation is made; the ledger and the consumed list of
    touched keys are written all the same. Roles of new brands are made just before, in transactions of their own.
    Raises PublicationError, MartContractError, RenderedSqlError and psycopg errors, after which marts are as before.
    """
    marts = mart_contracts.marts_of(manifest)
    remarks = [] if _is_idle(connection) else _refuse_open_transaction()
    with connection.transaction():
        _check_built(connection, marts)
        brands = _built_brands(connection, marts)
    remarks += access.ensure_roles(connection, brands)
    with _serialised(connection):
        data_through, newest = _read_run(connection, run_id)
        restated = any(mart.name == "kpi_period" for mart in marts)
        if restated:
            _check_causes(connection)
        counts = _carry_marts(connection, marts)
        counts["dim_kpi"] = _carry_catalogue(connection, dim_kpi)
        remarks += marts_schema.finish(connection, marts)
        rendered = marts_rendered.ensure(connection, functions)
        _record_definitions(connection)
        if restated:
            counts["kpi_published"] = _record_values(connection, instant)
        _carry_ledger(connection, newest)
        connection.execute("delete from raw.touched where load_id <= %s", [newest])
        generation, is_new = _write_generation(connection, run_id, instant, extract_days, counts, data_through)
        access.secure(connection)
        _analyse(connection, "marts", counts)
    return Published(generation, is_new, counts, tuple(rendered), data_through, tuple(remarks))


# --- the transaction --------------------------------------------------------------------------------------------------


def _is_idle(connection: psycopg.Connection[Any]) -> bool:
    return connection.info.transaction_status == TransactionStatus.IDLE


def _refuse_open_transaction() -> list[str]:
    raise PublicationError("the connection is in a transaction: commit or roll back before publishing")


@contextmanager
def _serialised(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """One publication (or preparation) of a database at a time. Readers never wait for this lock."""
    with connection.transaction():
        connection.execute("set local search_path = pg_catalog")
        connection.execute("set local timezone = 'UTC'")
        connection.execute("select pg_advisory_xact_lock(%s)", [PUBLICATION_LOCK])
        yield


def _value(connection: psycopg.Connection[Any], statement: str, *values: Any) -> Any:
    row = connection.execute(statement, values).fetchone()
    return row[0] if row else None


# --- the run ----------------------------------------------------------------------------------------------------------


def _write_run(
    connection: psycopg.Connection[Any],
    run_id: str,
    instant: datetime,
    data_through: datetime | None,
    newest_load_id: int,
) -> None:
    connection.execute(
        "create table if not exists build.run (run_id text not null, started_at timestamptz not null,"
        " data_through timestamptz, newest_load_id bigint not null)"
    )
    connection.execute("alter table build.run add column if not exists published_through timestamptz")
    connection.execute("delete from build.run")
    connection.execute(
        "insert into build.run (run_id, started_at, data_through, newest_load_id, published_through)"
        " values (%s, %s, %s, %s,"
        "  (select max(p.data_through) from marts.publication as p))",
        [run_id, instant, data_through, newest_load_id],
    )


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
        if _value(connection, "select to_regclass(format('%%I.%%I', %s::text, %s::text))", schema, name) is None
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


def _carry_marts(connection: psycopg.Connection[Any], marts: Sequence[Mart]) -> dict[str, Counts]:
    sources = {mart.name: sql.Identifier(*mart.rows) for mart in marts}
    for mart in marts:
        if mart.rows[0] != "build":
            # Taken down before anything is carried: a view of next may look at marts that change under it.
            sources[mart.name] = sql.Identifier(f"publication_of_{mart.name}")
            connection.execute(
                sql.SQL("create temporary table {} on commit drop as select * from {}").format(
                    sources[mart.name], sql.Identifier(*mart.rows)
                )
            )
    _analyse(connection, "build", {name for mart in marts for name in (mart.rows[1], mart.touched) if name})
    return {
        mart.name: carry(
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
    columns = "brand_id, grain, period_start, dimension, dimension_value, ref, bin, value, previous_value, cause, loads"
    inserted = connection.execute(
        f"insert into marts.kpi_published ({columns}, generation, published_at)"
        f" select {columns}, (select coalesce(max(generation), 0) + 1 from marts.publication), %s"
        " from build.int_kpi_restated",
        [instant],
    )
    return Counts(inserted=inserted.rowcount)


def _record_definitions(connection: psycopg.Connection[Any]) -> None:
    """The definitions under which the indicators are published from now on."""
    connection.execute("delete from marts.rendered where kind = 'indicator'")
    connection.execute(
        "insert into marts.rendered (object_name, kind, digest)"
        " select ref, 'indicator', definition from build.indicator"
    )


def _carry_catalogue(connection: psycopg.Connection[Any], rows: Sequence[Mapping[str, Any]]) -> Counts:
    """Make marts.dim_kpi hold these rows. Raises PublicationError when their names are not the table's columns."""
    columns = _own_columns(connection, "dim_kpi")
    for row in rows:
        if set(row) != set(columns):
            differing = ", ".join(sorted(set(row) ^ set(columns)))
            raise PublicationError(f"dim_kpi: {row.get('ref')} lacks or adds columns: {differing}")
    connection.execute("create temporary table publication_of_dim_kpi (like marts.dim_kpi) on commit drop")
    with connection.cursor() as cursor:
        cursor.executemany(
            sql.SQL("insert into publication_of_dim_kpi ({}) values ({})").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(map(sql.Placeholder, columns))
            ),
            rows,
        )
    return carry(connection, "dim_kpi", ["ref"], columns, sql.Identifier("publication_of_dim_kpi"))


def _carry_ledger(connection: psycopg.Connection[Any], newest: int) -> None:
    """Show the loader's ledger to readers. Counts of older loads may move: waiting rows are taken up later."""
    connection.execute(
        """
        create temporary table publication_of_load_ledger on commit drop as
        select
            coalesce(c.brand_id, '') as brand_id, l.load_id, l.dataset, l.extract_day, l.outcome, l.reason, l.files,
            c.rows_read, c.rows_loaded, c.duplicates, c.superseded, c.waiting, c.rejected, l.started_at, l.ended_at
        from raw.load as l
        left join raw.load_count as c on c.load_id = l.load_id
        where l.load_id <= %s
        """,
        [newest],
    )
    carry(
        connection,
        "load_ledger",
        ["brand_id", "load_id"],
        _own_columns(connection, "load_ledger"),
        sql.Identifier("publication_of_load_ledger"),
        keep_vanished=True,
    )


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


def _analyse(connection: psycopg.Connection[Any], schema: str, tables: Iterable[str]) -> None:
    """Statistics for tables that the server has never seen analysed or that have grown or shrunk by a tenth since."""
    rows = connection.execute(
        """
        select c.relname
        from pg_class as c
        cross join lateral (
            select pg_relation_size(c.oid) / current_setting('block_size')::integer as pages
        ) as now
        where
            c.relnamespace = %s::regnamespace and c.relname = any(%s) and c.relkind = 'r'
            and (c.reltuples < 0 or abs(now.pages - c.relpages) > 0.1 * c.relpages)
        """,
        [schema, sorted(tables)],
    ).fetchall()
    for (name,) in rows:
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier(schema, name)))
