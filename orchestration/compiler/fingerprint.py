"""Which edition of the definitions is at hand, and of which the tables in `build` are: models, reports, catalogue.

Not here: rendering reports (functions.py), or what a new edition means for a run (marts/preparation.py). No Dagster: a
run that has nothing to do should say so at once.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from orchestration.catalogue import catalogue
from orchestration.compiler.functions import audit_functions, reader_functions
from orchestration.settings import PROJECT

# What decides the rows of a table. Descriptions and tests do not.
SQL_OF_MODELS = ("models", "macros", "seeds")


def of_models(dbt_project: Path = PROJECT / "dbt_project") -> str:
    """A digest of the project's models and macros: of what they make of the same raw rows."""
    digest = hashlib.sha256()
    files = [dbt_project / "dbt_project.yml"]
    files += [path for folder in SQL_OF_MODELS for path in (dbt_project / folder).rglob("*") if path.suffix != ".yml"]
    for path in sorted(path for path in files if path.is_file()):
        digest.update(f"\0{path.relative_to(dbt_project)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def at_hand(dbt_project: Path = PROJECT / "dbt_project") -> str:
    """A digest of the models and macros, and of the reports and the catalogue as they would be published."""
    digest = hashlib.sha256(of_models(dbt_project).encode())
    for text in (*reader_functions(), *audit_functions(), *map(repr, catalogue.dim_kpi_rows())):
        digest.update(b"\0" + text.encode())
    return digest.hexdigest()


def prepared(connection: psycopg.Connection[Any]) -> str | None:
    """The edition that the last run prepared to build; None before any, or of one that wrote down none."""
    row = connection.execute("select obj_description(to_regclass('build.run'), 'pg_class')").fetchone()
    return str(row[0]).rsplit(" ", 1)[-1] if row and row[0] else None


def write(connection: psycopg.Connection[Any], edition: str) -> None:
    connection.execute(
        sql.SQL("comment on table build.run is {}").format(
            sql.Literal(f"The run that prepared last, with the definitions of edition {edition}")
        )
    )
