"""What Dagster is told: it loads without a connection, and its daily assets may share a run."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from dagster import AssetKey, BackfillPolicy, DagsterEventType, DagsterInstance, Definitions
from dagster._core.execution.api import create_execution_plan

from orchestration import definitions
from orchestration.assets import partitions
from orchestration.assets.ingestion import DESCRIPTIONS, OWNERS, POOL
from orchestration.assets.published import PUBLICATION
from orchestration.automation import jobs
from orchestration.automation.plan import range_tags
from orchestration.cli import runs
from orchestration.marts import dbt_manifest
from orchestration.settings import Settings, SettingsError
from orchestration.sources.contract import DATASETS

FIRST = date(2026, 3, 1)


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    # A server that is not there: whatever tried to connect would fail.
    environment = {
        "CAUSERIE_HOME": str(tmp_path_factory.mktemp("home")),
        "CAUSERIE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    }
    return definitions.build(Settings.from_environment(environment), first=FIRST)


def test_it_is_valid_and_loads_without_a_warehouse(defs: Definitions) -> None:
    Definitions.validate_loadable(defs)


def test_the_five_families_are_the_partitioned_assets_and_may_share_a_run(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    partitioned = {key for key in graph.materializable_asset_keys if graph.get(key).is_partitioned}
    assert partitioned == {AssetKey(family) for family in DESCRIPTIONS}
    assert set(DESCRIPTIONS) == {dataset.family for dataset in DATASETS.values()}
    assert {graph.get(key).backfill_policy for key in partitioned} == {BackfillPolicy.single_run()}
    assert len({graph.get(key).partitions_def for key in partitioned}) == 1


def test_partitions_begin_at_the_first_extract(tmp_path: Path) -> None:
    (tmp_path / "landing" / "messages" / "2025-02-03").mkdir(parents=True)
    (tmp_path / "landing" / "brands" / "2025-02-01").mkdir(parents=True)
    (tmp_path / "landing" / "brands" / "notes").mkdir(parents=True)
    built = definitions.build(Settings.from_environment({"CAUSERIE_HOME": str(tmp_path)}))
    partitions = built.resolve_asset_graph().get(AssetKey("chat")).partitions_def
    assert partitions is not None
    assert partitions.get_first_partition_key() == "2025-02-01"


def test_every_asset_says_what_it_is_and_whose(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.description, f"{key.to_user_string()} has no description"
        assert node.group_name != "default", key
        assert list(node.owners) == OWNERS, key
        assert node.kinds, key
        assert node.pools == {POOL}, key


def test_publication_waits_for_what_was_audited_and_families_for_nothing(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    before = graph.get(PUBLICATION).parent_keys
    assert before == {key for key in graph.materializable_asset_keys if key.path[0] == "next"}
    assert all(not graph.get(AssetKey(family)).parent_keys for family in DESCRIPTIONS)


def test_edges_between_groups_run_one_way_and_every_asset_has_a_group(defs: Definitions) -> None:
    """Stubs too: a table that dbt reads and nobody describes would stand in a group of Dagster's own."""
    graph = defs.resolve_asset_graph()
    groups = {key: graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert [key.to_user_string() for key, group in groups.items() if group in (None, "default")] == []
    edges = {(groups[up], groups[key]) for key in groups for up in graph.get(key).parent_keys}
    both = sorted((a, b) for a, b in edges if a != b and (b, a) in edges)
    assert both == []
    order = TopologicalSorter({group: {a for a, b in edges if b == group != a} for group in set(groups.values())})
    assert next(iter(order.static_order())) == "ingestion"  # CycleError where they go round


def test_what_readers_know_are_assets_under_their_own_names(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    table = graph.get(AssetKey(["marts", "fct_conversation"]))
    assert table.parent_keys == {AssetKey(["next", "fct_conversation"])}
    assert table.description and table.description.startswith("One row per conversation")
    schema = table.metadata["dagster/column_schema"]
    assert {column.name: column.type for column in schema.columns}["established_at"] == "timestamptz"
    assert all(column.description for column in schema.columns)
    assert table.metadata["docs"].value.endswith("/#!/model/model.causerie.fct_conversation")
    planned = graph.get(AssetKey(["next", "fct_conversation"]))
    assert str(planned.description).startswith("What `marts.fct_conversation` would be after the run under way: ")
    assert AssetKey(["marts", "fct_order"]) in graph.get(AssetKey(["marts", "customer_order"])).parent_keys
    assert graph.get(AssetKey(["marts", "kpi_report"])).kinds == {"postgres", "function"}


def test_descriptions_hold_no_template(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    said = {key.to_user_string(): str(graph.get(key).description) for key in graph.get_all_asset_keys()}
    assert [name for name, text in said.items() if "{{" in text or "{%" in text or "Raw SQL" in text] == []
    for key in graph.materializable_asset_keys:
        if key.path[0] in ("build", "next"):
            (file,) = graph.get(key).metadata["dagster/code_references"].code_references
            assert Path(file.file_path).is_file()


@pytest.mark.parametrize(
    ("environment", "status"),
    [
        ({"CAUSERIE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}, "RUNNING"),
        ({}, "STOPPED"),
        ({"CAUSERIE_AUTOMATION": "on"}, "RUNNING"),
        ({"CAUSERIE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "CAUSERIE_AUTOMATION": "off"}, "STOPPED"),
    ],
)
def test_schedule_and_sensor_are_on_in_production(tmp_path: Path, environment: dict[str, str], status: str) -> None:
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path), **environment})
    job = jobs.job(partitions.daily(FIRST))
    assert jobs.nightly(job, settings).default_status.value == status
    assert jobs.watcher(job, settings, []).default_status.value == status


def test_neither_on_nor_off_is_refused() -> None:
    with pytest.raises(SettingsError, match="CAUSERIE_AUTOMATION: wanted on or off, found 'yes'"):
        Settings.from_environment({"CAUSERIE_AUTOMATION": "yes"})


def test_a_manifest_that_is_stale_is_said_in_a_sentence(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "dbt_project" / "target").mkdir(parents=True)
    (project / "dbt_project" / "models").mkdir()
    model = project / "dbt_project" / "models" / "fct_visit.sql"
    model.write_text("select 1")
    environment = {"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    settings = replace(Settings.from_environment(environment), project=project)
    dbt_manifest.refuse_stale(settings)  # nothing is known of it
    note = settings.manifest.with_name("manifest.sha256")
    note.write_text(dbt_manifest.digest(settings.dbt_project))
    dbt_manifest.refuse_stale(settings)
    model.write_text("select 2")
    for start in (lambda: definitions.build(settings), lambda: runs.run(settings, None, None)):
        with pytest.raises(
            dbt_manifest.StaleManifestError, match="has changed since dbt last read it: run `make"
        ):
            start()


def test_a_run_of_many_days_plans_what_is_not_partitioned_once(defs: Definitions) -> None:
    """Sixty days would else be an event a day for each of a hundred models, a minute and a half of book-keeping."""
    job = defs.resolve_job_def(jobs.JOB)
    plan = create_execution_plan(job)
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(
            job, execution_plan=plan, tags=range_tags(FIRST, FIRST + timedelta(days=6)),
        )  # fmt: skip
        planned = Counter(
            record.asset_key.to_user_string()
            for record in (entry.dagster_event for entry in instance.all_logs(run.run_id))
            if record and record.event_type is DagsterEventType.ASSET_MATERIALIZATION_PLANNED and record.asset_key
        )
    assert {planned.pop(family) for family in DESCRIPTIONS} == {7}
    assert set(planned.values()) == {1}


def test_tests_may_replace_resources_and_checks(tmp_path: Path) -> None:
    built = definitions.build(
        Settings.from_environment({"CAUSERIE_HOME": str(tmp_path)}), first=FIRST,
        resource_overrides={"warehouse": "a stand-in"}, asset_checks=[],
    )  # fmt: skip
    assert built.resources is not None
    assert built.resources["warehouse"] == "a stand-in"
    assert not built.asset_checks
