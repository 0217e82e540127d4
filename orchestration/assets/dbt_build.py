"""The one build by dbt of a run, as a resource of the run: a process that gets ready while extracts are loaded.

Not here: the process (marts/dbt_ready.py), or what its models are to Dagster (dbt_models.py).
"""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from dagster import AssetExecutionContext, InitResourceContext, ResourceDefinition, resource
from packaging.version import Version

from orchestration.assets.dbt_integration import DagsterDbtTranslator, DbtCliInvocation
from orchestration.assets.resources import Warehouse
from orchestration.marts import dbt_ready
from orchestration.marts.contracts import manifest
from orchestration.settings import Settings


class Build:
    """dbt's process of one run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def get_ready(self, warehouse: Warehouse, views_stand: bool) -> None:
        """Start the process, which asks nothing of the database yet. If this run builds nothing after all, it ends."""
        dbt_ready.waiting.get_ready(self._settings, warehouse.url, warehouse.application_name, views_stand)

    def go(
        self, context: AssetExecutionContext, warehouse: Warehouse, translator: DagsterDbtTranslator, views_stand: bool
    ) -> DbtCliInvocation:
        """Let the process build, and give its events."""
        return DbtCliInvocation(
            process=dbt_ready.waiting.go(self._settings, warehouse.url, warehouse.application_name, views_stand),
            manifest=manifest(self._settings.manifest),
            dagster_dbt_translator=translator,
            project_dir=self._settings.dbt_project,
            target_path=dbt_ready.target_of(self._settings),
            raise_on_error=True,
            context=context,
            cli_version=Version(version("dbt-core")),
        )


def build_resource(settings: Settings) -> ResourceDefinition:
    @resource(description="dbt's build of the run: a process that gets ready while extracts are loaded")
    def of_run(_: InitResourceContext) -> Iterator[Any]:
        try:
            yield Build(settings)
        finally:
            dbt_ready.waiting.end()

    return of_run
