"""Sessions of readers that take too long: ended here, because a session may lift its own limits of time.

PostgreSQL holds a role to its number of connections and its temporary files (access.py). `statement_timeout` and its
like anybody may set for a session to what they please, so somebody has to look: every run while it lasts, and the
daemon in between (automation/jobs.py).

Not here: readers that stand in the way of an alteration (transaction.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import psycopg

from orchestration.marts.access import BRANDS, IDLE_MINUTES, READER, STATEMENT_MINUTES, VIEWERS
from orchestration.warehouse import connect
from orchestration.warehouse.locks import SESSION

log = logging.getLogger(__name__)

LOOK_SECONDS = 10
STATEMENT = timedelta(minutes=STATEMENT_MINUTES)
IDLE = timedelta(minutes=IDLE_MINUTES)

# Roles that read marts by being, or being members of, ours; the platform's own user and superusers are none.
GUESTS = """
    select r.oid
    from pg_roles as r
    where
        not r.rolsuper and r.rolname <> current_user
        and (r.rolname = %(viewers)s or exists (
            select 1 from pg_roles as g
            where g.rolname in (%(reader)s, %(brands)s) and pg_has_role(r.oid, g.oid, 'usage')
        ))
"""


def end_overdue(
    connection: psycopg.Connection[Any], statement: timedelta = STATEMENT, idle: timedelta = IDLE
) -> list[str]:
    """End readers' sessions in this database whose statement runs for longer than `statement`, or that are idle in a
    transaction for longer than `idle`. Returns a sentence for each."""
    rows = connection.execute(
        f"""
        select
            format('ended session %%s of %%s: %%s', a.pid, a.usename, case a.state
                when 'active' then 'its statement ran for ' || date_trunc('second', now() - a.query_start)
                else 'it was idle in a transaction for ' || date_trunc('second', now() - a.state_change)
            end),
            pg_terminate_backend(a.pid)
        from pg_stat_activity as a
        where
            a.datname = current_database() and a.usesysid in ({GUESTS})
            and (
                a.state = 'active' and a.query_start < now() - %(statement)s::interval
                or a.state like 'idle in transaction%%' and a.state_change < now() - %(idle)s::interval
            )
        order by 1
        """.encode(),
        {"reader": READER, "brands": BRANDS, "viewers": VIEWERS, "statement": statement, "idle": idle},
    ).fetchall()
    return [row[0] for row in rows]


# Sessions that hold locks on what is in marts: whoever alters a table there may have to wait for one of them.
IN_THE_WAY = """
    select k.pid
    from pg_locks as k
    inner join pg_class as c on c.oid = k.relation
    where
        k.granted and k.pid <> pg_backend_pid() and k.locktype = 'relation'
        and k.database = (select oid from pg_database where datname = current_database())
        and c.relnamespace = 'marts'::regnamespace
"""


def in_the_way(connection: psycopg.Connection[Any]) -> list[str]:
    """The sessions that use tables of marts, as a person finds them again, longest first."""
    connection.execute("select pg_stat_clear_snapshot()")
    rows = connection.execute(
        f"select {SESSION} from pg_stat_activity as a where a.pid in ({IN_THE_WAY}) order by a.xact_start".encode()
    ).fetchall()
    return [row[0] for row in rows]


def end_those_in_the_way(connection: psycopg.Connection[Any], seconds: float) -> list[str]:
    """End readers that use tables of marts in a transaction of this age or older. Returns a sentence for each."""
    connection.execute("select pg_stat_clear_snapshot()")
    rows = connection.execute(
        f"""
        select 'ended, for it kept a table of marts from being altered: ' || {SESSION.replace("%", "%%")},
            pg_terminate_backend(a.pid)
        from pg_stat_activity as a
        where
            a.pid in ({IN_THE_WAY}) and a.usesysid in ({GUESTS})
            and a.xact_start <= clock_timestamp() - make_interval(secs => %(seconds)s)
        """.encode(),
        {"reader": READER, "brands": BRANDS, "viewers": VIEWERS, "seconds": seconds},
    ).fetchall()
    return [row[0] for row in rows]


@contextmanager
def watched(url: str) -> Iterator[None]:
    """Readers are held to their times while this lasts."""
    done = Event()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            try:
                with connect(url, autocommit=True, connect_timeout=5) as connection:
                    for sentence in end_overdue(connection):
                        log.warning(sentence)
            except psycopg.Error as error:
                # The run itself finds out whether its server is gone.
                log.info("readers were not looked after: %s", type(error).__name__)

    watcher = Thread(target=watch, name="guests", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
