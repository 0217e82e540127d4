"""How long nights of the made-up brand take, each beside the sum of its own statements on the server in the same run.

The first run of a number of days, one more day, one changed order, messages that come late, nothing new. A ratio of 1
would be a night of SQL alone: what lies above it is starting Python, Dagster, dbt and Great Expectations, and waiting
for files. Then what its readers ask first: a session's first report, and a month by day.
Not here: loads of many rows (loading.py), reports over many (report.py).
Run: .venv/bin/python benchmarks/nights.py [--days 60] [--statements 20]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ratios import Ratio, table

from orchestration import warehouse
from orchestration.settings import Settings

# Messages that come with the newest extract though they were written up to so many days before.
LATE, DAYS_LATE = 500, 150
CAUSERIE = str(Path(sys.executable).parent / "causerie")
STATEMENT = re.compile(r"duration: ([\d.]+) ms(?:  (?:statement|execute [^:]*|parse [^:]*|bind [^:]*): (.*))?", re.S)


@dataclass(frozen=True)
class Night:
    """One `causerie run`: seconds on the clock, bytes of WAL, and what the server's log says of its statements (in
    seconds, SQL)."""

    name: str
    seconds: float
    wal: int
    statements: list[tuple[float, str]]

    @property
    def floor(self) -> float:
        """Seconds of all its statements, one after another."""
        return sum(seconds for seconds, _ in self.statements)

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.seconds:.1f} s; {len(self.statements)} statements of {self.floor:.1f} s;"
            f" {self.wal / 2**20:.0f} MiB of WAL"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=60, help="days of the first run")
    parser.add_argument("--conversations-per-day", type=int, default=120)
    parser.add_argument("--statements", type=int, default=0, help="print so many of each night's longest statements")
    parser.add_argument("--folder", type=Path, help="a folder of its own is made by default, and removed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="causerie-bench-") as made:
        folder = given.folder or Path(made)
        settings = Settings.from_environment(
            {"CAUSERIE_HOME": str(folder / "home"), "CAUSERIE_LANDING": str(folder / "landing")}
        )
        try:
            print(table(ratios(settings, folder, given.days, given.conversations_per_day, given.statements)))
        finally:
            warehouse.stop(settings)


def ratios(settings: Settings, folder: Path, days: int, conversations: int, statements: int = 0) -> list[Ratio]:
    """What there is to say of the nights and of the first looks after them; of each night its longest statements are
    printed."""
    nights = measure(settings, folder, days, conversations)
    for night in nights:
        print(f"{night}", flush=True)
        for seconds, sql in sorted(night.statements, reverse=True)[:statements]:
            print(f"    {seconds:7.2f} s  {sql[:150]}")
    first, day, order, late, nothing = nights
    alone = "its statements alone"
    return [
        Ratio(first.name, alone, first.seconds, first.floor, 2),
        Ratio(day.name, alone, day.seconds, day.floor, 2),
        Ratio(order.name, alone, order.seconds, order.floor, 2),
        Ratio(late.name, day.name, late.seconds, day.seconds, 2),
        Ratio(nothing.name, "importing Dagster and psycopg", nothing.seconds, imports(), 1.5),
        *first_looks(settings),
    ]


def imports() -> float:
    """Seconds of a Python that imports what a run can't do without."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import dagster, psycopg"], check=True)
    return time.perf_counter() - start


def first_looks(settings: Settings) -> list[Ratio]:
    """A session's first report beside its second, and every indicator by day of the last month that is over."""
    url = warehouse.url(settings)
    with psycopg.connect(url) as connection:
        asked = connection.execute(
            "select brand_id, date_trunc('month', max(period_start) - interval '1 month')::date,"
            " date_trunc('month', max(period_start))::date - 1"
            " from marts.kpi_period where grain = 'day' group by brand_id"
        ).fetchone()
    report = "select count(*), sum(value) from marts.kpi_report(%s, %s, %s)"
    by_day = "select count(*), sum(value) from marts.kpi_report(%s, %s, %s, p_breakdown => '{day}')"
    with psycopg.connect(url) as connection:
        cold, warm = seconds(connection, report, asked), min(seconds(connection, report, asked) for _ in range(5))
        days = min(seconds(connection, by_day, asked) for _ in range(3))
    return [
        Ratio("a session's first report of a month", "the same again", cold, warm, 2),
        Ratio("every indicator by day of a month, reported", "one second", days, 1.0, 1),
    ]


def seconds(connection: psycopg.Connection[Any], query: str, values: Any) -> float:
    start = time.perf_counter()
    connection.execute(query.encode(), values).fetchall()
    return time.perf_counter() - start


def with_history(folder: Path, conversations: int, days: int, long: int) -> list[Ratio]:
    """The night of one more day after a long history beside the same after a short one: the days are alike."""
    after = []
    for length in (days, long):
        settings = Settings.from_environment(
            {
                "CAUSERIE_HOME": str(folder / f"{length}" / "home"),
                "CAUSERIE_LANDING": str(folder / f"{length}" / "landing"),
            }
        )
        try:
            first, day = first_and_next(settings, folder / f"{length}", length, conversations)
        finally:
            warehouse.stop(settings)
        print(f"{first}\n{day}", flush=True)
        after.append(day)
    short, late = after
    name = f"one more day after {long} days"
    return [
        Ratio(name, f"after {days} days", late.seconds, short.seconds, 1.05),
        Ratio(f"{name}, its statements", f"after {days} days", late.floor, short.floor, 1.05),
        Ratio(f"{name}, its WAL", f"after {days} days", late.wal / 2**20, short.wal / 2**20, 1.05, unit="MiB"),
    ]


