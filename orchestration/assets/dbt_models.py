"""What dbt builds from what a run touched: its models as assets, its tests as checks that stand before publication.

Not here: what the models mean (dbt_project/) or how they reach readers (assets/publication.py).
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    BetaWarning,
    CodeReferencesMetadataValue,
    Failure,
    LocalFileCodeReference,
    MaterializeResult,
    MetadataValue,
    Output,
    ResourceParam,
    multi_asset,
)

from orchestration import log_lines
from orchestration.assets.dbt_build import Build
from orchestration.assets.dbt_integration import (
    DBT_DEFAULT_EXCLUDE,
    DBT_DEFAULT_SELECT,
    DBT_DEFAULT_SELECTOR,
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    build_dbt_specs,
)
from orchestration.assets.ingestion import DESCRIPTIONS, OWNERS, POOL
from orchestration.assets.progress import Progress
from orchestration.assets.resources import Warehouse, end_left_sessions
from orchestration.marts import feeds, outdated, preparation, relations
from orchestration.marts.contracts import manifest
from orchestration.readers.ledger import held_back
from orchestration.settings import Settings
from orchestration.sources import extract_days, pending
from orchestration.sources.contract import DATASETS

# Which file a model stands in: said once for all models, and not in each run's log.
warnings.filterwarnings("ignore", message=".*CodeReference", category=BetaWarning)

# A group is the folder of its models, but for those that an earlier or later layer reads: so edges between groups run
# one way, from extracts to readers.
GROUPS = {
    # Local days, of the brand as a whole and not of what was touched alone: every later layer asks for them.
    "dim_date": "calendar",
    # Orders are credited to conversations that this run may not have touched, so these are read whole.
    **dict.fromkeys(("fct_conversation", "fct_message", "fct_call"), "dialogue"),
    # Open days are made for turns, and from them.
    "int_days_opened": "dialogue",
    # What moved, of anything: asked for when indicators are stated anew.
    "restated_entity": "kpi",
    # Since when a feed is told decides which periods are stated anew.
    **dict.fromkeys(("kpi_period", "kpi_settling", "dim_feed", "fct_indicator_day"), "kpi"),
}
# Tables that dbt reads and Dagster would else show as stubs: the loader's own, and those of the preparation of a run.
BOOKKEEPING = {
    ("raw", "touched"): "Which entities a load said something new about, since when, and whether as a correction.",
    ("raw", "load"): "The loader's ledger: one row per load of an extract.",
    ("raw", "load_count"): "What became of a load's rows, by brand.",
    ("build", "run"): "The run under way: its id and instant, how far its data reach, the newest load it takes in.",
    ("build", "zone"): "Every change of the clocks of the brands' zones, as the server knows them.",
    ("build", "connected"): "Since when which dataset is connected, where the sources file says so.",
    ("build", "indicator"): "Which indicators are stated by another definition than they were published by.",
}


class Translator(DagsterDbtTranslator):
    """A raw table of a dataset is its family's asset; a model is called as its relation is, and grouped by layer."""

    def __init__(self, settings: Settings) -> None:
        # Nineteen raw tables, five assets: several sources share a key.
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))
        self._project = settings.dbt_project
        self._docs = settings.docs_url

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        name = dbt_resource_props["name"]
        if dbt_resource_props["resource_type"] == "source" and name in DATASETS:
            return AssetKey(DATASETS[name].family)
        return AssetKey([schema_of(dbt_resource_props), name])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        folder = str(dbt_resource_props["fqn"][1])
        return GROUPS.get(dbt_resource_props["name"], "next" if folder == "marts" else folder)

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        return OWNERS

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """dbt's words without the template of the SQL, which the code reference shows."""
        said = str(dbt_resource_props.get("description") or "").strip()
        if schema_of(dbt_resource_props) == "next":
            return f"What `marts.{dbt_resource_props['name']}` would be after the run under way: {said}"
        return said

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        tier = "audited" if schema_of(dbt_resource_props) == "next" else "intermediate"
        return {**super().get_tags(dbt_resource_props), "causerie/tier": tier}

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        kind, name = dbt_resource_props["resource_type"], dbt_resource_props["name"]
        found = dict(super().get_metadata(dbt_resource_props))
        if kind == "model":
            file = LocalFileCodeReference(file_path=str(self._project / dbt_resource_props["original_file_path"]))
            found |= {
                "dagster/code_references": CodeReferencesMetadataValue(code_references=[file]),
                "docs": MetadataValue.url(f"{self._docs}/#!/model/{dbt_resource_props['unique_id']}"),
            }
        return found | {"dagster/table_name": f"{schema_of(dbt_resource_props)}.{name}"}


def schema_of(node: Mapping[str, Any]) -> str:
    """`raw`, `build` or `next`: where the relation lives."""
    return str(node.get("schema") or "build")


def bookkeeping() -> list[AssetSpec]:
    """The tables beside the extracts that models read: assets that no run can be asked for by themselves."""
    return [
        AssetSpec(
            AssetKey([schema, name]),
            description=said,
            # raw's are written by whatever loads, build's by the preparation of a run, from raw.
            deps=[AssetKey(family) for family in DESCRIPTIONS] if schema == "raw" else [AssetKey(["raw", "load"])],
            group_name="ingestion" if schema == "raw" else "touched",
            owners=OWNERS,
            kinds={"postgres", "table"},
            metadata={"dagster/table_name": f"{schema}.{name}"},
        )
        for (schema, name), said in BOOKKEEPING.items()
    ]


