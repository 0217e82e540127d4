"""The PostgreSQL that everything lives in: the server at CAUSERIE_DATABASE_URL, or an embedded one of our own.

Not here: what is in the database (migrations/, sources/, dbt_project/) or the embedded server (server.py).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo

from orchestration.settings import Settings
from orchestration.warehouse import locks
from orchestration.warehouse.server import NAME, WarehouseError, start

# The oldest version of PostgreSQL that everything here is tried with.
OLDEST = 16
MIGRATIONS = Path(__file__).parent / "migrations"
# In dbt's environment: it opens no session before its standard input says that it may.
DBT_WAITS = "CAUSERIE_DBT_WAITS"
# What libpq sets a session to: how dates are written and read is for no environment to say.
SESSION_VARIABLES = ("PGTZ", "PGDATESTYLE", "PGGEQO", "PGCLIENTENCODING")
# What a server says when it refuses connections for a while, on its way up or down or after a crash.
PASSING_STATES = ("starting up", "shutting down", "in recovery mode", "not yet accepting connections")


def url(settings: Settings) -> str:
    """The libpq URL of the warehouse. Starts the embedded server if that is the one used and it does not run yet."""
    return settings.database_url or start(settings)


def connect(url: str, **options: Any) -> psycopg.Connection[Any]:
    """Open a transaction-by-transaction connection whose session speaks UTC and ISO dates, whatever the environment
    (PGTZ, PGDATESTYLE) says. Connection errors propagate."""
    connection = psycopg.connect(url, **{"application_name": NAME, **options})
    connection.execute("set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'")
    connection.commit()
    return connection


def _refuse_old(version: int) -> None:
    """Raises WarehouseError for a server (150004: 15.4) that is older than what the SQL here is written for."""
    if version // 10_000 < OLDEST:
        raise WarehouseError(
            f"the warehouse is PostgreSQL {version // 10_000}.{version % 10_000}, and Causerie needs {OLDEST} or newer:"
            " name such a server in CAUSERIE_DATABASE_URL, or leave it unset for the embedded one"
        )


def run_migrations(connection: psycopg.Connection[Any], then: Callable[[psycopg.Connection[Any]], None]) -> list[str]:
    """Run each file of migrations/ once, `then` what follows from them, and commit it all together.

    Several callers at once are safe: one works, the others wait and find nothing left to do. Returns the files run.
    Errors of `then` propagate, and leave everything as it was.
    """
    _refuse_old(connection.info.server_version)
    locks.ensure(connection, [])
    with connection.transaction(), connection.cursor() as cursor:
        locks.hold(connection, locks.MIGRATION)
        cursor.execute(
            "create table if not exists raw.migration"
            " (file text primary key, ran_at timestamptz not null default clock_timestamp())"
        )
        done = {row[0] for row in cursor.execute("select file from raw.migration")}
        new = [path for path in sorted(MIGRATIONS.glob("*.sql")) if path.name not in done]
        for path in new:
            cursor.execute(path.read_bytes())
            cursor.execute("insert into raw.migration (file) values (%s)", [path.name])
        then(connection)
    connection.commit()
    return [path.name for path in new]


def session_of_run(run_id: str) -> str:
    """The application name of a run's sessions, those of its dbt too."""
    return f"{NAME} run {run_id}"


def dbt_environment(url: str, application_name: str = NAME) -> dict[str, str]:
    """The whole environment of a dbt that is started: this process's, and what dbt_project/profiles.yml reads.

    Without DBT_*: each option of dbt has such a variable, and one set for another project (DBT_TARGET, DBT_EMPTY) would
    change what is built. Holds the password: for a child process only, never for a log.
    """
    given = conninfo.conninfo_to_dict(url)
    with psycopg.connect(url) as connection:
        info = connection.info
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DBT_", *SESSION_VARIABLES))},
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "CAUSERIE_PG_HOST": info.host,
            "CAUSERIE_PG_PORT": str(info.port),
            "CAUSERIE_PG_USER": info.user,
            "CAUSERIE_PG_PASSWORD": info.password or str(given.get("password") or ""),
            "CAUSERIE_PG_DBNAME": info.dbname,
            "PGAPPNAME": application_name,
        }


def wait_until_ready(url: str, seconds: float) -> None:
    """Return when the server accepts connections; raise the last connection error when it does not in time.

    Only a server that is down, starting or stopping is waited for: a wrong password or database fails at once. Raises
    WarehouseError for a server that is too old.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            with psycopg.connect(url, connect_timeout=5) as connection:
                _refuse_old(connection.info.server_version)
            return
        except psycopg.OperationalError as error:
            if "FATAL" in str(error) and not any(state in str(error) for state in PASSING_STATES):
                raise
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
