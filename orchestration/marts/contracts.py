"""What marts shall be, read from the dbt manifest: the models whose config carries `meta.publication`.

Not here: making it so (schema.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# The tables of migrations/, which no model describes.
OWN_TABLES = frozenset(
    (
        *("publication", "brand_generation", "load_ledger", "load_quarantine", "data_quality", "kpi_published"),
        *("dim_kpi", "kpi_line", "kpi_scan", "access", "rendered"),
    )
)


class MartContractError(ValueError):
    """The manifest does not describe a mart that can be made; every problem found is named, one a line."""


@dataclass(frozen=True)
class Column:
    name: str
    data_type: str
    description: str
    is_required: bool


@dataclass(frozen=True)
class Index:
    columns: tuple[str, ...]
    include: tuple[str, ...] = ()
    where: str | None = None

    def name(self, table: str) -> str:
        """Says what it is for, and changes with the definition: so an index of the right name is the right index."""
        digest = hashlib.sha256(repr((table, self)).encode()).hexdigest()[:8]
        return f"{'_'.join((table, *self.columns))[:50]}_ix_{digest}"


@dataclass(frozen=True)
class Mart:
    """A table of marts. `rows` names the relation with what its touched keys hold now (all it holds, without touched).

    `touched` names the table of touched keys in build; `touched_by` maps columns of the mart to columns of that table.
    `order` is the one in which new rows are laid down: who reads a period then finds its rows together.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: tuple[str, str]
    touched: str | None
    touched_by: Mapping[str, str]
    indexes: tuple[Index, ...]
    order: tuple[str, ...] = ()

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]


@cache
def manifest(path: Path) -> dict[str, Any]:
    """What dbt knows of its project, as set-up left it. A run reads it several times.

    Raises FileNotFoundError when set-up has not been.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run `make setup`, which lets dbt prepare it")
    return dict(json.loads(path.read_bytes()))


def marts_of(manifest: Mapping[str, Any]) -> list[Mart]:
    """The marts of a dbt manifest, by name: its models whose config carries `meta.publication`.

    Raises MartContractError.
    """
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] == "model" and _meta(node)]
    problems: list[str] = []
    marts = [_mart(node, problems) for node in sorted(nodes, key=_table_name)]
    if problems:
        raise MartContractError("the dbt manifest has marts that can't be published:\n" + "\n".join(problems))
    return marts


def _meta(node: Mapping[str, Any]) -> dict[str, Any]:
    meta: dict[str, Any] = (node.get("config") or {}).get("meta") or {}
    publication: dict[str, Any] = meta.get("publication") or {}
    return publication


def _table_name(node: Mapping[str, Any]) -> str:
    return str(node.get("alias") or node["name"])


def _mart(node: Mapping[str, Any], problems: list[str]) -> Mart:
    name, meta = _table_name(node), _meta(node)
    # What the model puts together, it says itself: the rebuilt rows, and of which touched entities they are.
    rows, touched = ([ref["name"] for ref in node.get("refs") or ()] + [None, None])[:2]
    required = _required_columns(node)
    key = tuple(meta.get("key") or ())
    columns = tuple(
        Column(
            column["name"],
            column.get("data_type") or "",
            (column.get("description") or "").strip(),
            column["name"] in required or column["name"] in key,
        )
        for column in node["columns"].values()
    )
    mart = Mart(
        name=name,
        description=(node.get("description") or "").strip(),
        columns=columns,
        key=key,
        rows=("build", rows) if rows else (node.get("schema") or "next", name),
        touched=touched,
        touched_by=meta.get("touched_by") or {},
        indexes=tuple(_declared_index(index) for index in meta.get("indexes") or ()),
        order=tuple(meta.get("order") or ()),
    )
    problems += [f"{name}: {problem}" for problem in _problems(mart, meta)]
    return mart


def _required_columns(node: Mapping[str, Any]) -> set[str]:
    of_columns = {
        column["name"]
        for column in node["columns"].values()
        for constraint in column.get("constraints") or ()
        if constraint["type"] == "not_null"
    }
    of_model = {
        name
        for constraint in node.get("constraints") or ()
        if constraint["type"] == "not_null"
        for name in constraint["columns"]
    }
    return of_columns | of_model


def _declared_index(declared: list[str] | dict[str, Any]) -> Index:
    if isinstance(declared, list):
        return Index(tuple(declared))
    return Index(tuple(declared["columns"]), tuple(declared.get("include") or ()), declared.get("where"))


def _problems(mart: Mart, meta: Mapping[str, Any]) -> Iterable[str]:
    names = set(mart.column_names)
    if mart.name in OWN_TABLES:
        yield "the name is taken by a table of the platform"
    if not mart.description:
        yield "has no description"
    for column in mart.columns:
        if not column.description:
            yield f"column {column.name} has no description"
        if not column.data_type or "(" in column.data_type:
            yield f"column {column.name} needs a data_type without length or precision, not {column.data_type!r}"
    used = {
        "key": mart.key,
        "touched_by": tuple(mart.touched_by),
        "order": mart.order,
        "indexes": tuple(name for index in mart.indexes for name in index.columns + index.include),
    }
    for what, wanted in used.items():
        yield from (f"meta.publication.{what} names {name}, which is no column" for name in wanted if name not in names)
    if not mart.key:
        yield "meta.publication.key is missing"
    elif "brand_id" in names and mart.key[0] != "brand_id":
        yield "meta.publication.key must begin with brand_id"
    if meta.get("brand_column", "brand_id") not in ("brand_id", None):
        yield f"the brand's column must be brand_id, not {meta['brand_column']}"
    if bool(mart.touched) != bool(mart.touched_by):
        yield "meta.publication.touched_by goes with the touched entities that the model names"