def node_count(manifest: Mapping[str, Any]) -> int:
    """How many models and tests a build has: what a progress bar counts to."""
    return sum(node["resource_type"] in {"model", "seed", "test"} for node in manifest["nodes"].values())


class Standing:
    """The views that a build leaves alone, as assets of the run: each is told of once, over tables that were filled
    anew, before whatever reads it, for Dagster wants assets in the order in which they depend on each other."""

    def __init__(self, manifest: Mapping[str, Any], are_left_alone: bool) -> None:
        self._nodes = manifest["nodes"]
        self._left = [
            name
            for name, node in self._nodes.items()
            if are_left_alone and node["resource_type"] == "model" and node["config"]["materialized"] == "view"
        ]

    def __len__(self) -> int:
        return len(self._left)

    def above(self, name: str) -> Iterator[Mapping[str, Any]]:
        """Those that a model or test reads and that were not told of yet."""
        for parent in self._nodes[name]["depends_on"]["nodes"]:
            if parent in self._left:
                self._left.remove(parent)
                yield from self.above(parent)
                yield self._nodes[parent]

    def rest(self) -> Iterator[Mapping[str, Any]]:
        while self._left:
            last = self._left.pop()
            yield from self.above(last)
            yield self._nodes[last]


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


def with_query(event: Any, compiled: Path, manifest: Mapping[str, Any]) -> Any:
    """The event of a test that failed with the query of its rows, as dbt had asked it; others as they are."""
    if not isinstance(event, AssetCheckResult) or event.passed:
        return event
    node = manifest["nodes"][str(event.metadata["unique_id"].value)]
    # A test declared in a yml file is compiled into a folder of that file's name.
    file = compiled / node["package_name"] / node["original_file_path"]
    file = file / node["path"] if file.suffix == ".yml" else file
    if not file.exists():
        return event
    asked = MetadataValue.md(f"```sql\n{file.read_text().strip()}\n```")
    return event._replace(metadata={**event.metadata, "query of the rows that fail": asked})


def name_of(event: Any) -> str:
    """The model or test that an event of the build is about."""
    return str(getattr(event, "check_name", None) or getattr(event, "output_name", None) or "")


def dbt_models(settings: Settings) -> AssetsDefinition:
    """Every dbt model as an asset, from the manifest that set-up prepared.

    They can't be materialised apart: what a run touched is rebuilt as a whole, or what is published would be of two
    runs. So a backfill from the web interface builds them in one run too, however they depend on each other.
    """
    translator = Translator(settings)
    specs, check_specs = build_dbt_specs(
        translator=translator,
        manifest=manifest(settings.manifest),
        select=DBT_DEFAULT_SELECT,
        exclude=DBT_DEFAULT_EXCLUDE,
        selector=DBT_DEFAULT_SELECTOR,
        io_manager_key=None,
        project=None,
    )

    # Not all at once or one by one, but all or nothing: a run that finds nothing new builds nothing.
    specs = [spec.replace_attributes(skippable=True) for spec in specs]

    @multi_asset(name="dbt", specs=specs, check_specs=check_specs, pool=POOL, allow_arbitrary_check_specs=True)
    def models(
        context: AssetExecutionContext,
        warehouse: ResourceParam[Warehouse],
        build: ResourceParam[Build],
        progress: ResourceParam[Progress],
    ) -> Iterator[Any]:
        with warehouse.connect() as connection:
            if held := held_back(connection):
                raise Failure("not published, for an audit holds it back: " + "; ".join(held), allow_retries=False)
            sources = extract_days.sources_of(settings)
            data_through = pending.data_through(connection, sources)
            if outdated.is_nothing_to_do(connection, settings, data_through):
                context.log.info("nothing is new, and what is published stands: nothing is built")
                return
            connection.commit()
            described = manifest(settings.manifest)
            prepared = preparation.prepare(
                connection,
                described,
                context.run_id,
                datetime.now(UTC),
                data_through,
                feeds.declared(sources),
            )
            views_stand = not prepared.rebuilt and relations.stand(connection, settings.manifest)
            relations.forget(connection)
            # The dbt of a killed run lives on and opens sessions; from here on build.run refuses it new statements
            # (macros/of_the_run_under_way.sql), and this ends those that it had begun.
            end_left_sessions(connection, context.run_id)
            connection.commit()
        for remark in prepared.remarks:
            context.log.warning(remark)
            progress.remark(remark)
        standing = Standing(described, views_stand)
        progress.stage("build", node_count(described) - len(standing))
        invocation = build.go(context, warehouse, translator, views_stand)
        with log_lines.printed("dbt"), warehouse.connect(autocommit=True) as connection:
            for event in invocation.stream():
                progress.piece(name_of(event))
                for view in standing.above(str(event.metadata["unique_id"].value)):
                    yield MaterializeResult(asset_key=translator.get_asset_key(view))
                yield with_query(with_row_count(event, connection), invocation.target_path / "compiled", described)
            relations.note(connection, settings.manifest)
        for view in standing.rest():
            yield MaterializeResult(asset_key=translator.get_asset_key(view))

    for output in models.op.output_defs:
        # The same for dbt's tests, whose outputs have no such attribute.
        output._is_required = False
    return models
