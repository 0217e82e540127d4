"""The sensor finds what is new, late and replaced, asks for it once, and leaves what stands alone.

Not here: which runs a set of days makes (tests/unit/test_jobs.py).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunRequest, SkipReason, build_sensor_context
from dagster._core.test_utils import create_run_for_test
from landing_of import brand, conversation, write
from night import Night

from orchestration import definitions, warehouse
from orchestration.assets.ingestion import DESCRIPTIONS
from orchestration.settings import Settings
from orchestration.sources import extract_days
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import load_extract
from orchestration.sources.pending import pending_extracts

FIRST, SECOND, THIRD = date(2026, 3, 10), date(2026, 3, 11), date(2026, 3, 12)


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    return Settings.from_environment({"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": database})


def _land(settings: Settings, dataset: str, day: date, *rows: dict[str, object]) -> None:
    write(Path(settings.landing) / dataset / day.isoformat() / "part-0.jsonl", rows)


def _load(settings: Settings, *extract: tuple[str, date]) -> None:
    sources = extract_days.sources_of(settings)
    with warehouse.connect(settings.database_url or "") as connection:
        for dataset, day in extract:
            load_extract(connection, DATASETS[dataset], day, sources[dataset])


def _asked(settings: Settings, *runs: DagsterRunStatus) -> list[RunRequest]:
    """What the sensor asks for; nothing where it says that all is loaded, or waits for one of its `runs`."""
    sensor = definitions.build(settings, first=FIRST).resolve_sensor_def("new_late_or_changed_extracts")
    with DagsterInstance.ephemeral() as instance:
        for status in runs:
            create_run_for_test(instance, status=status, tags={"dagster/sensor_name": sensor.name})
        found = sensor.evaluate_tick(build_sensor_context(instance=instance))
    assert bool(found.run_requests) != (found.skip_message is not None), SkipReason
    return list(found.run_requests or [])


def test_new_late_and_replaced_extracts_are_asked_for_once(settings: Settings) -> None:
    _land(settings, "brands", FIRST, brand())
    for day in (FIRST, THIRD):
        _land(settings, "conversations", day, conversation(day.day))
    _load(settings, ("brands", FIRST), ("conversations", FIRST), ("conversations", THIRD))
    assert _asked(settings) == []

    _land(settings, "conversations", SECOND, conversation(SECOND.day))
    _land(settings, "conversations", FIRST, conversation(FIRST.day), conversation(1))
    with warehouse.connect(settings.database_url or "") as connection:
        pending = pending_extracts(connection, extract_days.sources_of(settings), THIRD)
    assert [(one.day, one.reason) for one in pending] == [(FIRST, "changed"), (SECOND, "late")]
    (request,) = _asked(settings)
    assert {str(key.to_user_string()) for key in request.asset_selection or []} >= {"chat", "marts/publication"}
    assert "sales" not in {str(key.to_user_string()) for key in request.asset_selection or []}
    days = [request.tags[tag] for tag in request.tags if "asset_partition_range" in tag]
    assert sorted(days) == ["2026-03-10", "2026-03-11"]
    (again,) = _asked(settings)
    assert again.run_key == request.run_key, "Dagster runs one key once"

    _land(settings, "conversations", SECOND, conversation(SECOND.day), conversation(2))
    (changed,) = _asked(settings)
    assert changed.run_key != request.run_key, "what has changed meanwhile is another question"

    _load(settings, ("conversations", FIRST))
    for lasting in (DagsterRunStatus.STARTING, DagsterRunStatus.STARTED):
        assert _asked(settings, DagsterRunStatus.SUCCESS, lasting) == [], (
            "the rest is that run's, and is not asked for anew"
        )
    assert _asked(settings, DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE)
    _load(settings, ("conversations", SECOND))
    assert _asked(settings) == []


def test_changed_definitions_are_asked_for_once(
    small_days_again: Callable[[], AbstractContextManager[Night]], tmp_path: Path
) -> None:
    with small_days_again() as night:
        settings = Settings.from_environment(
            {"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": night.url, "CAUSERIE_LANDING": str(night.landing)}
        )
        assert _asked(settings) == []
        with night.connect() as connection:
            connection.execute("comment on table build.run is 'Prepared by the definitions of another day'")
        (request,) = _asked(settings)
        selected = {key.to_user_string() for key in request.asset_selection or []}
        assert {"build/int_conversations_lived", "marts/publication"} <= selected
        assert not selected & set(DESCRIPTIONS)
        (again,) = _asked(settings)
        assert again.run_key == request.run_key
