"""Whether what dbt makes in `build` and `next` stands as the project at hand would make it: then a run fills the tables
anew and leaves the views alone, of which a night would make fifty again as they were.

Not here: the tables of readers (schema.py), or how a table is filled (dbt_project/macros/rebuilt_table.sql).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from orchestration.marts import contracts
from orchestration.warehouse import distribution

SAID = "What the run under way would publish; its views were made by the project of manifest "


def stand(connection: psycopg.Connection[Any], manifest: Path) -> bool:
    """Did a build by this very manifest end well, and is every relation still what it made? On Citus never: it would
    plan what fills a table, hand it on to the workers, and can't do all of it."""
    if distribution.has_workers(connection):
        return False
    row = connection.execute("select obj_description(to_regnamespace('next'), 'pg_namespace')").fetchone()
    if row is None or row[0] != SAID + _digest(manifest):
        return False
    nodes = contracts.manifest(manifest)["nodes"].values()
    models = [node for node in nodes if node["resource_type"] == "model"]
    missing = connection.execute(
        """
        select 1
        from unnest(%s::text[], %s::text[], %s::text[]) as m (schema, name, kind)
        left join pg_class as c on c.relnamespace = to_regnamespace(m.schema) and c.relname = m.name
        where c.relkind is distinct from (case m.kind when 'view' then 'v' else 'r' end)
        limit 1
        """,
        [
            [node["schema"] for node in models],
            [node["alias"] for node in models],
            [node["config"]["materialized"] for node in models],
        ],
    )
    return missing.fetchone() is None


def forget(connection: psycopg.Connection[Any]) -> None:
    """Until `note`: who builds next makes everything anew, whatever becomes of this build."""
    connection.execute("comment on schema next is null")


def note(connection: psycopg.Connection[Any], manifest: Path) -> None:
    """A build by this manifest has ended well."""
    connection.execute(sql.SQL("comment on schema next is {}").format(sql.Literal(SAID + _digest(manifest))))


def _digest(manifest: Path) -> str:
    return hashlib.sha256(manifest.read_bytes()).hexdigest()
