"""The documentation of what people may read: whole, as written from its sources, found by search, and by the
project's own rules.

Not here: that the models' contracts are those of the tables (test_publication.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from night import dbt
from town import Town

from orchestration.catalogue import catalogue
from orchestration.compiler import daily, dbt_docs

# What a rule can't ask of a model, and why.
EXCEPTIONS = {
    # What a run touches is told by the versions that it brought and took away; staging shows the current ones.
    *(
        ("reads an extract past its staging", f"touched_{entity}")
        for entity in (
            "activity", "conversation", "hook", "order", "run", "session", "site_session", "visitor"
        )
    ),
    # Which identities held at which time: all versions, as for what a run touches.
    ("reads an extract past its staging", "int_orders_identified"),
}
# Layers, from extracts to readers: a model may read its own and earlier ones.
LAYERS = ("raw", "build", "staging", "intermediate", "mart", "readers")


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest under the target of the documentation; parsing it also parses the semantic layer."""
    target = tmp_path_factory.mktemp("documented")
    dbt("parse", "--target", "marts", target=target)
    manifest: dict[str, Any] = json.loads((target / "manifest.json").read_bytes())
    manifest["semantic"] = json.loads((target / "semantic_manifest.json").read_bytes())
    return manifest


def test_what_is_written_is_as_its_sources_say() -> None:
    files = dbt_docs.render()
    stale = [path.name for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]
    there = {path for folder in (dbt_docs.READERS, dbt_docs.ANALYSES) for path in folder.iterdir()}
    assert (stale, sorted(there - files.keys())) == ([], []), "run python -m orchestration.compiler.dbt_docs"


@pytest.mark.xdist_group("town")
def test_every_relation_and_function_of_marts_is_documented(town: Town, documented: dict[str, Any]) -> None:
    described = {
        (node.get("alias") or node["name"]): node["description"]
        for node in (*documented["nodes"].values(), *documented["sources"].values())
        if node.get("schema") == "marts"
    }
    with town.night.connect() as connection:
        relations = {
            row[0]
            for row in connection.execute(
                "select relname from pg_class where relnamespace = 'marts'::regnamespace and relkind in ('r', 'p', 'v')"
                " union select proname from pg_proc where pronamespace = 'marts'::regnamespace"
            )
        }
    assert relations - {name for name, text in described.items() if text.strip()} == set()
    assert described.keys() - relations == set()


def test_each_indicator_has_a_page_with_sql_to_ask(documented: dict[str, Any]) -> None:
    pages = {node["name"]: node for node in documented["nodes"].values() if node["resource_type"] == "analysis"}
    for indicator in catalogue.load().indicators.values():
        page = pages.pop(indicator.ref.lower().replace("-", "_"))
        assert indicator.names["en"] in page["description"] and indicator.ref in page["description"]
        assert indicator.stability == "live" or indicator.ref in page["raw_code"] or indicator.shows
    assert not pages


def test_the_semantic_layer_has_what_rolls_up(documented: dict[str, Any]) -> None:
    known = catalogue.load()
    metrics = {metric["name"]: metric for metric in documented["semantic"]["metrics"]}
    (model,) = documented["semantic"]["semantic_models"]
    assert {m["name"] for m in model["measures"]} == {m.column for m in daily.measures(known)} <= metrics.keys()
    ratios = [m for m in metrics.values() if m["type"] == "ratio"]
    assert len(ratios) == sum(i.additive is True and i.kind == "ratio" for i in known.dated)
    assert model["node_relation"]["relation_name"].endswith('"marts"."bi_daily"')
    elsewhere = [i.ref for i in known.computed if i.additive is not True]
    assert all(ref in model["description"] for ref in elsewhere) and "kpi_report" in model["description"]


def test_every_screen_is_an_exposure_with_what_it_reads(documented: dict[str, Any]) -> None:
    exposures = {one["name"]: one for one in documented["exposures"].values()}
    assert {"screens_overview", "screens_popsell", "semantic_layer"} <= {*exposures}
    assert [name for name, one in exposures.items() if not (one["depends_on"]["nodes"] and one["owner"]["name"])] == []


