"""What every asset of a run is given: the warehouse, whose turn it is to write it, and somebody to tell how far it is.

Not here: starting a server (warehouse.py). Next: ingestion.py.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from dagster import InitResourceContext, ResourceDefinition, resource

from orchestration import warehouse
from orchestration.progress import Progress
from orchestration.settings import Settings

# Dagster's pool serialises runs of one instance; this lock also those of two, and of the command line beside them.
WRITER_LOCK = 0x0CA5E417
CONNECT_TIMEOUT_SECONDS = 60
RUN_SESSION = f"{warehouse.NAME} run "  # and its id: the application name of a run's sessions, those of dbt too


@dataclass(frozen=True)
class Warehouse:
    """The warehouse of one run, which alone writes it while the run lasts."""

    url: str
    settings: Settings
    run_id: str

    @property
    def application_name(self) -> str:
        return RUN_SESSION + self.run_id

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        return warehouse.connect(self.url, application_name=self.application_name, **options)


@contextmanager
def writing(settings: Settings, run_id: str, tell: Callable[[str], None]) -> Iterator[Warehouse]:
    """Wait for the server and for our turn, bring `raw` up to date, and keep others out until the end.

    The lock belongs to a session, so a killed run frees it at once; what it left running is ended. Raises
    psycopg.OperationalError when the server stays away for CONNECT_TIMEOUT_SECONDS, or at once when it refuses the user
    or the password.
    """
    url = warehouse.url(settings)
    warehouse.wait_until_ready(url, CONNECT_TIMEOUT_SECONDS)
    with warehouse.connect(url, autocommit=True) as turn:
        if not turn.execute("select pg_try_advisory_lock(%s)", [WRITER_LOCK]).fetchone()[0]:  # type: ignore[index]
            tell("another run is writing the warehouse: waiting for it to end")
            turn.execute("select pg_advisory_lock(%s)", [WRITER_LOCK])
        if left := end_left_sessions(turn, run_id):
            tell(f"a killed run had left sessions in the server: ended {left}")
        with warehouse.connect(url) as connection:
            warehouse.migrate(connection)
        yield Warehouse(url, settings, run_id)


def end_left_sessions(connection: psycopg.Connection[Any], run_id: str) -> int:
    """End the sessions of other runs than this one in this database, and return how many there were.

    Only for the run that holds WRITER_LOCK: whatever another run still has in the server, its process was killed, and
    its statements would only keep the tables that this run needs. Readers' and administrators' sessions are not ours.
    """
    ended = connection.execute(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
        " where datname = current_database() and usename = current_user and starts_with(application_name, %s)"
        "  and application_name <> %s",
        [RUN_SESSION, RUN_SESSION + run_id],
    )
    return len(ended.fetchall())


def warehouse_resource(settings: Settings) -> ResourceDefinition:
    """The warehouse as a resource that lives as long as its run. It has no configuration, so no URL is ever shown."""

    @resource(description="The PostgreSQL that holds raw, build, next and marts; one run at a time writes it")
    def opened(context: InitResourceContext) -> Iterator[Warehouse]:
        tell = context.log.info if context.log else print
        with writing(settings, context.run.run_id if context.run else "by hand", tell) as opened_warehouse:
            yield opened_warehouse

    return opened


def progress_resource(progress: Progress | None = None) -> ResourceDefinition:
    return ResourceDefinition.hardcoded_resource(progress or Progress(), "Told how far a run is")
