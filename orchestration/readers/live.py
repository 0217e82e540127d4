"""The live indicators (KPIS section 9): today so far and this moment, for the screen that a shop manager watches.

Here: one reading, and the short cache by which a hundred viewers cost the chat database what one does. Not here: what
is counted (dbt_project/indicators/live.sql.j2), where from (sources/connectors/chat_database.py), how it is shown
(cli/console.py).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, cast

import jinja2
import psycopg
from psycopg.rows import dict_row

from orchestration import warehouse
from orchestration.catalogue import catalogue
from orchestration.catalogue.spans import spans
from orchestration.readers.formats import plain
from orchestration.settings import Settings
from orchestration.sources.connectors.chat_database import ChatDatabase, loaded_relations, read_chat_database

Clock = Literal["database", "data"]
Origin = Literal["chat database", "loaded rows"]

# The facts that turn the clock where now is the newest of them.
FACTS = (
    ("messages", "sent_at"),
    ("conversations", "requested_at"),
    ("conversations", "handled_at"),
    ("conversations", "cancelled_at"),
    ("conversation_events", "occurred_at"),
    ("ratings", "requested_at"),
    ("ratings", "given_at"),
    ("member_activity", "occurred_at"),
    ("orders", "ordered_at"),
)
# The columns of Day-List-1, beside each member's last activity.
LIST = ("Day-Card-2", "Day-Card-4", "Day-Card-5", "Day-Card-6", "Day-Card-7", "Day-Card-8", "Day-Card-9")
CONNECT_SECONDS = 5


class LiveError(RuntimeError):
    """There is no reading; the message says why and what to do, and never shows the database's address."""


@dataclass(frozen=True)
class Asked:
    """A question: which brand, only which members and roles (None: all), and at which instant (None: now).

    `clock` says what now is: the database's own clock, or the instant of the newest fact in the data; by default the
    first for a chat database and the second for loaded rows.
    """

    brand: str
    members: tuple[str, ...] | None = None
    roles: tuple[int, ...] | None = None
    at: datetime | None = None
    clock: Clock | None = None


@dataclass(frozen=True)
class Member:
    """A line of Day-List-1. `last_active_at` is None for who has figures today without having been active;
    `figures` holds the refs of LIST, None where there is nothing to average."""

    member_id: str
    name: str
    last_active_at: datetime | None
    figures: Mapping[str, Decimal | None]


@dataclass(frozen=True)
class Reading:
    """The live indicators of a brand as known before `read_at`. Amounts are in `currency`; `local_date` is today on the
    brand's clock, which runs in `timezone`. `missing` names the datasets for want of which a figure is not known."""

    brand: str
    read_at: datetime
    local_date: date
    timezone: str
    currency: str
    origin: Origin
    figures: Mapping[str, Decimal | None]
    members: tuple[Member, ...]
    missing: Mapping[str, Sequence[str]]

    def age_seconds(self, now: datetime | None = None) -> float:
        """How long ago its newest possible fact was, in seconds; never negative."""
        return max(0.0, ((now or datetime.now(UTC)) - self.read_at).total_seconds())


def refs() -> tuple[str, ...]:
    """The refs of the live cards, in the catalogue's order."""
    known = catalogue.load().indicators.values()
    return tuple(i.ref for i in known if i.stability == "live" and not i.ref.startswith("Day-List"))


