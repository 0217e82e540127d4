"""A mart of three tables with a hand-written manifest: what the tests of publication and of access stand on.

Not here: the real models (dbt_project/).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from orchestration.catalogue.catalogue import dim_kpi_rows
from orchestration.marts import preparation, publication
from orchestration.marts.preparation import Prepared
from orchestration.marts.publication import Published

INSTANT = datetime(2024, 5, 2, 3, 0, tzinfo=UTC)
DATA_THROUGH = datetime(2024, 5, 2, tzinfo=UTC)
DAY = date(2024, 5, 1)

# Made in the collation of raw on purpose: marts have the default one.
BUILD = """
drop table if exists build.brands, build.touched_conversation, build.messages;
create table build.brands (brand_id text collate "C", name text, timezone text, zone_rules text);
create table build.touched_conversation (brand_id text collate "C", conversation_id text collate "C");
create table build.messages (
    brand_id text collate "C", message_id text collate "C", conversation_id text collate "C", sent_at timestamptz,
    amount numeric, extra jsonb
);
create or replace view next.dim_date as
select d::date as date_day, extract(isodow from d)::integer as weekday
from generate_series(timestamp '2024-01-01', timestamp '2024-01-07', interval '1 day') as d;
"""

# The columns are those of the catalogue as it is.
KPI = next(row for row in dim_kpi_rows() if row["ref"] == "Chat-Card-1") | {
    "area": "chat",
    "name_en": "Dialogues",
    "name_fr": "Dialogues",
    "name_es": "Diálogos",
    "meaning_en": "Dialogues begun.",
    "meaning_fr": "Dialogues commencés.",
    "meaning_es": "Diálogos empezados.",
    "unit": "count",
    "stability": "fixed",
    "settling_days": None,
    "filters": ["sources"],
    "dimensions": ["day"],
    "is_additive": True,
    "good_direction": "up",
    "plausible_min": 0,
    "plausible_max": None,
    "conversion_step": None,
    "dashboards": ["chat"],
    "status": "built",
}

# What the functions of a catalogue would be put together from.
SCANS: dict[str, list[dict[str, Any]]] = {
    "kpi_line": [
        {
            "position": 1, "ref": "Chat-Card-1", "bin": None, "kind": "count", "filters": ["source"],
            "dimensions": ["day"], "ignores": [], "is_fixed": True, "settling_days": 0, "needs_above": [],
            "needs_below": [], "needs_any": [], "is_additive": True,
        }
    ],
    "kpi_scan": [
        {"form": "rows", "name": "Chat-Card-1 1", "position": 1, "refs": ["Chat-Card-1"], "buckets": Jsonb({}),
         "sql": Jsonb({"rows": "select 1"})}
    ],
}  # fmt: skip

FUNCTION = """
create or replace function marts.message_count(p_brand text) returns bigint
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$ begin return (select count(*) from marts.fct_message as m where m.brand_id = p_brand); end $$;
comment on function marts.message_count(text) is 'Messages of a brand.';
"""

VIEW = """
create view marts.message_days with (security_invoker = true) as
select m.brand_id, (m.sent_at at time zone 'UTC')::date as sent_date, count(*) as messages
from marts.fct_message as m group by 1, 2;
comment on view marts.message_days is 'Messages by day.';
comment on column marts.message_days.brand_id is 'The brand.';
comment on column marts.message_days.sent_date is 'UTC date.';
comment on column marts.message_days.messages is 'How many.';
"""


def model(
    name: str,
    columns: dict[str, str],
    meta: dict[str, Any],
    required: Sequence[str] = (),
    refs: Sequence[str] = (),
) -> tuple[str, dict[str, Any]]:
    """One node as dbt writes it into its manifest; `refs` are its rebuilt rows and the touched entities that they are
    of."""
    return f"model.causerie.{name}", {
        "resource_type": "model",
        "name": name,
        "alias": name,
        "schema": "next",
        "description": f"The table {name}.",
        "constraints": [],
        "columns": {
            column: {
                "name": column,
                "data_type": data_type,
                "description": f"What {column} holds.",
                "constraints": [{"type": "not_null"}] if column in required else [],
            }
            for column, data_type in columns.items()
        },
        "config": {"meta": {"publication": meta} if meta else {}},
        "refs": [{"name": ref, "package": None, "version": None} for ref in refs],
    }


def manifest() -> dict[str, Any]:
    """Brands compared whole from build, messages by touched conversation, a calendar compared whole from its view."""
    brands = model(
        "dim_brand",
        {"brand_id": "text", "name": "text", "timezone": "text", "zone_rules": "text"},
        {"key": ["brand_id"]},
        refs=["brands"],
        required=["name"],
    )
    messages = model(
        "fct_message",
        {
            "brand_id": "text",
            "message_id": "text",
            "conversation_id": "text",
            "sent_at": "timestamptz",
            "amount": "numeric",
            "extra": "jsonb",
        },
        {
            "key": ["brand_id", "message_id"],
            "touched_by": {"brand_id": "brand_id", "conversation_id": "conversation_id"},
            "indexes": [
                ["brand_id", "conversation_id"],
                {"columns": ["brand_id", "sent_at"], "where": "amount is not null"},
            ],
            "brand_column": "brand_id",
        },
        required=["conversation_id", "sent_at"],
        refs=["messages", "touched_conversation"],
    )
    dates = model("dim_date", {"date_day": "date", "weekday": "int"}, {"key": ["date_day"]})
    return {"nodes": dict([brands, messages, dates, model("int_messages", {}, {})])}


def changed(**of_columns: Any) -> dict[str, Any]:
    """The manifest with other types for columns of fct_message; None takes a column away."""
    result = deepcopy(manifest())
    columns = result["nodes"]["model.causerie.fct_message"]["columns"]
    for name, data_type in of_columns.items():
        if data_type is None:
            del columns[name]
        else:
            description = f"What {name} holds, {data_type}."
            columns[name] = {"name": name, "data_type": data_type, "description": description, "constraints": []}
    return result


class Warehouse:
    """Plays loader and dbt for one database: says what is touched and built, then publishes it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.runs = 0
        self.manifest = manifest()

    def load(self, **counts: int) -> int:
        row = self.connection.execute(
            "insert into raw.load (load_id, dataset, extract_day, outcome, files, fingerprint, started_at, ended_at)"
            " values (nextval('raw.load_id'), 'messages', %s, 'loaded', '[]', '', %s, %s) returning load_id",
            [DAY, INSTANT, INSTANT],
        ).fetchone()
        assert row
        for brand_id, rows in counts.items():
            self.connection.execute(
                "insert into raw.load_count (load_id, brand_id, rows_read, rows_loaded, duplicates, superseded,"
                " waiting, rejected) values (%s, %s, %s, %s, 0, 0, 0, 0)",
                [row[0], brand_id, rows, rows],
            )
        self.connection.commit()
        return int(row[0])

    def touch(self, conversation_id: str, load_id: int) -> None:
        self.connection.execute(
            "insert into raw.touched values ('star', 'conversation', %s, %s)", [conversation_id, load_id]
        )
        self.connection.commit()

    def prepare(self, data_through: datetime = DATA_THROUGH) -> Prepared:
        self.runs += 1
        return preparation.prepare(self.connection, self.manifest, self.run_id, INSTANT, data_through)

    @property
    def run_id(self) -> str:
        return f"run {self.runs}"

    def build(
        self, brands: Iterable[str], touched: Iterable[tuple[str, str]], messages: Iterable[Sequence[Any]]
    ) -> None:
        """`messages`: brand, message, conversation, minute of the day, amount."""
        self.connection.execute(BUILD.encode())
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "insert into build.brands values (%s, %s, 'UTC', '')", [(b, f"Brand {b}") for b in brands]
            )
            cursor.executemany("insert into build.touched_conversation values (%s, %s)", list(touched))
            cursor.executemany(
                "insert into build.messages values (%s, %s, %s,"
                " timestamptz '2024-05-01 00:00Z' + make_interval(mins => %s), %s, '{}')",
                list(messages),
            )
        self.connection.commit()

    def publish(
        self, functions: Sequence[str] = (FUNCTION, VIEW), dim_kpi: Sequence[dict[str, Any]] = (KPI,)
    ) -> Published:
        return publication.publish(
            self.connection,
            self.manifest,
            self.run_id,
            INSTANT,
            [DAY],
            list(functions),
            {"dim_kpi": list(dim_kpi), **SCANS},
        )

    def run(
        self,
        brands: Iterable[str],
        touched: Iterable[tuple[str, str]],
        messages: Iterable[Sequence[Any]],
        data_through: datetime = DATA_THROUGH,
    ) -> Published:
        """Prepare, build, publish."""
        self.prepare(data_through)
        self.build(brands, touched, messages)
        return self.publish()

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """What a statement returns; single columns come bare."""
        found = self.connection.execute(statement.encode(), values).fetchall()
        self.connection.commit()
        return [row[0] if len(row) == 1 else row for row in found]


def role_url(connection: psycopg.Connection[Any], url: str, role: str) -> str:
    """Set a password for a role and give the URL with which it logs in."""
    connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal("not a secret")))
    connection.commit()
    return psycopg.conninfo.make_conninfo(url, user=role, password="not a secret", passfile="")
