"""How disk, build, a day more and answers grow with a brand's messages, into the table of docs/scale.md.

    .venv/bin/python benchmarks/scale.py --messages 100000 --messages 1000000

Each size is a brand of three years made up in SQL (report.py), in a database of its own, dropped afterwards. Rows of
other sizes that the table has stay. The line under it is the straight line through the two largest.
Not here: whole nights by Dagster (nights.py), loading (loading.py), questions beside their floor (report.py).
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duck
import psycopg
import report
from psycopg import conninfo
from ratios import Ratio

from orchestration import warehouse
from orchestration.settings import Settings

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
TABLE = re.compile(r"(?<=<!-- measured:begin -->\n).*?(?=<!-- measured:end -->)", re.DOTALL)
HEADER = (
    "| messages | raw | marts | built and published | in one statement | one day more | ten times as large |"
    " a month's report | a year's | measured |\n"
    "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|\n"
)
MESSAGES_OF_A_CONVERSATION = 9
# Each with four events of the site and two or three of the widget.
SESSIONS_OF_A_MESSAGE = 1 / 12
RUNS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, action="append", required=True)
    given = parser.parse_args()
    for messages in given.messages:
        note(measured(Settings.from_environment(), messages))
    print(written(standing()))


def standing() -> dict[int, str]:
    """The rows that the page has, by their messages."""
    found = TABLE.search(PAGE.read_text())
    lines = [line for line in (found[0] if found else "").splitlines() if re.match(r"\| [\d,]+ \|", line)]
    return {int(line.split("|")[1].replace(",", "")): line for line in lines}


def note(found: Size) -> None:
    """Write the row of a brand of this size into the page."""
    rows = standing() | {found.messages: found.row}
    PAGE.write_text(TABLE.sub(lambda _: written(rows), PAGE.read_text()))


@dataclass(frozen=True)
class Size:
    """A brand of so many messages: bytes of raw and marts, seconds of its build and publication and of LIFECYCLE, those
    of each day more with how many messages that has, milliseconds of reports."""

    messages: int
    raw: int
    marts: int
    built: float
    floor: float
    days: list[tuple[float, int]]
    month: float
    year: float

    @property
    def row(self) -> str:
        cells = [f"{self.raw / 2**20:,.0f} MB", f"{self.marts / 2**20:,.0f} MB", f"{self.built:,.0f} s"]
        cells += [f"{self.floor:,.1f} s", *(f"{seconds:,.0f} s ({messages:,})" for seconds, messages in self.days)]
        cells += [f"{self.month:,.0f} ms", f"{self.year:,.0f} ms"]
        machine = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        return f"| {self.messages:,} | {' | '.join(cells)} | {machine} |"


def full_build(settings: Settings, messages: int, folder: Path) -> list[Ratio]:
    """A brand of this size built and published whole, periods of three years included, beside one statement, and its
    row in docs/scale.md. Then, with events of the site and the widget beside the messages, its report of a month beside
    DuckDB, whose tables stand in the folder."""
    took: dict[str, float] = {}
    sessions = round(messages * SESSIONS_OF_A_MESSAGE)

    def with_events(connection: psycopg.Connection[Any], url: str) -> None:
        report.visit(url, sessions, settings)
        took["report"] = asked(connection, *MONTH)
        took["duckdb"] = duck.milliseconds(connection, folder, *MONTH)
        took["events"] = one(connection, EVENTS)

    found = measured(settings, messages, with_events)
    note(found)
    return [
        Ratio(
            f"full build of {found.messages:,} messages, 3 years of periods included",
            "one statement of the lifecycle over the same rows",
            found.built,
            found.floor,
            120,
        ),
        Ratio(
            f"all indicators of a month, {found.messages:,} messages, {took['events']:,.0f} events of site and widget",
            f"{len(duck.REFS)} of them by DuckDB from the same raw rows",
            took["report"] / 1000,
            took["duckdb"] / 1000,
            1,
        ),
    ]


def measured(
    settings: Settings, messages: int, look: Callable[[psycopg.Connection[Any], str], object] = lambda *_: None
) -> Size:
    """Makes the brand in a database of its own, and measures it; `look` sees it, with its URL, while it stands."""
    admin = warehouse.url(settings)
    database = f"causerie_scale_{messages}"
    url = conninfo.make_conninfo(admin, dbname=database)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"drop database if exists {database} (force)".encode())
        connection.execute(f"create database {database}".encode())
    try:
        conversations = messages // MESSAGES_OF_A_CONVERSATION
        seconds = report.make(url, conversations, settings, with_periods=True)
        with warehouse.connect(url, autocommit=True) as connection:
            number = one(connection, "select count(*) from marts.fct_message")
            raw, marts = (one(connection, SIZE, schema) for schema in ("raw", "marts"))
            month, year = (asked(connection, *dates) for dates in (MONTH, YEAR))
            connection.execute(LIFECYCLE.encode())
            began = time.perf_counter()
            connection.execute(LIFECYCLE.encode())
            floor = time.perf_counter() - began
            days = days_more(url, conversations, settings)
            look(connection, url)
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"drop database if exists {database} (force)".encode())
    return Size(number, raw, marts, seconds, floor, days, month, year)


def days_more(url: str, conversations: int, settings: Settings) -> list[tuple[float, int]]:
    """A day as large as the brand's others, and one ten times as large: their seconds and messages."""
    a_day = conversations // report.DAYS
    return [
        report.day_more(url, 1, a_day, conversations, settings),
        report.day_more(url, 2, 10 * a_day, conversations + a_day, settings),
    ]


