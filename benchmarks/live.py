"""What viewers of the live screen cost the chat database: one of them, and a hundred, over the same seconds.

Not here: reports and loading (see the other benchmarks). Everything happens in a database of its own, dropped after.

    .venv/bin/python benchmarks/live.py --viewers 100 --seconds 20
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from orchestration import warehouse
from orchestration.readers import live
from orchestration.readers.live import Asked
from orchestration.settings import Settings
from simulator import chat

DATABASE = "causerie_benchmark_live"
DAY = date(2026, 3, 10)


def fill(url: str, conversations_per_day: int) -> int:
    """A day of the made-up brand and the days before it; gives the number of messages."""
    with psycopg.connect(url) as connection:
        chat.create_tables(connection)
        chat.write(connection, chat.changes(DAY, seed=1, conversations_per_day=conversations_per_day))
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum analyze")
        (messages,) = connection.execute("select count(*) from messages").fetchone() or (0,)
        return int(messages)


def statements(connection: psycopg.Connection[Any]) -> int:
    """Transactions that the database has ended so far; this one counts too."""
    connection.execute("select pg_stat_force_next_flush()")
    row = connection.execute(
        "select xact_commit + xact_rollback from pg_stat_database where datname = %s", [DATABASE]
    ).fetchone()
    assert row
    return int(row[0])


def watch(settings: Settings, asked: Asked, viewers: int, seconds: float) -> tuple[int, float]:
    """Viewers who look twice a second; how often they saw a reading, and the median time of a look in ms."""
    until = time.monotonic() + seconds
    looks: list[float] = []

    def viewer() -> None:
        while time.monotonic() < until:
            begun = time.monotonic()
            live.reading(settings, asked)
            looks.append((time.monotonic() - begun) * 1000)
            time.sleep(0.5)

    threads = [threading.Thread(target=viewer) for _ in range(viewers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(looks), statistics.median(looks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--conversations-per-day", type=int, default=3000)
    given = parser.parse_args()
    server = warehouse.url(Settings.from_environment())
    url = urlsplit(server)._replace(path=f"/{DATABASE}").geturl()
    with psycopg.connect(server, autocommit=True) as admin, tempfile.TemporaryDirectory() as folder:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(DATABASE)))
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        try:
            messages = fill(url, given.conversations_per_day)
            settings = replace(Settings.from_environment({"CAUSERIE_HOME": str(Path(folder))}), live_url=url)
            asked = Asked("maison-lumen", at=chat.midnight(DAY) + timedelta(hours=18))
            alone = []
            for _ in range(7):
                begun = time.monotonic()
                live.read(settings, asked)
                alone.append((time.monotonic() - begun) * 1000)
            print(f"{messages:,} messages; one reading without the cache: {statistics.median(alone):.0f} ms")
            for viewers in (1, given.viewers):
                before = statements(admin)
                fresh = replace(settings, home=Path(folder) / str(viewers))  # a cache that nobody has filled yet
                looks, median = watch(fresh, asked, viewers, given.seconds)
                cost = statements(admin) - before
                print(
                    f"{viewers:>4} viewers for {given.seconds:g} s: {looks:,} looks of {median:.1f} ms,"
                    f" {cost} transactions in the chat database"
                )
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(DATABASE)))


if __name__ == "__main__":
    main()
