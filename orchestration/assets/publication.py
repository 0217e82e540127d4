"""The last assets of a run: what was built and audited becomes what readers see.

Not here: how rows are merged (marts/publication.py), or what those assets are (published.py).
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    multi_asset,
)

from orchestration.assets import published
from orchestration.assets.ingestion import POOL
from orchestration.assets.progress import Progress
from orchestration.assets.resources import Warehouse
from orchestration.automation.alerts import ping
from orchestration.compiler import statements
from orchestration.compiler.functions import reader_functions
from orchestration.marts import publication
from orchestration.marts.contracts import manifest
from orchestration.marts.transaction import PublicationError
from orchestration.readers.ledger import unpublished_days
from orchestration.settings import Settings


def publication_assets(settings: Settings, models: Iterable[AssetKey]) -> AssetsDefinition:
    """Everything in marts, published as one after all `models` stand and no blocking check failed."""

    specs = published.specs(settings, models)

    @multi_asset(name="publication", specs=specs, pool=POOL)
    def publish(
        context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], progress: ResourceParam[Progress]
    ) -> Iterator[MaterializeResult[Any]]:
        progress.stage("publish")
        with warehouse.connect() as connection:
            run_id = built_by(connection, context)
            days = unpublished_days(connection)
            connection.commit()
            result = publication.publish(
                connection,
                manifest(warehouse.settings.manifest),
                run_id=run_id,
                instant=datetime.now(UTC),
                extract_days=days,
                functions=reader_functions(),
                catalogue=statements.tables(),
            )
            # Before anything that could fail and has nothing to do with it: readers have the new generation.
            ping(settings)
            told = published.told_of(connection, result, [spec.key.path[-1] for spec in specs])
        for remark in result.remarks:
            context.log.warning(remark)
            progress.remark(remark)
        context.log.info(str(result))
        told[published.PUBLICATION.path[-1]] |= {
            "generation": result.generation,
            "is_new": result.is_new,
            "extract_days": len(days),
            "rows_written": sum(count.total for count in result.counts.values()),
            "rows": MetadataValue.md(rows_table(result)),
            **({"data_through": MetadataValue.timestamp(result.data_through)} if result.data_through else {}),
        }
        for name, metadata in told.items():
            yield MaterializeResult(asset_key=AssetKey([published.SCHEMA, name]), metadata=metadata)

    return publish


def built_by(connection: psycopg.Connection[Any], context: AssetExecutionContext) -> str:
    """The run that built what is to be published: this one, or (in a backfill, or by hand) an earlier one.

    Raises PublicationError unless that run succeeded: only then did every test and blocking check pass.
    """
    row = connection.execute("select run_id from build.run").fetchone()
    run_id = str(row[0]) if row else ""
    if run_id != context.run_id:
        run = context.instance.get_run_by_id(run_id) if run_id else None
        if run is None or not run.is_success:
            raise PublicationError(
                f"what stands in build was not built and audited to the end (run {run_id or 'none'}): materialise the"
                " dbt models again, then publish"
            )
    return run_id


def rows_table(result: publication.Published) -> str:
    lines = ["| table | inserted | updated | deleted |", "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {table} | {count.inserted:,} | {count.updated:,} | {count.deleted:,} |"
        for table, count in result.counts.items()
        if count.total
    ]
    return "\n".join(lines)
