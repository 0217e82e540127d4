"""Dagster's own event log in SQLite, which keeps its files open: a run of many days logs a thousand events.

Not here: what is logged. As Dagster has it, each event opens a file anew, compiles each statement anew, waits for the
disk and, as it closes the file, writes its log back into it: a third of the seconds that Python takes of a night.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

BUSY_TIMEOUT_SECONDS = 30
# Each run has a file, and one who looks at many runs would have them all open.
FILES_OPEN = 8


class EventLog(SqliteEventLogStorage):
    """The event log of the instance in DAGSTER_HOME, in the files where Dagster itself would look for it."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._there: set[str] = set()
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
        self._close(run_id)
        for file in Path(self._base_dir).glob(f"{run_id}.db*"):
            file.unlink(missing_ok=True)

    def wipe(self) -> None:
        for shard in list(self._engines):
            self._close(shard)
        self._there.clear()
        super().wipe()

    # What a database may not have yet is asked of it with each event, by a file opened anew for that; what it has once,
    # it keeps.

    def has_table(self, table_name: str) -> bool:
        return self._is_there(f"table {table_name}", lambda: super(EventLog, self).has_table(table_name))

    def has_secondary_index(self, name: str) -> bool:
        return self._is_there(f"index {name}", lambda: super(EventLog, self).has_secondary_index(name))

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        asked = super()._has_asset_key_col_on_connection
        return self._is_there(f"column {column_name}", lambda: asked(conn, column_name))

    def _is_there(self, what: str, ask: Callable[[], bool]) -> bool:
        if what not in self._there:
            if not ask():
                return False
            self._there.add(what)
        return True

    def dispose(self) -> None:
        super().dispose()
        for shard in list(self._engines):
            self._close(shard)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            with self._engine(shard).begin() as connection:
                file = connection.connection.driver_connection
                assert file is not None
                changes = file.total_changes
                yield connection
                is_written = file.total_changes != changes
            if is_written:
                # The web interface waits for a change of the file itself, and not of the log beside it.
                os.utime(self.path_for_shard(shard))

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.get(shard)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                pool_size=1,
                connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            # Written to the log of a file at once, and to the disk when that log is folded in: a power cut may cost the
            # last events of a run and never the file.
            event.listen(engine, "connect", lambda file, _: file.execute("pragma synchronous = normal"))
            self._initdb(engine)
            self._engines[shard] = engine
        self._engines.move_to_end(shard)
        while len(self._engines) > FILES_OPEN:
            self._close(next(iter(self._engines)))
        return engine

    def _close(self, shard: str) -> None:
        if engine := self._engines.pop(shard, None):
            engine.dispose()
