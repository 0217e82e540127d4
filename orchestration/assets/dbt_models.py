"""What dbt builds from what a run touched: its models as assets, its tests as checks that stand before publication.

Not here: what the models mean (dbt_project/) or how they reach readers (assets/publication.py).
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, Failure, Output, ResourceParam, multi_asset
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource
from dagster_dbt.asset_utils import (
    DBT_DEFAULT_EXCLUDE,
    DBT_DEFAULT_SELECT,
    DBT_DEFAULT_SELECTOR,
    build_dbt_specs,
)
from packaging.version import Version

from orchestration.assets.ingestion import OWNERS, POOL
from orchestration.assets.progress import Progress
from orchestration.assets.resources import Warehouse, end_left_sessions
from orchestration.marts import feeds, preparation
from orchestration.marts.contracts import manifest
from orchestration.readers.ledger import held_back
from orchestration.settings import Settings
from orchestration.sources import extract_days, pending
from orchestration.sources.contract import family_of
from orchestration.warehouse import dbt_environment


class Translator(DagsterDbtTranslator):
    """A raw table is its family's asset; a model's group is its folder."""

    def __init__(self) -> None:
        # Sixteen raw tables, five assets: several sources share a key.
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return AssetKey(family_of(dbt_resource_props["name"]))
        return AssetKey([schema_of(dbt_resource_props), dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props["fqn"][1])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        return OWNERS


def schema_of(node: Mapping[str, Any]) -> str:
    """`build` or `next`: where the model's relation lives."""
    return str(node.get("schema") or "build")


def dbt_arguments() -> list[str]:
    """One build of everything: the touched tables decide how much that is, so no variable changes from run to run.

    The target is named: under any other the models themselves refuse (macros/of_the_run_under_way.sql). Unit tests
    judge the SQL, not the data: they run in `make test`.
    """
    return ["build", "--target", "build", "--exclude-resource-type", "unit_test"]


@contextmanager
def only(environment: Mapping[str, str]) -> Iterator[None]:
    """This process's environment is these variables and no others: dagster-dbt hands on what it finds there."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def node_count(manifest: Mapping[str, Any]) -> int:
    """How many models and tests a build has: what a progress bar counts to."""
    return sum(node["resource_type"] in {"model", "seed", "test"} for node in manifest["nodes"].values())


def with_row_count(event: Any, connection: psycopg.Connection[Any]) -> Any:
    """A built table's event with its number of rows, as the statistics that dbt had taken right after have it."""
    if not isinstance(event, Output):
        return event
    row = connection.execute(
        "select reltuples::bigint from pg_class"
        " where oid = to_regclass(format('build.%%I', %s::text)) and relkind = 'r' and reltuples >= 0",
        [str(event.metadata["unique_id"].value).rsplit(".", 1)[-1]],
    ).fetchone()
    return event.with_metadata({**event.metadata, "dagster/row_count": row[0]}) if row else event


def name_of(event: Any) -> str:
    """The model or test that an event of the build is about."""
    return str(getattr(event, "check_name", None) or getattr(event, "output_name", None) or "")


def dbt_executable() -> str:
    """The dbt beside this Python, whatever PATH says."""
    return str(Path(sys.executable).parent / "dbt")


class Dbt(DbtCliResource):
    """dagster-dbt's resource without its detours: it need not ask dbt for the version that the lock pins, nor load
    dbt into this process as well, which costs seconds and is only for features that are not used here."""

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None

    @property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))


def dbt_resource(settings: Settings) -> Dbt:
    return Dbt(
        project_dir=str(settings.dbt_project), profiles_dir=str(settings.dbt_project), dbt_executable=dbt_executable()
    )


def dbt_models(settings: Settings) -> AssetsDefinition:
    """Every dbt model as an asset, from the manifest that set-up prepared.

    They can't be materialised apart: what a run touched is rebuilt as a whole, or what is published would be of two
    runs. So a backfill from the web interface builds them in one run too, however they depend on each other.
    """
    specs, check_specs = build_dbt_specs(
        translator=Translator(),
        manifest=manifest(settings.manifest),
        select=DBT_DEFAULT_SELECT,
        exclude=DBT_DEFAULT_EXCLUDE,
        selector=DBT_DEFAULT_SELECTOR,
        io_manager_key=None,
        project=None,
    )

    @multi_asset(name="dbt", specs=specs, check_specs=check_specs, pool=POOL, allow_arbitrary_check_specs=True)
    def models(
        context: AssetExecutionContext,
        dbt: Dbt,
        warehouse: ResourceParam[Warehouse],
        progress: ResourceParam[Progress],
    ) -> Iterator[Any]:
        with warehouse.connect() as connection:
            if held := held_back(connection):
                raise Failure("not published, for an audit holds it back: " + "; ".join(held), allow_retries=False)
            sources = extract_days.sources_of(settings)
            data_through = pending.data_through(connection, sources)
            connection.commit()
            prepared = preparation.prepare(
                connection,
                manifest(settings.manifest),
                context.run_id,
                datetime.now(UTC),
                data_through,
                feeds.declared(sources),
            )
            # The dbt of a killed run lives on and opens sessions; from here on build.run refuses it new statements
            # (macros/of_the_run_under_way.sql), and this ends those that it had begun.
            end_left_sessions(connection, context.run_id)
            connection.commit()
        for remark in prepared.remarks:
            context.log.warning(remark)
        # For the child process; in no configuration, so that it is shown nowhere.
        with only(dbt_environment(warehouse.url, warehouse.application_name)):
            build = dbt.cli(dbt_arguments(), context=context, target_path=settings.home / "dbt")
        progress.stage("build", node_count(manifest(settings.manifest)))
        with warehouse.connect(autocommit=True) as connection:
            for event in build.stream():
                progress.piece(name_of(event))
                yield with_row_count(event, connection)

    return models
