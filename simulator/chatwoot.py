"""Writes the made-up brand into a Chatwoot database, as an account of its own, so that a demo needs nobody's data.

Here: Chatwoot's tables and words. A database that has them gets one more account; an empty one gets as much of the
tables as Causerie reads. Not here: what happens on a day (day.py), or how Chatwoot is read
(orchestration/sources/systems/chatwoot).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

import psycopg
from psycopg import sql

from simulator.brand import ZONE_NAME
from simulator.chat import Tape
from simulator.day import Day
from simulator.extracts import KEYS, Row

# As Rails makes them, of version VERSION, less what neither we write nor Causerie reads.
VERSION = "20250816044639"
CREATED = "created_at timestamp not null, updated_at timestamp not null"
TABLES: Mapping[str, str] = {
    "accounts": f"name text not null, locale integer default 0, {CREATED}",
    "inboxes": f"channel_id integer not null, account_id integer not null, name text not null, channel_type text,"
    f" timezone text default 'UTC', working_hours_enabled boolean default false, {CREATED}",
    "working_hours": f"inbox_id bigint, day_of_week integer not null, closed_all_day boolean default false,"
    f" open_all_day boolean default false, open_hour integer, open_minutes integer, close_hour integer,"
    f" close_minutes integer, {CREATED}",
    "users": f"name text not null, display_name text, email text, uid text not null default '', {CREATED}",
    "account_users": f"account_id bigint, user_id bigint, role integer default 0, {CREATED}",
    "teams": f"account_id bigint not null, name text not null, {CREATED}",
    "team_members": f"team_id bigint not null, user_id bigint not null, {CREATED}",
    "campaigns": f"display_id integer not null, title text not null, message text not null, sender_id integer,"
    f" account_id bigint not null, inbox_id bigint not null, {CREATED}",
    "contacts": f"account_id integer not null, name text default '', email text, blocked boolean default false,"
    f" {CREATED}",
    "conversations": f"account_id integer not null, inbox_id integer not null, contact_id bigint, campaign_id bigint,"
    f" display_id integer not null, status integer not null default 0, additional_attributes jsonb default '{{}}',"
    f" cached_label_list text, {CREATED}",
    "messages": f"account_id integer not null, inbox_id integer not null, conversation_id integer not null,"
    f" message_type integer not null, content_type integer not null default 0, private boolean not null default false,"
    f" content text, sender_type text, sender_id bigint, content_attributes json default '{{}}',"
    f" additional_attributes jsonb default '{{}}', {CREATED}",
    "attachments": f"account_id integer not null, message_id integer not null, file_type integer default 0, {CREATED}",
    "csat_survey_responses": f"account_id bigint not null, conversation_id bigint not null, message_id bigint not null,"
    f" contact_id bigint not null, rating integer not null, assigned_agent_id bigint, {CREATED}",
    "reporting_events": f"account_id integer, inbox_id integer, conversation_id integer, user_id integer, name text,"
    f" value double precision, event_start_time timestamp, event_end_time timestamp, {CREATED}",
}
CHANNELS = {
    "email": "Email", "whatsapp": "Whatsapp", "instagram": "Instagram", "facebook": "FacebookPage",
    "telegram": "Telegram", "sms": "Sms", "line": "Line",
}  # fmt: skip
INCOMING, OUTGOING, TEMPLATE = 0, 1, 3
CARDS, SURVEY = 5, 9
FILES = {"photo": 0, "video": 2}
FRENCH = 3


def write(
    url: str, days: int, seed: int, conversations_per_day: int = 120, start: date | None = None
) -> dict[str, int]:
    """Write `days` UTC days from `start` (None: up to yesterday) as one more account, in one transaction. Returns the
    number of rows by table, the account's under `accounts`.

    The same arguments give the same conversations, under new ids. Of the brand, what a Chatwoot keeps: customers'
    conversations with their messages, surveys, closings and members. Raises psycopg.Error.
    """
    start = start or datetime.now(UTC).date() - timedelta(days=days)
    tape, rng = Tape(seed), Random(seed)
    brand = Day(tape, rng, seed, conversations_per_day, start)
    brand.open()
    for number in range(days):
        brand.live(start + timedelta(days=number))
    end = datetime.combine(start + timedelta(days=days), time(), UTC)
    rows: dict[str, dict[tuple[Any, ...], Row]] = defaultdict(dict)
    for change in sorted(tape.changes, key=lambda change: change.at):
        if change.at < end:
            rows[change.table][tuple(change.row[name] for name in KEYS[change.table])] = change.row
    account = _Account({table: list(some.values()) for table, some in rows.items()})
    with psycopg.connect(url, application_name="causerie simulate") as connection:
        create_tables(connection)
        return account.copy_into(connection)


def create_tables(connection: psycopg.Connection[Any]) -> None:
    """As far as they are missing: of a real Chatwoot nothing is."""
    for name, columns in TABLES.items():
        connection.execute(
            sql.SQL(
                "create table if not exists {} (id bigint generated by default as identity primary key, {})"
            ).format(sql.Identifier(name), sql.SQL(columns))
        )
    connection.execute("create index if not exists messages_of_conversation on messages (conversation_id)")
    connection.execute("create table if not exists schema_migrations (version text primary key)")
    connection.execute(
        "insert into schema_migrations (version) select %s where not exists (select from schema_migrations)", [VERSION]
    )


class _Account:
    """The rows of one account, with numbers of their own from 1 on, which `copy_into` moves behind those that are
    there."""

    def __init__(self, told: Mapping[str, list[Row]]) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        self._known: dict[tuple[str, Any], int] = {}
        brand = told["brands"][-1]
        self._born = _naive(brand["updated_at"])
        self._add("accounts", None, self._born, name=brand["name"], locale=FRENCH)
        for row in told["members"]:
            self._member(row)
        self._conversations = {
            row["conversation_id"]: row for row in told["conversations"] if row["kind"] == "customer"
        }
        for row in self._conversations.values():
            self._conversation(row)
        for row in told["messages"]:
            if row["conversation_id"] in self._conversations:
                self._message(row)
        for row in told["ratings"]:
            if row["conversation_id"] in self._conversations:
                self._survey(row)
        for row in told["conversation_events"]:
            if row["conversation_id"] in self._conversations:
                self._event(row)

    def _add(self, table: str, key: Any, at: datetime, changed: datetime | None = None, **columns: Any) -> int:
        rows = self.rows[table]
        rows.append({"id": len(rows) + 1, "created_at": at, "updated_at": changed or at, **columns})
        if key is not None:
            self._known[table, key] = len(rows)
        return len(rows)

    def _of(self, table: str, key: Any) -> int | None:
        return self._known.get((table, key))

    def _member(self, row: Row) -> None:
        if self._of("users", row["member_id"]):
            return
        address = f"{row['member_id']}@lumen.example"
        user = self._add(
            "users", row["member_id"], self._born, name=row["first_name"], display_name=None, email=address, uid=address
        )
        self._add("account_users", None, self._born, account_id=1, user_id=user, role=int(row["role"] >= 4))
        team = self._of("teams", row["team"]) or self._add(
            "teams", row["team"], self._born, account_id=1, name=row["team"]
        )
        self._add("team_members", None, self._born, team_id=team, user_id=user)

    def _inbox(self, row: Row) -> int:
        channel = CHANNELS.get(row["channel"], "WebWidget")
        name = row["inbox"] or "shop"
        return self._of("inboxes", (name, channel)) or self._add(
            "inboxes", (name, channel), self._born, channel_id=1, account_id=1, name=name,
            channel_type=f"Channel::{channel}", timezone=ZONE_NAME, working_hours_enabled=False,
        )  # fmt: skip

    def _conversation(self, row: Row) -> None:
        at, inbox = _naive(row["requested_at"]), self._inbox(row)
        contact = self._of("contacts", row["visitor_id"])
        if contact is None:
            contact = self._add(
                "contacts", row["visitor_id"], at, account_id=1, name=row["visitor_id"], email=None, blocked=False
            )
        self.rows["contacts"][contact - 1]["blocked"] |= row["is_blocked"]
        campaign = None
        if row["source"] == "hook":
            sender = self._of("users", row["member_id"])
            campaign = self._of("campaigns", (sender, inbox)) or self._add(
                "campaigns", (sender, inbox), self._born, display_id=len(self.rows["campaigns"]) + 1,
                title="New season", message="...", sender_id=sender, account_id=1, inbox_id=inbox,
            )  # fmt: skip
        page = {"referer": row["page_url"]} if row.get("page_url") else {}
        number = len(self.rows["conversations"]) + 1
        self._add(
            "conversations", row["conversation_id"], at, _naive(row["updated_at"]), account_id=1, inbox_id=inbox,
            contact_id=contact, campaign_id=campaign, display_id=number, status=0,
            additional_attributes=json.dumps(page), cached_label_list=",".join(row["labels"] or []) or None,
        )  # fmt: skip

    def _within(self, row: Row) -> dict[str, Any]:
        conversation = self._of("conversations", row["conversation_id"])
        assert conversation
        inbox = self.rows["conversations"][conversation - 1]["inbox_id"]
        return {"account_id": 1, "inbox_id": inbox, "conversation_id": conversation}

    def _message(self, row: Row) -> None:
        at, within, kind = _naive(row["sent_at"]), self._within(row), row["sender_type"]
        contents = [row["content_type"]] if isinstance(row["content_type"], str) else row["content_type"]
        automatic = kind == "member" and row["is_automatic"]
        sender = {"visitor": "Contact", "member": "User", "bot": "AgentBot"}.get(kind)
        who = {
            "visitor": self.rows["conversations"][within["conversation_id"] - 1]["contact_id"],
            "member": self._of("users", row["sender_id"]), "bot": 1,
        }.get(kind)  # fmt: skip
        message = self._add(
            "messages", None, at, **within,
            message_type=INCOMING if kind == "visitor" else OUTGOING if sender else TEMPLATE, private=False,
            content="...", content_type=CARDS if "product" in contents else 0,
            sender_type=None if automatic else sender, sender_id=None if automatic else who,
            content_attributes=json.dumps({"automation_rule_id": 1} if automatic else {}), additional_attributes="{}",
        )  # fmt: skip
        for content in contents:
            if content in FILES:
                self._add("attachments", None, at, account_id=1, message_id=message, file_type=FILES[content])
        if kind == "member" and not automatic and self._of("answered", row["conversation_id"]) is None:
            self._known["answered", row["conversation_id"]] = message
            self._report(within, "first_response", at, who)

    def _survey(self, row: Row) -> None:
        at, within = _naive(row["requested_at"]), self._within(row)
        message = self._add(
            "messages", None, at, **within, message_type=TEMPLATE, private=False, content="...", content_type=SURVEY,
            sender_type=None, sender_id=None, content_attributes="{}", additional_attributes="{}",
        )  # fmt: skip
        if row["score"] is not None and row["given_at"] is not None:
            contact = self.rows["conversations"][within["conversation_id"] - 1]["contact_id"]
            self._add(
                "csat_survey_responses", None, _naive(row["given_at"]), account_id=1,
                conversation_id=within["conversation_id"], message_id=message, contact_id=contact, rating=row["score"],
                assigned_agent_id=self._of("users", row["member_id"]),
            )  # fmt: skip

    def _event(self, row: Row) -> None:
        name = {"closed": "conversation_resolved", "handed_off": "conversation_bot_handoff"}.get(row["event_type"])
        if name:
            self._report(self._within(row), name, _naive(row["occurred_at"]), self._of("users", row["member_id"]))

    def _report(self, within: Mapping[str, Any], name: str, at: datetime, user: int | None) -> None:
        begun = self.rows["conversations"][within["conversation_id"] - 1]["created_at"]
        self._add(
            "reporting_events", None, at, **within, user_id=user, name=name, value=(at - begun).total_seconds(),
            event_start_time=begun, event_end_time=at,
        )  # fmt: skip

    def copy_into(self, connection: psycopg.Connection[Any]) -> dict[str, int]:
        """Copy all rows, each number moved behind the greatest that its table has."""
        behind: dict[str, int] = {}
        for table in TABLES:
            name = sql.Identifier(table)
            row = connection.execute(sql.SQL("select coalesce(max(id), 0) from {}").format(name)).fetchone()
            behind[table] = int(row[0]) if row else 0
        for table, rows in self.rows.items():
            _copy(connection, table, rows, behind)
            connection.execute(
                sql.SQL("select setval(pg_get_serial_sequence({}, 'id'), greatest({}, 1))").format(
                    sql.Literal(table), sql.Literal(behind[table] + len(rows))
                )
            )
        return {table: len(rows) for table, rows in self.rows.items()} | {"accounts": behind["accounts"] + 1}


# Of which table a number is; bots are one.
NUMBERS = {
    "account_id": "accounts", "inbox_id": "inboxes", "user_id": "users", "team_id": "teams", "contact_id": "contacts",
    "campaign_id": "campaigns", "conversation_id": "conversations", "message_id": "messages",
    "assigned_agent_id": "users",
}  # fmt: skip


def _copy(
    connection: psycopg.Connection[Any], table: str, rows: Iterable[Mapping[str, Any]], behind: Mapping[str, int]
) -> None:
    columns = list(next(iter(rows), {}))
    if not columns:
        return
    into = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor().copy(into) as copy:
        for row in rows:
            copy.write_row([_moved(table, name, row, behind) for name in columns])


def _moved(table: str, name: str, row: Mapping[str, Any], behind: Mapping[str, int]) -> Any:
    value = row[name]
    of = {"Contact": "contacts", "User": "users"}.get(row.get("sender_type") or "") if name == "sender_id" else None
    of = of or NUMBERS.get(name) or (table if name == "id" else None)
    if table == "campaigns" and name == "sender_id":
        of = "users"
    return value + behind[of] if of and value is not None else value


def _naive(at: datetime) -> datetime:
    """As Rails stores it: UTC, without saying so."""
    return at.astimezone(UTC).replace(tzinfo=None)
