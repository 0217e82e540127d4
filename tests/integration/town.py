"""Random brands, all in one landing: what the tests of the indicators and of their laws ask about.

Here: which brands, and their extracts. Not here: how a brand is drawn (brute/brands.py), or a night (night.py).
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import cycle
from random import Random

from brute import brands
from brute.brands import Brand
from brute.facts import Facts, Rows, extract_day
from brute.landing import known_until, write
from night import Night
from thoroughness import times

# Other brands than every day's: CAUSERIE_TEST_SEED=7 make test ARGS=tests/integration/test_indicators_exact.py
SEED = int(os.environ.get("CAUSERIE_TEST_SEED", "1"))
BRANDS = int(os.environ.get("CAUSERIE_TEST_BRANDS", times(10, 25)))


class Town:
    """Random brands, loaded and published in one night. `facts` is what the brute force answers from."""

    def __init__(self, night: Night, brands: Iterable[Brand], rows: Rows) -> None:
        self.night = night
        self.brands = tuple(brands)
        self.facts = {brand.brand_id: Facts(rows, brand.brand_id) for brand in self.brands}
        self.known_until = known_until(rows)

    def __repr__(self) -> str:
        return f"{len(self.brands)} brands of CAUSERIE_TEST_SEED={SEED}"


def settle(night: Night) -> Town:
    """Draw the brands, write their extracts, and publish them."""
    # Every zone has its brand.
    found = [
        brands.brand(Random(f"{SEED} {number}"), f"brand-{number}", place)
        for number, place in zip(range(BRANDS), cycle(brands.PLACES), strict=False)
    ]
    together: Rows = defaultdict(list)
    for brand in found:
        for dataset, lines in brand.rows.items():
            together[dataset] += lines
    rows = by_month(together)
    write(night.landing, rows)
    night.run(audited=True)
    return Town(night, found, rows)


def by_month(rows: Rows) -> Rows:
    """The same rows in fewer extracts: each comes with the last day of its month. Order among extracts is kept."""

    def month_end(day: date) -> date:
        return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)

    return {
        dataset: [{**line, "extract_day": month_end(extract_day(line))} for line in lines]
        for dataset, lines in rows.items()
    }
