"""The rows by which Fivetran tests its own dbt packages, in a schema as its connectors write it.

They are Fivetran's and not part of this project: whoever wants them tried clones dbt_zendesk, dbt_intercom and
dbt_shopify into one folder, and names that in CAUSERIE_TEST_FIVETRAN_PACKAGES. Not here: what is expected of them
(test_fivetran_seeds.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import psycopg
import yaml
from psycopg import sql

PACKAGES = Path(os.environ.get("CAUSERIE_TEST_FIVETRAN_PACKAGES", "/nowhere"))


def are_there(system: str) -> bool:
    return (PACKAGES / f"dbt_{system}" / "integration_tests" / "dbt_project.yml").exists()


def fill(made: psycopg.Connection[Any], system: str, schema: str, prefix: str = "") -> list[str]:
    """Create the tables of a package's seeds, of those whose name begins so, with the types that dbt gives them on
    PostgreSQL. Their names, without that beginning."""
    folder = PACKAGES / f"dbt_{system}" / "integration_tests"
    project = yaml.safe_load((folder / "dbt_project.yml").read_text())
    files = dict(_enabled(folder / "seeds", project["seeds"][f"{system}_integration_tests"]))
    made.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    filled = []
    beginning = f"{system}_{prefix}"
    for variable, file in sorted(project["vars"][system].items()):
        if variable.startswith(beginning) and variable.endswith("_identifier") and file in files:
            name = variable.removeprefix(beginning).removesuffix("_identifier")
            if not prefix and name.startswith("gql_"):
                continue
            path, types = files[file]
            _seed(made, sql.Identifier(schema, name), path, types)
            filled.append(name)
    return filled


def _enabled(folder: Path, told: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Path, dict[str, str]]]]:
    """The seeds that are for PostgreSQL, by the name of their table: the file, and the types that the project says."""
    for path in folder.glob("*.csv"):
        words = told.get(path.stem, {})
        if _said(words.get("+enabled", True)) == "True":
            types = {name: _said(kind) for name, kind in words.get("+column_types", {}).items()}
            yield words.get("+alias", path.stem), (path, types)


def _said(text: Any) -> str:
    """What a word of the project comes to on PostgreSQL."""
    target = {"type": "postgres", "name": "postgres"}
    return jinja2.Template(str(text)).render(target=target, var=lambda name, default=None: default).strip()


def _seed(made: psycopg.Connection[Any], table: sql.Identifier, path: Path, types: Mapping[str, str]) -> None:
    # Imported here: it takes a second, and without the rows nobody needs it.
    from dbt.adapters.postgres import PostgresAdapter
    from dbt_common.clients import agate_helper

    rows = agate_helper.from_csv(str(path), text_columns=list(types))
    columns = [name.strip('"') for name in rows.column_names]
    kinds = [
        types.get(name) or PostgresAdapter.convert_agate_type(rows, at) for at, name in enumerate(rows.column_names)
    ]
    declared = [sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(k)) for c, k in zip(columns, kinds, strict=True)]
    made.execute(sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(declared)))
    values = sql.SQL(", ").join(sql.SQL("%s::{}").format(sql.SQL(kind)) for kind in kinds)
    for row in rows.rows:
        made.execute(
            sql.SQL("insert into {} values ({})").format(table, values),
            [None if value is None else str(value) for value in row],
        )