def reading(settings: Settings, asked: Asked) -> Reading:
    """The reading of the last seconds if somebody had one made, else a new one; a failure is shared the same way.

    Raises LiveError, and SourcesError where the sources file can't be followed.
    """
    database = read_chat_database(settings.sources_file)
    question = f"{asked} {settings.live_url or database.url()} {database}"
    kept = settings.home / "live" / f"{hashlib.sha256(question.encode()).hexdigest()}.json"
    with _alone(kept.with_suffix(".lock")):
        if said := _kept(kept, database.cache_seconds):
            return _from_json(said)
        try:
            fresh = asdict(read(settings, asked, database))
        except LiveError as error:
            fresh = {"error": str(error)}
        unfinished = kept.with_suffix(".tmp")
        unfinished.write_text(json.dumps(fresh, default=str))
        unfinished.replace(kept)
    return _from_json(json.loads(json.dumps(fresh, default=str)))


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process or thread at a time; the others wait for it, and find what it kept."""
    lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _kept(path: Path, seconds: float) -> Mapping[str, Any] | None:
    try:
        if not 0 <= time.time() - path.stat().st_mtime < seconds:
            return None
        return cast(Mapping[str, Any], json.loads(path.read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _from_json(said: Mapping[str, Any]) -> Reading:
    if "error" in said:
        raise LiveError(said["error"])

    def figures(given: Mapping[str, str | None]) -> dict[str, Decimal | None]:
        return {ref: None if value is None else Decimal(value) for ref, value in given.items()}

    members = (
        Member(
            one["member_id"],
            one["name"],
            datetime.fromisoformat(one["last_active_at"]) if one["last_active_at"] else None,
            figures(one["figures"]),
        )
        for one in said["members"]
    )
    return Reading(
        **{name: said[name] for name in ("brand", "timezone", "currency", "origin")},
        read_at=datetime.fromisoformat(said["read_at"]),
        local_date=date.fromisoformat(said["local_date"]),
        figures=figures(said["figures"]),
        members=tuple(members),
        missing=said["missing"],
    )


def read(settings: Settings, asked: Asked, database: ChatDatabase | None = None) -> Reading:
    """A new reading, in one read-only statement with a time limit. Raises LiveError."""
    database = database or read_chat_database(settings.sources_file)
    address = settings.live_url or database.url()
    origin: Origin = "chat database" if address else "loaded rows"
    clock: Clock = asked.clock or ("database" if address else "data")
    query = statement(database.relations() if address else loaded_relations(), clock)
    values = {
        "brand": asked.brand,
        "members": list(asked.members) if asked.members is not None else None,
        "roles": list(asked.roles) if asked.roles is not None else None,
        "at": asked.at,
        "refs": list(refs()),
    }
    try:
        with psycopg.connect(
            address or warehouse.url(settings), connect_timeout=CONNECT_SECONDS,
            application_name="causerie live", row_factory=dict_row,
        ) as connection:  # fmt: skip
            connection.read_only = True
            limit = str(round(database.timeout_seconds * 1000))
            connection.execute(
                "select set_config('statement_timeout', %s, true), set_config('timezone', 'UTC', true),"
                " set_config('jit', 'off', true)",
                [limit],
            )
            rows = connection.execute(query, values).fetchall()
    except psycopg.Error as error:
        raise LiveError(_said(error, origin, database.timeout_seconds)) from None
    if not rows:
        raise LiveError(f"the {origin} know no brand {asked.brand!r}")
    if rows[0]["read_at"] is None:
        raise LiveError(f"the {origin} hold nothing of brand {asked.brand!r} yet")
    return _reading(asked.brand, origin, rows, unknown_without(database.unmapped(is_loaded=not address)))


def unknown_without(absent: Collection[str]) -> dict[str, list[str]]:
    """The refs that are not known without these datasets, with those that each lacks: unknown is not zero."""
    known = catalogue.load().indicators
    lacking: dict[str, list[str]] = {}
    for ref in refs():
        needs, needs_any = {*known[ref].needs}, {*known[ref].needs_any}
        if missing := needs & {*absent} | (needs_any if needs_any <= {*absent} else set()):
            lacking[ref] = sorted(missing)
    return lacking


def _said(error: psycopg.Error, origin: Origin, seconds: float) -> str:
    """What went wrong, for who watches the screen."""
    first = (error.diag.message_primary or str(error)).splitlines()[0]
    if isinstance(error, psycopg.errors.QueryCanceled):
        return f"the reading took over {seconds:g} s and was stopped (live: timeout_seconds in the sources file)"
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        if origin == "loaded rows":
            return "nothing is loaded yet: run `causerie run` first, or set CAUSERIE_LIVE_URL to the chat database"
        return f"{first}: say under live: tables in the sources file what it is called there"
    return f"the {origin} can't be read: {first}"


def _reading(brand: str, origin: Origin, rows: list[dict[str, Any]], missing: Mapping[str, Sequence[str]]) -> Reading:
    first = rows[0]
    figures = {row["ref"]: row["value"] for row in rows if row["ref"] and row["member_id"] is None}
    figures |= dict.fromkeys(missing)
    by_member: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["member_id"] is not None:
            by_member.setdefault(row["member_id"], []).append(row)
    members = sorted(
        (_member(member_id, some, missing) for member_id, some in by_member.items()),
        key=lambda member: (member.name or member.member_id, member.member_id),
    )
    return Reading(
        brand, first["read_at"], first["local_date"], first["timezone"], first["currency"], origin,
        {ref: figures[ref] for ref in refs()}, tuple(members), missing,
    )  # fmt: skip


def _member(member_id: str, rows: list[dict[str, Any]], unknown: Collection[str]) -> Member:
    said = {row["ref"]: row["value"] for row in rows} | dict.fromkeys(unknown)
    nothing = {ref: None if ref == "Day-Card-7" else Decimal(0) for ref in LIST}
    last = next((row["last_active_at"] for row in rows if row["last_active_at"]), None)
    return Member(member_id, rows[0]["member_name"] or "", last, {ref: said.get(ref, nothing[ref]) for ref in LIST})


def as_json(found: Reading) -> dict[str, Any]:
    """Plain numbers and ISO instants, with the age of the reading in seconds."""

    return {
        "brand": found.brand,
        "read_at": found.read_at.isoformat(),
        "age_seconds": round(found.age_seconds(), 3),
        "origin": found.origin,
        "local_date": found.local_date.isoformat(),
        "timezone": found.timezone,
        "currency": found.currency,
        "indicators": plain(found.figures),
        "missing": dict(found.missing),
        "members": [
            {
                "member_id": one.member_id,
                "name": one.name,
                "last_active_at": one.last_active_at.isoformat() if one.last_active_at else None,
                "indicators": plain(one.figures),
            }
            for one in found.members
        ],
    }


def statement(relations: Mapping[str, str], clock: Clock) -> str:
    """The one statement that reads every live indicator, with the named parameters brand, members, roles, at, refs."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(catalogue.PROJECT / "dbt_project"), undefined=jinja2.StrictUndefined
    )
    template = environment.get_template("indicators/live.sql.j2")
    return template.render(relations=relations, clock=clock, facts=FACTS, spans=spans())
