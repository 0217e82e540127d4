"""Dagster's history: how long it is kept, and what is told in it though no run begins."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from dagster import (
    AssetCheckKey,
    AssetKey,
    DagsterInstance,
    DailyPartitionsDefinition,
    MaterializeResult,
    asset,
    build_sensor_context,
    materialize,
)
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from night import Night

from orchestration.assets import refusals
from orchestration.assets.published import PUBLICATION
from orchestration.automation import alerts, freshness, jobs, retention
from orchestration.automation import instance as dagster_instance
from orchestration.settings import Settings, SettingsError

DAYS = DailyPartitionsDefinition("2026-03-01", end_date="2026-03-10")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"CAUSERIE_HOME": str(tmp_path)})


@pytest.fixture
def instance(settings: Settings) -> Iterator[DagsterInstance]:
    with dagster_instance.opened(settings) as opened:
        yield opened


@asset(partitions_def=DAYS)
def chat() -> MaterializeResult[None]:
    return MaterializeResult(metadata={"dagster/row_count": 7})


def load(instance: DagsterInstance, day: str) -> str:
    return materialize([chat], instance=instance, partition_key=day).run_id


def partitions(instance: DagsterInstance, asset: AssetKey, status: str) -> set[str]:
    """The partitions that Dagster shows as such."""
    kept = get_and_update_asset_status_cache_value(instance, asset, DAYS)
    assert kept is not None
    found = {
        "materialized": kept.deserialize_materialized_partition_subsets,
        "failed": kept.deserialize_failed_partition_subsets,
    }[status](DAYS)
    return set(found.get_partition_keys())


def test_old_runs_go_with_their_logs_and_partitions_stay_what_they_are(
    settings: Settings, instance: DagsterInstance
) -> None:
    runs = [load(instance, day) for day in ("2026-03-01", "2026-03-02", "2026-03-02", "2026-03-03")]
    files = [settings.dagster_home / "history" / "runs" / f"{run}.db" for run in runs]
    logs = [settings.dagster_home / "storage" / run for run in runs]
    assert all(path.exists() for path in [*files, *logs])
    log = settings.home / "logs" / "run-20260301T023000.log"
    log.parent.mkdir(exist_ok=True)
    log.touch()
    assert retention.forget(instance, settings) == 0, "nothing is old"
    assert log.exists()
    old = datetime.now(UTC) + timedelta(days=settings.keep_days + 1)
    os.utime(log, (0, 0))
    assert retention.forget(instance, settings, old, most=2) == 2, "so many at once"
    assert retention.forget(instance, settings, old) == 1, "the newest stays, however old"
    assert retention.forget(instance, settings, old) == 0
    assert [run.run_id for run in instance.get_runs()] == [runs[-1]]
    assert [path.exists() for path in files] == [False, False, False, True]
    assert [path.exists() for path in logs] == [False, False, False, True]
    assert not log.exists()
    assert partitions(instance, chat.key, "materialized") == {"2026-03-01", "2026-03-02", "2026-03-03"}
    (newest,) = instance.fetch_materializations(chat.key, limit=1, ascending=True).records
    assert newest.asset_materialization is not None
    assert newest.asset_materialization.metadata["dagster/row_count"].value == 7


def test_how_long_it_is_kept_is_a_number_of_days() -> None:
    assert Settings.from_environment({"CAUSERIE_KEEP_DAYS": "30"}).keep_days == 30
    with pytest.raises(SettingsError, match="CAUSERIE_KEEP_DAYS: wanted a number of days, such as 180, found 'ever'"):
        Settings.from_environment({"CAUSERIE_KEEP_DAYS": "ever"})


def test_a_refused_extracts_partition_is_not_green_until_it_is_taken(instance: DagsterInstance) -> None:
    run_id = load(instance, "2026-03-02")
    load(instance, "2026-03-03")
    refusals.report(instance, chat.key, run_id, {date(2026, 3, 2): "messages of 2026-03-02: a file is truncated"})
    refusals.report(instance, chat.key, run_id, {})
    assert partitions(instance, chat.key, "failed") == {"2026-03-02"}
    (attempt,) = [run for run in instance.get_runs() if run.job_name == refusals.NAME]
    assert (attempt.is_failure_or_canceled, attempt.tags[refusals.OF_RUN_TAG]) == (True, run_id)
    assert any("a file is truncated" in str(entry.message) for entry in instance.all_logs(attempt.run_id))
    load(instance, "2026-03-02")
    assert partitions(instance, chat.key, "failed") == set()


def test_freshness_is_judged_and_told_without_a_run(
    small_days_again: Callable[[], AbstractContextManager[Night]],
    tmp_path: Path,
    instance: DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[list[str], str | None]] = []
    monkeypatch.setattr(alerts, "tell", lambda _, runs, failures, became=None: told.append((runs, became)))
    with small_days_again() as night:
        settings = Settings.from_environment(
            {"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": night.url, "CAUSERIE_LANDING": str(night.landing)}
        )
        sensor = jobs.clock(settings)
        context = build_sensor_context(instance=instance)
        first = sensor.evaluate_tick(context)
        assert str(first.skip_message).startswith("the newest complete extract day is ")
        again = sensor.evaluate_tick(build_sensor_context(instance=instance, cursor=first.cursor))
        assert str(again.skip_message).startswith("as told before: ")
        assert len(told) == 1 and told[0][1] == "data that were due have not come"
        with night.connect() as connection:
            newest = night_of(connection, settings)
            # On the day after its newest one, in the morning, it is fresh; a day later no more.
            morning = datetime(newest.year, newest.month, newest.day, 3, tzinfo=UTC) + timedelta(days=1)
            assert freshness.verdict(connection, settings, morning) == "fresh"
            assert f"due was {newest + timedelta(days=1)}" in freshness.verdict(
                connection, settings, morning + timedelta(days=1)
            )
            rows = connection.execute("select passed from marts.data_quality where run_id = %s", [told[0][0][0]])
            assert rows.fetchall() == [(False,)]
    key = AssetCheckKey(PUBLICATION, "is_fresh")
    (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
    assert record.event and record.event.dagster_event
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    assert (evaluation.passed, evaluation.severity.value) == (False, "WARN")


def test_who_watches_a_run_sees_what_another_process_logs(
    settings: Settings, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The web interface does, on the file: which must change though the event is still in the log beside it."""
    seen = threading.Event()
    run = instance.get_run_by_id(load(instance, "2026-03-01"))
    assert run
    monkeypatch.setenv("DAGSTER_HOME", str(settings.dagster_home))
    with DagsterInstance.get() as watcher:
        watcher.watch_event_logs(run.run_id, None, lambda event, _: event.message == "said later" and seen.set())
        instance.report_engine_event("said later", run)
        assert seen.wait(timeout=60)


def night_of(connection: object, settings: Settings) -> date:
    from orchestration.sources import extract_days, pending

    newest = pending.newest_complete_day(connection, extract_days.sources_of(settings))  # type: ignore[arg-type]
    assert newest is not None
    return newest
