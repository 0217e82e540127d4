"""Where live indicators read: the tables of the chat database under the contract's names, or the rows loaded last.

Here: the part `live:` of the sources file, and each dataset as SQL. Not here: the indicators (readers/live.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import sql

from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.mapping import ANY_OTHER, Naming
from orchestration.sources.connectors.meaning import naming_of
from orchestration.sources.connectors.words import Document, Faults, SourcesError, TableWords
from orchestration.sources.contract import DATASETS

# SQLAlchemy is slow to import, and every run reads this part of the sources file.
if TYPE_CHECKING:
    from orchestration.sources.connectors.database import Database

# What the live indicators need to know, and no more: what a chat database need not have can't be missing.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "brands": ("brand_id", "timezone", "currency"),
    "members": ("brand_id", "member_id", "first_name", "last_name", "role", "updated_at"),
    "conversations": (
        "brand_id", "conversation_id", "kind", "source", "requested_at", "cancelled_at", "handled_at", "member_id",
    ),
    "messages": (
        "brand_id", "message_id", "conversation_id", "sender_type", "sender_id", "sent_at", "is_automatic",
        "content_types",
    ),
    "conversation_events": ("brand_id", "event_id", "conversation_id", "occurred_at", "event_type"),
    "ratings": ("brand_id", "rating_id", "conversation_id", "member_id", "requested_at", "given_at", "score"),
    "member_activity": ("brand_id", "member_id", "occurred_at"),
    "orders": (
        "brand_id", "order_id", "conversation_id", "origin", "ordered_at", "gross_amount", "shipping_amount",
    ),
}  # fmt: skip
# Lists are read under the name that staging gives them, from the contract's column.
LISTS: Mapping[str, str] = {"content_types": "content_type"}
# What a chat database may well lack: read only where the sources file maps it.
UNLESS_MAPPED_NONE = {"conversation_events"}


@dataclass(frozen=True)
class ChatTable:
    """One dataset in the chat database: a table (`schema.table`) or a query, and its own names for things."""

    table: str
    query: str | None = None
    naming: Naming = field(default_factory=Naming)


@dataclass(frozen=True)
class ChatDatabase:
    """How the chat database is read: its tables by dataset (None: it has no such rows), how long a reading may take
    before the server stops it, and for how long it then serves everybody who asks. `database` is where the datasets
    themselves come from, where they are what is read; `loaded` the datasets that the sources file brings."""

    tables: Mapping[str, ChatTable | None]
    timeout_seconds: float = 5
    cache_seconds: float = 5
    database: Database | None = None
    loaded: frozenset[str] = frozenset()

    def relations(self) -> dict[str, str]:
        """Each dataset as a SELECT of the contract's names and types."""
        return {name: _select(name, table) for name, table in self.tables.items()}

    def unmapped(self, is_loaded: bool) -> frozenset[str]:
        """The datasets that the chat database does not have; or, of loaded rows, that no source brings."""
        if is_loaded:
            return frozenset(COLUMNS) - self.loaded
        return frozenset(name for name, table in self.tables.items() if table is None)

    def url(self) -> str | None:
        """The libpq URL of the datasets' own database; None where live indicators have one of their own. Raises
        SourcesError where it can't be had."""
        if self.database is None:
            return None
        try:
            address = self.database.address()
        except Refusal as refusal:
            raise SourcesError(str(refusal)) from None
        if address.get_backend_name() != "postgresql":
            raise SourcesError(f"live: reuse: live indicators read a PostgreSQL, not {address.get_backend_name()}")
        return address.set(drivername="postgresql").render_as_string(hide_password=False)


def loaded_relations() -> dict[str, str]:
    """The same datasets from the rows loaded last: staging's views over raw, never the published marts."""
    return {
        name: f"select {', '.join(columns)} from build.stg_{DATASETS[name].family}__{name}"
        for name, columns in COLUMNS.items()
    }


