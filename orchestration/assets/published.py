"""What readers know: each table, view and function of marts as an asset under its own name.

Here: their specs, and what is told of each after a publication. Not here: publishing them (publication.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from dagster import (
    AssetKey,
    AssetSpec,
    FreshnessPolicy,
    MetadataValue,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
)
from psycopg import sql

from orchestration.assets.ingestion import OWNERS
from orchestration.compiler.functions import reader_functions
from orchestration.marts import contracts
from orchestration.marts.publication import Published
from orchestration.settings import Settings

SCHEMA = "marts"
# The asset that tells of the publication as a whole: the table that has a row for each.
PUBLICATION = AssetKey([SCHEMA, "publication"])
# So long after the night's run begins, something has been published, or is wrong in a way that no run will tell of.
NIGHT = timedelta(hours=4)
# Beyond so many rows, counting takes seconds: the server's own estimate is told instead.
COUNTED_ROWS = 10_000_000

# The tables that no model describes and people read; the others of contracts.OWN_TABLES only serve functions.
LEDGERS = (
    "publication",
    "load_ledger",
    "load_quarantine",
    "data_quality",
    "kpi_published",
    "dim_kpi",
    "brand_generation",
)
_COMMENT = re.compile(
    r"comment\s+on\s+(table|view|function)\s+marts\.(\w+)(?:\s*\([^)]*\))?\s+is\s+'((?:[^']|'')*)'", re.IGNORECASE
)
_NAMES = re.compile(r"\bmarts\.([a-z_][a-z0-9_]*)")


def specs(settings: Settings, models: Iterable[AssetKey]) -> list[AssetSpec]:
    """A spec of each table, view and function that readers may use. Opens no connection.

    A table stands on the view of `next` that it is published from, where `models` has one; a view or function on the
    tables that its SQL names.
    """
    manifest = contracts.manifest(settings.manifest)
    models = set(models)
    marts = {mart.name: mart for mart in contracts.marts_of(manifest)}
    rendered = {name: (kind, text, said) for text in reader_functions() for kind, name, said in comments(text)}
    told = {name: said for file in _migrations() for _, name, said in comments(file.read_text())}
    known = {*marts, *LEDGERS, *rendered}
    found = [_table(settings, mart, models) for mart in marts.values()]
    for name in LEDGERS:
        # The publication stands on all that was audited; the other ledgers are written with it.
        audited = sorted(key for key in models if key.path[0] == "next")
        upstream = audited if name == PUBLICATION.path[-1] else [PUBLICATION]
        found.append(_spec(settings, name, told[name], upstream, {"table"}))
    for name, (kind, text, said) in rendered.items():
        upstream = [AssetKey([SCHEMA, one]) for one in sorted(set(_NAMES.findall(text)) & known - {name})]
        if name.startswith("kpi_") and kind == "function":
            # Which facts it reads stands in the rows of kpi_scan: any.
            upstream = [AssetKey([SCHEMA, one]) for one in sorted({*marts, "dim_kpi"})]
        found.append(_spec(settings, name, said, upstream, {kind}))
    return found


def comments(text: str) -> Iterator[tuple[str, str, str]]:
    """What SQL says of the tables, views and functions of marts that it makes: kind, name, comment."""
    for kind, name, said in _COMMENT.findall(text):
        yield kind.lower(), name, said.replace("''", "'")


def _migrations() -> list[Path]:
    return sorted((Path(__file__).parents[1] / "warehouse" / "migrations").glob("*.sql"))


def _table(settings: Settings, mart: contracts.Mart, models: set[AssetKey]) -> AssetSpec:
    columns = [
        TableColumn(one.name, one.data_type, one.description, TableColumnConstraints(nullable=not one.is_required))
        for one in mart.columns
    ]
    upstream = [key for key in [AssetKey(["next", mart.name])] if key in models]
    return _spec(
        settings,
        mart.name,
        mart.description,
        upstream,
        {"table"},
        {
            "dagster/column_schema": TableSchema(columns=columns),
            "key": ", ".join(mart.key),
            "docs": MetadataValue.url(f"{settings.docs_url}/#!/model/model.causerie.{mart.name}"),
        },
    )


def _spec(
    settings: Settings,
    name: str,
    description: str,
    upstream: Sequence[AssetKey],
    kinds: set[str],
    metadata: Mapping[str, Any] | None = None,
) -> AssetSpec:
    return AssetSpec(
        AssetKey([SCHEMA, name]),
        description=description,
        deps=upstream,
        group_name=SCHEMA,
        owners=OWNERS,
        kinds={"postgres", *kinds},
        tags={"causerie/tier": "published"},
        metadata={"dagster/table_name": f"{SCHEMA}.{name}", **(metadata or {})},
        freshness_policy=published_by(settings) if name == PUBLICATION.path[-1] else None,
    )


def published_by(settings: Settings) -> FreshnessPolicy:
    """Published each night, judged by Dagster's daemon also when no run begins."""
    deadline = datetime.combine(date.min, settings.nightly) + NIGHT
    return FreshnessPolicy.cron(
        deadline_cron=f"{deadline.minute} {deadline.hour} * * *", lower_bound_delta=timedelta(days=1), timezone="UTC"
    )


def told_of(connection: psycopg.Connection[Any], result: Published, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Of each of these relations after a publication: its rows, what was written of them, and its columns where no
    contract says them beforehand. Numbers are numbers, so that Dagster plots them."""
    described = _columns(connection)
    told: dict[str, dict[str, Any]] = {}
    for name in names:
        metadata: dict[str, Any] = {}
        if (rows := _rows(connection, name)) is not None:
            metadata["dagster/row_count"] = rows
        if count := result.counts.get(name):
            metadata |= {"inserted": count.inserted, "updated": count.updated, "deleted": count.deleted}
        if name in described:
            metadata["dagster/column_schema"] = TableSchema(columns=described[name])
        told[name] = metadata
    return told


def _rows(connection: psycopg.Connection[Any], name: str) -> int | None:
    """How many rows a table of marts has; None for a view or function."""
    row = connection.execute(
        "select reltuples::bigint from pg_class where oid = to_regclass(format('marts.%%I', %s::text))"
        " and relkind in ('r', 'p')",
        [name],
    ).fetchone()
    if row is None or row[0] > COUNTED_ROWS:
        return row and int(row[0])
    counted = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(SCHEMA, name))).fetchone()
    return int(counted[0]) if counted else None


def _columns(connection: psycopg.Connection[Any]) -> dict[str, list[TableColumn]]:
    """The columns of views and of the platform's own tables, with their comments, as the server has them."""
    found: dict[str, list[TableColumn]] = {}
    for table, name, data_type, said, is_required in connection.execute(
        "select c.relname, a.attname, format_type(a.atttypid, a.atttypmod),"
        "  coalesce(col_description(c.oid, a.attnum), ''), a.attnotnull"
        " from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relnamespace = 'marts'::regnamespace and (c.relkind = 'v' or c.relname = any(%s))"
        " order by c.relname, a.attnum",
        [list(LEDGERS)],
    ):
        found.setdefault(table, []).append(
            TableColumn(name, data_type, said, TableColumnConstraints(nullable=not is_required))
        )
    return found
