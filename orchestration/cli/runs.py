"""What `causerie run` does: find what is new, plan a few runs, execute them in this process, and say how it went.

Not here: drawing it (console.py) or the assets themselves. Dagster is imported late: a run with nothing to do is quick.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg

from expectations import judging
from orchestration import warehouse
from orchestration.automation import alerts
from orchestration.automation.failures import failures_of
from orchestration.marts import access, dbt_manifest, dbt_ready, outdated, relations
from orchestration.readers.ledger import (
    FailedCheck,
    Generation,
    Load,
    WaitingBrand,
    failed_checks,
    has_unpublished,
    loads_after,
    newest_generation,
    newest_load,
    waiting_brands,
)
from orchestration.settings import Settings
from orchestration.sources import accepted, extract_days, looks, pending
from orchestration.sources.accepted import Accepted
from orchestration.sources.connectors.listing import Aside
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.upgrade import migrate

if TYPE_CHECKING:
    from orchestration.assets.progress import Progress
    from orchestration.automation.plan import Batch


@dataclass
class Outcome:
    """How a run went. `published` is None when nothing was to be published, or when something failed before it."""

    loads: list[Load] = field(default_factory=list)
    published: Generation | None = None
    failures: list[str] = field(default_factory=list)
    run_ids: list[str] = field(default_factory=list)
    warnings: list[FailedCheck] = field(default_factory=list)
    asides: list[Aside] = field(default_factory=list)
    waiting: list[WaitingBrand] = field(default_factory=list)
    nothing_to_do: bool = False

    @property
    def refused(self) -> list[Load]:
        return [one for one in self.loads if one.outcome == "refused"]

    @property
    def exit_code(self) -> int:
        """0: all is published; 3: all but what was refused, can't be looked into, or waits for a brand that no extract
        describes; 1: nothing, or a check of what is published failed."""
        if self.failures:
            return 1
        return 3 if self.refused or self.waiting or any(one.is_failure for one in self.asides) else 0


def run(
    settings: Settings,
    first: date | None,
    last: date | None,
    progress: Progress | None = None,
    accept: Accepted | None = None,
) -> Outcome:
    """Load, build, audit and publish: the extracts of these days, or by default all that are new or have changed; and
    everything once more when the definitions have. Before that, take note of what a person accepts.

    Tells people of what failed, itself included (alerts.py). Raises psycopg.OperationalError or WarehouseError when
    there is no warehouse, SourceError when the sources file or what it points to can't be read.
    """
    try:
        outcome = _run(settings, first, last, progress, accept)
    except Exception as error:
        alerts.tell(settings, [], [" ".join(str(error).split())])
        raise
    alerts.tell(settings, outcome.run_ids, outcome.failures)
    return outcome


def _run(
    settings: Settings,
    first: date | None,
    last: date | None,
    progress: Progress | None,
    accept: Accepted | None,
) -> Outcome:
    dbt_manifest.refuse_stale(settings)
    url = warehouse.url(settings)
    warehouse.wait_until_ready(url, seconds=60)
    with warehouse.connect(url) as connection:
        migrate(connection)
        explicit = first is not None or last is not None
        sources = extract_days.sources_of(settings)
        before, generation = newest_load(connection), newest_generation(connection)
        connection.commit()
        if explicit:
            looks.look_at(connection, sources, extract_days.today())
            looks.shown(connection, sources, extract_days.today())
            found = extract_days.available(sources, first, last)
        else:
            found = [(one.dataset, one.day) for one in pending.pending_extracts(connection, sources)]
        if accept:
            _accept(connection, accept)
        # What was held back alone may have touched nothing, and yet moves how far the data reach.
        unpublished = has_unpublished(connection) or accept is not None
        if generation:
            access.repair(connection)
            # What stands was built by other definitions, is not all there any more, was dated by another calendar, or
            # takes other feeds for connected.
            unpublished = unpublished or bool(outdated.reasons(connection, settings))
        outcome = Outcome(asides=extract_days.left_aside(sources), waiting=waiting_brands(connection))
        views_stand = relations.stand(connection, settings.manifest)
    extract_days.remember_first_day(settings, [day for _, day in found])
    if not found and not unpublished:
        with warehouse.connect(url) as connection:
            outcome.loads = loads_after(connection, before)  # sources that could not be asked
        outcome.nothing_to_do = not outcome.loads
        return outcome

    # What is needed next begins beside Dagster's own start.
    judging.get_ready()
    from orchestration.automation.plan import plan

    for batch in plan(found, unpublished):
        run_id = str(uuid4())
        if batch.publishes:
            dbt_ready.waiting.get_ready(settings, url, warehouse.session_of_run(run_id), views_stand)
        outcome.run_ids.append(run_id)
        try:
            outcome.failures += _execute(settings, batch, run_id, only_pending=not explicit, progress=progress)
        finally:
            dbt_ready.waiting.end()
        if outcome.failures:
            break
    with warehouse.connect(url) as connection:
        outcome.loads = loads_after(connection, before)
        outcome.waiting = waiting_brands(connection)
        newest = newest_generation(connection)
        outcome.published = newest if newest != generation else None
        outcome.warnings = [check for check in failed_checks(connection, outcome.run_ids) if not check.is_error]
    return outcome


def _accept(connection: psycopg.Connection[Any], accept: Accepted) -> None:
    """Write the exception down, and audit its dataset anew: what stands of an extract is the newest audit's word."""
    from expectations import feeds
    from orchestration.assets.checks import record

    accepted.accept(connection, accept)
    required = DATASETS[accept.dataset].required_columns
    findings = feeds.judge_dataset(connection, accept.dataset, required)
    record(connection, f"accept {accept.dataset} {accept.day} {datetime.now(UTC):%Y%m%dT%H%M%S}", findings)
    connection.commit()


@contextmanager
def quiet(log: Path) -> Iterator[int]:
    """Send what this process and its children print to `log`; yields a descriptor of the terminal as it was."""
    log.parent.mkdir(parents=True, exist_ok=True)
    terminal, errors = os.dup(1), os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield terminal
    finally:
        os.dup2(terminal, 1)
        os.dup2(errors, 2)
        os.close(terminal)
        os.close(errors)


def log_file(settings: Settings) -> Path:
    return settings.home / "logs" / f"run-{datetime.now(UTC):%Y%m%dT%H%M%S}.log"


def _execute(
    settings: Settings, batch: Batch, run_id: str, only_pending: bool, progress: Progress | None
) -> list[str]:
    """One in-process Dagster run; returns what failed, in words."""
    from orchestration import definitions
    from orchestration.assets import resources
    from orchestration.automation import instance as dagster_instance
    from orchestration.automation import jobs, run_launcher

    overrides = {"progress": resources.progress_resource(progress)} if progress else None
    defs = definitions.build(settings, resource_overrides=overrides)
    with dagster_instance.opened(settings) as instance:
        result = defs.resolve_job_def(jobs.JOB).execute_in_process(
            instance=instance,
            run_id=run_id,
            asset_selection=batch.assets(definitions.following(defs)),
            tags={**batch.tags(only_pending), **run_launcher.this_process()},
            run_config={"loggers": {"console": {"config": {"log_level": "INFO"}}}},
            raise_on_error=False,
        )
    return failures_of(result.all_events)
