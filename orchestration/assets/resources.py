"""What every asset of a run is given: the warehouse, whose turn it is to write it, and somebody to tell how far it is.

Not here: starting a server (warehouse/).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import psycopg
from dagster import InitResourceContext, ResourceDefinition, RetryRequested, resource

from orchestration import warehouse
from orchestration.assets.progress import Progress
from orchestration.marts import guests
from orchestration.settings import Settings
from orchestration.sources.loading.upgrade import migrate
from orchestration.warehouse import locks

CONNECT_TIMEOUT_SECONDS = 60
RECONNECTIONS = 3


class Warehouse:
    """The warehouse of one run, which alone writes it while the run lasts."""

    def __init__(self, settings: Settings, run_id: str, tell: Callable[[str], None]) -> None:
        self.settings = settings
        self.run_id = run_id
        self.url = ""
        self._tell = tell
        self._turn: psycopg.Connection[Any] | None = None
        # Guards of a step connect at once; one of them takes a lost turn again.
        self._taking = Lock()

    @property
    def application_name(self) -> str:
        return warehouse.session_of_run(self.run_id)

    @contextmanager
    def connect(self, **options: Any) -> Iterator[psycopg.Connection[Any]]:
        """A connection of a step. When the server went away under it, Dagster tries the step again, a few times.

        Raises psycopg.OperationalError when the server stays away for CONNECT_TIMEOUT_SECONDS, or at once when it
        refuses the user or the password.
        """
        with self._taking:
            if not self._has_turn():
                self._take_turn()
        connection = warehouse.connect(self.url, application_name=self.application_name, **options)
        try:
            with connection:
                yield connection
        except Exception as error:
            # dbt has connections of its own: what it says is of our server if our own session was cut as well.
            if connection.broken or not self._has_turn():
                raise RetryRequested(max_retries=RECONNECTIONS, seconds_to_wait=1) from error
            raise

    def close(self) -> None:
        """Let the next run have its turn."""
        if self._turn:
            self._turn.close()

    def _has_turn(self) -> bool:
        try:
            return self._turn is not None and self._turn.execute("select 1") is not None
        except psycopg.OperationalError:
            return False

    def _take_turn(self) -> None:
        """Wait for the server and for our turn, and bring `raw` up to date. Dagster's pool serialises the runs of one
        instance; this lock also those of two, and of the command line beside them. It belongs to a session, so a
        killed run frees it at once; what it left running is ended."""
        self.close()
        self.url = warehouse.url(self.settings)
        warehouse.wait_until_ready(self.url, CONNECT_TIMEOUT_SECONDS)
        self._turn = warehouse.connect(self.url)
        locks.ensure(self._turn, [])
        # Its transaction stays open to the end of the run, idle but for a question now and then.
        self._turn.execute("set idle_in_transaction_session_timeout = 0")
        locks.hold_turn(self._turn, self._tell)
        if left := end_left_sessions(self._turn, self.run_id):
            self._tell(f"a killed run had left sessions in the server: ended {left}")
        with warehouse.connect(self.url) as connection:
            migrate(connection)


@contextmanager
def writing(settings: Settings, run_id: str, tell: Callable[[str], None]) -> Iterator[Warehouse]:
    """The warehouse with our turn taken, others kept out until the end. Raises as Warehouse.connect does."""
    opened = Warehouse(settings, run_id, tell)
    try:
        with opened.connect():
            pass
        with guests.watched(opened.url):
            yield opened
    finally:
        opened.close()


def end_left_sessions(connection: psycopg.Connection[Any], run_id: str) -> int:
    """End the sessions of other runs than this one in this database, and return how many there were.

    Only for the run whose turn it is: whatever another run still has in the server, its process was killed, and
    its statements would only keep the tables that this run needs. Readers' and administrators' sessions are not ours.
    """
    connection.execute("select pg_stat_clear_snapshot()")
    ended = connection.execute(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
        " where datname = current_database() and usename = current_user and starts_with(application_name, %s)"
        "  and application_name <> %s",
        [warehouse.session_of_run(""), warehouse.session_of_run(run_id)],
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
