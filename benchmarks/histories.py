"""Whole runs beside what they should cost: the first one of a newcomer, a year backfilled, one brand among many.

Not here: nights (nights.py), the night after a long history (nights.with_history), one large brand (report.py).
Run: .venv/bin/python benchmarks/histories.py [--days 365] [--brands 20]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from pathlib import Path

import pyarrow.parquet as pq
from nights import environment, hold_back, run
from ratios import Ratio, table

from orchestration import warehouse
from orchestration.marts import contracts
from orchestration.settings import PROJECT, Settings
from simulator import day as simulator

# What is told once, and holds for all days.
SETTINGS = ("brands", "members")
# Days that each of many brands has before the one whose data come late does.
DAYS_OF_MANY = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365, help="days that are backfilled")
    parser.add_argument("--brands", type=int, default=20)
    parser.add_argument("--conversations-per-day", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="causerie-bench-") as made:
        print(table(ratios(Path(made), given.days, given.brands, given.conversations_per_day)))


def ratios(folder: Path, days: int, brands: int, conversations: int) -> Iterator[Ratio]:
    yield from first_look(folder / "first")
    yield backfill(folder, days, conversations)
    yield among(folder, brands, conversations)


def first_look(folder: Path) -> list[Ratio]:
    """`make run` with the environment there, from nothing to the report: seconds, for a person waits for it. And beside
    what has to be computed in it."""
    with installation(folder) as settings:
        start = time.perf_counter()
        done = subprocess.run(["make", "run"], cwd=PROJECT, env=environment(settings), capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if done.returncode:
            raise SystemExit(f"make run ended with {done.returncode}\n{done.stdout}{done.stderr}")
        floor = plain_sql(settings)
    name = "make run, from nothing to the report"
    return [
        Ratio(name, "40 seconds", seconds, 40.0, 1),
        Ratio(name, "plain SQL that makes the same facts of what was loaded", seconds, floor, None),
    ]


def plain_sql(settings: Settings) -> float:
    """Seconds of the models' own SQL, as a psql would run it: every table from raw to the facts, one after the other.
    Without what only a platform does: what is touched, periods, tests, publication."""
    nodes = contracts.manifest(settings.manifest)["nodes"]
    tables = {
        name: node
        for name, node in nodes.items()
        if node["resource_type"] == "model"
        and node["config"]["materialized"] == "table"
        and node["fqn"][1] not in ("touched", "kpi")
    }
    order = TopologicalSorter({name: set(node["depends_on"]["nodes"]) & set(tables) for name, node in tables.items()})
    with warehouse.connect(warehouse.url(settings)) as connection:
        connection.execute("create schema plain")
        start = time.perf_counter()
        for node in map(tables.__getitem__, order.static_order()):
            text = settings.home / "dbt" / "compiled" / node["package_name"] / node["original_file_path"]
            connection.execute(f"create table plain.{node['alias']} as {text.read_text()}".encode())
        seconds = time.perf_counter() - start
        connection.rollback()
    return seconds


def backfill(folder: Path, days: int, conversations: int) -> Ratio:
    """A range of past days that arrives when its last day has been published, beside a first run of all of it."""
    first = datetime.now(UTC).date() - timedelta(days=days + 1)
    with installation(folder / "whole") as settings:
        landing = folder / "whole" / "landing"
        simulator.write(landing, days + 1, 1, conversations, first)
        whole = run(settings, f"first run of {days + 1} days")
    with installation(folder / "backfill") as settings:
        last = max(day.name for day in landing.glob("messages/*"))
        arrive(landing, folder / "backfill" / "landing", lambda dataset, day: dataset in SETTINGS or day == last)
        run(settings, "its last day")
        arrive(landing, folder / "backfill" / "landing", lambda dataset, day: True)
        late = run(settings, f"backfill of {days} days", given=["--from", str(first), "--to", last])
    return Ratio(late.name, whole.name, late.seconds, whole.seconds, 1.3)


def among(folder: Path, brands: int, conversations: int) -> Ratio:
    """Late data of one brand of many, beside the same data of that brand alone."""
    first = datetime.now(UTC).date() - timedelta(days=DAYS_OF_MANY)
    nights = []
    for number in (1, brands):
        with installation(folder / f"brands-{number}") as settings:
            landing = folder / f"brands-{number}" / "landing"
            for brand in range(1, number + 1):
                name = f"brand-{brand}"
                simulator.write(landing, DAYS_OF_MANY, brand, conversations, first, brand_id=name, part=brand)
            late = hold_back(sorted(landing.glob("messages/*")), "part-1.parquet")
            run(settings, f"first run of {number} brands")
            pq.write_table(late, max(landing.glob("messages/*")) / "part-late.parquet")
            nights.append(run(settings, f"{late.num_rows} late messages of one of {number} brands"))
    alone, beside = nights
    return Ratio(beside.name, "of that brand alone", beside.seconds, alone.seconds, 1.5)


@contextmanager
def installation(folder: Path) -> Iterator[Settings]:
    """One of its own, whose server is stopped afterwards."""
    settings = Settings.from_environment(
        {"CAUSERIE_HOME": str(folder / "home"), "CAUSERIE_LANDING": str(folder / "landing")}
    )
    try:
        yield settings
    finally:
        warehouse.stop(settings)


def arrive(source: Path, target: Path, is_meant: Callable[[str, str], bool]) -> None:
    """Move the extracts, of which dataset and day are asked, to where they are read."""
    for extract in sorted(source.glob("*/*")):
        if is_meant(extract.parent.name, extract.name):
            (target / extract.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.move(extract, target / extract.parent.name / extract.name)


if __name__ == "__main__":
    main()
