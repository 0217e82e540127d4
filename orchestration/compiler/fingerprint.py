"""Fingerprints of the definitions: of the models, of each indicator's SQL, of the words. What changed decides what is
rebuilt.

Not here: rendering reports (functions.py, statements.py), or what a change means for a run (marts/preparation.py). No
Dagster: a run that has nothing to do should say so at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from orchestration.catalogue import catalogue as at_hand_catalogue
from orchestration.catalogue.model import Catalogue
from orchestration.compiler import functions, statements
from orchestration.settings import PROJECT
from orchestration.warehouse.server import write_whole

# What decides the rows of a table. Descriptions and tests do not.
SQL_OF_MODELS = ("models", "macros", "seeds")
# All that renders, and what dbt writes beside what it reads.
CODE = Path(__file__).parents[1]
WRITTEN = ("target", "logs")


@dataclass(frozen=True)
class Fingerprint:
    """Digests of what is published and how: `models` decides the facts of every brand, `indicators` what is computed of
    them, `words` the names and meanings that readers see."""

    models: str
    indicators: str
    words: str


def of_models(dbt_project: Path = PROJECT / "dbt_project") -> str:
    """A digest of the project's models and macros: of what they make of the same raw rows."""
    files = [dbt_project / "dbt_project.yml"]
    files += [path for folder in SQL_OF_MODELS for path in (dbt_project / folder).rglob("*") if path.suffix != ".yml"]
    return _digest(
        text
        for path in sorted(path for path in files if path.is_file())
        for text in (str(path.relative_to(dbt_project)), path.read_text("utf-8"))
    )


@at_hand_catalogue.made_once
def of_indicators(catalogue: Catalogue) -> Mapping[str, str]:
    """By ref a digest of the SQL that computes an indicator for a period, beside the models that it reads: when it
    changes, so may every value published before."""
    shared = functions.audit_functions(catalogue)
    return {i.ref: _digest([*shared, statements.of_indicator(catalogue, i)]) for i in catalogue.dated}


def at_hand(dbt_project: Path = PROJECT / "dbt_project") -> Fingerprint:
    """Of the definitions as they would be published now."""
    indicators, words = _of_sql_and_words()
    return Fingerprint(of_models(dbt_project), indicators, words)


@at_hand_catalogue.made_once
def _of_sql_and_words(catalogue: Catalogue) -> tuple[str, str]:
    rendered = functions.reader_functions(catalogue)
    views = [text for text in rendered if text.startswith("create view")]
    answering = [text for text in rendered if text not in views]
    tables = statements.tables(catalogue)
    of_sql = {name: rows for name, rows in tables.items() if name != "dim_kpi"}
    return (
        _digest([*functions.audit_functions(catalogue), *answering, statements.as_text(of_sql)]),
        _digest([*views, statements.as_text({"dim_kpi": tables["dim_kpi"]})]),
    )


def kept(home: Path, dbt_project: Path = PROJECT / "dbt_project") -> Fingerprint:
    """The same, from a file in `home` while nothing from which it is made has changed: to render everything takes a run
    that has nothing to do as long as half of all else."""
    files = [path for place in (CODE, *dbt_project.iterdir()) if place.name not in WRITTEN for path in _files(place)]
    made_from = _digest(
        text for path in sorted(files) for text in (str(path), hashlib.sha256(path.read_bytes()).hexdigest())
    )
    file = home / "fingerprint.json"
    try:
        noted = json.loads(file.read_text())
        if noted["made_from"] == made_from:
            return Fingerprint(**noted["fingerprint"])
    except (OSError, ValueError, TypeError, KeyError):
        pass  # never noted, or by another version
    found = at_hand(dbt_project)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(file, json.dumps({"made_from": made_from, "fingerprint": asdict(found)}))
    return found


def prepared(connection: psycopg.Connection[Any]) -> Fingerprint | None:
    """Of the definitions that the last run prepared to build by; None before any, or of one that wrote down none."""
    row = connection.execute("select obj_description(to_regclass('build.run'), 'pg_class')").fetchone()
    _, found, written = str(row[0] if row else "").partition(" of fingerprint ")
    return Fingerprint(**json.loads(written)) if found else None


def write(connection: psycopg.Connection[Any], prepared: Fingerprint) -> None:
    connection.execute(
        sql.SQL("comment on table build.run is {}").format(
            sql.Literal(
                f"The run that prepared last, with the definitions of fingerprint {json.dumps(asdict(prepared))}"
            )
        )
    )


def _files(place: Path) -> list[Path]:
    found = [place, *place.rglob("*")]
    return [path for path in found if path.is_file() and path.suffix != ".pyc"]


def _digest(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(b"\0" + text.encode())
    return digest.hexdigest()
