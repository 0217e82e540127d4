"""Guards as asset checks: the expectations run between ingestion and dbt, and what they find is written down.

Not here: what is expected (expectations/) or dbt's tests (they come with assets/dbt_models.py).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MetadataValue,
    ResourceParam,
    asset_check,
    multi_asset_check,
)

from expectations.findings import Finding
from orchestration.assets.ingestion import DESCRIPTIONS, POOL, datasets_of
from orchestration.assets.progress import Progress
from orchestration.assets.publication import ASSET
from orchestration.assets.resources import Warehouse
from orchestration.catalogue import catalogue
from orchestration.settings import Settings
from orchestration.sources import extract_days, pending

# So many lines of a brand are shown with a check that fails.
MOST_OFFENDERS = 50


def checks(settings: Settings) -> list[AssetChecksDefinition]:
    """Entrance checks of every family, exit checks of the indicators, and the freshness of what is published."""
    return [*(entrance(family) for family in DESCRIPTIONS), indicators_hold(), figures_hold(), freshness(settings)]


def entrance(family: str) -> AssetChecksDefinition:
    """One check a dataset over the profiles of its unpublished extracts; a failure keeps the run from publishing."""
    datasets = datasets_of(family)

    @multi_asset_check(
        name=f"{family}_entrance",
        specs=[
            AssetCheckSpec(
                name=f"{dataset.name}_profile",
                asset=AssetKey(family),
                blocking=True,
                description=f"Rows of raw.{dataset.name} where there always were some, columns filled as ever;"
                " volume, nulls and words as usual; nothing refused.",
            )
            for dataset in datasets
        ],
        pool=POOL,
    )
    def judge(
        context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse], progress: ResourceParam[Progress]
    ) -> Iterator[AssetCheckResult]:
        # Imported here: Great Expectations takes seconds and 230 MB.
        from expectations import feeds

        progress.stage("audit", len(datasets))
        with warehouse.connect() as connection:
            for dataset in datasets:
                findings = feeds.judge_dataset(connection, dataset.name, dataset.required_columns)
                record(connection, context.run.run_id, findings)
                connection.commit()
                progress.piece(dataset.name)
                result = as_result(AssetKey(family), f"{dataset.name}_profile", findings)
                if not result.passed and result.severity == AssetCheckSeverity.ERROR:
                    progress.failed(f"{dataset.name}: {result.description}")
                yield result

    return judge


def indicators_hold() -> AssetChecksDefinition:
    """The laws of stability and of publication and the identities, over what marts would be; a failure keeps the run
    from publishing."""
    periods = AssetKey(["next", "kpi_period"])

    @multi_asset_check(
        name="indicators",
        specs=[
            AssetCheckSpec(
                name="stability",
                asset=periods,
                blocking=True,
                description="A fixed indicator of a period that is over says the same as of its end and now.",
            ),
            AssetCheckSpec(
                name="publication",
                asset=periods,
                blocking=True,
                description="A published fixed indicator of a period that is over changes only with a cause.",
            ),
            AssetCheckSpec(
                name="identities",
                asset=periods,
                blocking=True,
                description="What must be true among the indicators of one period is true of every touched one.",
            ),
        ],
        pool=POOL,
    )
    def judge(
        context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse], progress: ResourceParam[Progress]
    ) -> Iterator[AssetCheckResult]:
        from expectations import indicators as expected
        from expectations import publishing, stability

        fixed = {indicator.ref for indicator in catalogue.load().computed if indicator.stability == "fixed"}
        progress.stage("audit", 3)
        with warehouse.connect() as connection:
            for name, judged in (
                ("stability", lambda: stability.judge_stability(connection, fixed)),
                ("publication", lambda: publishing.judge_changes(connection)),
                ("identities", lambda: expected.judge_identities(connection)),
            ):
                findings = judged()
                record(connection, context.run.run_id, findings)
                connection.commit()
                progress.piece(name)
                result = as_result(periods, name, findings)
                if not result.passed:
                    progress.failed(f"{name}: {result.description}")
                yield result

    return judge


def figures_hold() -> AssetChecksDefinition:
    """Whether the rows that marts would get are all there, say what they should, and move no further than they may; an
    error keeps the run from publishing."""
    periods = AssetKey(["next", "kpi_period"])
    described = {
        "fluctuating": "Fluctuating indicators move in their lawful direction and range, as far as their past allows.",
        "completeness": "Every expected period and row of the touched periods is there, and no other.",
        "double_entry": "Sampled values equal what plain queries count.",
    }

    @multi_asset_check(
        name="figures",
        specs=[
            AssetCheckSpec(name=name, asset=periods, blocking=True, description=description)
            for name, description in described.items()
        ],
        pool=POOL,
    )
    def judge(
        context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse], progress: ResourceParam[Progress]
    ) -> Iterator[AssetCheckResult]:
        from expectations import completeness, double_entry, settling

        dated, tolerance = catalogue.load().dated, catalogue.settling().tolerance
        guards: dict[str, Callable[[psycopg.Connection[Any]], list[Finding]]] = {
            "fluctuating": lambda connection: settling.judge_fluctuating(connection, dated, tolerance),
            "completeness": lambda connection: completeness.judge_completeness(connection, dated),
            "double_entry": double_entry.judge_double_entry,
        }
        progress.stage("audit", len(guards))
        with warehouse.connect() as connection:
            for name, guard in guards.items():
                findings = guard(connection)
                record(connection, context.run.run_id, findings)
                connection.commit()
                progress.piece(name)
                result = as_result(periods, name, findings)
                # Warnings come with the run's summary.
                if not result.passed and result.severity == AssetCheckSeverity.ERROR:
                    progress.failed(f"{name}: {result.description}")
                yield result

    return judge


def freshness(settings: Settings) -> AssetChecksDefinition:
    @asset_check(
        name="is_fresh",
        asset=ASSET,
        pool=POOL,
        description="The newest complete extract day is recent, whatever was backfilled last.",
    )
    def judge(context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
        from expectations import feeds

        with warehouse.connect() as connection:
            end = pending.data_through(connection, extract_days.sources_of(settings))
            newest = (end - timedelta(days=1)).date() if end else None
            findings = feeds.judge_freshness(newest, datetime.now(UTC))
            record(connection, context.run.run_id, findings)
            connection.commit()
        return as_result(ASSET, "is_fresh", findings)

    return judge


def as_result(key: AssetKey, name: str, findings: Sequence[Finding]) -> AssetCheckResult:
    """One result of several findings: passed if all did, an error if an error or an unevaluated rule is among them."""
    failed = [finding for finding in findings if not finding.passed]
    is_error = any(finding.is_error or finding.passed is None for finding in failed)
    return AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not failed,
        severity=AssetCheckSeverity.ERROR if is_error else AssetCheckSeverity.WARN,
        description="; ".join(_said(one) for one in failed) or ("as expected" if findings else "nothing new to judge"),
        metadata=_metadata(findings),
    )


def _said(one: Finding) -> str:
    of_brand = f" of {one.brand}" if one.brand else ""
    return f"{one.name}{of_brand}: {one.observed} (expected {one.expected})"


def _metadata(findings: Sequence[Finding]) -> dict[str, Any]:
    """What was found by name, and of each brand: its offenders line by line, where there are any."""
    metadata: dict[str, Any] = {}
    for one in findings:
        name = f"{one.name} of {one.brand}" if one.brand else one.name
        if one.offenders:
            metadata[name] = MetadataValue.json([dict(line) for line in one.offenders[:MOST_OFFENDERS]])
        elif not one.brand or not one.passed:
            metadata[name] = f"{one.observed} (expected {one.expected})"
    if of_brands := [one for one in findings if one.brand]:
        metadata["brands judged"] = len({one.brand for one in of_brands})
        metadata["brands as expected"] = len({one.brand for one in of_brands if one.passed})
    return metadata


def record(connection: psycopg.Connection[Any], run_id: str, findings: Iterable[Finding]) -> None:
    """Write findings to marts.data_quality, published or not. A retried run replaces its own."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into marts.data_quality"
            " (brand_id, run_id, check_name, table_name, severity, passed, observed, expected, checked_at)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " on conflict (brand_id, run_id, check_name, table_name) do update set severity = excluded.severity,"
            "  passed = excluded.passed, observed = excluded.observed, expected = excluded.expected,"
            "  checked_at = excluded.checked_at",
            [
                (one.brand, run_id, one.name, one.table, "error" if one.is_error else "warn", one.passed, one.observed,
                 one.expected, datetime.now(UTC))
                for one in findings
            ],
        )  # fmt: skip
