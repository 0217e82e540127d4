"""The dbt project's own tests: the unit tests of its rules, run on a real server, and that nothing is undescribed.

Not here: what the rules give end to end (test_small_days.py).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from night import DBT_PROJECT, Night
from platforms import Copies

from orchestration.catalogue import catalogue
from orchestration.marts.contracts import marts_of
from orchestration.marts.dbt_ready import dbt_executable
from orchestration.sources import staging_docs

KPIS = Path(__file__).parents[2] / ".." / "shared" / "spec" / "KPIS.md"
OF_CONVERSATIONS = {"inbox", "conversation_channel"}


@pytest.fixture(scope="session")
def manifest(parsed: Path) -> dict[str, Any]:
    return dict(json.loads((parsed / "manifest.json").read_bytes()))


@pytest.mark.xdist_group("small_days")
def test_the_unit_tests_of_the_rules_hold(small_days: Night) -> None:
    # dbt reads the columns of what a unit test stands in for: the relations must be there.
    small_days.dbt("test", "--select", "test_type:unit")


@pytest.mark.parametrize(
    ("spoilt", "rows"),
    [
        ("insert into build.int_ratings_requested select * from build.int_ratings_requested limit 1", 1),
        ("update build.int_ratings_requested set rating_id = null", 3),  # as many as brands have ratings
        ("update build.int_ratings_requested set conversation_id = conversation_id || ' of nobody'", None),
        ("update build.int_ratings_requested set brand_id = 'nobody'", None),
    ],
)
@pytest.mark.xdist_group("small_days")
def test_keys_that_do_not_hold_are_found(small_days_again: Copies, spoilt: str, rows: int | None) -> None:
    """Twice there, without its key, of a conversation or a brand that is not there: each row is told of."""
    with small_days_again() as night:
        with night.connect() as connection:
            changed = connection.execute(spoilt.encode()).rowcount
            assert changed > 0
        with pytest.raises(AssertionError, match=f"keys_of_fct_rating: Got {rows or changed} result"):
            night.dbt("test", "--select", "keys_of_fct_rating")


def test_what_was_read_for_one_database_is_not_read_anew_for_another(
    project: tuple[Path, Any], tmp_path: Path
) -> None:
    """Reading takes ten seconds; what differs is what the relations are called."""
    shutil.copy(project[0] / "partial_parse.msgpack", tmp_path)
    where = ["--project-dir", DBT_PROJECT, "--profiles-dir", DBT_PROJECT, "--target-path", tmp_path]
    done = subprocess.run(
        [dbt_executable(), "--no-use-colors", "parse", "--target", "build", *where, "--log-path", tmp_path],
        env=os.environ | {"CAUSERIE_PG_HOST": "elsewhere", "CAUSERIE_PG_DBNAME": "another"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Unable to do partial parsing" not in done.stdout
    nodes = json.loads((tmp_path / "manifest.json").read_bytes())["nodes"].values()
    relations = [node["relation_name"] for node in nodes if node["resource_type"] == "model"]
    assert relations and all(name.startswith('"another".') for name in relations)


def test_the_input_is_described_as_the_contract_says() -> None:
    stale = [path.name for path, text in staging_docs.render().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, f"{stale}: write them anew with `python -m orchestration.sources.staging_docs`"


def test_every_model_and_every_column_of_marts_is_described(manifest: dict[str, Any]) -> None:
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert [node["name"] for node in models if not node["description"].strip()] == []
    undescribed = [
        f"{mart.name}.{column.name}" for mart in marts_of(manifest) for column in mart.columns if not column.description
    ]
    assert undescribed == []


def test_the_catalogue_has_every_indicator_of_sections_1_to_3_and_6_to_8() -> None:
    if not KPIS.exists():
        pytest.skip("the indicators' definitions are not beside this project")
    known = catalogue.load().indicators
    missing, moved = [], []
    for ref, filters, stability in contract_refs(KPIS.read_text(), sections=(1, 2, 3, 6, 7, 8)):
        if ref not in known:
            missing.append(ref)
        elif known[ref].stability != stability or _letters(known[ref].filters) != filters:
            moved.append((ref, known[ref].stability, known[ref].filters, stability, filters))
    # The list by member shows indicators of section 4, and comes with them.
    assert set(missing) <= {"Chat-List-1"}
    assert not moved


def test_ads_are_engagement_of_what_ads_brought() -> None:
    known = catalogue.load().indicators
    for ref in (*(f"Card-{number}" for number in (1, 2, 3)), *(f"Funnel-{number}" for number in range(1, 7))):
        of_all, of_ads = known[f"Engt-{ref}"], known[f"Ads-{ref}"]
        assert (of_ads.filters, of_ads.stability) == (of_all.filters, of_all.stability), ref
        assert (of_ads.breakdowns, of_all.breakdowns) == (("ad", "ad_payload"), ()), ref
    stages = [known[f"Engt-Funnel-{number}"] for number in range(1, 7)]
    assert [stage.stability for stage in stages] == ["fixed", *["fluctuating"] * 5]
    assert {stage.filters for stage in stages} == {()}


def contract_refs(text: str, sections: tuple[int, ...]) -> list[tuple[str, str, str]]:
    """(ref, filters as letters, stability) of the tables of these sections; `-13, -14` stands for two refs.

    A section whose table has no filters is one of indicators without any. A range (`-1..6`) has no law of its own.
    """
    found = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        if not section.startswith(tuple(f"{number}. " for number in sections)):
            continue
        for line in section.splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) in (4, 5) and ".." not in cells[0] and re.match(r"[A-Z][a-z]+-[A-Z]", cells[0]):
                stem, filters = "", "".join(sorted(cells[3].strip("-"))) if len(cells) == 5 else ""
                refs, stabilities = cells[0].split(", "), cells[-1].split(", ")
                for part, stability in zip_longest(refs, stabilities, fillvalue=stabilities[-1]):
                    stem = part.rsplit("-", 1)[0] or stem
                    ref = part if not part.startswith("-") else stem + part
                    found.append((ref, filters, stability))
    return found


def _letters(filters: tuple[str, ...]) -> str:
    """The filters as the contract writes them: S source, M member and role, C channel; the conversation's own inbox and
    channel have no letter, for they follow from the others."""
    letters = {"source": "S", "member": "M", "role": "M", "channel": "C"}
    return "".join(sorted({letters[one] for one in filters if one not in OF_CONVERSATIONS}))


def test_inbox_and_conversation_channel_are_filters_wherever_the_conversation_counts() -> None:
    if not KPIS.exists():
        pytest.skip("the indicators' definitions are not beside this project")
    of_the_waiting_list = {ref for ref, _, _ in contract_refs(KPIS.read_text(), sections=(1,))}
    # Chat-Line-2 draws an indicator that takes a source, of one that it names itself.
    wanted = of_the_waiting_list | {"Chat-Donut-1", "Chat-Donut-2", "Chat-Line-2"}
    for ref, known in catalogue.load().indicators.items():
        has = OF_CONVERSATIONS & set(known.filters)
        assert has in (set(), OF_CONVERSATIONS), ref
        assert bool(has) == (ref in wanted or "source" in known.filters), ref
