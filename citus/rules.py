"""The rules of SQL that let the same project run on Citus, held against all SQL that is ours; no server is needed.

Numbers are those of docs/scale.md, which also says what holds the others: a key begins with brand_id and nothing merges
(1, 5), everything that joins, looks up, groups or ranks rows of brands carries brand_id (2), functions are PL/pgSQL and
answer in one statement (3), no policy asks a subquery (4), rows are counted by RETURNING (8), no session setting
decides, and a limit has an order (9), nothing groups by sets (10), statistics are taken by name (11).

Not here: what only a run can show (check.py and the tests).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import sqlglot
from sqlglot import exp

from orchestration.catalogue import catalogue
from orchestration.compiler import statements
from orchestration.compiler.functions import reader_functions
from orchestration.marts import access, contracts, schema
from orchestration.marts.dbt_ready import dbt_executable, hand_on_parsed
from orchestration.settings import PROJECT

BRAND = "brand_id"
DBT = PROJECT / "dbt_project"
MIGRATIONS = PROJECT / "orchestration" / "warehouse" / "migrations"

# rule, what of a text breaks it, and why
WORDS = (
    (1, r"\bcreate\s+(constraint\s+)?trigger\b|\bmaterialized\s+view\b", "a trigger or a materialised view"),
    (5, r"\bmerge\s+into\b|incremental_strategy|microbatch|materialized\s*=\s*'incremental'", "a merge"),
    (9, r"\b(now\(\)|current_date|current_timestamp|localtimestamp)", "the clock of the session"),
    (9, r"(?<!\))\b\w+_at::date\b", "a date by the session's zone"),
    (10, r"\b(grouping\s+sets|rollup\s*\(|cube\s*\()", "grouping sets"),
    (11, r"\banalyze\s*;", "statistics of everything"),
)


class Text(NamedTuple):
    """SQL of ours, and where it stands."""

    where: str
    sql: str


def broken() -> list[str]:
    """A line for each place that breaks a rule: rule, place, what is wrong."""
    models = list(_compiled())
    manifest = contracts.manifest(DBT / "target" / "manifest.json")
    functions = [Text(f"marts function {number}", sql) for number, sql in enumerate(reader_functions(), 1)]
    pieces = list(_of_catalogue())
    migrations = [Text(f"migrations/{path.name}", path.read_text()) for path in sorted(MIGRATIONS.glob("*.sql"))]
    return [
        *_keys(manifest, migrations),
        *_words([*models, *pieces, *functions, *migrations]),
        *(line for model in models for line in _brandless(model, _tables_of_brands(manifest))),
        *_functions(functions),
        *_questions([*pieces, *(one for one in functions if "p_brand text" in one.sql)]),
        *_policies(),
        *_counts(),
    ]


def looked_at() -> str:
    return "dbt's models, the catalogue, the functions and views of marts, the migrations and the code that publishes"


def _line(rule: int, where: str, what: str) -> str:
    return f"rule {rule}: {where}: {what}"


def _compiled() -> Iterator[Text]:
    """Every model of the dbt project as PostgreSQL gets it. Nothing is asked of a database."""
    with tempfile.TemporaryDirectory(prefix="causerie-rules-") as folder:
        # What set-up has read need not be read again: dbt looks which files have changed since.
        hand_on_parsed(DBT / "target", Path(folder))
        subprocess.run(
            [dbt_executable(), "--quiet", "compile", "--no-populate-cache", "--no-introspect",
             "--select", "resource_type:model", "--target", "build", "--project-dir", DBT, "--profiles-dir", DBT,
             "--target-path", folder, "--log-path", folder], check=True,
        )  # fmt: skip
        for path in sorted(Path(folder, "compiled", "causerie", "models").rglob("*.sql")):
            yield Text(f"models/{path.parent.name}/{path.name}", path.read_text())


def _of_catalogue() -> Iterator[Text]:
    """The pieces of marts.kpi_scan, of which the functions put their questions together."""
    for row in statements.tables(catalogue.load())["kpi_scan"]:
        for sql in _strings([row["buckets"].obj, row["sql"].obj]):
            yield Text(f"marts.kpi_scan, {row['form']} {row['name']}", sql)


def _strings(value: Any) -> Iterator[str]:
    """Every text in nested lists and objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _strings(one)


# --- keys (1) and words -----------------------------------------------------------------------------------------------


def _keys(manifest: dict[str, Any], migrations: list[Text]) -> Iterator[str]:
    for mart in contracts.marts_of(manifest):
        if BRAND in mart.column_names and mart.key[0] != BRAND:
            yield _line(1, f"marts.{mart.name}", f"its key begins with {mart.key[0]}")
    for migration in migrations:
        for table, columns in re.findall(r"create table marts\.(\w+) \((.*?)\n\);", migration.sql, re.DOTALL):
            if not re.search(rf"^\s*{BRAND} ", columns, re.MULTILINE) or table in schema.EVERYWHERE:
                continue
            if not re.search(rf"{BRAND} text primary key|primary key \({BRAND}\b", columns):
                yield _line(1, f"{migration.where}: marts.{table}", f"its key does not begin with {BRAND}")


def _words(texts: list[Text]) -> Iterator[str]:
    for text in texts:
        plain = re.sub(r"--[^\n]*|/\*.*?\*/", "", text.sql, flags=re.DOTALL)
        for rule, pattern, what in WORDS:
            for found in re.finditer(pattern, plain, re.IGNORECASE):
                yield _line(rule, text.where, f"{what}: {found[0]}")


