"""dbt as a run starts it (`causerie-dbt`): a thread keeps its session from the first model to the last test.

dbt itself closes it after each of two hundred, and each new one is let in anew and begins with nothing looked up.
Not here: what is built (assets/dbt_models.py).
"""

from __future__ import annotations

import gc

from dbt.adapters.contracts.connection import ConnectionState
from dbt.adapters.postgres import PostgresAdapter
from dbt.adapters.postgres.connections import PostgresConnectionManager


class KeptSessions(PostgresConnectionManager):
    """dbt's connections, which are closed when the build is over or they are broken."""

    def release(self) -> None:
        connection = self.get_if_exists()
        if connection and connection.state == ConnectionState.OPEN and not connection.handle.closed:
            self.rollback_if_open()
        else:
            super().release()


def keep_sessions() -> None:
    PostgresAdapter.ConnectionManager = KeptSessions


def main() -> None:
    from dbt.cli.main import cli

    keep_sessions()
    # Most of what it makes is the manifest, which stays: to look through that for garbage takes a tenth of its time.
    gc.set_threshold(200_000, 50, 100)
    cli()
