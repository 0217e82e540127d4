"""A night beside guests who take all that they can get, and give nothing back.

Not here: each thing that they may not take (tests/integration/test_locks.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from little_mart import role_url
from night import Night

from faults.installation import Extracts
from orchestration import warehouse
from orchestration.marts import access

# Who waits for a lock, and whether a guest is in the way.
BLOCKED = """
select exists (
    select from pg_stat_activity as a
    where a.wait_event_type = 'Lock' and a.usename = current_user
        and pg_blocking_pids(a.pid) && (select array_agg(g.pid) from pg_stat_activity as g where g.usename = any(%s))
)
"""
LOOK_SECONDS = 0.01


@contextmanager
def guests(night: Night, roles: list[str]) -> Iterator[int]:
    """Every connection that these roles get, each with a transaction that has read every table and goes on for ever;
    one of each fills temporary files and then lets a statement run. Gives how many there are."""
    with ExitStack() as stack, night.connect() as admin:
        tables = [
            name
            for (name,) in admin.execute(
                "select format('marts.%I', relname) from pg_class"
                " where relnamespace = 'marts'::regnamespace and relkind = 'r'"
            )
        ]
        opened: list[psycopg.Connection[Any]] = []
        for role in roles:
            with suppress(psycopg.OperationalError):
                while True:
                    opened.append(psycopg.connect(role_url(admin, night.url, role)))
                    stack.callback(opened[-1].close)
        for session in opened:
            session.execute("set statement_timeout = 0; set idle_in_transaction_session_timeout = 0")
            session.commit()
            session.execute("select 1")  # begins the transaction in which all else is a part
            for attempt in (
                *(f"select 1 from {table} limit 1" for table in tables),
                "lock table marts.fct_message in share mode",
                "select pg_advisory_lock(212198431)",
                "create temporary table mine as select 1",
            ):
                with suppress(psycopg.errors.InsufficientPrivilege), session.transaction():
                    session.execute(attempt.encode())
        busy = [Thread(target=_take_room_and_time, args=(session,)) for session in opened[:1] + opened[-1:]]
        for thread in busy:
            thread.start()
        yield len(opened)
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = any(%s)", [roles])
        for thread in busy:
            thread.join()


def _take_room_and_time(session: psycopg.Connection[Any]) -> None:
    with suppress(psycopg.Error), session.transaction():
        session.execute("set local work_mem = '64kB'")
        session.execute("select n from generate_series(1, 2000000) as n order by md5(n::text)")
    with suppress(psycopg.Error):
        session.execute("select pg_sleep(3600)")


@pytest.mark.long
@pytest.mark.fault(
    45,
    "a guest takes every lock, connection, temporary file and minute that it can, and idles in the way of an upgrade",
    "denied, or ended and named; loads, runs and publications go on",
)
def test_a_night_goes_through_beside_guests(
    new_night: Callable[[], Night], few_days: Extracts, figure: Callable[[str], None]
) -> None:
    """How long the night is delayed is told by how often a look finds it waiting for one of them: a clock would tell
    of the machine."""
    night = new_night()
    shutil.copytree(few_days.landing, night.landing, dirs_exist_ok=True)
    night.run([extract for extract in night.extracts() if extract[1] < few_days.days[-1]])
    with night.connect() as connection:
        ((brand,),) = connection.execute("select brand_id from marts.dim_brand").fetchall()
        roles = [access.READER, access.brand_role(connection, brand)]
    looks: list[bool] = []
    over = Event()

    def look() -> None:
        with warehouse.connect(night.url, autocommit=True) as watch:
            while not over.wait(LOOK_SECONDS):
                looks.extend(row[0] for row in watch.execute(BLOCKED, [roles]))

    with guests(night, roles) as number:
        watching = Thread(target=look)
        watching.start()
        try:
            assert night.run().is_new
        finally:
            over.set()
            watching.join()
    assert night.digest() == few_days.golden
    assert number == sum(access.CONNECTIONS.get(role, access.CONNECTIONS_OF_A_ROLE) for role in roles)
    delay = sum(looks) / len(looks)
    assert delay < 0.1
    figure(f"a night beside {number} idle and busy sessions of guests: golden, delay {delay:.1%}")
