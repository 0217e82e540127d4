"""How fast the whole past of a dataset comes out of a PostgreSQL on this machine, beside reading alone.

Three years of messages in the tables of a chat system, mapped, a cursor and `deletes: compare`: one look, one streamed
query, an extract a day. Not here: files (loading.py). Run: .venv/bin/python benchmarks/databases.py [--rows 1000000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from ratios import Ratio, table

from orchestration import warehouse
from orchestration.settings import Settings
from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import load_extracts
from orchestration.sources.loading.raw_tables import ensure_indexes
from orchestration.sources.loading.upgrade import migrate
from orchestration.sources.looks import announce
from orchestration.sources.pending import pending_extracts

WANTED_ROWS = 60_000
FIRST, DAYS = date(2023, 1, 1), 1096
TODAY = date(2026, 1, 2)
CHAT = """
create table chat (id bigint primary key, shop int, thread bigint, author text, author_id bigint, written timestamp,
                   is_robot boolean, kind text);
insert into chat
select n, 1, n / 9, (array['agent', 'visitor'])[1 + n % 2], n % 5000,
       timestamp '{first}' + n * interval '{days} days' / {rows}, n % 10 = 0,
       (array['text', 'image'])[1 + (n % 20 = 0)::int]
  from generate_series(0, {rows} - 1) n;
"""
SOURCES = """
datasets:
  messages:
    connector: sql
    url: {url}
    query: select id, shop, thread, author, author_id, written, is_robot, kind from chat
    columns: {{id: message_id, shop: brand_id, thread: conversation_id, author: sender_type, author_id: sender_id,
              written: sent_at, is_robot: is_automatic, kind: content_type}}
    values: {{brand_id: {{1: acme}}, sender_type: {{agent: member}}, content_type: {{image: photo}}}}
    timezone: UTC
    changed_since: id
    deletes: compare
"""


@contextmanager
def timed(label: str, rows: int) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    print(f"{label:<52} {seconds:7.2f} s {rows / seconds:12,.0f} rows/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="causerie-bench-") as folder:
        settings = Settings.from_environment({"CAUSERIE_HOME": str(Path(folder) / "home")})
        try:
            print(table([measure(warehouse.url(settings), Path(folder), rows)]))
        finally:
            warehouse.stop(settings)


def measure(url: str, folder: Path, rows: int) -> Ratio:
    folder.mkdir(parents=True, exist_ok=True)
    chat = urlsplit(url)._replace(path="/chat").geturl()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("create database chat")
    with psycopg.connect(chat) as made:
        made.execute(CHAT.format(first=FIRST, days=DAYS, rows=rows).encode())
        made.execute("analyze chat")
    file = folder / "sources.yml"
    file.write_text(SOURCES.format(url=chat))
    sources = read_sources(file, "unused")
    with timed("psycopg reads the rows, and does nothing with them", rows), psycopg.connect(chat) as reading:
        cursor = reading.cursor("every_row")
        cursor.itersize = 65_536
        assert sum(1 for _ in cursor.execute("select * from chat order by written")) == rows
    with warehouse.connect(url) as connection:
        migrate(connection)
        connection.execute(
            "insert into raw.brands (brand_id, name, timezone, currency, locale, updated_at, extract_day, load_id)"
            " values ('acme', 'Acme', 'Europe/Paris', 'EUR', 'fr', %s, %s, 0)",
            [datetime.combine(FIRST, datetime.min.time(), UTC), FIRST],
        )
        connection.commit()
        with timed("look", rows):
            extracts = [(one.dataset, one.day) for one in pending_extracts(connection, sources, TODAY)]
        announce(sources, extracts)
        began = time.perf_counter()
        seconds: dict[str, float] = {}
        with timed(f"first load, {len(extracts):,} extracts", rows):
            days = [day for _, day in extracts]
            for result in load_extracts(connection, DATASETS["messages"], days, sources["messages"]):
                assert result.outcome == "loaded" and not result.counts.rejected, result
                for phase, spent in result.seconds.items():
                    seconds[phase] = seconds.get(phase, 0) + spent
            with connection.transaction():
                ensure_indexes(connection, DATASETS["messages"])
        took = time.perf_counter() - began
        print("    " + ", ".join(f"{phase} {spent:.1f} s" for phase, spent in seconds.items()))
        with timed("the night after: look, and compare", rows):
            assert pending_extracts(connection, sources, TODAY) == []
    wanted = f"{WANTED_ROWS:,} rows a second"
    return Ratio(f"{rows:,} messages of {DAYS:,} days from a PostgreSQL", wanted, took, rows / WANTED_ROWS, 1)


if __name__ == "__main__":
    main()
