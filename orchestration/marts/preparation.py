"""What a run does before dbt: makes marts ready for dbt's views over it, and writes down what this run is.

Not here: the tables' shape (schema.py) or merging rows (publication.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from orchestration.catalogue import catalogue
from orchestration.compiler import fingerprint, statements
from orchestration.compiler.functions import audit_functions
from orchestration.marts import access, contracts, feeds, schema, zones
from orchestration.marts.contracts import Mart
from orchestration.marts.feeds import Connected
from orchestration.marts.transaction import analyse, is_idle, refuse_open_transaction, serialised, unhindered, value_of


@dataclass(frozen=True)
class Prepared:
    """What `prepare` found: the newest load that the run covers, the tables to be rebuilt as a whole, remarks."""

    newest_load_id: int
    rebuilt: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Definitions:
    """By what a run computes, rendered before anything is locked: that takes seconds, which a reader of a table that is
    being altered would wait. `indicators`: the digest of each by its ref; `fixed`: which are."""

    fingerprint: fingerprint.Fingerprint
    audit_functions: Sequence[str]
    audit_tables: Mapping[str, list[statements.Row]]
    indicators: Mapping[str, str]
    fixed: Sequence[str]

    @classmethod
    def at_hand(cls) -> Definitions:
        return cls(
            fingerprint.at_hand(),
            audit_functions(),
            statements.audit_tables(),
            fingerprint.of_indicators(),
            [indicator.ref for indicator in catalogue.load().dated if indicator.stability == "fixed"],
        )


def prepare(
    connection: psycopg.Connection[Any],
    manifest: Mapping[str, Any],
    run_id: str,
    instant: datetime,
    data_through: datetime | None,
    connected: Iterable[Connected] = (),
) -> Prepared:
    """Make marts ready for dbt's views over it, and write down what this run is, in `build.run`. Commits.

    `connected` is since when the sources file says that datasets are connected.

    A table whose contract has a new column or key is built again as a whole, and so is everything when a model has
    changed: all brands are noted as touched; so are those of zones whose rules are others by now. Of an indicator that
    is computed by other SQL all periods are stated anew.
    Raises MartContractError; the connection must be idle.
    """
    marts = contracts.marts_of(manifest)
    remarks = [] if is_idle(connection) else refuse_open_transaction()
    remarks += access.ensure_roles(connection, [])
    definitions = Definitions.at_hand()
    with serialised(connection):
        newest, rebuilt = unhindered(
            connection,
            lambda: _prepare(connection, marts, definitions, run_id, instant, data_through, connected),
            remarks,
        )
    return Prepared(newest, tuple(rebuilt), tuple(remarks))


def _prepare(
    connection: psycopg.Connection[Any],
    marts: Sequence[Mart],
    definitions: Definitions,
    run_id: str,
    instant: datetime,
    data_through: datetime | None,
    connected: Iterable[Connected],
) -> tuple[int, list[str]]:
    """The newest load that the run covers, and the tables to be rebuilt as a whole."""
    for name in ("build", "next", "marts"):
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(name)))
    rebuilt = schema.ensure(connection, marts)
    access.secure(connection)
    # Loads commit in the order of their numbers (sources/loading/load.py), so whoever sees this one has all before it.
    newest = int(value_of(connection, "select coalesce(max(load_id), 0) from raw.load"))
    _create_audit(connection, definitions)
    zones.write(connection)
    feeds.write(connection, connected)
    connection.execute(
        "insert into raw.touched (brand_id, entity, entity_id, load_id) select id, 'brand', id, %s"
        " from unnest(%s::text[]) as outdated (id)",
        [newest, zones.outdated_brands(connection)],
    )
    before = fingerprint.prepared(connection)
    _write_indicators(connection, definitions)
    if rebuilt or before is None or before.models != definitions.fingerprint.models:
        connection.execute(
            "insert into raw.touched (brand_id, entity, entity_id, load_id)"
            " select brand_id, 'brand', brand_id, %s from marts.brand_generation",
            [newest],
        )
    _write_run(connection, run_id, instant, data_through, newest)
    fingerprint.write(connection, definitions.fingerprint)
    # A table without statistics is taken for a thousand rows: models that join this one row were planned for millions.
    connection.execute("analyze build.run, build.indicator, build.zone, build.connected")
    analyse(connection, "raw", ["touched"])
    return newest, rebuilt


def _create_audit(connection: psycopg.Connection[Any], definitions: Definitions) -> None:
    """Put the report over `next` in place, with the tables that it reads, unless they are."""
    functions, tables = definitions.audit_functions, definitions.audit_tables
    digest = hashlib.sha256(("".join(functions) + statements.as_text(tables)).encode()).hexdigest()
    signature = "next.kpi_answers(text, text, text)"
    before = value_of(connection, "select obj_description(to_regprocedure(%s), 'pg_proc')", signature)
    if before and str(before).endswith(digest):
        return
    for name, rows in tables.items():
        table = sql.Identifier("next", name)
        connection.execute(sql.SQL("drop table if exists {}").format(table))
        connection.execute(
            sql.SQL("create table {} (like {} including all)").format(table, sql.Identifier("marts", name))
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                sql.SQL("insert into {} ({}) values ({})").format(
                    table,
                    sql.SQL(", ").join(map(sql.Identifier, rows[0])),
                    sql.SQL(", ").join(map(sql.Placeholder, rows[0])),
                ),
                rows,
            )
    # Earlier versions made functions of other names and arguments here, beside which a call would be ambiguous.
    for (former,) in connection.execute(
        "select p.oid::regprocedure::text from pg_proc as p where p.pronamespace = 'next'::regnamespace"
    ).fetchall():
        connection.execute(sql.SQL("drop function {}").format(sql.SQL(former)))
    for function in functions:
        connection.execute(function.encode())
    connection.execute(
        sql.SQL("comment on function next.kpi_answers is {}").format(
            sql.Literal(f"Every touched period of every brand by one dimension, as defined by {digest}")
        )
    )


def _write_indicators(connection: psycopg.Connection[Any], definitions: Definitions) -> None:
    """Write down in `build.indicator` what each indicator is, and whether it differs from what was published."""
    digests = definitions.indicators
    connection.execute("drop table if exists build.indicator")
    connection.execute(
        """
        create table build.indicator (
            ref text primary key,
            is_fixed boolean not null,
            -- What computes it now; null where the catalogue has it no more.
            definition text,
            -- New, or computed by other SQL than published: all of its periods are stated anew.
            is_touched boolean not null,
            -- Published before by other SQL, or from other models: what moves is due to the definition.
            is_redefined boolean not null
        )
        """
    )
    connection.execute(
        """
        insert into build.indicator (ref, is_fixed, definition, is_touched, is_redefined)
        select
            ref,
            ref = any(%s),
            i.definition,
            i.definition is distinct from r.digest,
            r.digest is not null and (i.definition is distinct from r.digest or m.digest is distinct from %s)
        from unnest(%s::text[], %s::text[]) as i (ref, definition)
        full join (
            select r.object_name as ref, r.digest from marts.rendered as r where r.kind = 'indicator'
        ) as r using (ref)
        left join marts.rendered as m on m.kind = 'models'
        """,
        [definitions.fixed, definitions.fingerprint.models, list(digests), list(digests.values())],
    )


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
        " select %s, %s, %s, %s, max(p.data_through) from marts.publication as p",
        [run_id, instant, data_through, newest_load_id],
    )
