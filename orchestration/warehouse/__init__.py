"""The room of the database, as the other rooms see it."""

from orchestration.warehouse.connection import connect, dbt_environment, migrate, url, wait_until_ready
from orchestration.warehouse.server import NAME, WarehouseError, is_running, psql, start, stop, write_whole

__all__ = [
    "NAME",
    "WarehouseError",
    "connect",
    "dbt_environment",
    "is_running",
    "migrate",
    "psql",
    "start",
    "stop",
    "url",
    "wait_until_ready",
    "write_whole",
]
