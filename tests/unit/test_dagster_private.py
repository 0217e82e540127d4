"""What we use of Dagster's and dbt's that they do not promise: each is there, and is what we take it for.

A failure here names the file of ours to look at when one of them is updated.
"""

from __future__ import annotations

import inspect

from dagster._core.launcher import DefaultRunLauncher
from dagster._core.storage import tags
from dagster._core.storage.event_log import SqliteEventLogStorage
from dbt.adapters.base.connections import BaseConnectionManager
from dbt.adapters.postgres import PostgresAdapter

from orchestration.automation import event_log, jobs, plan, run_launcher
from orchestration.marts.dbt_process import KeptSessions


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
