"""The last asset of a run: what was built and audited becomes what readers see.

Not here: how rows are merged (marts/publication.py).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, MaterializeResult, MetadataValue, ResourceParam
from dagster import asset as dagster_asset

from orchestration.assets.ingestion import OWNERS, POOL
from orchestration.assets.progress import Progress
from orchestration.assets.resources import Warehouse
from orchestration.compiler import statements
from orchestration.compiler.functions import reader_functions
from orchestration.marts import publication
from orchestration.marts.contracts import manifest
from orchestration.marts.transaction import PublicationError
from orchestration.readers.ledger import unpublished_days

ASSET = AssetKey("publication")


def publication_asset(upstream: Sequence[AssetKey]) -> AssetsDefinition:
    """Published after everything `upstream` stands and no blocking check failed."""

    @dagster_asset(
        key=ASSET,
        deps=upstream,
        group_name="publication",
        owners=OWNERS,
        kinds={"postgres"},
        pool=POOL,
        description="The schema marts: one transaction merges what the run touched.",
    )
    def published(
        context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], progress: ResourceParam[Progress]
    ) -> MaterializeResult[Any]:
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
        for remark in result.remarks:
            context.log.warning(remark)
        context.log.info(str(result))
        return MaterializeResult(
            metadata={
                "generation": result.generation,
                "is_new": result.is_new,
                "data_through": MetadataValue.text(str(result.data_through)),
                "extract_days": len(days),
                "dagster/row_count": sum(count.total for count in result.counts.values()),
                "rows": MetadataValue.md(rows_table(result)),
            }
        )

    return published


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
