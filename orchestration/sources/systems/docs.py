"""docs/systems.md, made from the packages: how to connect each, what it can tell, what its own screens count otherwise.

Run `python -m orchestration.sources.systems.docs` after a change. Not here: the packages (packages.py).
"""

from __future__ import annotations

import re
from pathlib import Path

from orchestration.settings import PROJECT
from orchestration.sources.systems import land, packages
from orchestration.sources.systems.packages import Package
from orchestration.sources.systems.setup import grants

FILE = PROJECT / "docs" / "systems.md"


FROM_NOTHING = (
    "## From an empty machine to a report",
    "",
    "In a checkout, with the login that the system's section below grants:",
    "",
    "```",
    "make setup",
    "export CHATWOOT_URL=postgresql://causerie_reads_chatwoot:...@host/chatwoot",
    ".venv/bin/causerie init chatwoot --url-env CHATWOOT_URL --currency EUR --run",
    "```",
    "",
    "Tried on a small shop, with that login, it says (the middle left out):",
    "",
    "```",
    "Chatwoot, schema 20250816044639",
    " brand       name          time zone      inboxes",
    " chatwoot-1  Maison Lucet  Europe/Paris   Site (WebWidget), Mail (Email), WhatsApp (Whatsapp)",
    " chatwoot-2  Finch & Co    Europe/London  Site (WebWidget)",
    "...",
    " all                    32  1,742   1,742          0           0        0         0",
    "Published generation 1, complete through 2026-11-25: rows 111,240 inserted, 0 updated, 0 deleted in 20 tables.",
    "Maison Lucet (chatwoot-1), 2026-10-27 to 2026-11-25",
    "...",
    " Wlst-Card-10   Requests handled                     99   handling told from first replies",
    " Hook-Card-4    Hook displays                         –   no hook_events yet",
    " Chat-Card-81   Credited sales                        –   no orders yet",
    "```",
    "",
    "Without a Chatwoot, the made-up brand becomes one, in any empty PostgreSQL database:",
    "",
    "```",
    ".venv/bin/causerie simulate --system chatwoot $CHATWOOT_URL",
    "```",
    "",
    "`causerie check` says before anything is loaded what is read, what is bad, and which indicators stay unknown for",
    "want of which dataset.",
    "",
)


def markdown() -> str:
    """The whole page."""
    lines = [
        "# Systems that are packaged",
        "",
        "Made by `python -m orchestration.sources.systems.docs`. A package is a folder of",
        "`orchestration/sources/systems`: `system.yml`, `coverage.yml` and, of a database, one SQL a dataset without a",
        "window and `reconcile.yml`. Another one touches no Python.",
        "",
        *FROM_NOTHING,
    ]
    for name in packages.names():
        lines += _section(packages.package(name, hashes=False))
    return "\n".join(lines).rstrip() + "\n"


def _section(system: Package) -> list[str]:
    settings = "".join(f" --set {name}={example}" for name, example in system.unsaid.items())
    lines = _of_files(system, settings) if system.connector == "files" else _of_database(system, settings)
    lines += [
        *_hashed(system),
        "| indicators | told | why |",
        "| --- | --- | --- |",
        *(f"| {one.group}: {', '.join(one.refs)} | {one.is_told} | {one.why} |" for one in system.coverage),
        "",
    ]
    if not system.figures:
        return lines
    lines += [
        f"`causerie reconcile {system.name} FROM TO` holds its own figures beside ours:",
        "",
        "| figure | ours | its rule | why they differ |",
        "| --- | --- | --- | --- |",
    ]
    for one in system.figures:
        causes = "; ".join(cause["why"] for cause in one.get("causes", [])) or "they do not"
        lines.append(f"| {one['name']} | {one['ref']} | {one['rule']} | {causes} |")
    return [*lines, ""]


def _of_files(system: Package, settings: str) -> list[str]:
    interface = system.folder / land.FILE
    if interface.exists():
        folder = f".causerie/landed/{system.name}"
        secrets = dict.fromkeys(re.findall(r"\$([A-Z][A-Z_]+)", interface.read_text()))
        first = [
            "`land` reads the interface with dlt into files, a folder a day, and goes on where it ended: each night"
            " before `run`. It is an extra of the package: `pip install causerie[land]`. Tried against a server of our"
            " own that speaks the interface's pages and limits, and not against the vendor's.",
            "",
            "```",
            f"export {' '.join(f'{name}=...' for name in secrets)}",
            f".venv/bin/causerie land {system.name} 2026-01-01",
        ]
    else:
        folder = f"exports/{system.name.partition('_')[0]}"
        first = [
            f"Tried with {', '.join(system.versions)}. A required column that is missing is named. Of a folder with"
            " other files too, `--root` names them by a pattern: `exports/orders*.csv`.",
            "",
            "```",
        ]
    return [
        f"## {system.title}",
        "",
        *first,
        f".venv/bin/causerie init {system.name} --root {folder}{settings} --run",
        "```",
        "",
        "`init` shows what it found, writes `sources.yml` into `CAUSERIE_HOME`, and with `--run` loads, publishes and"
        " reports. Beside another system it is one line under `systems:`, of the brand that the other calls so:",
        "",
        "```yaml",
        f"  {system.name}: {{root: {folder}, brands: {{1: {{brand_id: chatwoot-1, timezone: Europe/Paris}}}}}}",
        "```",
        "",
    ]


def _of_database(system: Package, settings: str) -> list[str]:
    variable = f"{system.name.upper()}_URL"
    tried = ", ".join(filter(None, (*system.versions, system.tried_with)))
    return [
        f"## {system.title}",
        "",
        f"Tried with schema {tried}. Another one is read too; a column that is missing is named.",
        "",
        "```",
        f"export {variable}=postgresql://causerie_reads_{system.name}:...@host/{system.name}",
        f".venv/bin/causerie init {system.name} --url-env {variable}{settings} --run",
        "```",
        "",
        "`init` shows what it found, writes `sources.yml` into `CAUSERIE_HOME`, and with `--run` loads, publishes and"
        " reports. The login needs no more than",
        "",
        "```sql",
        grants(system, f"causerie_reads_{system.name}"),
        "```",
        "",
    ]


def _hashed(system: Package) -> list[str]:
    columns = ", ".join(f"`{table}.{column}`" for table, some in system.reads_to_hash.items() for column in some)
    if not columns:
        return []
    return [
        f"With a secret in `CAUSERIE_HASH_KEY`, {columns} is read too"
        + " (`init` then grants it)" * (system.connector == "sql")
        + ": of an address a keyed hash is kept, by which the orders of a shop find their visitor.",
        "",
    ]


def write(file: Path = FILE) -> None:
    file.write_text(markdown())


if __name__ == "__main__":
    write()
