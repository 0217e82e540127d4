"""What is asked for, without Dagster running anything."""

from datetime import date

from dagster import AssetKey

from orchestration.assets.ingestion import ONLY_PENDING_TAG
from orchestration.assets.partitions import Stretch
from orchestration.automation.plan import Batch, plan, range_tags
from orchestration.marts.dbt_ready import dbt_arguments

MARCH, MAY = date(2026, 3, 1), date(2026, 5, 1)


def test_each_stretch_is_a_run_and_only_the_last_publishes() -> None:
    batches = plan([("messages", MAY), ("brands", MARCH), ("orders", MARCH)], unpublished=False)
    assert batches == [
        Batch(frozenset({"chat", "sales"}), Stretch(MARCH, MARCH, frozenset({"chat", "sales"})), publishes=False),
        Batch(frozenset({"chat"}), Stretch(MAY, MAY, frozenset({"chat"})), publishes=True),
    ]


def test_nothing_new_is_no_run_unless_an_earlier_one_did_not_publish() -> None:
    assert plan([], unpublished=False) == []
    assert plan([], unpublished=True) == [Batch(frozenset(), None, publishes=True)]


def test_a_run_selects_its_families_and_the_last_one_what_follows() -> None:
    following = [AssetKey(["next", "fct_message"])]
    (batch,) = plan([("hook_events", MARCH)], unpublished=False)
    assert batch.assets(following) == [AssetKey("hook"), *following]
    assert Batch(batch.families, batch.stretch, publishes=False).assets(following) == [AssetKey("hook")]


def test_a_run_carries_its_range_and_whether_it_reloads_what_stands() -> None:
    (batch,) = plan([("messages", MARCH)], unpublished=False)
    assert batch.tags(only_pending=True) == {**range_tags(MARCH, MARCH), ONLY_PENDING_TAG: "true"}
    assert batch.tags(only_pending=False)[ONLY_PENDING_TAG] == "false"


def test_dbt_gets_no_variables_and_runs_no_unit_tests() -> None:
    for views_stand in (True, False):
        arguments = dbt_arguments(views_stand)
        assert "--vars" not in arguments
        assert arguments[arguments.index("--exclude-resource-type") + 1] == "unit_test"
