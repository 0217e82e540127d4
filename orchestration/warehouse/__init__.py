"""The room of the database, as the other rooms see it."""

from orchestration.warehouse.connection import (
    DBT_WAITS,
    connect,
    dbt_environment,
    run_migrations,
    session_of_run,
    url,
    wait_until_ready,
)
from orchestration.warehouse.server import NAME, WarehouseError, is_running, program, start, stop, write_whole

__all__ = [
    "DBT_WAITS",
    "NAME",
    "WarehouseError",
    "connect",
    "dbt_environment",
    "is_running",
    "program",
    "run_migrations",
    "session_of_run",
    "start",
    "stop",
    "url",
    "wait_until_ready",
    "write_whole",
]
