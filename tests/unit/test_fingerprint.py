"""What makes another edition of the definitions, and what does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestration.catalogue import catalogue
from orchestration.compiler import fingerprint
from orchestration.settings import PROJECT


@pytest.fixture
def dbt_project(tmp_path: Path) -> Path:
    for name in ("models", "macros"):
        shutil.copytree(PROJECT / "dbt_project" / name, tmp_path / name)
    shutil.copy(PROJECT / "dbt_project" / "dbt_project.yml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "file", ["models/marts/fct_conversation.sql", "macros/current_rows.sql", "models/marts/new.sql", "dbt_project.yml"]
)
def test_a_changed_model_makes_another_edition(dbt_project: Path, file: str) -> None:
    before = fingerprint.at_hand(dbt_project)
    assert fingerprint.at_hand(dbt_project) == before
    with (dbt_project / file).open("a") as written:
        written.write("\n-- changed")
    assert fingerprint.at_hand(dbt_project) != before


def test_a_description_does_not(dbt_project: Path) -> None:
    before = fingerprint.at_hand(dbt_project)
    with (dbt_project / "models/marts/_marts__models.yml").open("a") as written:
        written.write("\n# described better")
    (dbt_project / "target").mkdir()
    (dbt_project / "target" / "compiled.sql").write_text("select 1")
    assert fingerprint.at_hand(dbt_project) == before


def test_a_changed_catalogue_makes_another_edition(dbt_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint.at_hand(dbt_project)
    rows = catalogue.dim_kpi_rows()
    monkeypatch.setattr(catalogue, "dim_kpi_rows", lambda: [{**rows[0], "unit": "other"}, *rows[1:]])
    assert fingerprint.at_hand(dbt_project) != before
