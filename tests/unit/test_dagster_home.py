"""Dagster's home is the user's: where it is, and what stands in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestration.automation import instance
from orchestration.settings import PROJECT, Settings


def test_it_is_where_dagster_home_says_else_in_our_own(tmp_path: Path) -> None:
    ours = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path)})
    theirs = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path), "DAGSTER_HOME": "/somewhere/else"})
    assert (ours.dagster_home, theirs.dagster_home) == (tmp_path / "dagster", Path("/somewhere/else"))


def test_a_file_of_the_users_is_never_overwritten(tmp_path: Path) -> None:
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path)})
    file = instance.prepare(settings) / "dagster.yaml"
    assert file.read_bytes() == (PROJECT / "dagster.yaml").read_bytes()
    file.write_text("storage: {postgres: {postgres_url: {env: MINE}}}\n")
    instance.prepare(settings)
    assert file.read_text() == "storage: {postgres: {postgres_url: {env: MINE}}}\n"


def test_an_earlier_file_of_ours_makes_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path)})
    file = instance.prepare(settings) / "dagster.yaml"
    file.write_text("event_log_storage: {module: orchestration.event_log, class: EventLog}\n")
    digest = subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True).stdout.split()[0]
    monkeypatch.setattr(instance, "FORMER", instance.FORMER | {digest})
    instance.prepare(settings)
    assert file.read_bytes() == (PROJECT / "dagster.yaml").read_bytes()


def test_the_variable_is_as_it_was_once_the_instance_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path)})
    with instance.opened(settings) as opened:
        assert opened.root_directory == str(tmp_path / "dagster") == os.environ["DAGSTER_HOME"]
    assert "DAGSTER_HOME" not in os.environ
