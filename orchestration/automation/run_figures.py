"""How the newest run went, and how long each of its steps took: figures for Prometheus.

Here: reading them from Dagster's history whenever somebody asks. Not here: what runs left in the warehouse
(readers/published_figures.py). Needs the extra `metrics`.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class NewestRun(Collector):
    """The newest run that has ended, whoever asked for it; nothing before the first one."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance

    def describe(self) -> list[Metric]:
        """Nothing is read before somebody asks for figures."""
        return []

    def collect(self) -> Iterator[Metric]:
        ended = GaugeMetricFamily("causerie_run_timestamp_seconds", "When the newest run ended (Unix time).")
        succeeded = GaugeMetricFamily("causerie_run_succeeded", "Whether it went well: 1 or 0.")
        took = GaugeMetricFamily("causerie_run_seconds", "Seconds that it took.")
        steps = GaugeMetricFamily("causerie_run_step_seconds", "Seconds that each of its steps took.", labels=["step"])
        for record in self._instance.get_run_records(RunsFilter(statuses=[*FINISHED_STATUSES]), limit=1):
            run = record.dagster_run
            succeeded.add_metric([], float(run.status is DagsterRunStatus.SUCCESS))
            if record.end_time is not None:
                ended.add_metric([], record.end_time)
            if record.start_time is not None and record.end_time is not None:
                took.add_metric([], record.end_time - record.start_time)
            for step in self._instance.get_run_step_stats(run.run_id):
                if step.start_time is not None and step.end_time is not None:
                    steps.add_metric([step.step_key], step.end_time - step.start_time)
        yield from (ended, succeeded, took, steps)
