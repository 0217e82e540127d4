"""Plays days of the made-up brand into a chat database, as the shop's own application would write them.

Here: the changes in their order, the tables, and the playing by the clock. Not here: what happens on a day (day.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from random import Random
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from orchestration.sources.contract import DATASETS, WORD_SEPARATOR
from simulator.brand import BRAND_ID, ZONE
from simulator.day import Day
from simulator.extracts import EVENT_TIMES, KEYS, Book, Row

# What a chat application knows; widget and site events go elsewhere.
TABLES = (
    "brands", "members", "conversations", "messages", "conversation_events", "calls", "ratings", "member_activity",
    "orders",
)  # fmt: skip
# Days before the one that is played, so that it begins in the middle of things.
DAYS_BEFORE = 3
# Where readers look: what a chat database indexes anyway.
INDEXES = {
    "conversations": ("requested_at", "handled_at"),
    "messages": ("sent_at", "conversation_id"),
    "conversation_events": ("conversation_id",),
    "ratings": ("requested_at", "given_at"),
    "member_activity": ("occurred_at",),
    "orders": ("ordered_at",),
}


@dataclass(frozen=True)
class Change:
    """A row as one instant wrote it: new, or a newer version of the row with its key."""

    at: datetime
    table: str
    row: Row


class Tape(Book):
    """A book that keeps every version in the order of its writing, not the last one of each day."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.changes: list[Change] = []

    def add(self, dataset: str, **columns: Any) -> None:
        """Record a change of one of TABLES; what the rest of the book is for stays unwritten."""
        if dataset in TABLES:
            at = columns[EVENT_TIMES.get(dataset, "updated_at")]
            self.changes.append(Change(at, dataset, {"brand_id": BRAND_ID, **columns}))


def changes(day: date, seed: int, conversations_per_day: int = 120) -> list[Change]:
    """Everything that the brand writes on DAYS_BEFORE UTC days, on `day` and, as its consequence, later; by instant."""
    tape, rng = Tape(seed), Random(seed)
    first = day - timedelta(days=DAYS_BEFORE)
    brand = Day(tape, rng, seed, conversations_per_day, first)
    brand.open()
    for number in range(DAYS_BEFORE + 1):
        brand.live(first + timedelta(days=number))
    return sorted(tape.changes, key=lambda change: change.at)


def create_tables(connection: psycopg.Connection[Any]) -> None:
    """Make the tables under the contract's names where they are missing, and their indexes."""
    for name in TABLES:
        dataset, key = DATASETS[name], ("brand_id", *KEYS[name])
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.sql_type)) for column in dataset.columns
        ]
        columns.append(sql.SQL("primary key ({})").format(_names(key)))
        connection.execute(
            sql.SQL("create table if not exists {} ({})").format(sql.Identifier(name), sql.SQL(", ").join(columns))
        )
        for column in INDEXES.get(name, ()):
            index = sql.Identifier(f"{name}_{column}")
            connection.execute(
                sql.SQL("create index if not exists {} on {} (brand_id, {})").format(
                    index, sql.Identifier(name), sql.Identifier(column)
                )
            )


def write(connection: psycopg.Connection[Any], made: Iterable[Change]) -> None:
    """Write changes in their order, each over what its key held before."""
    with connection.cursor() as cursor:
        for table, some in groupby(made, key=lambda change: change.table):
            rows = [{name: _stored(value) for name, value in change.row.items()} for change in some]
            cursor.executemany(_upsert(table, tuple(rows[0])), rows)


def _stored(value: Any) -> Any:
    if isinstance(value, list):
        return WORD_SEPARATOR.join(value)
    return Jsonb(value) if isinstance(value, dict) else value


def play(
    connection: psycopg.Connection[Any], made: Sequence[Change], begin: datetime, speed: float = 1
) -> Iterator[tuple[datetime, int]]:
    """Write what came before `begin` at once, then each change when its instant comes, time passing `speed` times as
    fast as it does. After each step it gives the played instant and how many changes are written; ends with the tape.
    """
    create_tables(connection)
    started, written = time.monotonic(), 0
    while True:
        now = begin + timedelta(seconds=(time.monotonic() - started) * speed)
        due = written
        while due < len(made) and made[due].at <= now:
            due += 1
        write(connection, made[written:due])
        connection.commit()
        written = due
        yield now, written
        if written == len(made):
            return
        wait = (made[written].at - now).total_seconds() / speed
        time.sleep(min(max(wait, 0.05), 1))


def midnight(day: date) -> datetime:
    """The beginning of a local day of the brand."""
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)


def _names(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _upsert(table: str, columns: tuple[str, ...]) -> sql.Composed:
    key = ("brand_id", *KEYS[table])
    rest = [name for name in columns if name not in key]
    renewed = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in rest]
    return sql.SQL("insert into {} ({}) values ({}) on conflict ({}) do update set {}").format(
        sql.Identifier(table),
        _names(columns),
        sql.SQL(", ").join(map(sql.Placeholder, columns)),
        _names(key),
        sql.SQL(", ").join(renewed),
    )


def play_day(
    url: str,
    day: date | None,
    seed: int,
    conversations_per_day: int,
    speed: float,
    tell: Callable[[datetime, int], None],
) -> None:
    """Play a local day into the database at `url`: today from this moment on, by default, or the day given from its
    midnight. Past its end the consequences of the day go on (late answers, ratings) until stopped.

    `tell` hears the played instant and the number of changes written, after each step.
    """
    now = datetime.now(UTC)
    begin = now if day is None else midnight(day)
    made = changes(begin.date() if day is None else day, seed, conversations_per_day)
    with psycopg.connect(url, application_name="causerie simulate") as connection:
        for at, written in play(connection, made, begin, speed):
            tell(at, written)
