"""`make bench`: one table, each row a figure beside its floor in the same run, into benchmarks/RESULTS.md.

Not here: what is measured (nights.py, histories.py, screens.py, loading.py, databases.py, scale.py), questions over
millions of messages (report.py), the live page (live.py).
Run: .venv/bin/python benchmarks/bench.py [--days 60] [--rows 1000000] [--history 730] [--messages 9000000]
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import databases
import histories
import loading
import nights
import scale
import screens
from ratios import Ratio, table

from orchestration import warehouse
from orchestration.settings import Settings

RESULTS = Path(__file__).parent / "RESULTS.md"
SHORT_HISTORY, CONVERSATIONS_OF_HISTORY = 90, 20
BACKFILLED, BRANDS = 365, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=60, help="days of the first run")
    parser.add_argument("--conversations-per-day", type=int, default=120)
    parser.add_argument("--rows", type=int, default=1_000_000, help="messages to load")
    parser.add_argument("--history", type=int, default=730, help="days of the long history; 0 leaves it out")
    parser.add_argument("--messages", type=int, default=9_000_000, help="of the full build; 0 leaves it out")
    given = parser.parse_args()
    began, load = datetime.now(UTC), os.getloadavg()
    found: list[Ratio] = []
    with tempfile.TemporaryDirectory(prefix="causerie-bench-") as made:
        for some in parts(Path(made), given):
            found += some
            # After each part: one that fails takes nothing of the others with it.
            RESULTS.write_text(f"{heading(began, load)}\n\n{table(found)}\n")
    print(table(found))


def parts(folder: Path, given: argparse.Namespace) -> Iterator[list[Ratio]]:
    yield of_nights(folder, given.days, given.conversations_per_day)
    yield of_loads(folder, given.rows)
    if given.history:
        yield nights.with_history(folder / "history", CONVERSATIONS_OF_HISTORY, SHORT_HISTORY, given.history)
        for one in histories.ratios(folder / "whole", BACKFILLED, BRANDS, CONVERSATIONS_OF_HISTORY):
            yield [one]
    if given.messages:
        yield of_a_build(folder / "build", given.messages)


def of_nights(folder: Path, days: int, conversations: int) -> list[Ratio]:
    settings = Settings.from_environment(
        {"CAUSERIE_HOME": str(folder / "nights" / "home"), "CAUSERIE_LANDING": str(folder / "nights" / "landing")}
    )
    try:
        found = nights.ratios(settings, folder / "nights", days, conversations)
        return [*found, *screens.ratios(settings, users=50, seconds=30)]
    finally:
        warehouse.stop(settings)


def of_loads(folder: Path, rows: int) -> list[Ratio]:
    settings = Settings.from_environment({"CAUSERIE_HOME": str(folder / "loads" / "home")})
    with warehouse.connect(warehouse.url(settings)) as connection:
        try:
            found = loading.ratios(settings, connection, folder / "loads", rows)
            return [*found, databases.measure(warehouse.url(settings), folder / "databases", rows)]
        finally:
            connection.close()
            warehouse.stop(settings)


def of_a_build(folder: Path, messages: int) -> list[Ratio]:
    settings = Settings.from_environment({"CAUSERIE_HOME": str(folder / "home")})
    try:
        return scale.full_build(settings, messages, folder / "duckdb")
    finally:
        warehouse.stop(settings)


def heading(began: datetime, load: tuple[float, float, float]) -> str:
    """What the figures were measured on: a ratio tells more to others than its seconds."""
    names = ("dagster", "dbt-core", "dbt-postgres", "great-expectations", "psycopg", "pyarrow")
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return (
        "# Benchmarks\n\n"
        "Written by `make bench`. Seconds are those of this machine; a ratio is of two figures of one run. Every\n"
        "statement of a night is logged meanwhile, which takes some of its time.\n\n"
        f"{began:%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores ({model}), load before {load[0]:.1f},"
        f" Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in names) + "."
    )


def _lines(file: str) -> list[str]:
    path = Path(file)
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
