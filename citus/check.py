"""Tries Causerie on a coordinator of Citus and two workers, beside one node: `make citus-check`.

First the rules that make it possible are held against all SQL (rules.py); that needs no Citus. Then, on this machine
and in a temporary folder: a few made-up brands are published in one night on one node, and in two nights on the
cluster; each table of marts is compared by digest, questions are asked of both in turn, by the superuser and by a
brand's own role, and a worker is added while readers ask; and the suite's laws, exactness among them, are held over the
cluster. Exit code 0: no rule broken, no difference, no error; 3: Citus could not be had.

    .venv/bin/python citus/check.py [--brands 3] [--days 6] [--conversations-per-day 15]

Not here: where Citus comes from (extension.py), servers (cluster.py), larger volumes (benchmarks/).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import rules
from cluster import Cluster, Node, cluster
from extension import NoCitus, programs

import simulator
from orchestration import warehouse
from orchestration.marts import access
from orchestration.settings import Settings

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "build" / "citus"
sys.path.append(str(ROOT / "tests" / "integration"))
from marts_digest import digest  # noqa: E402

RUNS = 7
READERS = 2
# The suite's laws whose tests bring rows of their own: those on copies of a database can't be held over several nodes.
LAWS = (
    "test_indicators_exact.py", "test_law_of_stability.py", "test_lists.py", "test_kpi_rows.py",
    "test_order_and_repetition.py::test_the_same_extracts_again_change_nothing",
)  # fmt: skip
# What is asked of one brand, over the days that were made up.
QUESTIONS = {
    "all indicators, the whole time": "select * from marts.kpi_report(%(brand)s, %(from)s, %(to)s)",
    "by day": "select * from marts.kpi_report(%(brand)s, %(from)s, %(to)s, p_breakdown => '{day}')",
    "by source": "select * from marts.kpi_report(%(brand)s, %(from)s, %(to)s, p_breakdown => '{source}')",
    "filters of hours and sources": "select * from marts.kpi_report(%(brand)s, %(from)s, %(to)s,"
    " p_sources => '{waiting_list,direct}', p_time_from => '09:00', p_time_to => '19:00')",
    "rows behind a number": "select * from marts.kpi_rows('Chat-Card-12', %(brand)s, %(from)s, %(to)s)",
    "a list": "select * from marts.kpi_list('One-List-1', %(brand)s, %(from)s, %(to)s)",
    "periods": "select * from marts.kpi_period where brand_id = %(brand)s",
}
# Over every brand: grouped by brand first (rule 2).
OVER_ALL = {
    "messages of every brand": "select brand_id, count(*) from marts.fct_message group by brand_id",
    "bi_daily of every brand": "select * from marts.bi_daily",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brands", type=int, default=3)
    parser.add_argument("--days", type=int, default=6)
    parser.add_argument("--conversations-per-day", type=int, default=15)
    given = parser.parse_args()
    broken = rules.broken()
    print("\n".join([*broken, f"{len(broken)} breaches of the rules in {rules.looked_at()}"]), flush=True)
    try:
        binaries = programs(PLACE)
    except NoCitus as error:
        print(f"Not tried on Citus: {error}", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory(prefix="causerie-citus-") as folder:
        place = Path(folder)
        first, last = make_up(place / "landing", given.brands, given.days, given.conversations_per_day)
        (place / "nodes").mkdir()
        with one_node(place) as single, cluster(place / "nodes", binaries, workers=2) as several:
            found = laws(several.coordinator.url()) + compare(place, single, several, first, last)
    return 1 if broken or found else 0


def make_up(landing: Path, brands: int, days: int, conversations: int) -> tuple[date, date]:
    """Extracts of several brands, which a file each brings to the same landing; their first and last day."""
    for number in range(1, brands + 1):
        brand = f"brand-{number}"
        summary = simulator.write(landing, days, number, conversations * number, brand_id=brand, part=number)
    return summary.first_day, summary.last_day


@contextmanager
def one_node(place: Path) -> Iterator[str]:
    """The URL of an embedded server of our own."""
    settings = Settings.from_environment({"CAUSERIE_HOME": str(place / "single")})
    try:
        yield warehouse.start(settings)
    finally:
        warehouse.stop(settings)


def compare(place: Path, single: str, several: Cluster, first: date, last: date) -> int:
    """Publishes on both, and says what differs and how long questions take; the number of differences and errors."""
    at_hand = several.coordinator.url()
    causerie(place, "single", single, "run")
    causerie(place, "several", at_hand, "run", "--from", str(first), "--to", str(last - timedelta(days=2)))
    causerie(place, "several", at_hand, "run")
    with warehouse.connect(single, autocommit=True) as one, warehouse.connect(at_hand, autocommit=True) as many:
        describe(many)
        brands = [row[0] for row in one.execute("select brand_id from marts.dim_brand order by 1")]
        found = differing(one, many)
        span = {"from": first, "to": last}
        found += sum(asked(one, many, name, sql, {**span, "brand": brands[-1]}) for name, sql in QUESTIONS.items())
        found += sum(asked(one, many, name, sql, span) for name, sql in OVER_ALL.items())
        found += by_role(several, one, many, brands, span)
        found += with_one_more(several, brands, span)
        return found + differing(one, many)


def causerie(place: Path, home: str, url: str, *command: str) -> None:
    """A run as a user starts it."""
    began = time.monotonic()
    environment = os.environ | {
        "CAUSERIE_HOME": str(place / home),
        "CAUSERIE_LANDING": str(place / "landing"),
        "CAUSERIE_DATABASE_URL": url,
        "CAUSERIE_AUTOMATION": "off",
    }
    environment.pop("DAGSTER_HOME", None)
    program = str(Path(sys.executable).parent / "causerie")
    done = subprocess.run([program, *command], env=environment, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"causerie {' '.join(command)} failed on {home}:\n{done.stdout}{done.stderr}")
    published = [line for line in done.stdout.splitlines() if line.startswith("Published")]
    print(f"{home}: causerie {' '.join(command)}: {time.monotonic() - began:.0f} s. {' '.join(published)}", flush=True)


def laws(url: str) -> int:
    """The suite's laws over the cluster, in databases of their own; 1 where one does not hold."""
    print("the suite's laws, on the cluster: some minutes ...", flush=True)
    tests = [str(ROOT / "tests" / "integration" / law) for law in LAWS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *tests],
        env=os.environ | {"CAUSERIE_TEST_DATABASE_URL": url}, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    print(
        "the suite's laws: " + (done.stdout + done.stderr if done.returncode else done.stdout.splitlines()[-1]),
        flush=True,
    )
    return int(bool(done.returncode))


