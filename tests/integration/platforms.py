"""A pytest plugin, platforms for tests: nights on databases of their own, and two landings that several tests share.

Not here: the server (tests/conftest.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from brute.landing import write
from night import Night, dbt
from small_days import rows
from town import Town, settle


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dbt target folder with the manifest of the project as it is now; parsed once, copied for each platform."""
    target = tmp_path_factory.mktemp("dbt")
    dbt("parse", target=target)
    return target


@pytest.fixture(scope="session")
def new_night(
    databases: Callable[[], AbstractContextManager[str]], parsed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Night]]:
    """Makes a platform with nothing in it yet; its database goes with the session."""
    with ExitStack() as stack:

        def new() -> Night:
            folder = tmp_path_factory.mktemp("night")
            shutil.copytree(parsed, folder / "target")
            (folder / "landing").mkdir()
            return Night(stack.enter_context(databases()), folder / "landing", folder / "target")

        yield new


@pytest.fixture(scope="session")
def town(new_night: Callable[[], Night]) -> Town:
    """Random brands of every zone that brute/brands.py knows, published in one night."""
    return settle(new_night())


@pytest.fixture(scope="session")
def small_days(new_night: Callable[[], Night]) -> Night:
    """The days of tests/fixtures/small_days, published in one night."""
    night = new_night()
    write(night.landing, rows())
    night.run()
    return night
