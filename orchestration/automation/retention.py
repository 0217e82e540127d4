"""How long Dagster's history is kept: runs, their events and logs, beyond which a disk would fill without an end.

Here: forgetting old runs. Not here: ticks of schedules and sensors, which dagster.yaml bounds, and what the warehouse
keeps of each load and publication for good (marts.load_ledger, marts.publication).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster import AssetMaterialization, AssetRecordsFilter, DagsterEventType, DagsterInstance, RunsFilter
from dagster._core.storage.dagster_run import FINISHED_STATUSES

from orchestration.settings import Settings

# So many at once: a look of the daemon may take a minute, and each run holds a thousand events.
MOST_RUNS = 20


def forget(instance: DagsterInstance, settings: Settings, now: datetime | None = None, most: int = MOST_RUNS) -> int:
    """Delete runs that ended and began more than `settings.keep_days` ago, `most` at once, the oldest first, with their
    events and logs, and logs of `causerie run` of that age; returns how many runs there were.

    Partitions whose newest materialisation goes with its run are told of anew, by an event without a run: they stay
    what they were. The newest run that went well is kept, however old.
    """
    before = (now or datetime.now(UTC)) - timedelta(days=settings.keep_days)
    newest = instance.get_runs(RunsFilter(statuses=[*FINISHED_STATUSES]), limit=1)
    old = instance.get_run_records(
        RunsFilter(statuses=[*FINISHED_STATUSES], created_before=before), limit=most + 1, ascending=True
    )
    gone = [record.dagster_run.run_id for record in old if record.dagster_run not in newest][:most]
    for run_id in gone:
        standing = _standing_partitions(instance, run_id)
        instance.delete_run(run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        for materialization in standing:
            instance.report_runless_asset_event(materialization)
    for log in _old_logs(settings, before):
        log.unlink(missing_ok=True)
    return len(gone)


def _standing_partitions(instance: DagsterInstance, run_id: str) -> list[AssetMaterialization]:
    """The materialisations of partitions by this run that no later one has taken the place of."""
    found = []
    for record in instance.get_records_for_run(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION).records:
        event = record.event_log_entry.asset_materialization
        if event is None or event.partition is None:
            continue
        newest = instance.fetch_materializations(
            AssetRecordsFilter(asset_key=event.asset_key, asset_partitions=[event.partition]), limit=1
        )
        if newest.records and newest.records[0].run_id == run_id:
            found.append(
                AssetMaterialization(asset_key=event.asset_key, partition=event.partition, metadata=event.metadata)
            )
    return found


def _old_logs(settings: Settings, before: datetime) -> list[Path]:
    logs = (settings.home / "logs").glob("run-*.log")
    return [log for log in logs if datetime.fromtimestamp(log.stat().st_mtime, UTC) < before]