def read_chat_database(path: Path) -> ChatDatabase:
    """The `live:` of the sources file; what it leaves out has the contract's own names. Raises SourcesError."""
    from orchestration.sources.connectors.sources_file import read_file
    from orchestration.sources.connectors.sql import WholeQuery

    read = read_file(path)
    faults = Faults(path, {})
    live = read.document.live
    tables: dict[str, ChatTable | None] = {}
    database = None
    for name in COLUMNS:
        told = live.tables.get(name)
        source = read.sources.get(name)
        if live.reuse and told is None:
            tables[name] = None
            if isinstance(source, WholeQuery):
                tables[name] = ChatTable(name, source.query, source.naming)
                database = source.database
        else:
            if told is None and name in UNLESS_MAPPED_NONE:
                told = "none"
            tables[name] = None if told == "none" else _table(name, told or TableWords(), faults)
    return ChatDatabase(tables, live.timeout_seconds, live.cache_seconds, database, frozenset(read.sources))


def check_live(document: Document, faults: Faults) -> None:
    """What `live:` says, held against the contract."""
    for name, told in document.live.tables.items():
        place = ("live", "tables", name)
        if name not in COLUMNS:
            faults.add(place, f"{name!r} is unknown; allowed: {', '.join(COLUMNS)}")
        elif isinstance(told, TableWords):
            if told.table and told.query:
                faults.add(place, "wanted a table or a query, found both")
            _table(name, told, faults)
    if document.live.reuse:
        addresses = {(words.url, words.url_env) for words in document.datasets.values() if words.connector == "sql"}
        if len(addresses) != 1:
            faults.add(("live", "reuse"), f"wanted datasets from one database, found {len(addresses)}")


def _table(name: str, told: TableWords, faults: Faults) -> ChatTable:
    naming = naming_of(DATASETS[name], told, faults, ("live", "tables", name))
    return ChatTable(told.table or name, told.query, naming)


def _select(name: str, table: ChatTable | None) -> str:
    if table is None:
        nulls = ", ".join(f"null::{_type(name, column)} as {column}" for column in COLUMNS[name])
        return f"select {nulls} where false"
    own = table.naming.source_of()
    columns = []
    for column in COLUMNS[name]:
        told = LISTS.get(column, column)
        value = f"t.{_identifier(own.get(told, told))}"
        if told in table.naming.constants:
            value = _literal(table.naming.constants[told])
        if pairs := table.naming.values.get(told):
            spelled = {word: meant for word, meant in pairs.items() if word not in ("", ANY_OTHER)}
            cases = " ".join(f"when {_literal(word)} then {_literal(meant)}" for word, meant in spelled.items())
            nothing = _literal(pairs[""]) if pairs.get("") else "null"
            other = _literal(pairs[ANY_OTHER]) if ANY_OTHER in pairs else f"{value}::text"
            if len(spelled) < len(pairs):
                other = f"case when {value} is null then {nothing} else {other} end"
            value = f"case {value}::text {cases} else {other} end" if cases else other
        if column in LISTS:
            # An array, a JSON array or words between bars: what stands between the words is all that differs.
            value = f"string_to_array(translate(({value})::text, ',{{}}[]\" ', '|'), '|')"
        columns.append(f"({value})::{_type(name, column)} as {column}")
    named = ".".join(_identifier(part) for part in table.table.split("."))
    source = f"({_bare(table.query)}\n)" if table.query else named
    meant = [
        f"coalesce(t.{_identifier(named)}::text, '') in ({', '.join(map(_literal, wanted))})"
        for named, wanted in table.naming.where.items()
    ]
    if table.naming.reason:
        meant.append(f"t.{_identifier(table.naming.reason)} is null")
    return f"select {', '.join(columns)} from {source} as t" + (f" where {' and '.join(meant)}" if meant else "")


def _type(name: str, column: str) -> str:
    return "text[]" if column in LISTS else DATASETS[name].by_name[column].sql_type


# What is written into the statement must not read as a parameter of it.
def _bare(text: str) -> str:
    return text.strip().rstrip(";").replace("%", "%%")


def _identifier(name: str) -> str:
    return _bare(sql.Identifier(name).as_string())


def _literal(word: str) -> str:
    return sql.Literal(word).as_string().replace("%", "%%")
