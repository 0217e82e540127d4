"""Dagster's own event log in SQLite, which keeps its database engines: a run of many days logs a thousand events.

Not here: what is logged. As Dagster has it, each event makes an engine anew and with it compiles each statement anew,
which took a fifth of a first run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, NullPool, create_engine

BUSY_TIMEOUT_SECONDS = 30


class EventLog(SqliteEventLogStorage):
    """The event log of the instance in DAGSTER_HOME, in the files where Dagster itself would look for it."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> EventLog:
        return cls(str(Path(os.environ["DAGSTER_HOME"]) / "history" / "runs"), inst_data)

    def delete_events(self, run_id: str) -> None:
        """A run that goes takes its file along, which Dagster would leave, emptied and as large as before."""
        super().delete_events(run_id)
        self._engines.pop(run_id, None)
        for file in Path(self._base_dir).glob(f"{run_id}.db*"):
            file.unlink(missing_ok=True)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engines.get(shard)
            if engine is None:
                # No pool: run shards are many, and an open file for each would be too.
                engine = create_engine(
                    self.conn_string_for_shard(shard),
                    poolclass=NullPool,
                    connect_args={"timeout": BUSY_TIMEOUT_SECONDS},
                )
                self._initdb(engine)
                self._engines[shard] = engine
            with engine.begin() as connection:
                yield connection
