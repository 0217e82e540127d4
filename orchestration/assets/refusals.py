"""Partitions of refused extracts, shown as what they are.

A run holds a stretch of days and goes on without the extracts that it refuses, so Dagster would call all of its
partitions materialised. Here each refused one is noted as attempted in vain, by an entry of its own among the runs.
Not here: what makes an extract refused (sources/loading/).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from uuid import uuid4

from dagster import AssetKey, DagsterEvent, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.events import AssetMaterializationPlannedData  # tests/unit/test_dagster_private.py says why

NAME = "refused_extracts"
# Dagster's own tag. Nothing is to be tried again: the extract is, when it has changed.
MAX_RETRIES_TAG = "dagster/max_retries"
OF_RUN_TAG = "causerie/of_run"


def report(instance: DagsterInstance, asset: AssetKey, run_id: str, refused: Mapping[date, str]) -> None:
    """Show these partitions of `asset` as failed, with what was said of each, until their extracts are taken.

    To be called after the run has told of the materialisation of its partitions: the later word stands.
    """
    if not refused:
        return
    attempt = instance.add_run(
        DagsterRun(
            job_name=NAME,
            run_id=str(uuid4()),
            status=DagsterRunStatus.STARTED,
            tags={MAX_RETRIES_TAG: "0", OF_RUN_TAG: run_id},
        )
    )
    for day in sorted(refused):
        planned = DagsterEvent.build_asset_materialization_planned_event(
            NAME, asset.to_python_identifier(), AssetMaterializationPlannedData(asset, partition=day.isoformat())
        )
        instance.report_dagster_event(planned, attempt.run_id)
    said = "\n".join(reason for _, reason in sorted(refused.items()))
    instance.report_run_failed(attempt, f"refused, and what these extracts brought before stays:\n{said}")
