"""Connecting a packaged system: what its database says of itself, the sources file that reads it, the least role.

Not here: the packages themselves (packages.py), or asking and showing (cli/).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import yaml
from sqlalchemy.dialects import postgresql

from orchestration.sources.connectors.database import Database
from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.contract import DATASETS
from orchestration.sources.systems.packages import Package


@dataclass(frozen=True)
class Found:
    """What a system's database says of itself. `brands`: the columns of each brand by its number; `parts`: what each
    has; `missing`: columns that the queries read and that are not there, or that the role may not read."""

    version: str
    brands: Mapping[str, Mapping[str, Any]]
    parts: Mapping[str, Mapping[str, list[str]]]

    @property
    def unsaid(self) -> tuple[str, ...]:
        """Settings that a brand must have and that no row says."""
        said = {name for columns in self.brands.values() for name, value in columns.items() if value is not None}
        required = (name for name in DATASETS["brands"].required_columns if name not in ("brand_id", "updated_at"))
        return tuple(name for name in required if name not in said)


def look_into(system: Package, url: str | None, url_env: str | None) -> Found:
    """Read version, brands and what they have. Raises Refusal, which names what is missing."""
    database = Database(system.title, url, url_env)
    with database.connect(system.title) as connection:
        there = {
            (row[0], row[1])
            for row in connection.execute(
                sa.text("select table_name, column_name from information_schema.columns where table_name in :names")
                .bindparams(sa.bindparam("names", expanding=True))
                .bindparams(names=list(system.reads))
            )
        }
        missing = [
            f"{table}.{column}"
            for table, columns in system.reads.items()
            for column in columns
            if (table, column) not in there
        ]
        if missing:
            raise Refusal(
                f"{system.title}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not there, or this login"
                f" may not read {'it' if len(missing) == 1 else 'them'}"
            )
        version = str(connection.execute(sa.text(system.version_query)).scalar())
        query = system.datasets["brands"]["query"]
        brands = {
            str(row[system.brand_column]): {name: value for name, value in row.items() if name != system.brand_column}
            for row in connection.execute(sa.text(f"select * from ({query}\n) q order by 1")).mappings()
        }
        parts: dict[str, dict[str, list[str]]] = {}
        for name, asked in system.parts.items():
            for number, text in connection.execute(sa.text(asked.replace("::", r"\:\:"))):
                parts.setdefault(name, {}).setdefault(str(number), []).append(str(text))
    return Found(version, brands, parts)


def sources_words(system: Package, url_env: str, brands: Mapping[str, Mapping[str, str]]) -> str:
    """The sources file that reads a system: its brands with the settings that no row says."""
    told = {
        "systems": {system.name: {"url_env": url_env, "brands": {int(n) if n.isdecimal() else n: dict(settings)
                                                                 for n, settings in brands.items()}}},
        "live": {"reuse": True},
    }  # fmt: skip
    return (
        f"# {system.title}, read from the database at {url_env}. Datasets of other systems go under `datasets:`.\n"
        + yaml.safe_dump(told, sort_keys=False)
    )


def grants(system: Package, role: str) -> str:
    """SQL for an administrator of the system's database: a role that may read exactly the columns that are read."""
    quoted = postgresql.dialect().identifier_preparer.quote
    lines = [
        f"create role {role} login password '...';",
        f"alter role {role} set default_transaction_read_only = on;",
        f"grant usage on schema {system.schema} to {role};",
    ]
    if system.schema != "public":
        lines.append(f"alter role {role} set search_path = {system.schema};")
    within = "" if system.schema == "public" else f"{system.schema}."
    lines += [
        f"grant select ({', '.join(map(quoted, columns))}) on {within}{quoted(table)} to {role};"
        for table, columns in system.reads.items()
    ]
    return "\n".join(lines)
