"""What makes another fingerprint of the definitions, and which part of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from orchestration.catalogue import catalogue
from orchestration.compiler import fingerprint
from orchestration.settings import PROJECT


@pytest.fixture
def dbt_project(tmp_path: Path) -> Path:
    for name in ("models", "macros"):
        shutil.copytree(PROJECT / "dbt_project" / name, tmp_path / name)
    shutil.copy(PROJECT / "dbt_project" / "dbt_project.yml", tmp_path)
    return tmp_path


def test_it_is_kept_until_a_file_changes(dbt_project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    rendered: list[Path] = []

    def render(project: Path) -> fingerprint.Fingerprint:
        rendered.append(project)
        return fingerprint.Fingerprint("models", "indicators", f"words {len(rendered)}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fingerprint, "at_hand", render)
        first = fingerprint.kept(home, dbt_project)
        assert fingerprint.kept(home, dbt_project) == first and len(rendered) == 1
        (dbt_project / "target").mkdir()
        (dbt_project / "target" / "manifest.json").write_text("{}")
        assert fingerprint.kept(home, dbt_project) == first and len(rendered) == 1
        (dbt_project / "models" / "new.sql").write_text("select 1")
        assert fingerprint.kept(home, dbt_project) != first and len(rendered) == 2
        (home / "fingerprint.json").write_text("of another version")
        assert fingerprint.kept(home, dbt_project).words == "words 3"
    assert fingerprint.kept(home, dbt_project) == replace(first, words="words 3"), "nothing has changed since"


@pytest.mark.parametrize(
    "file", ["models/marts/fct_conversation.sql", "macros/current_rows.sql", "models/marts/new.sql", "dbt_project.yml"]
)
def test_a_changed_model_changes_that_of_the_models(dbt_project: Path, file: str) -> None:
    before = fingerprint.at_hand(dbt_project)
    assert fingerprint.at_hand(dbt_project) == before
    with (dbt_project / file).open("a") as written:
        written.write("\n-- changed")
    now = fingerprint.at_hand(dbt_project)
    assert now == replace(before, models=now.models) != before


def test_a_description_does_not(dbt_project: Path) -> None:
    before = fingerprint.at_hand(dbt_project)
    with (dbt_project / "models/marts/_marts__models.yml").open("a") as written:
        written.write("\n# described better")
    (dbt_project / "target").mkdir()
    (dbt_project / "target" / "compiled.sql").write_text("select 1")
    assert fingerprint.at_hand(dbt_project) == before


def test_a_word_changes_that_of_the_words_and_an_indicator_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, of_indicators, load = fingerprint.at_hand(), fingerprint.of_indicators(), catalogue.load
    document = yaml.safe_load(catalogue.CATALOGUE_FILE.read_text("utf-8"))
    entry = next(entry for entry in document["indicators"] if entry["ref"] == "Chat-Card-0")

    def at_hand_now(name: str) -> fingerprint.Fingerprint:
        (tmp_path / name).write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
        changed = load(tmp_path / name)
        monkeypatch.setattr(catalogue, "load", lambda: changed)
        return fingerprint.at_hand()

    entry["meaning"]["es"] += " Otra palabra."
    of_words = at_hand_now("words.yml")
    assert of_words == replace(before, words=of_words.words) != before
    assert fingerprint.of_indicators() == of_indicators

    entry["numerator"]["where"] = "f.source <> 'hook'"
    of_numbers = at_hand_now("numbers.yml")
    assert of_numbers == replace(of_words, indicators=of_numbers.indicators) != of_words
    now = fingerprint.of_indicators()
    assert {ref for ref in now if now[ref] != of_indicators[ref]} == {"Chat-Card-0"}