def measure(settings: Settings, folder: Path, days: int, conversations: int) -> list[Night]:
    """The nights, one after the other, over the same installation."""
    landing = folder / "landing"
    nights = first_and_next(settings, folder, days, conversations, is_late=True)
    change_an_order(max(landing.glob("orders/*")))
    nights.append(run(settings, "one changed order"))
    late = max(landing.glob("messages/*")) / "part-late.parquet"
    shutil.move(folder / late.name, late)
    nights.append(run(settings, f"{pq.read_metadata(late).num_rows} messages late by up to {DAYS_LATE} days"))
    nights.append(run(settings, "nothing new", is_new=False))
    return nights


def first_and_next(
    settings: Settings, folder: Path, days: int, conversations: int, is_late: bool = False
) -> list[Night]:
    """A first run of so many days, and the night of the next one. What is to come late lies in the folder then."""
    later, landing = folder / "later", folder / "landing"
    # An extract of a day that has not begun is none: the last one is yesterday's, however long the history.
    first_day = datetime.now(UTC).date() - timedelta(days=days + 1)
    amount = ["--days", str(days + 1), "--conversations-per-day", str(conversations), "--from", str(first_day)]
    subprocess.run(
        [CAUSERIE, "simulate", str(later), *amount], check=True, capture_output=True, env=environment(settings)
    )
    last = max(day.name for day in later.glob("messages/*"))
    for day in sorted(later.glob("*/*")):
        if day.name < last:
            target = landing / day.parent.name / day.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(day, target)
    if is_late:
        pq.write_table(hold_back(sorted(landing.glob("messages/*"))), folder / "part-late.parquet")
    log_statements(settings)
    nights = [run(settings, f"first run of {days} days")]
    settle(settings)
    for day in sorted(later.glob(f"*/{last}")):
        shutil.move(day, landing / day.parent.name / day.name)
    nights.append(run(settings, "one more day"))
    return nights


def hold_back(extracts: list[Path], name: str = "part-0.parquet") -> pa.Table:
    """Messages of the newest extracts but the last, taken out of their files of this name."""
    kept_from = [extract / name for extract in extracts[-DAYS_LATE - 1 : -1]]
    late = []
    for file in kept_from:
        rows = pq.read_table(file)
        # Never all of a day: an extract without rows holds the publication back.
        step = max(len(rows) * len(kept_from) // LATE, 2)
        is_late = pa.array([number % step == 0 for number in range(len(rows))])
        late.append(rows.filter(is_late))
        pq.write_table(rows.filter(pc.invert(is_late)), file)
    return pa.concat_tables(late, promote_options="permissive")


def environment(settings: Settings) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("CAUSERIE_", "DAGSTER_"))}
    return mine | {"CAUSERIE_HOME": str(settings.home), "CAUSERIE_LANDING": str(settings.landing)}


def settle(settings: Settings) -> None:
    """What the server does in the hours until the next night: statistics, and on the disk what the first run left in
    memory."""
    with warehouse.connect(warehouse.url(settings), autocommit=True) as connection:
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


def log_statements(settings: Settings) -> None:
    """Have the server write each statement with its time into its log."""
    with warehouse.connect(warehouse.url(settings), autocommit=True) as connection:
        connection.execute("alter system set log_min_duration_statement = 0")
        connection.execute("select pg_reload_conf()")


def run(settings: Settings, name: str, is_new: bool = True, given: Sequence[str] = ()) -> Night:
    """One `causerie run`; SystemExit where it fails, or finds nothing where it should, or the other way round."""
    # The first thing that is asked makes the server, and with it its log.
    written, log = wal(settings), settings.home / "postgres" / "server.log"
    before = log.stat().st_size
    start = time.perf_counter()
    done = subprocess.run([CAUSERIE, "run", *given], capture_output=True, text=True, env=environment(settings))
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{name}: causerie run ended with {done.returncode}\n{done.stdout}{done.stderr}")
    if ("Nothing new" in done.stdout) is is_new:
        raise SystemExit(f"{name}: this is not what was to be measured\n{done.stdout}{done.stderr}")
    with log.open("rb") as file:
        file.seek(before)
        said = file.read().decode(errors="replace")
    found = (STATEMENT.search(entry) for entry in re.split(r"\n(?=\d{4}-\d\d-\d\d )", said))
    statements = [(float(one[1]) / 1000, " ".join((one[2] or "").split())) for one in found if one]
    return Night(name, seconds, wal(settings) - written, statements)


def wal(settings: Settings) -> int:
    """Bytes of log that the server has ever written."""
    with warehouse.connect(warehouse.url(settings)) as connection:
        (place,) = connection.execute("select pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone() or (0,)
    return int(place)


def change_an_order(extract: Path) -> None:
    """One order of this extract, at twice its amount."""
    (file,) = extract.glob("*.jsonl.gz")
    with gzip.open(file, "rt", encoding="utf-8") as read:
        orders = [json.loads(line) for line in read]
    orders[0]["gross_amount"] = str(2 * Decimal(orders[0]["gross_amount"]))
    with gzip.open(file, "wt", encoding="utf-8") as written:
        written.writelines(json.dumps(order) + "\n" for order in orders)


if __name__ == "__main__":
    main()
