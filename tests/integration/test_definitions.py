"""What Dagster is told: it loads without a connection, and its daily assets may share a run."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from dagster import AssetKey, BackfillPolicy, DagsterEventType, DagsterInstance, Definitions
from dagster._core.execution.api import create_execution_plan

from orchestration import definitions
from orchestration.assets.ingestion import DESCRIPTIONS, OWNERS, POOL
from orchestration.automation import jobs
from orchestration.automation.plan import range_tags
from orchestration.settings import Settings
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


def test_publication_waits_for_every_model_and_families_for_nothing(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    before = graph.get(AssetKey("publication")).parent_keys
    assert before == graph.materializable_asset_keys - {AssetKey("publication")} - {AssetKey(f) for f in DESCRIPTIONS}
    assert all(not graph.get(AssetKey(family)).parent_keys for family in DESCRIPTIONS)


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