# --- brands in all that joins (2), and limits (9) ---------------------------------------------------------------------


def _tables_of_brands(manifest: dict[str, Any]) -> dict[str, bool]:
    """Names of models and tables to whether their rows are of brands."""
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    return {node["name"]: BRAND in node["columns"] for node in [*nodes, *manifest["sources"].values()]}


def _brandless(model: Text, tables: dict[str, bool]) -> Iterator[str]:
    tree = sqlglot.parse_one(model.sql, dialect="postgres")
    common = {cte.alias for cte in tree.find_all(exp.CTE) if _gives_brand(cte.this, tables)}
    named = {**tables, **{cte.alias: cte.alias in common for cte in tree.find_all(exp.CTE)}}
    for select in tree.find_all(exp.Select):
        where = select.args.get("where")
        outer = [select.args["from_"].this] if select.args.get("from_") else []
        is_of_brands = any(_is_of_brands(source, named) for source in outer)
        for join in select.args.get("joins") or ():
            if not _is_of_brands(join.this, named):
                continue
            if is_of_brands and not _says_brand(join.args.get("on"), join.args.get("using"), where):
                yield _line(2, model.where, f"{join.this.alias_or_name} is joined without {BRAND}")
            is_of_brands = True
        if isinstance(select.parent, exp.Exists) and is_of_brands and not _says_brand(where):
            yield _line(2, model.where, f"exists asks {outer[0].alias_or_name} without {BRAND}")
        group = select.args.get("group")
        if group and is_of_brands and not _says_brand(_grouped(select, group)) and not _is_within_brand(select):
            yield _line(2, model.where, f"groups without {BRAND}: {group.sql('postgres')[:80]}")
        if is_of_brands:
            for window in select.find_all(exp.Window):
                partition = window.args.get("partition_by")
                if window.parent_select is select and partition and not _says_brand(*partition):
                    yield _line(2, model.where, f"a window without {BRAND}: {window.sql('postgres')[:80]}")
        if select.args.get("limit") and not select.args.get("order"):
            yield _line(9, model.where, "a limit without an order")


def _gives_brand(query: exp.Expression, tables: dict[str, bool]) -> bool:
    """Does one of its columns say the brand?"""
    first = query.find(exp.Select)
    if first is None or isinstance(getattr(first.args.get("from_"), "this", None), exp.Values):
        return False
    return any(one.alias_or_name in (BRAND, "*") or isinstance(one, exp.Star) for one in first.expressions)


def _is_of_brands(source: exp.Expression, named: dict[str, bool]) -> bool:
    if isinstance(source, exp.Table):
        return named.get(source.name, False)
    if isinstance(source, exp.Subquery):
        return _gives_brand(source.this, named)
    return False


def _says_brand(*conditions: Any) -> bool:
    for condition in conditions:
        for one in condition if isinstance(condition, list) else [condition]:
            if one is not None and any(found.name == BRAND for found in one.find_all(exp.Column, exp.Identifier)):
                return True
    return False


def _grouped(select: exp.Select, group: exp.Group) -> list[exp.Expression]:
    """What it groups by, numbers being places among what it selects."""
    return [
        select.expressions[int(one.name) - 1] if isinstance(one, exp.Literal) and one.is_number else one
        for one in group.expressions
    ]


def _is_within_brand(select: exp.Select) -> bool:
    """A query inside another one is of one brand if its rows are looked up by it."""
    return select.parent_select is not None and _says_brand(select.args.get("where"))


# --- functions (3), questions (2), policies (4), counts (8) -----------------------------------------------------------


def _functions(functions: list[Text]) -> Iterator[str]:
    for function in functions:
        opening = re.match(r"\s*create (?:or replace )?function (marts\.\w+)\((.*?)\)", function.sql, re.DOTALL)
        if not opening or not opening[2].strip():
            continue
        if not re.search(r"language plpgsql", function.sql):
            yield _line(3, opening[1], "has parameters and is not PL/pgSQL")
        answers = len(re.findall(r"^\s*return query", function.sql, re.MULTILINE))
        if "returns table" in function.sql and answers != 1:
            yield _line(3, opening[1], f"answers in {answers} statements")


def _questions(texts: Iterable[Text]) -> Iterator[str]:
    """A question of one brand goes to one worker whole if each table names that brand itself, or is joined with one
    that does; a row made of parameters does not tell Citus which worker."""
    for text in texts:
        tables = {alias: table for table, alias in re.findall(r"\bmarts\.(\w+) as (\w+)", text.sql)}
        for alias, other in dict.fromkeys(re.findall(rf"\b(\w+)\.{BRAND} = (\w+)\.{BRAND}\b", text.sql)):
            if alias in tables and other not in tables:
                yield _line(2, text.where, f"{tables[alias]} takes its brand from {other}, not the question")


def _policies() -> Iterator[str]:
    for condition in (access.OWN_ROWS, *access.POLICY_OF_TABLE.values()):
        if "select" in condition.lower():
            yield _line(4, "marts/access.py", f"a policy asks a subquery: {condition}")


def _counts() -> Iterator[str]:
    for path in sorted((PROJECT / "orchestration" / "marts").glob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r"\.rowcount\b", line):
                yield _line(8, f"marts/{path.name}:{number}", "counts rows otherwise than by RETURNING")


if __name__ == "__main__":
    found = broken()
    print("\n".join([*found, f"{len(found)} breaches in {looked_at()}"]))
    sys.exit(bool(found))
