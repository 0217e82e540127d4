"""Platforms for tests: nights on databases of their own, and one landing of random brands that several tests share.

Not here: the server (tests/conftest.py). Next: night.py.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
from brute import brands
from brute.brands import Brand
from brute.facts import Facts, Rows, extract_day
from brute.landing import known_until, write
from night import Night, dbt
from small_days import rows

# Other brands than every day's: CAUSERIE_TEST_SEED=7 make test ARGS=tests/integration/test_indicators_exact.py
SEED = int(os.environ.get("CAUSERIE_TEST_SEED", "1"))
BRANDS = int(os.environ.get("CAUSERIE_TEST_BRANDS", "25"))


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


class Town:
    """Random brands, loaded and published in one night. `facts` is what the brute force answers from."""

    def __init__(self, night: Night, brands: Sequence[Brand], rows: Rows) -> None:
        self.night = night
        self.brands = brands
        self.facts = {brand.brand_id: Facts(rows, brand.brand_id) for brand in brands}
        self.known_until = known_until(rows)

    def __repr__(self) -> str:
        return f"{len(self.brands)} brands of CAUSERIE_TEST_SEED={SEED}"


def by_month(rows: Rows) -> Rows:
    """The same rows in fewer extracts: each comes with the last day of its month. Order among extracts is kept."""

    def month_end(day: date) -> date:
        return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)

    return {
        dataset: [{**line, "extract_day": month_end(extract_day(line))} for line in lines]
        for dataset, lines in rows.items()
    }


@pytest.fixture(scope="session")
def town(new_night: Callable[[], Night]) -> Town:
    """Random brands of every zone that brute/brands.py knows, all rows of which came before the night."""
    found = [brands.brand(Random(f"{SEED} {number}"), f"brand-{number}") for number in range(BRANDS)]
    together: Rows = defaultdict(list)
    for brand in found:
        for dataset, lines in brand.rows.items():
            together[dataset] += lines
    bundled = by_month(together)
    night = new_night()
    write(night.landing, bundled)
    night.run()
    return Town(night, found, bundled)


@pytest.fixture(scope="session")
def small_days(new_night: Callable[[], Night]) -> Night:
    """The days of tests/fixtures/small_days, loaded and published in one night."""
    night = new_night()
    write(night.landing, rows())
    night.run()
    return night
