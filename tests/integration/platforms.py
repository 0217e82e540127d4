"""A pytest plugin, platforms for tests: nights on databases of their own, and two landings that several tests share.

Not here: the server (tests/conftest.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from brute.landing import write
from night import Night, dbt
from small_days import rows
from town import Town, settle

from orchestration.settings import PROJECT

if TYPE_CHECKING:
    from conftest import Databases

Copies: TypeAlias = "Callable[[], AbstractContextManager[Night]]"


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The dbt project as it is now, read once: a target folder with its manifest, and what dbt keeps of it."""
    target = tmp_path_factory.mktemp("dbt")
    # What set-up has read need not be read again: dbt looks which files have changed since.
    if (read := PROJECT / "dbt_project" / "target" / "partial_parse.msgpack").exists():
        shutil.copy(read, target)
    return target, dbt("parse", target=target)


@pytest.fixture(scope="session")
def parsed(project: tuple[Path, Any]) -> Path:
    """The target folder of the project, with manifest.json. Not to be written to."""
    return project[0]


@pytest.fixture(scope="session")
def new_night(
    databases: Databases, project: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Night]]:
    """Makes a platform with nothing in it yet; its database goes with the session."""
    with ExitStack() as stack:

        def new() -> Night:
            folder = tmp_path_factory.mktemp("night")
            shutil.copytree(project[0], folder / "target")
            (folder / "landing").mkdir()
            return Night(stack.enter_context(databases()), folder / "landing", folder / "target", project[1])

        yield new


@pytest.fixture(scope="session")
def town(new_night: Callable[[], Night]) -> Town:
    """Random brands of every zone that brute/brands.py knows, published in one night."""
    return settle(new_night())


@pytest.fixture(scope="session")
def built_small_days(new_night: Callable[[], Night]) -> Night:
    """The days of tests/fixtures/small_days, published in one night. Nobody opens this database: it is copied."""
    night = new_night()
    write(night.landing, rows())
    night.run(audited=True)
    return night


@pytest.fixture(scope="session")
def small_days_again(built_small_days: Night, databases: Databases) -> Copies:
    """Makes copies of the small days as they were published, for tests that change them: a second each."""

    @contextmanager
    def copy() -> Iterator[Night]:
        with databases(of=built_small_days.url) as url:
            yield replace(built_small_days, url=url)

    return copy


@pytest.fixture(scope="session")
def small_days(small_days_again: Copies) -> Iterator[Night]:
    """The days of tests/fixtures/small_days, published in one night: for tests that leave them as they were."""
    with small_days_again() as night:
        yield night