def describe(many: psycopg.Connection[Any]) -> None:
    """Where the rows of marts are."""
    rows = many.execute(
        "select p.partmethod = 'n', count(*) from pg_dist_partition as p"
        " inner join pg_class as c on c.oid = p.logicalrelid where c.relnamespace = 'marts'::regnamespace group by 1"
    ).fetchall()
    kinds = dict(rows)
    print(f"marts: {kinds.get(False, 0)} tables by brand, {kinds.get(True, 0)} whole on every node", flush=True)


def differing(one: psycopg.Connection[Any], many: psycopg.Connection[Any]) -> int:
    """How many tables of marts are not the same on both."""
    left, right = (dict(line.split(" ") for line in digest(connection).splitlines()) for connection in (one, many))
    # Roles are named by a key of each installation.
    del left["access"], right["access"]
    names = sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))
    print(f"marts: {len(left)} tables compared by digest, {len(names)} differ {', '.join(names)}", flush=True)
    return len(names)


def asked(
    one: psycopg.Connection[Any], many: psycopg.Connection[Any], name: str, statement: str, values: dict[str, Any]
) -> int:
    """Asks both in turn and prints the medians; 1 where an answer differs or is an error."""
    took: list[list[float]] = [[], []]
    answers: list[list[Any]] = [[], []]
    for run in range(RUNS + 1):
        for place, connection in enumerate((one, many)):
            began = time.perf_counter()
            try:
                answers[place] = connection.execute(statement.encode(), values).fetchall()
            except psycopg.Error as error:
                print(f"{name}: {str(error).splitlines()[0]}", flush=True)
                return 1
            if run:
                took[place].append((time.perf_counter() - began) * 1000)
    is_same = sorted(map(repr, answers[0])) == sorted(map(repr, answers[1]))
    single, several = map(statistics.median, took)
    print(
        f"{name:32}{len(answers[0]):7} rows {'equal' if is_same else 'DIFFERENT'}"
        f"{single:9.0f} ms on one node{several:9.0f} ms on three: {several / single:.2f}",
        flush=True,
    )
    return 0 if is_same else 1


