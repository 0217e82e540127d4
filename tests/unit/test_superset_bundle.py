"""What Superset imports: the files are what the catalogue makes, ids are stable, and no metric sums what has no sum."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard import pages, superset_bundle
from orchestration.catalogue import catalogue
from orchestration.catalogue.model import LANGUAGES
from orchestration.compiler import daily


@pytest.fixture(scope="module")
def bundle() -> dict[str, Any]:
    return {path: yaml.load(text, yaml.CSafeLoader) for path, text in superset_bundle.render().items()}


def test_the_files_are_what_is_written_from_the_catalogue() -> None:
    folder = superset_bundle.BUNDLE
    standing = {str(file.relative_to(folder)): file.read_text("utf-8") for file in folder.rglob("*") if file.is_file()}
    wanted = superset_bundle.render()
    differing = sorted(path for path in {*standing, *wanted} if standing.get(path) != wanted.get(path))
    assert differing == [], "run `python -m dashboard.superset_bundle`"
    assert json.loads((folder.parent / "row_rule.json").read_text("utf-8")) == superset_bundle.ROW_RULE


def test_every_id_is_of_one_thing_and_every_reference_leads_somewhere(bundle: dict[str, Any]) -> None:
    known = [one["uuid"] for path, one in bundle.items() if path != "metadata.yaml"]
    assert len(known) == len(set(known))
    # What is installed by it is known by it: another one would import everything a second time.
    assert superset_bundle.identity("database") == "64c8f3e1-378f-54d6-b612-2e22324559b4"
    for path, one in bundle.items():
        if path.startswith("charts/"):
            assert one["dataset_uuid"] in known
        if path.startswith("dashboards/"):
            placed = [item["meta"]["uuid"] for key, item in one["position"].items() if key.startswith("CHART-")]
            assert placed and set(placed) <= set(known) and len(placed) == len(set(placed))
            brand, period = one["metadata"]["native_filter_configuration"]
            assert brand["controlValues"]["enableEmptyFilter"] and period["controlValues"]["enableEmptyFilter"]


def test_five_dashboards_in_three_languages_draw_all_that_the_screens_draw_of_them(bundle: dict[str, Any]) -> None:
    shown, known = pages.load(), catalogue.load()
    names = {Path(path).stem for path in bundle if path.startswith("dashboards/")}
    assert names == {f"{name}_{language}" for name in ("overview", *shown.dashboards) for language in LANGUAGES}
    elements = [e for one in shown.dashboards.values() for section in one.sections for e in section.elements]
    lists = {ref for e in elements if e.kind == "list" for ref in e.refs}
    refs = {ref for e in elements for ref in e.refs} - lists
    wanted = {s.ref for ref in refs for s in known.indicators[ref].presents}
    wanted |= {ref for ref in refs if not known.indicators[ref].presents}
    for language in LANGUAGES:
        charts = [one for path, one in bundle.items() if path.startswith("charts/") and f"_{language}_" in path]
        filters = [said for chart in charts for said in chart["params"]["adhoc_filters"] if said["subject"] == "ref"]
        assert wanted - {ref for said in filters for ref in said["comparator"]} == set()
        drawn = {chart["dataset_uuid"] for chart in charts}
        assert lists == {
            ref for ref in lists
            if superset_bundle.identity("dataset", f"kpi_list_{ref.lower().replace('-', '_')}_{language}") in drawn
        }  # fmt: skip
    assert lists == {i.ref for i in known.lists}


def test_a_list_shows_columns_that_its_dataset_has(bundle: dict[str, Any]) -> None:
    datasets = {one["uuid"]: one for path, one in bundle.items() if path.startswith("datasets/")}
    shown = 0
    for path, chart in bundle.items():
        if path.startswith("charts/") and chart["viz_type"] == "table":
            dataset = datasets[chart["dataset_uuid"]]
            columns = {one["column_name"] for one in dataset["columns"]}
            assert set(chart["params"]["all_columns"]) <= columns
            assert set(chart["params"].get("column_config", ())) <= columns
            shown += "kpi_list" in dataset["table_name"]
    assert shown == len(catalogue.load().lists) * len(LANGUAGES)


def test_metrics_are_certified_and_sum_only_what_adds_up(bundle: dict[str, Any]) -> None:
    columns = {measure.column for measure in daily.measures(catalogue.load())}
    for path, one in bundle.items():
        if not path.startswith("datasets/"):
            continue
        for metric in one["metrics"]:
            assert metric["extra"]["certification"]["certified_by"], path
            summed = set(re.findall(r"sum\((\w+)\)", metric["expression"]))
            if "bi_daily" in path:
                assert summed and summed <= columns
            else:
                # The one sum there is stands under the word of roll_up.
                assert not summed or "min(roll_up) = 'sum'" in metric["expression"]


def test_no_file_holds_a_password(bundle: dict[str, Any]) -> None:
    address = bundle["databases/causerie.yaml"]["sqlalchemy_uri"]
    assert re.fullmatch(r"postgresql\+psycopg2://\w+@[\w.:]+/\w+", address)


def test_what_an_earlier_bundle_had_more_is_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "causerie"
    (folder / "charts").mkdir(parents=True)
    (folder / "charts" / "old.yaml").write_text("gone", encoding="utf-8")
    superset_bundle.write(folder)
    assert {str(file.relative_to(folder)) for file in folder.rglob("*.yaml")} == set(superset_bundle.render())