# --- rules of the project ---------------------------------------------------------------------------------------------


def test_the_project_keeps_its_rules(documented: dict[str, Any]) -> None:
    broken = {*_faults(documented)}
    assert broken - EXCEPTIONS == set()
    assert EXCEPTIONS - broken == set(), "an exception that nothing needs any more"


def _faults(manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    tested = {
        (node["attached_node"], node["test_metadata"]["name"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node.get("test_metadata")
    }
    named = {
        "staging": r"stg_[a-z]+__[a-z_]+",
        "mart": r"(fct|dim|kpi)_[a-z_]+",
        "intermediate": r"(int|touched|changed|restated|settling)_[a-z_]+",
        "readers": r"[a-z_]+",
    }
    for node in manifest["nodes"].values():
        # Who meets it as a check in Dagster reads what it holds.
        if node["resource_type"] == "test" and not node["meta"].get("description"):
            yield "test without a description", node["name"]
    for key, node in models.items():
        name, layer = node["name"], _layer(node)
        if not re.fullmatch(named[layer], name):
            yield "name without its layer", name
        is_public = layer in ("mart", "readers")
        if (node["access"] == "public") != is_public or not node["group"]:
            yield "access", name
        if layer == "mart" and (key, "keys") not in tested:
            yield "mart without a tested key", name
        if layer == "mart" and not node["contract"]["enforced"]:
            yield "mart without a contract", name
        if not node["description"].strip():
            yield "no description", name
        if is_public and (not node["columns"] or any(not c["description"] for c in node["columns"].values())):
            yield "column without a description", name
        yield from (("description repeats the name", one) for one in _repeating(node))
        parents = [models.get(parent) or manifest["sources"].get(parent) for parent in node["depends_on"]["nodes"]]
        for parent in parents:
            if parent and LAYERS.index(_layer(parent)) > LAYERS.index(layer) and not _looks_back(node, parent):
                yield f"reads {parent['name']}, of a later layer", name
        extracts = {table for source, table in node["sources"] if source == "raw" and table in EXTRACTS}
        # Every row is asked whether its brand is known.
        if layer == "staging" and extracts - {"brands", name.split("__")[1]}:
            yield "staging of other than its own extract", name
        if layer in ("mart", "intermediate") and extracts:
            yield "reads an extract past its staging", name
    for source in manifest["sources"].values():
        if not source["description"].strip():
            yield "no description", source["name"]
        yield from (("description repeats the name", one) for one in _repeating(source))
        if source["source_name"] == "raw" and source["name"] in EXTRACTS and not source["loader"]:
            yield "source without a loader", source["name"]


EXTRACTS = {path.stem.split("__")[1] for path in (dbt_docs.DBT / "models" / "staging").rglob("stg_*.sql")}


def _layer(node: dict[str, Any]) -> str:
    if node["resource_type"] == "source":
        return "readers" if node["source_name"] == "marts" else node["source_name"]
    folder = node["fqn"][1]
    return {"staging": "staging", "marts": "mart", "readers": "readers"}.get(folder, "intermediate")


def _looks_back(node: dict[str, Any], parent: dict[str, Any]) -> bool:
    """Some models ask what marts would be: what a run touches besides, and indicators, which are counted of marts."""
    return _layer(parent) == "mart" and _layer(node) == "intermediate"


def _repeating(node: dict[str, Any]) -> Iterator[str]:
    """Descriptions that say no more than the name: all of their words stand in it."""
    said = [(node["name"], node["description"])]
    said += [(f"{node['name']}.{c['name']}", c["description"]) for c in node["columns"].values()]
    for name, text in said:
        words = set(re.findall(r"[a-z]+", text.lower())) - {"the", "a", "an", "of", "its", "this"}
        if words and words <= set(re.findall(r"[a-z]+", name.lower())):
            yield name