def by_role(
    several: Cluster, one: psycopg.Connection[Any], many: psycopg.Connection[Any], brands: list[str], span: Any
) -> int:
    """A brand's own login sees its own rows on every node, and nobody else's."""
    found = 0
    statement = next(iter(QUESTIONS.values()))
    for brand in brands:
        role = access.brand_role(many, brand)
        several.let_in(role)
        with psycopg.connect(several.coordinator.url(role), autocommit=True) as own:
            try:
                seen = own.execute("select array_agg(distinct brand_id) from marts.fct_message").fetchone()
                mine = own.execute(statement.encode(), {**span, "brand": brand}).fetchall()
            except psycopg.Error as error:
                print(f"the role of {brand}: {str(error).splitlines()[0]}", flush=True)
                found += 1
                continue
            whole = one.execute(statement.encode(), {**span, "brand": brand}).fetchall()
            found += seen != ([brand],) or sorted(map(repr, mine)) != sorted(map(repr, whole))
    print(f"{len(brands)} roles of brands asked for theirs: {found} errors or differences", flush=True)
    return found


def with_one_more(several: Cluster, brands: list[str], span: Any) -> int:
    """Adds a worker while readers ask; the number of errors that they, or the move, met."""
    errors: list[str] = []
    answers = [0] * READERS
    is_over = threading.Event()

    def read(number: int) -> None:
        with psycopg.connect(several.coordinator.url(), autocommit=True) as connection:
            while not is_over.is_set():
                for statement in QUESTIONS.values():
                    brand = brands[answers[number] % len(brands)]
                    try:
                        connection.execute(statement.encode(), {**span, "brand": brand}).fetchall()
                    except psycopg.Error as error:
                        errors.append(str(error).splitlines()[0])
                    answers[number] += 1

    readers = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
    for reader in readers:
        reader.start()
    began = time.monotonic()
    worker: Node = several.node("worker-3")
    moved = 0
    try:
        several.join(worker)
        with psycopg.connect(several.coordinator.url(), autocommit=True) as connection:
            for shard, *places in connection.execute(PLAN).fetchall():
                if connection.execute(STANDS, [shard, *places[:2]]).fetchone():
                    connection.execute(MOVE, [shard, *places, MODE])
                    moved += 1
                    # What was asked of the old place is answered before the next move clears it away.
                    wait_for_each(answers, readers)
    finally:
        is_over.set()
        for reader in readers:
            reader.join()
    print(
        f"a third worker: {moved} groups of shards moved in {time.monotonic() - began:.0f} s, {sum(answers)} questions"
        f" asked meanwhile, {len(errors)} errors {'; '.join(sorted(set(errors)))}",
        flush=True,
    )
    return len(errors) + (moved == 0)


# While they are read; tables of build have no key by which updates could be followed, and nobody updates them.
MODE = "force_logical"
PLAN = "select shardid, sourcename, sourceport, targetname, targetport from get_rebalance_table_shards_plan()"
MOVE = "select citus_move_shard_placement(%s, %s, %s, %s, %s, %s)"
STANDS = "select 1 from citus_shards where shardid = %s and nodename = %s and nodeport = %s"


def wait_for_each(answers: list[int], readers: list[threading.Thread]) -> None:
    """Returns when each reader has ended the question that it was at."""
    before = list(answers)
    while any(now == then and reader.is_alive() for now, then, reader in zip(answers, before, readers, strict=True)):
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
