"""What is published, what the loads brought, what the checks found: figures for Prometheus.

Here: reading them from marts whenever somebody asks, by a login that sees every brand. Not here: how long a run's steps
took (automation/run_figures.py), figures of the screens (dashboard/request_figures.py). Needs the extra `metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from orchestration.readers.ledger import COUNTS

PUBLICATION = """
select generation, extract(epoch from published_at), extract(epoch from data_through)
from marts.publication
order by generation desc
limit 1
"""
LOADS = """
select dataset, outcome, count(distinct load_id), sum(extract(epoch from ended_at - started_at))
from (select distinct load_id, dataset, outcome, started_at, ended_at from marts.load_ledger) as loads
group by dataset, outcome
order by dataset, outcome
"""
ROWS = f"""
select dataset, {", ".join(f"coalesce(sum({count}), 0)::bigint" for count in COUNTS)}
from marts.load_ledger
group by dataset
order by dataset
"""
# An audit is judged once a run: the newest run that has judged anything.
CHECKS = """
select severity, passed, count(*)
from marts.data_quality
where run_id = (select run_id from marts.data_quality order by checked_at desc limit 1)
group by severity, passed
order by severity, passed
"""
RESULTS = {True: "passed", False: "failed", None: "not_judged"}

Reading = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]


class Published(Collector):
    """What marts say of all brands together. Without a database `causerie_warehouse_up` is 0, and the rest absent."""

    def __init__(self, reading: Reading) -> None:
        """`reading` opens a connection of a login that sees every brand."""
        self._reading = reading

    def describe(self) -> list[Metric]:
        """Nothing is asked of the database before somebody asks for figures."""
        return []

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("causerie_warehouse_up", "Whether the database answered: 1 or 0.")
        try:
            with self._reading() as connection:
                found = [*_publication(connection), *_loads(connection), *_checks(connection)]
        except (psycopg.Error, OSError):
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from found


def _publication(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    generation = GaugeMetricFamily("causerie_publication_generation", "Number of the newest publication.")
    published = GaugeMetricFamily("causerie_publication_timestamp_seconds", "When it was published (Unix time).")
    through = GaugeMetricFamily("causerie_data_through_timestamp_seconds", "End of its newest complete extract day.")
    if newest := connection.execute(PUBLICATION).fetchone():
        for figure, value in zip((generation, published, through), newest, strict=True):
            if value is not None:
                figure.add_metric([], float(value))
    yield from (generation, published, through)


def _loads(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    loads = CounterMetricFamily("causerie_loads", "Loads of an extract, published ones.", labels=["dataset", "outcome"])
    seconds = CounterMetricFamily("causerie_load_seconds", "Seconds that they took.", labels=["dataset", "outcome"])
    for dataset, outcome, number, took in connection.execute(LOADS):
        loads.add_metric([dataset, outcome], number)
        if took is not None:
            seconds.add_metric([dataset, outcome], float(took))
    rows = CounterMetricFamily(
        "causerie_load_rows", "Rows of the loads; read = the sum of what became of them.", labels=["dataset", "rows"]
    )
    for dataset, *counts in connection.execute(ROWS.encode()):
        for name, number in zip(COUNTS, counts, strict=True):
            rows.add_metric([dataset, name.removeprefix("rows_")], number)
    yield from (loads, seconds, rows)


def _checks(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    checks = GaugeMetricFamily(
        "causerie_checks", "Checks of the newest run that judged any, by result.", labels=["severity", "result"]
    )
    found = {(severity, passed): number for severity, passed, number in connection.execute(CHECKS)}
    for severity in ("error", "warn"):
        for passed, result in RESULTS.items():
            # All of them, that a rule on failures has a series to look at while nothing has failed.
            checks.add_metric([severity, result], found.get((severity, passed), 0))
    yield checks
