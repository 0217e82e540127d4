"""Faults around a publication: a long report, a rebuild, an upgrade that dies half-way.

Not here: fifty publications under readers, and older snapshots (tests/integration/test_publication.py).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import marts_digest
import psycopg
import pytest
from landing_of import Doomed
from little_mart import FUNCTION, VIEW, Warehouse, changed
from thoroughness import times

from faults.installation import until
from orchestration import warehouse
from orchestration.marts import access_check

MESSAGES = [("star", f"m{number}", f"c{number % 7}", number, number) for number in range(200)]
CONVERSATIONS = [("star", f"c{number}") for number in range(7)]


@pytest.fixture
def published(connection: psycopg.Connection[Any]) -> Warehouse:
    mart = Warehouse(connection)
    mart.load(star=len(MESSAGES))
    mart.run(["star"], CONVERSATIONS, MESSAGES)
    return mart


@pytest.mark.fault(
    25,
    "a report of 6 s runs while a publication, and then an upgrade, wants the tables",
    "other readers do not queue behind it",
)
def test_a_long_report_makes_nobody_wait(published: Warehouse, database: str, figure: Callable[[str], None]) -> None:
    busy = "select exists (select from pg_stat_activity where query like '%pg_sleep(6)%' and wait_event = 'PgSleep')"

    def publish() -> None:
        published.run(["star"], CONVERSATIONS, MESSAGES[:100])
        published.manifest = changed(word_count="bigint")
        published.prepare()

    slowest, reads = 0.0, 0
    with (
        warehouse.connect(database) as slow,
        warehouse.connect(database, autocommit=True) as reader,
        ThreadPoolExecutor(2) as pool,
    ):
        report = pool.submit(slow.execute, "select count(*), pg_sleep(6) from marts.fct_message")
        until(lambda: reader.execute(busy.encode()).fetchone() == (True,), "the report")
        publication = pool.submit(publish)
        reader.execute("set lock_timeout = '3s'")  # a reader that queues behind the report fails
        while not (publication.done() and report.done()):
            began = time.perf_counter()
            reader.execute("select count(*) from marts.fct_message")
            slowest, reads = max(slowest, time.perf_counter() - began), reads + 1
            if report.done():
                slow.rollback()
        publication.result()
    assert reads > 10
    figure(f"slowest of their reads {1000 * slowest:.0f} ms")


@pytest.mark.fault(
    26,
    "publication, rebuild of everything, backfill, upgrade",
    "row security, policies, grants, descriptions, keys and indexes are there after each",
)
def test_access_survives(published: Warehouse, figure: Callable[[str], None]) -> None:
    offenders = access_check.offenders(published.connection)
    published.connection.commit()
    # All of it built again, as after a full refresh.
    published.touch("c1", published.load(star=1))
    published.run(["star"], CONVERSATIONS, MESSAGES)
    offenders += access_check.offenders(published.connection)
    published.connection.commit()
    # An old conversation, late.
    published.run(["star"], [("star", "c9")], [("star", "old", "c9", -9_999, None)])
    offenders += access_check.offenders(published.connection)
    published.connection.commit()
    published.manifest = changed(word_count="bigint")
    published.prepare()
    published.build(["star"], CONVERSATIONS, MESSAGES)
    published.connection.execute("alter table build.messages add column word_count integer default 4")
    published.connection.commit()
    published.publish()
    offenders += access_check.offenders(published.connection)
    assert offenders == []
    figure(f"offenders in the catalogue {len(offenders)} after 4 of 4")


NEW_FUNCTION = FUNCTION.replace("select count(*)", "select 2 * count(*)")


def upgrade(mart: Warehouse) -> None:
    """A new version: a column, a key and a function change."""
    mart.manifest = changed(word_count="integer")
    publication = mart.manifest["nodes"]["model.causerie.fct_message"]["config"]["meta"]["publication"]
    publication["key"].append("word_count")
    mart.prepare()
    mart.build(["star"], CONVERSATIONS, [])
    mart.connection.execute("alter table build.messages add column word_count integer")
    mart.connection.execute(
        "insert into build.messages select 'star', 'm' || n, 'c' || n % 7,"
        " timestamptz '2024-05-01 00:00Z' + make_interval(mins => n), n + 1000, '{}', n % 5"
        " from generate_series(0, 199) as n"
    )
    mart.connection.commit()
    mart.publish(functions=[NEW_FUNCTION, VIEW])


@pytest.mark.fault(
    40,
    "an upgrade is killed at one statement after another, and begun again each time",
    "readers see the old version or the new one, never something between",
)
def test_an_upgrade_is_interrupted(
    published: Warehouse,
    database: str,
    databases: Callable[[], AbstractContextManager[str]],
    figure: Callable[[str], None],
) -> None:
    def seen() -> Any:
        return published.rows(
            "select marts.message_count('star'), (select sum(messages) from marts.message_days),"
            " (select md5(string_agg(m::text, '')) from"
            "  (select message_id, conversation_id, amount from marts.fct_message order by message_id) as m)"
        )

    old = seen()
    interrupted = 0
    for moment in itertools.count(3, times(18, 9)):
        with warehouse.connect(database) as connection:
            mart = Warehouse(connection)
            mart.runs = moment
            Doomed(connection, moment, lambda pid: published.rows("select pg_terminate_backend(%s, 10000)", pid))
            try:
                upgrade(mart)
                break
            except psycopg.OperationalError:
                interrupted += 1
        assert seen() == old
    assert seen() != old
    assert interrupted > 5
    assert access_check.offenders(published.connection) == []
    published.connection.commit()
    with databases() as url, warehouse.connect(url) as connection:
        clean = Warehouse(connection)
        clean.load(star=len(MESSAGES))
        clean.run(["star"], CONVERSATIONS, MESSAGES)
        upgrade(clean)
        assert marts_digest.digest(published.connection) == marts_digest.digest(connection)
    figure(f"{interrupted} interruptions, between 0, golden")
