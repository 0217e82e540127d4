"""What we use of Dagster's and dbt's that they do not promise: each is there, and is what we take it for.

A failure here names the file of ours to look at when one of them is updated.
"""

from __future__ import annotations

import inspect
import io

from dagster._core.launcher import DefaultRunLauncher
from dagster._core.storage import tags
from dagster._core.storage.event_log import SqliteEventLogStorage
from dbt.adapters.base.connections import BaseConnectionManager
from dbt.adapters.postgres import PostgresAdapter
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.logger import LineFormat, LoggerConfig
from dbt_common.events.types import Note

from orchestration.automation import event_log, jobs, plan, run_launcher
from orchestration.marts.dbt_process import KeptSessions, _fire_what_is_written


def test_tags_are_dagsters() -> None:
    """automation/plan.py and automation/jobs.py write them out."""
    assert plan.RANGE_START_TAG == tags.ASSET_PARTITION_RANGE_START_TAG
    assert plan.RANGE_END_TAG == tags.ASSET_PARTITION_RANGE_END_TAG
    assert jobs.PARTITION_NAME_TAG == tags.PARTITION_NAME_TAG
    assert jobs.RETRY_STRATEGY_TAG == tags.RETRY_STRATEGY_TAG
    assert jobs.SCHEDULE_NAME_TAG == tags.SCHEDULE_NAME_TAG
    assert jobs.SENSOR_NAME_TAG == tags.SENSOR_NAME_TAG


def test_the_event_log_makes_its_engines_where_we_keep_them() -> None:
    """automation/event_log.py: Dagster opens its file anew for each event (300 events: 1.4 s for 0.5 s)."""
    source = inspect.getsource(SqliteEventLogStorage._connect)
    assert "create_engine" in source and "NullPool" in source
    for name in ("_db_lock", "_initdb", "conn_string_for_shard"):
        assert name in source, name
    assert event_log.EventLog._connect is not SqliteEventLogStorage._connect


def test_the_launcher_can_ask_for_the_process_of_a_run() -> None:
    """automation/run_launcher.py: without it a killed run keeps its place in the pool, and the next night waits."""
    assert list(inspect.signature(DefaultRunLauncher._get_grpc_client_for_termination).parameters) == ["self", "run_id"]
    assert run_launcher.Launcher.check_run_worker_health is not DefaultRunLauncher.check_run_worker_health


def test_dbt_closes_a_session_where_we_keep_it() -> None:
    """marts/dbt_process.py: dbt asks its adapter to give a session back after each node, which closes it."""
    assert issubclass(KeptSessions, PostgresAdapter.ConnectionManager)
    assert "self.close(conn)" in inspect.getsource(BaseConnectionManager.release)
    assert "rollback" in inspect.getsource(BaseConnectionManager.rollback_if_open)


def test_dbt_tells_what_a_logger_writes_and_nothing_else() -> None:
    """marts/dbt_process.py: dbt lays an event out before a logger finds it below its level (a fifth of a node)."""
    for level, told in ((EventLevel.INFO, ["an info"]), (EventLevel.DEBUG, ["a debug", "an info"])):
        manager, stream = EventManager(), io.StringIO()
        manager.add_logger(LoggerConfig("a", level=level, line_format=LineFormat.PlainText, output_stream=stream))
        _fire_what_is_written(manager, Note(msg="a debug"), EventLevel.DEBUG)
        _fire_what_is_written(manager, Note(msg="an info"), EventLevel.INFO)
        assert [line[-len(one) :] for line, one in zip(stream.getvalue().splitlines(), told, strict=True)] == told
    heard: list[str] = []
    manager = EventManager()
    manager.add_callback(lambda message: heard.append(message.info.level))
    _fire_what_is_written(manager, Note(msg="a debug"), EventLevel.DEBUG)
    assert heard == ["debug"], "who listens hears everything"
