"""Faults of days: runs at once, backfills in any order, two months of everything.

Not here: who starts runs (test_orchestration.py).
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from landing_of import Doomed
from night import Extract, Night, dbt

import simulator
from faults.installation import PATIENCE_SECONDS, Extracts, Installation, without_access
from orchestration.cli import runs
from orchestration.marts import access_check
from orchestration.settings import PROJECT
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import load_extract

pytestmark = pytest.mark.long

ROWS_TWICE = "select count(*) - count(distinct (brand_id, message_id)) from marts.fct_message"


def rows_twice(connection: psycopg.Connection[Any]) -> int:
    ((rows,),) = connection.execute(ROWS_TWICE.encode()).fetchall()
    return int(rows)


def shared(few_days: Extracts, night: Night) -> Night:
    """The night, over the extracts of few_days."""
    night.landing.rmdir()
    night.landing.symlink_to(few_days.landing)
    return night


@pytest.mark.fault(
    6, "the nightly run and a backfill of one and the same day at once", "one waits for the other; each row once"
)
def test_a_night_and_a_backfill_at_once(
    few_days: Extracts, new_night: Callable[[], Night], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    night = shared(few_days, new_night())
    night.run([extract for extract in night.extracts() if extract[1] < few_days.days[-1]])
    installation = Installation(tmp_path, night.url, few_days.landing)
    day = str(few_days.days[-1])
    at_once = [installation.causerie("run"), installation.causerie("run", "--from", day, "--to", day)]
    said = [run.communicate(timeout=PATIENCE_SECONDS)[0] for run in at_once]
    assert [run.returncode for run in at_once] == [0, 0], said
    assert night.digest() == few_days.golden
    with night.connect() as connection:
        twice = rows_twice(connection)
    assert twice == 0
    figure(f"rows twice {twice}, golden")


@pytest.mark.fault(
    7, "two first builds at once, on an empty database", "one makes the tables, the other waits and finds them made"
)
def test_two_first_builds_at_once(
    databases: Callable[[], AbstractContextManager[str]],
    few_days: Extracts,
    tmp_path: Path,
    figure: Callable[[str], None],
) -> None:
    with databases() as url:
        twins = [Installation(tmp_path / name, url, few_days.landing) for name in ("one", "other")]
        with twins[0].connect() as connection:
            connection.execute("drop schema raw, marts cascade")
        at_once = [twin.causerie("run") for twin in twins]
        said = [run.communicate(timeout=PATIENCE_SECONDS)[0] for run in at_once]
        assert [run.returncode for run in at_once] == [0, 0], said
        assert without_access(twins[0].digest()) == without_access(few_days.golden)
    figure("2 of 2 exit code 0, golden")


@pytest.mark.fault(
    8, "backfills that overlap, in 3 orders, a nightly run between them", "the order does not matter, nor the overlap"
)
def test_backfills_in_any_order(
    few_days: Extracts, new_night: Callable[[], Night], figure: Callable[[str], None]
) -> None:
    first, second, third, last = few_days.days
    backfills = {"early": (first, second), "late": (second, third), "night": (last, last)}
    digests = []
    for order in (("early", "night", "late"), ("late", "night", "early"), ("night", "late", "early")):
        night = shared(few_days, new_night())
        for name in order:
            begin, end = backfills[name]
            night.run([extract for extract in night.extracts() if begin <= extract[1] <= end])
        digests.append(night.digest())
        with night.connect() as connection:
            assert access_check.offenders(connection) == []
    assert digests == [few_days.golden] * 3
    figure(f"{len(digests)} orders, {len(set(digests))} digest, golden")


@pytest.mark.fault(
    22, "an audit fails between the build and the publication", "readers keep the old generation, nothing new shows"
)
def test_an_audit_fails_after_the_build(
    few_days: Extracts, new_night: Callable[[], Night], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    night = shared(few_days, new_night())
    night.run([extract for extract in night.extracts() if extract[1] < few_days.days[-1]])
    before = night.digest()
    # The project as it is, and one dbt test more, which the new day does not pass.
    project = tmp_path / "project"
    ignored = shutil.ignore_patterns("target", "logs")
    shutil.copytree(PROJECT / "dbt_project", project / "dbt_project", ignore=ignored)
    shutil.copy(PROJECT / "dagster.yaml", project)
    newest = f"timestamptz '{few_days.days[-1]} 00:00Z'"
    (project / "dbt_project" / "tests" / "assert_no_such_day.sql").write_text(
        f"select * from {{{{ ref('fct_message') }}}} where sent_at >= {newest}"
    )
    dbt("parse", "--project-dir", str(project / "dbt_project"), target=project / "dbt_project" / "target")
    installation = Installation(tmp_path / "home", night.url, few_days.landing)
    outcome = runs.run(replace(installation.settings, project=project), None, None)
    assert outcome.exit_code == 1 and "assert_no_such_day" in str(outcome.failures)
    with night.connect() as connection:
        query = f"select count(*) from marts.fct_message where sent_at >= {newest}"
        ((seen,),) = connection.execute(query.encode()).fetchall()
    assert seen == 0
    assert night.digest() == before
    figure(f"bad rows seen {seen}, marts unchanged")


# --- two months of everything -----------------------------------------------------------------------------------------

DAYS, NIGHTS = 60, 6


@pytest.mark.fault(
    39,
    "60 days of late, repeated, truncated, bad and corrected extracts, loads that die, nights out of order",
    "the same marts as of one clean build of what came in the end",
)
def test_sixty_days_of_faults(new_night: Callable[[], Night], tmp_path: Path, figure: Callable[[str], None]) -> None:
    rng = Random(39)
    simulator.write(tmp_path / "right", DAYS, 1, 6, date(2026, 1, 1))
    night = new_night()
    right = _extracts(tmp_path / "right")
    waiting, counted = right, dict.fromkeys(("late", "truncated", "bad", "copied", "died"), 0)
    for number in range(NIGHTS):
        reached = date(2026, 1, 1) + timedelta(days=DAYS * (number + 1) // NIGHTS - 1)
        tonight = [one for one in waiting if one[1] <= reached and (number == NIGHTS - 1 or rng.random() < 0.8)]
        counted["late"] += sum(one[1] <= reached for one in waiting) - len(tonight)
        waiting = [one for one in waiting if one not in tonight]
        rng.shuffle(tonight)
        for dataset, day in tonight:
            source, place = tmp_path / "right" / dataset / str(day), night.landing / dataset / str(day)
            fault = rng.choice(["", "", "", "", "truncated", "bad", "copied", "died"])
            if fault:
                counted[fault] += 1
                _spoil(fault, source, place)
                if fault == "died":
                    _load_and_die(night, (dataset, day), rng.randint(2, 25))
                else:
                    night.load([(dataset, day)])
                shutil.rmtree(place)
            shutil.copytree(source, place)
        night.load(tonight)
        night.publish()
    clean = new_night()
    shutil.copytree(tmp_path / "right", clean.landing, dirs_exist_ok=True)
    clean.run()
    mine, theirs = night.digest().splitlines(), clean.digest().splitlines()
    assert [line for line in mine if line not in theirs] == []
    assert len(mine) == len(theirs)
    figure(f"differing tables 0 of {len(mine)} ({', '.join(f'{times} {fault}' for fault, times in counted.items())})")


def _extracts(landing: Path) -> list[Extract]:
    return sorted((path.parts[-2], date.fromisoformat(path.name)) for path in landing.glob("*/*"))


def _spoil(fault: str, source: Path, place: Path) -> None:
    """Deliver an extract as it should not be."""
    shutil.copytree(source, place)
    (file,) = place.iterdir()
    if fault == "truncated":
        file.write_bytes(file.read_bytes()[:-30])
    elif fault == "bad":
        nothing = json.dumps(dict.fromkeys(DATASETS[place.parent.name].column_names))
        (place / "part-1.jsonl.gz").write_bytes(gzip.compress(f"{nothing}\n".encode() * 5))
    elif fault == "copied":
        shutil.copy(file, place / f"copy-{file.name}")


def _load_and_die(night: Night, extract: Extract, moment: int) -> None:
    """Load an extract over a connection that is cut at some statement; it may be too late for that."""
    dataset, day = extract
    with night.connect() as watcher, suppress(psycopg.OperationalError), night.connect() as connection:
        Doomed(connection, moment, lambda pid: watcher.execute("select pg_terminate_backend(%s, 10000)", [pid]))
        load_extract(connection, DATASETS[dataset], day, night.sources[dataset])
