"""The contract as data: complete, consistent in itself, and told in its docs."""

from __future__ import annotations

import pytest

from orchestration.sources.contract import DATASETS, FAMILIES, Dataset, contract_markdown

EVERY = pytest.mark.parametrize("dataset", DATASETS.values(), ids=list(DATASETS))


def test_nineteen_datasets_in_five_families() -> None:
    assert len(DATASETS) == 19
    assert FAMILIES == ("chat", "widget", "hook", "sales", "personalisation")


@EVERY
def test_keys_begin_with_the_brand_and_are_never_null(dataset: Dataset) -> None:
    assert dataset.key[0] == "brand_id"
    assert set(dataset.key) <= set(dataset.required_columns)


@EVERY
def test_every_name_that_a_rule_uses_is_a_column(dataset: Dataset) -> None:
    used = {*dataset.key, *dataset.touches.values(), *dataset.judged_times}
    used |= {name for order in dataset.time_orders for name in (order.earlier, order.later)}
    used |= {column.required_unless[0] for column in dataset.columns if column.required_unless}
    assert used <= set(dataset.column_names)
    assert len(dataset.column_names) == len(dataset.columns)


@EVERY
def test_entities_have_a_version_and_events_have_a_time(dataset: Dataset) -> None:
    assert ("updated_at" in dataset.column_names) == (dataset.kind == "entity")
    assert dataset.kind == "entity" or dataset.event_time


@EVERY
def test_everything_is_described(dataset: Dataset) -> None:
    told = contract_markdown()
    assert f"## {dataset.name}\n" in told and dataset.description in told
    for column in dataset.columns:
        assert column.description.endswith((".", "UTC.")) and f"| {column.name} |" in told