# The least that a lifecycle is: who wrote first, who answered, how often, and when last, of each conversation.
LIFECYCLE = """
select count(*), count(*) filter (where l.visited_at is not null and l.answered_at is not null), sum(l.messages)
from raw.conversations as c
left join (
    select
        m.brand_id, m.conversation_id, count(*) as messages, max(m.sent_at) as last_message_at,
        min(m.sent_at) filter (where m.sender_type = 'visitor') as visited_at,
        min(m.sent_at) filter (where m.sender_type = 'member' and not m.is_automatic) as answered_at
    from raw.messages as m
    group by m.brand_id, m.conversation_id
) as l on l.brand_id = c.brand_id and l.conversation_id = c.conversation_id
"""
SIZE = "select sum(pg_total_relation_size(oid)) from pg_class where relnamespace = %s::regnamespace and relkind = 'r'"
EVENTS = "select (select count(*) from raw.site_events) + (select count(*) from raw.widget_events)"
MONTH = ("2023-05-01", "2023-05-31")
YEAR = ("2023-01-01", "2023-12-31")


def one(connection: psycopg.Connection[Any], question: str, *values: Any) -> Any:
    row = connection.execute(question.encode(), values).fetchone()
    return row[0] if row else None


def asked(connection: psycopg.Connection[Any], first: str, last: str) -> float:
    """Milliseconds of all indicators over these dates: the median after one that warms up."""
    took = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        connection.execute("select * from marts.kpi_report('bench', %s::date, %s::date)", [first, last]).fetchall()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took[1:])


def written(rows: dict[int, str]) -> str:
    """The table, and the line through its two largest rows."""
    ordered = sorted(rows)
    text = HEADER + "\n".join(rows[messages] for messages in ordered) + "\n"
    if len(ordered) < 2:
        return text
    small, large = ordered[-2:]
    lines = []
    for place, name, unit in ((2, "raw", "MB"), (3, "marts", "MB"), (4, "built and published", "s")):
        low, high = (float(rows[messages].split("|")[place].split()[0].replace(",", "")) for messages in (small, large))
        slope = (high - low) / (large - small)
        lines.append(f"- {name}: {low - slope * small:,.1f} {unit} + {slope * 1e6:,.1f} {unit} for each million")
    return f"{text}\nThrough the two largest, for a brand of other size:\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
