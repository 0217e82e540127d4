"""Past one machine: which tables stand on the workers of a Citus coordinator, and how. Elsewhere nothing happens here.

Not here: how a table is put there (migrations/091_distribution.sql, which dbt's macro calls too).
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql


def has_workers(connection: psycopg.Connection[Any]) -> bool:
    """Is this database a coordinator of Citus?"""
    row = connection.execute("select to_regclass('pg_catalog.pg_dist_partition') is not null").fetchone()
    return bool(row and row[0])


def distribute(connection: psycopg.Connection[Any], table: sql.Identifier, everywhere: bool = False) -> None:
    """Put a table onto the workers: by brand, or whole on each of them if it tells of no brand or `everywhere` says so.
    Its rows go along. Part of the caller's transaction."""
    connection.execute("select raw.distribute(%s, %s)", [table.as_string(), everywhere])
