"""How fast messages come into raw, from each format, beside PostgreSQL's own COPY of the same rows; and in daily
extracts, beside the same rows as one file.

Not here: databases (databases.py), reports. Run: .venv/bin/python benchmarks/loading.py [--rows 1000000]
A load counts everything that it does: reading, judging, counting, profiling, the touched list, the commit. At the end
each ratio stands beside its floor.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from ratios import Ratio, table

from orchestration import warehouse
from orchestration.settings import Settings
from orchestration.sources.connectors.files import FilesSource
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import load_extract, load_extracts
from orchestration.sources.loading.raw_tables import ensure_indexes, ensure_tables
from orchestration.sources.loading.upgrade import migrate

DAY = date(2026, 3, 10)
# Of the rows a second of a server-side COPY, at least so many; and of the time of one file, at most so much.
FLOORS = {"Parquet, times typed": 0.45, "JSON Lines": 0.18, "CSV": 0.18}
MOST_TIMES_ONE_FILE = 2
SMALL_DAYS = 730
# Of the memory of one load, at most so much for so many times its rows.
MANY_TIMES, MOST_MEMORY_OF_MANY = 10, 1.2
MESSAGES = DATASETS["messages"]
BRAND = {"brand_id": "acme", "name": "Acme", "timezone": "Europe/Paris", "currency": "EUR", "locale": "fr",
         "updated_at": "2026-03-01T00:00:00Z"}  # fmt: skip


def messages(rows: int) -> pa.Table:
    """A day of one brand's messages, 9 a conversation, with times as text as most sources write them."""
    random = np.random.default_rng(1)
    conversation = random.integers(0, max(rows // 9, 1), rows)
    seconds = np.sort(random.integers(0, 86_400_000_000, rows)).astype("timedelta64[us]")
    sent = np.datetime_as_string(np.datetime64(DAY.isoformat(), "us") + seconds, unit="us")
    sender = random.choice(["visitor", "member", "bot"], rows, p=[0.5, 0.45, 0.05])
    return pa.table(
        {
            "brand_id": pa.array(np.full(rows, "acme")),
            "message_id": pa.array([f"msg-{number:09d}" for number in range(rows)]),
            "conversation_id": pa.array([f"conv-{number:07d}" for number in conversation]),
            "sender_type": pa.array(sender),
            "sender_id": pa.array([f"s{number % 5000:05d}" for number in conversation]),
            "sent_at": pa.array([f"{instant}Z" for instant in sent]),
            "is_automatic": pa.array(random.random(rows) < 0.1),
            "content_type": pa.array(random.choice(["text", "photo", "product"], rows, p=[0.9, 0.05, 0.05])),
        }
    )


def typed(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("sent_at")
    return table.set_column(place, "sent_at", table["sent_at"].cast(pa.timestamp("us", "UTC")))


def write(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".csv":
        pa.csv.write_csv(table, path)
    else:
        with gzip.open(path, "wt", compresslevel=4) if path.suffix == ".gz" else path.open("w") as file:
            for batch in table.to_batches(50_000):
                file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in batch.to_pylist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--home", type=Path, help="a home of its own is made by default, and removed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="causerie-bench-") as folder:
        home = given.home or Path(folder) / "home"
        settings = Settings.from_environment({"CAUSERIE_HOME": str(home)})
        with warehouse.connect(warehouse.url(settings)) as connection:
            try:
                print(table(ratios(settings, connection, Path(folder), given.rows)))
            finally:
                connection.close()
                warehouse.stop(settings)


def ratios(settings: Settings, connection: psycopg.Connection[Any], folder: Path, rows: int) -> list[Ratio]:
    migrate(connection)
    load_extract(connection, DATASETS["brands"], DAY, land_brand(folder))
    every = messages(rows)

    spent: dict[str, float] = {}

    def timed(label: str, work: Callable[[], object], rows: int = rows) -> None:
        start = time.perf_counter()
        work()
        spent[label] = seconds = time.perf_counter() - start
        print(f"{label:<52} {seconds:7.2f} s {rows / seconds:12,.0f} rows/s", flush=True)

    variants = {
        "Parquet, times typed": (typed(every), "part-0.parquet"),
        "Parquet, times as text": (every, "part-0.parquet"),
        "JSON Lines": (every, "part-0.jsonl"),
        "JSON Lines, gzip": (every, "part-0.jsonl.gz"),
        "CSV": (every, "part-0.csv"),
    }
    for label, (data, name) in variants.items():
        root = folder / label.replace(" ", "_")
        write(data, root / "messages" / DAY.isoformat() / name)
        source = FilesSource(MESSAGES, str(root))
        empty(connection)
        timed(f"{label}: load", lambda source=source: load(connection, source, DAY))  # type: ignore[misc]
    with connection.transaction():
        timed("indexes after it", lambda: ensure_indexes(connection, MESSAGES))
    source = FilesSource(MESSAGES, str(folder / "Parquet,_times_typed"))
    timed("Parquet, the same extract again, indexed (unchanged)", lambda: load(connection, source, DAY))
    copy_beside(connection, timed)
    small = every.slice(0, min(rows, 200_000))
    for label, days in (("one file", 1), (f"{SMALL_DAYS} daily extracts", SMALL_DAYS)):
        source = FilesSource(MESSAGES, str(folder / f"{days}_days"))
        size = -(-len(small) // days)
        for number in range(days):
            day = DAY + timedelta(days=number)
            write(small.slice(number * size, size), Path(source.root) / "messages" / f"{day}" / "part-0.jsonl.gz")
        empty(connection)
        timed(f"{len(small):,} rows in {label}", lambda source=source: load_all(connection, source), len(small))  # type: ignore[misc]
    copied = "server-side COPY of the same rows, logged"
    one, many = list(spent.values())[-2:]
    url = warehouse.url(settings)
    peaks = []
    for parts in (1, MANY_TIMES):
        root = folder / f"{parts}_parts"
        for number in range(parts):
            part = every.set_column(
                every.schema.get_field_index("message_id"),
                "message_id",
                pc.binary_join_element_wise(every["message_id"], str(number), "-"),
            )
            write(typed(part), root / "messages" / DAY.isoformat() / f"part-{number}.parquet")
        empty(connection)
        peaks.append(peak_of_a_load(url, root))
        print(f"{'memory of a load of ' + format(parts * rows, ','):<52} {peaks[-1] / 2**20:7.0f} MiB", flush=True)
    empty(connection)
    return [
        *(
            Ratio(f"load of {rows:,} rows, {label}", copied, spent[f"{label}: load"], spent[copied], least, True)
            for label, least in FLOORS.items()
        ),
        Ratio(f"{len(small):,} rows in {SMALL_DAYS} daily extracts", "as one file", many, one, MOST_TIMES_ONE_FILE),
        Ratio(
            f"memory of a load of {MANY_TIMES * rows:,} rows", f"of {rows:,}",
            peaks[1] / 2**20, peaks[0] / 2**20, MOST_MEMORY_OF_MANY, unit="MiB",
        ),
    ]  # fmt: skip


def peak_of_a_load(url: str, root: Path) -> int:
    """The most bytes that a process holds which loads the extract and does nothing else."""
    # Begun anew, since a process never gives back what was the most it held.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        return alone.submit(_load_alone, url, str(root)).result()


def _load_alone(url: str, root: str) -> int:
    with warehouse.connect(url) as connection:
        load(connection, FilesSource(MESSAGES, root), DAY)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def load_all(connection: psycopg.Connection[Any], source: FilesSource) -> None:
    """Every extract of the source; small ones are loaded together."""
    days = sorted(source.days(DAY))
    for result in load_extracts(connection, MESSAGES, days, source):
        assert result.counts.loaded == result.counts.read, result
    with connection.transaction():
        ensure_indexes(connection, MESSAGES)


def land_brand(folder: Path) -> FilesSource:
    path = folder / "brands" / DAY.isoformat() / "part-0.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(BRAND))
    return FilesSource(DATASETS["brands"], str(folder))


def load(connection: psycopg.Connection[Any], source: FilesSource, day: date) -> None:
    result = load_extract(connection, MESSAGES, day, source)
    assert result.counts.loaded == result.counts.read, result
    rows = result.counts.read
    stored = sum(seconds for phase, seconds in result.seconds.items() if phase != "accounted for")
    phases = ", ".join(f"{phase} {seconds:.2f} s" for phase, seconds in result.seconds.items())
    print(f"    into raw: {rows / stored:,.0f} rows/s ({phases})")


def empty(connection: psycopg.Connection[Any]) -> None:
    """As before a first load: no rows, no indexes."""
    with connection.transaction():
        connection.execute("drop table raw.messages")
        connection.execute("delete from raw.extract where dataset = 'messages'")
        connection.execute("truncate raw.touched")
        ensure_tables(connection, tuple(DATASETS.values()))
    connection.autocommit = True
    connection.execute("checkpoint")
    connection.autocommit = False


def copy_beside(connection: psycopg.Connection[Any], timed: Callable[[str, Callable[[], object]], None]) -> None:
    """The limit: PostgreSQL copies the finished rows of raw from a file of its own, doing nothing else."""
    connection.execute("create table raw.copied (like raw.messages including all)")
    (place,) = connection.execute("select current_setting('data_directory') || '/copied.bin'").fetchone() or ("",)
    connection.execute("drop table raw.copied")
    connection.execute(f"copy raw.messages to '{place}' (format binary)".encode())
    connection.execute("create table raw.copied (like raw.messages)")
    connection.commit()

    def copy() -> None:
        with connection.transaction():
            connection.execute(f"copy raw.copied from '{place}' (format binary)".encode())

    timed("server-side COPY of the same rows, logged", copy)
    with connection.transaction():
        connection.execute("drop table raw.copied")
        connection.execute("create unlogged table raw.copied (like raw.messages)")
    timed("server-side COPY of the same rows, unlogged", copy)
    with connection.transaction():
        connection.execute("drop table raw.copied")


if __name__ == "__main__":
    main()
