"""Connecting a packaged system: what its database, or its files, say of themselves, the sources file that reads it, the
least role.

Not here: the packages themselves (packages.py), or asking and showing (cli/).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from sqlalchemy.dialects import postgresql

from orchestration.sources.connectors.database import Database
from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.sources_file import followed
from orchestration.sources.connectors.words import Faults
from orchestration.sources.contract import DATASETS
from orchestration.sources.systems.packages import Package

# The number of the one brand that files are of.
THE_BRAND = "1"


@dataclass(frozen=True)
class Found:
    """What a system says of itself. `version`: of its database's schema; files tell none. `brands`: the columns of each
    brand by its number; `parts`: what each has."""

    version: str | None
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


def look_into_files(system: Package, root: str) -> Found:
    """Read every file of a system once: what it tells of the one brand that they are of. Raises Refusal, which names
    what is missing."""
    words = {"root": root, "brands": {THE_BRAND: dict(system.unsaid)}}
    # One dataset after another, since the words of one are all that it takes to read it.
    sources = followed({"systems": {system.name: words}}, Faults(Path(root), {})).sources
    today = datetime.now(UTC).date() + timedelta(days=1)
    said: dict[str, Any] = {}
    parts: dict[str, dict[str, list[str]]] = {}
    for name, source in sources.items():
        count = 0
        for day in sorted(source.days(today)):
            for batch in source.read(day).batches:
                count += len(batch.lines)
                if name == "brands":
                    said |= {column: values[-1].as_py() for column, values in batch.columns.items() if len(values)}
        parts[name] = {THE_BRAND: [f"{count:,}"]}
    if not any(int(count.replace(",", "")) for of_brand in parts.values() for (count,) in of_brand.values()):
        raise Refusal(f"{system.title}: {root} holds no file that is read, or none with rows")
    return Found(None, {THE_BRAND: {name: value for name, value in said.items() if name not in system.unsaid}}, parts)


def sources_words(system: Package, address: Mapping[str, str], brands: Mapping[str, Mapping[str, str]]) -> str:
    """The sources file that reads a system at its address (`url_env`, or `root`): its brands with the settings that no
    row says."""
    numbered = {int(number) if number.isdecimal() else number: dict(told) for number, told in brands.items()}
    told: dict[str, Any] = {"systems": {system.name: {**address, "brands": numbered}}}
    if system.connector == "sql":
        told["live"] = {"reuse": True}
    read = f"the database at {address['url_env']}" if "url_env" in address else f"the files in {address['root']}"
    return f"# {system.title}, read from {read}. Datasets of other systems go under `datasets:`.\n" + yaml.safe_dump(
        told, sort_keys=False
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
