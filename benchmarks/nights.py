"""How long nights of the made-up brand take, each beside the sum of its own statements on the server in the same run.

The first run of a number of days, one more day, one changed order, nothing new. A ratio of 1 would be a night of SQL
alone: what lies above it is starting Python, Dagster, dbt and Great Expectations, and waiting for files.
Not here: loads of many rows (loading.py), reports (report.py).
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
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from orchestration import warehouse
from orchestration.settings import Settings

CAUSERIE = str(Path(sys.executable).parent / "causerie")
STATEMENT = re.compile(r"duration: ([\d.]+) ms(?:  (?:statement|execute [^:]*|parse [^:]*|bind [^:]*): (.*))?", re.S)


@dataclass(frozen=True)
class Night:
    """One `causerie run`: seconds on the clock, and what the server's log says of its statements (seconds, SQL)."""

    name: str
    seconds: float
    statements: list[tuple[float, str]]

    @property
    def floor(self) -> float:
        """Seconds of all its statements, one after another."""
        return sum(seconds for seconds, _ in self.statements)


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
            nights = measure(settings, folder, given.days, given.conversations_per_day)
            for night in nights:
                print(
                    f"{night.name:<28} {night.seconds:7.1f} s   statements alone {night.floor:7.1f} s"
                    f"   {night.seconds / max(night.floor, 0.001):6.1f} times",
                    flush=True,
                )
                for seconds, sql in sorted(night.statements, reverse=True)[: given.statements]:
                    print(f"    {seconds:7.2f} s  {sql[:150]}")
        finally:
            warehouse.stop(settings)


def measure(settings: Settings, folder: Path, days: int, conversations: int) -> list[Night]:
    """The four nights, one after the other, over the same installation."""
    later, landing = folder / "later", folder / "landing"
    amount = ["--days", str(days + 1), "--conversations-per-day", str(conversations)]
    subprocess.run(
        [CAUSERIE, "simulate", str(later), *amount], check=True, capture_output=True, env=environment(settings)
    )
    last = max(day.name for day in later.glob("messages/*"))
    for day in sorted(later.glob("*/*")):
        if day.name < last:
            target = landing / day.parent.name / day.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(day, target)
    log_statements(settings)
    nights = [run(settings, f"first run of {days} days")]
    for day in sorted(later.glob(f"*/{last}")):
        shutil.move(day, landing / day.parent.name / day.name)
    nights.append(run(settings, "one more day"))
    change_an_order(max(landing.glob("orders/*")))
    nights.append(run(settings, "one changed order"))
    nights.append(run(settings, "nothing new"))
    return nights


def environment(settings: Settings) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("CAUSERIE_", "DAGSTER_"))}
    return mine | {"CAUSERIE_HOME": str(settings.home), "CAUSERIE_LANDING": str(settings.landing)}


def log_statements(settings: Settings) -> None:
    """Have the server write each statement with its time into its log."""
    with warehouse.connect(warehouse.url(settings), autocommit=True) as connection:
        connection.execute("alter system set log_min_duration_statement = 0")
        connection.execute("select pg_reload_conf()")


def run(settings: Settings, name: str) -> Night:
    log = settings.home / "postgres" / "server.log"
    before = log.stat().st_size
    start = time.perf_counter()
    done = subprocess.run([CAUSERIE, "run"], capture_output=True, text=True, env=environment(settings))
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{name}: causerie run ended with {done.returncode}\n{done.stdout}{done.stderr}")
    with log.open("rb") as file:
        file.seek(before)
        said = file.read().decode(errors="replace")
    found = (STATEMENT.search(entry) for entry in re.split(r"\n(?=\d{4}-\d\d-\d\d )", said))
    statements = [(float(one[1]) / 1000, " ".join((one[2] or "").split())) for one in found if one]
    return Night(name, seconds, statements)


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
