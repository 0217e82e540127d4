"""Everything that Dagster knows of, put together by one function, of which tests may replace any part.

Not here: what the parts do.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from dagster import AssetKey, AssetsDefinition, AssetSpec, Definitions, in_process_executor, json_console_logger
from dagster import definitions as loaded_by_dagster

from orchestration import log_lines
from orchestration.assets import checks, dbt_build, dbt_models, ingestion, partitions, publication, resources
from orchestration.automation import jobs, weekly_digest
from orchestration.marts import dbt_manifest
from orchestration.settings import Settings
from orchestration.sources import extract_days


def build(
    settings: Settings | None = None,
    *,
    first: date | None = None,
    resource_overrides: Mapping[str, Any] | None = None,
    extra_assets: Sequence[AssetsDefinition] = (),
    asset_checks: Sequence[Any] | None = None,
) -> Definitions:
    """The definitions for these settings, by default the environment's. Opens no connection.

    `first` is the first partition, by default the day of the first extract found. `resource_overrides` replace
    resources by name, `asset_checks` the asset checks. Raises FileNotFoundError when set-up has not prepared dbt's
    manifest, StaleManifestError when dbt's project has changed since.
    """
    settings = settings or Settings.from_environment()
    dbt_manifest.refuse_stale(settings)
    daily = partitions.daily(first or extract_days.first_day(settings))
    models = dbt_models.dbt_models(settings)
    published = publication.publication_assets(settings, models.keys)
    following = [*sorted(models.keys), *sorted(published.keys)]
    loading: list[AssetsDefinition | AssetSpec] = [*ingestion.ingestion_assets(daily), *dbt_models.bookkeeping()]
    job = jobs.job(daily)
    weekly = weekly_digest.digest_job(settings)
    return Definitions(
        assets=[*loading, models, published, *extra_assets],
        asset_checks=checks.checks(settings) if asset_checks is None else list(asset_checks),
        jobs=[job, weekly],
        schedules=[jobs.nightly(job, settings), weekly_digest.mondays(weekly)],
        sensors=[
            jobs.watcher(job, settings, following),
            jobs.host(settings),
            jobs.clock(settings),
            jobs.cleaner(settings),
            *jobs.tellers(settings),
        ],
        # A run is one process: it holds the writer's lock from its first asset to its last.
        executor=in_process_executor,
        loggers={"console": json_console_logger} if log_lines.is_json() else None,
        resources={
            "warehouse": resources.warehouse_resource(settings),
            "progress": resources.progress_resource(),
            "build": dbt_build.build_resource(settings),
            **(resource_overrides or {}),
        },
    )


@loaded_by_dagster
def defs() -> Definitions:
    """What workspace.yaml names: built when Dagster asks, not when this module is imported."""
    return build()


def following(definitions: Definitions) -> list[AssetKey]:
    """The assets after ingestion: what the last run of several builds and publishes."""
    graph = definitions.resolve_asset_graph()
    return [key for key in graph.materializable_asset_keys if not graph.get(key).is_partitioned]
