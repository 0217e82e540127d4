"""What we use of Dagster's and dbt's that they do not promise: each is there, and is what we take it for.

A failure here names the file of ours to look at when one of them is updated.
"""

from __future__ import annotations

import inspect
import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from dagster import AssetKey, DagsterEvent, DagsterRunStatus
from dagster._core.events import AssetMaterializationPlannedData
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.storage import tags
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log import SqliteEventLogStorage
from dbt.adapters.base.connections import BaseConnectionManager
from dbt.adapters.postgres import PostgresAdapter
from dbt.events.logging import setup_event_logger
from dbt_common.events import event_manager_client
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.logger import LineFormat, LoggerConfig
from dbt_common.events.types import Note

from orchestration.automation import event_log, jobs, plan, run_launcher
from orchestration.marts.dbt_process import KeptSessions, _fire_what_is_written, _is_written


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


def test_a_partition_can_be_shown_as_attempted() -> None:
    """assets/refusals.py: only a planned materialisation of a run that failed makes a partition red, and Dagster has no
    public way to plan one. Without it all partitions of a run's days would be green, the refused ones too."""
    assert list(inspect.signature(DagsterEvent.build_asset_materialization_planned_event).parameters) == [
        "job_name", "step_key", "asset_materialization_planned_data",
    ]  # fmt: skip
    planned = AssetMaterializationPlannedData(AssetKey("raw"), partition="2026-03-01")
    assert (planned.asset_key, planned.partition) == (AssetKey("raw"), "2026-03-01")


def test_finished_runs_are_those_that_dagster_counts() -> None:
    """automation/retention.py and automation/run_figures.py: a status more would be a run that is never forgotten."""
    assert set(FINISHED_STATUSES) == {
        DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED,
    }  # fmt: skip


def test_the_launcher_can_ask_for_the_process_of_a_run() -> None:
    """automation/run_launcher.py: without it a killed run keeps its place in the pool, and the next night waits."""
    assert list(inspect.signature(DefaultRunLauncher._get_grpc_client_for_termination).parameters) == ["self", "run_id"]
    assert run_launcher.Launcher.check_run_worker_health is not DefaultRunLauncher.check_run_worker_health


def test_dbt_closes_a_session_where_we_keep_it() -> None:
    """marts/dbt_process.py: dbt asks its adapter to give a session back after each node, which closes it."""
    assert issubclass(KeptSessions, PostgresAdapter.ConnectionManager)
    assert "self.close(conn)" in inspect.getsource(BaseConnectionManager.release)
    assert "rollback" in inspect.getsource(BaseConnectionManager.rollback_if_open)


# The flags of a run's dbt that its logging looks at.
LOGGING = {
    "LOG_LEVEL": "info", "LOG_LEVEL_FILE": "info", "LOG_FORMAT": "json", "LOG_FORMAT_FILE": "debug", "QUIET": False,
    "DEBUG": False, "USE_COLORS": False, "USE_COLORS_FILE": False, "LOG_CACHE_EVENTS": False,
    "LOG_FILE_MAX_BYTES": 1000,
}  # fmt: skip


def test_dbt_tells_what_a_logger_writes_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """marts/dbt_process.py: dbt lays an event out before a logger finds it below its level (a fifth of a node)."""
    for level, told in ((EventLevel.INFO, ["an info"]), (EventLevel.DEBUG, ["a debug", "an info"])):
        manager, stream = EventManager(), io.StringIO()
        manager.add_logger(LoggerConfig("a", level=level, line_format=LineFormat.PlainText, output_stream=stream))
        _fire_what_is_written(manager, Note(msg="a debug"), EventLevel.DEBUG)
        _fire_what_is_written(manager, Note(msg="an info"), EventLevel.INFO)
        assert [line[-len(one) :] for line, one in zip(stream.getvalue().splitlines(), told, strict=True)] == told
    # As dbt sets its logging up, which listens too: nothing for debugging is laid out.
    with monkeypatch.context() as patch:
        patch.setattr(event_manager_client, "_EVENT_MANAGER", manager := EventManager())
        setup_event_logger(SimpleNamespace(**LOGGING, LOG_PATH=str(tmp_path)))
        assert (len(manager.loggers), len(manager.callbacks)) == (2, 1)
        assert not _is_written(manager, Note(msg="a debug"), EventLevel.DEBUG)
        assert _is_written(manager, Note(msg="an info"), EventLevel.INFO)
    heard: list[str] = []
    manager = EventManager()
    manager.add_callback(lambda message: heard.append(message.info.level))
    _fire_what_is_written(manager, Note(msg="a debug"), EventLevel.DEBUG)
    assert heard == ["debug"], "who listens hears everything"


def test_pyarrow_needs_no_pandas_for_what_is_none_of_its() -> None:
    """sources/connectors/__init__.py: it looks for pandas before it converts its first values, and then no more."""
    asked = (
        "import sys; from orchestration.sources.loading import load; import pyarrow as pa, numpy as np;"
        "pa.array([1, None]); pa.array(np.arange(3)); pa.array(['a']); assert 'pandas' not in sys.modules;"
        "import pandas as pd; assert pa.table({'a': [1]}).to_pandas().equals(pd.DataFrame({'a': [1]}))"
    )
    subprocess.run([sys.executable, "-c", asked], check=True)
