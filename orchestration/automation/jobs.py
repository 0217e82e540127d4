"""Who asks for runs: the one job, the nightly schedule, the sensor for new, late and changed extracts, the command.
And who tells people when one failed, or passed with warnings.

Not here: what a run does (ingestion.py, assets/dbt_models.py, assets/checks.py, assets/publication.py).
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dagster import (
    AssetKey,
    AssetSelection,
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    PartitionsDefinition,
    RunFailureSensorContext,
    RunRequest,
    RunsFilter,
    RunStatusSensorContext,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    define_asset_job,
    run_failure_sensor,
    run_status_sensor,
    schedule,
    sensor,
)

from orchestration.assets.ingestion import LOOK, ONLY_PENDING_TAG
from orchestration.automation import alerts, freshness, retention
from orchestration.automation.failures import failures_of
from orchestration.automation.plan import plan
from orchestration.compiler import fingerprint
from orchestration.marts import guests, outdated
from orchestration.readers.ledger import newest_generation
from orchestration.settings import Settings
from orchestration.sources import extract_days
from orchestration.sources.loading.upgrade import migrate
from orchestration.sources.pending import pending_extracts
from orchestration.warehouse import connect, is_running, url

JOB = "extracts_to_marts"
# Dagster's own tags, as its documentation writes them.
PARTITION_NAME_TAG = "dagster/partition"
RETRY_STRATEGY_TAG = "dagster/retry_strategy"
SCHEDULE_NAME_TAG = "dagster/schedule_name"
SENSOR_NAME_TAG = "dagster/sensor_name"
NIGHT = "nightly"
WATCH = "new_late_or_changed_extracts"
MISSED_DAYS = 31
SENSOR_SECONDS = 300
LASTING = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
TELL_SECONDS = 30
CLEAN_SECONDS = 3600


def job(partitions: PartitionsDefinition) -> Any:
    """Every asset, for a range of extract days; what is not partitioned is built once at the end."""
    return define_asset_job(
        JOB,
        selection=AssetSelection.all(),
        partitions_def=partitions,
        description="Load the extracts of some days, build what they touched, audit it, publish it.",
        # What is published was built and audited by one run: a second try begins at the beginning.
        tags={RETRY_STRATEGY_TAG: "ALL_STEPS"},
    )


def nightly(job: Any, settings: Settings) -> ScheduleDefinition:
    """At `settings.nightly`, UTC: the extracts of the day before, and of nights that nobody was there to ask for."""

    @schedule(
        name=NIGHT,
        cron_schedule=f"{settings.nightly.minute} {settings.nightly.hour} * * *",
        job=job,
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING if settings.is_automatic else DefaultScheduleStatus.STOPPED,
        description="Every night, the extracts of the day before, and of each day since the last night that it ran.",
    )
    def every_night(context: ScheduleEvaluationContext) -> Iterator[RunRequest]:
        yesterday = context.scheduled_execution_time.date() - timedelta(days=1)
        for day in _not_asked_for(context.instance, yesterday):
            # The run key is the partition: however often the daemon restarts, a day is asked for once.
            # What the sensor has loaded meanwhile is not loaded again.
            yield RunRequest(
                run_key=day.isoformat(), partition_key=day.isoformat(), tags={ONLY_PENDING_TAG: LOOK}
            )  # fmt: skip

    return every_night


def _not_asked_for(instance: DagsterInstance, yesterday: date) -> list[date]:
    """The days after the newest one that the schedule asked for, oldest first; at first, and at least, yesterday.

    Dagster itself skips to the newest tick after it was down. Longer gaps are left to the sensor or a backfill.
    """
    newest = instance.get_runs(RunsFilter(tags={SCHEDULE_NAME_TAG: NIGHT}), limit=1)
    last = date.fromisoformat(newest[0].tags[PARTITION_NAME_TAG]) if newest else yesterday
    missed = max(0, min((yesterday - last).days - 1, MISSED_DAYS))
    return [yesterday - timedelta(days=number) for number in range(missed, -1, -1)]


def watcher(job: Any, settings: Settings, following: Sequence[AssetKey]) -> SensorDefinition:
    """Asks for the partitions whose extracts are new, late or changed since they were loaded; and for everything to be
    built once more where the definitions have changed."""

    @sensor(
        name=WATCH,
        job=job,
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=DefaultSensorStatus.RUNNING if settings.is_automatic else DefaultSensorStatus.STOPPED,
        description="New, late and changed extracts, and changed definitions: one run per stretch of days, the last of"
        " which publishes.",
    )
    def watch(context: SensorEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        if lasting := context.instance.get_runs(RunsFilter(tags={SENSOR_NAME_TAG: WATCH}, statuses=LASTING), limit=1):
            # Each extract that it has loaded by now would make another question of the rest.
            yield SkipReason(f"the run that was asked for before has not ended: {lasting[0].run_id}")
            return
        with connect(url(settings)) as connection:
            migrate(connection)
            # What vanished from a database is looked for once a night, by the run itself.
            pending = pending_extracts(connection, extract_days.sources_of(settings), compare=False)
            # A refused extract is asked for again when it changes.
            pending = [one for one in pending if one.reason != "refused"]
            changed = outdated.reasons(connection, settings)
        extract_days.remember_first_day(settings, [one.day for one in pending])
        batches = plan(((one.dataset, one.day) for one in pending), unpublished=bool(changed))
        if not batches:
            yield SkipReason("every extract that the sources show is loaded as it stands")
        for batch in batches:
            # One question is asked once: of these extracts as they are, or of these definitions.
            asked: Any = (changed, fingerprint.kept(settings.home))
            if batch.stretch:
                first, last = batch.stretch.first, batch.stretch.last
                asked = sorted((o.dataset, o.day, o.fingerprint) for o in pending if first <= o.day <= last)
            state = hashlib.sha256(repr(asked).encode()).hexdigest()[:16]
            yield RunRequest(
                run_key=f"{batch.stretch.first}..{batch.stretch.last} {state}" if batch.stretch else state,
                asset_selection=batch.assets(following),
                tags=batch.tags(only_pending=True),
            )

    return watch


def host(settings: Settings) -> SensorDefinition:
    """Holds readers to their times also while no run lasts."""

    @sensor(
        name="end_overdue_readers",
        minimum_interval_seconds=TELL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Ends sessions of readers whose statement or idle transaction goes on for longer than they may.",
    )
    def look(context: SensorEvaluationContext) -> SkipReason:
        if not settings.database_url and not is_running(settings):
            return SkipReason("the embedded server is down, and so has no readers")
        with connect(url(settings), autocommit=True) as connection:
            ended = guests.end_overdue(connection)
        return SkipReason("; ".join(ended) or "no reader takes too long")

    return look


def clock(settings: Settings) -> SensorDefinition:
    """Judges freshness whether or not anything runs: what never came starts no run that could tell of it."""

    @sensor(
        name="judge_freshness",
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Is the extract day that was due complete? Told as the check is_fresh, and to people once a day.",
    )
    def judge(context: SensorEvaluationContext) -> SkipReason:
        if not settings.database_url and not is_running(settings):
            return SkipReason("the embedded server is down: nobody waits for its data")
        now = datetime.now(UTC)
        with connect(url(settings)) as connection:
            if newest_generation(connection) is None:
                return SkipReason("nothing has been published yet")
            verdict = freshness.verdict(connection, settings, now)
            if verdict == context.cursor:
                return SkipReason(f"as told before: {verdict}")
            run_id = freshness.judge(connection, settings, now, context.instance)
        context.update_cursor(verdict)
        alerts.tell(settings, [run_id], [], became="data that were due have not come")
        return SkipReason(verdict)

    return judge


def cleaner(settings: Settings) -> SensorDefinition:
    """Keeps Dagster's history from growing without an end."""

    @sensor(
        name="forget_old_runs",
        minimum_interval_seconds=CLEAN_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Runs, events and logs go after CAUSERIE_KEEP_DAYS days; what the partitions are stays.",
    )
    def clean(context: SensorEvaluationContext) -> SkipReason:
        return SkipReason(f"{retention.forget(context.instance, settings)} runs deleted")

    return clean


def tellers(settings: Settings) -> list[SensorDefinition]:
    """Tell people of the daemon's runs that failed, and of checks that failed in the others. Those of `causerie run`,
    which tells of them itself, belong to no code location and are passed over by Dagster."""

    @run_failure_sensor(
        name="tell_of_failed_runs",
        minimum_interval_seconds=TELL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="A run that failed: what, where, since when and what to do, in the log and to the webhook.",
    )
    def failed(context: RunFailureSensorContext) -> None:
        run_id = context.dagster_run.run_id
        events = [entry.dagster_event for entry in context.instance.all_logs(run_id) if entry.dagster_event]
        said = failures_of(events) or [context.failure_event.message or "the run failed"]
        alerts.tell(settings, [run_id], said)

    @run_status_sensor(
        run_status=DagsterRunStatus.SUCCESS,
        name="tell_of_failed_checks",
        minimum_interval_seconds=TELL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Checks that failed in a run that published all the same.",
    )
    def passed(context: RunStatusSensorContext) -> None:
        alerts.tell(settings, [context.dagster_run.run_id], [])

    return [failed, passed]
