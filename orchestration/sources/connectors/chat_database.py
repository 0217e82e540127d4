"""Where live indicators read: the tables of the chat database under the contract's names, or the rows loaded last.

Here: the part `live:` of the sources file, and each dataset as SQL. Not here: the indicators (readers/live.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import sql

from orchestration.sources.connectors.mapping import Naming
from orchestration.sources.connectors.sources_file import SourcesError, naming_of, one_of, read_document
from orchestration.sources.contract import DATASETS

# What the live indicators need to know, and no more: what a chat database need not have can't be missing.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "brands": ("brand_id", "timezone", "currency"),
    "members": ("brand_id", "member_id", "first_name", "last_name", "role", "updated_at"),
    "conversations": (
        "brand_id", "conversation_id", "kind", "source", "requested_at", "cancelled_at", "handled_at", "member_id",
    ),
    "messages": (
        "brand_id", "message_id", "conversation_id", "sender_type", "sender_id", "sent_at", "is_automatic",
        "content_type",
    ),
    "ratings": ("brand_id", "rating_id", "conversation_id", "member_id", "requested_at", "given_at", "score"),
    "member_activity": ("brand_id", "member_id", "occurred_at"),
    "orders": (
        "brand_id", "order_id", "conversation_id", "origin", "ordered_at", "gross_amount", "shipping_amount",
    ),
}  # fmt: skip
OPTIONS = {"table", "query", "columns", "values"}
NO_ROWS = "none"


@dataclass(frozen=True)
class ChatTable:
    """One dataset in the chat database: a table (`schema.table`) or a query, and its own names for things."""

    table: str
    query: str | None = None
    naming: Naming = field(default_factory=Naming)


@dataclass(frozen=True)
class ChatDatabase:
    """How the chat database is read: its tables by dataset (None: it has no such rows), how long a reading may take
    before the server stops it, and for how long it then serves everybody who asks."""

    tables: Mapping[str, ChatTable | None]
    timeout_seconds: float = 5
    cache_seconds: float = 5

    def relations(self) -> dict[str, str]:
        """Each dataset as a SELECT of the contract's names and types."""
        return {name: _select(name, table) for name, table in self.tables.items()}


def loaded_relations() -> dict[str, str]:
    """The same datasets from the rows loaded last: staging's views over raw, never the published marts."""
    return {
        name: f"select {', '.join(columns)} from build.stg_{DATASETS[name].family}__{name}"
        for name, columns in COLUMNS.items()
    }


def read_chat_database(path: Path) -> ChatDatabase:
    """The `live:` of the sources file; what it leaves out has the contract's own names. Raises SourcesError."""
    told = read_document(path).get("live") or {}
    where = f"{path}: live"
    _known(told, {"tables", "timeout_seconds", "cache_seconds"}, where)
    tables = told.get("tables") or {}
    _known(tables, set(COLUMNS), f"{where}: tables")
    return ChatDatabase(
        {name: _table(name, tables.get(name, {}), f"{where}: {name}") for name in COLUMNS},
        _seconds(told, "timeout_seconds", where),
        _seconds(told, "cache_seconds", where),
    )


def _known(told: Any, allowed: set[str], where: str) -> None:
    if not isinstance(told, dict):
        raise SourcesError(f"{where}: wanted a mapping, found {told!r}")
    for name in told:
        one_of(name, tuple(sorted(allowed)), where)


def _seconds(told: Mapping[str, Any], name: str, where: str) -> float:
    given = told.get(name, "5")
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = -1
    if not 0 <= seconds <= 3600 or (name == "timeout_seconds" and not seconds):
        raise SourcesError(f"{where}: {name} must be a number of seconds up to 3600, found {given!r}")
    return seconds


def _table(name: str, told: Any, where: str) -> ChatTable | None:
    if told == NO_ROWS:
        return None
    _known(told or {}, OPTIONS, where)
    told = told or {}
    if told.get("table") and told.get("query"):
        raise SourcesError(f"{where}: wanted a table or a query, found both")
    return ChatTable(told.get("table") or name, told.get("query"), naming_of(DATASETS[name], told, where))


def _select(name: str, table: ChatTable | None) -> str:
    dataset = DATASETS[name]
    if table is None:
        nulls = ", ".join(f"null::{dataset.by_name[column].sql_type} as {column}" for column in COLUMNS[name])
        return f"select {nulls} where false"
    own = {contract: source for source, contract in table.naming.columns.items()}
    columns = []
    for column in COLUMNS[name]:
        value = f"t.{_identifier(own.get(column, column))}"
        if pairs := table.naming.values.get(column):
            cases = " ".join(f"when {_literal(word)} then {_literal(meant)}" for word, meant in pairs.items())
            value = f"case {value}::text {cases} else {value}::text end"
        columns.append(f"({value})::{dataset.by_name[column].sql_type} as {column}")
    named = ".".join(_identifier(part) for part in table.table.split("."))
    source = f"({_bare(table.query)})" if table.query else named
    return f"select {', '.join(columns)} from {source} as t"


# What is written into the statement must not read as a parameter of it.
def _bare(text: str) -> str:
    return text.strip().rstrip(";").replace("%", "%%")


def _identifier(name: str) -> str:
    return _bare(sql.Identifier(name).as_string())


def _literal(word: str) -> str:
    return sql.Literal(word).as_string().replace("%", "%%")
