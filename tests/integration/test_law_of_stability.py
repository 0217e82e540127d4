"""The law of stability and the identities among indicators, over the random brands.

Here: that a fixed indicator of a period that is over never moves, that fluctuating ones move as they may, and what must
be true among the figures of one question. Not here: what the figures are (test_indicators_exact.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
import pytest
from asking import report, values
from brute.brands import SOURCES, Brand, question
from brute.clock import day_begins
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from thoroughness import times
from town import SEED, Town

from orchestration.catalogue import catalogue

pytestmark = pytest.mark.xdist_group("town")

COMPUTED = catalogue.load().computed
FIXED = [i.ref for i in COMPUTED if i.stability == "fixed"]
RATES = [i.ref for i in COMPUTED if i.stability == "fluctuating" and i.unit == "ratio"]
# What grows with what is known; of a rate, its numerator.
GROWING = [
    "Wlst-Card-2", "Chat-Card-12", "Chat-Card-72", "Chat-Card-86",
    "Pers-Card-2", "Pers-Card-12", "Reco-Card-3", "Reco-Card-4", "Reco-Card-5", "Jour-Card-5",
]  # fmt: skip
examples = settings(max_examples=times(1, 2), deadline=None, phases=[Phase.reuse, Phase.generate])
seeds = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def connection(town: Town) -> Iterator[psycopg.Connection[Any]]:
    with town.night.connect() as opened:
        yield opened


def _asked(rng: Random, brand: Brand) -> dict[str, Any]:
    """A question without an as-of, of a few days, so that much happens after them."""
    asked = question(rng, brand)
    asked["date_to"] = min(asked["date_to"], asked["date_from"] + timedelta(days=rng.choice((0, 1, 6))))
    del asked["as_of"]
    return asked


def _end(brand: Brand, last: date) -> datetime:
    return day_begins(brand.zone, last + timedelta(days=1))


@examples
@given(seed=seeds)
def test_a_fixed_indicator_of_a_period_that_is_over_never_moves(
    town: Town, connection: psycopg.Connection[Any], seed: int
) -> None:
    rng = Random(seed)
    for brand in town.brands:
        asked = _asked(rng, brand)
        end = _end(brand, asked["date_to"])
        later = rng.choice([moment for moment in brand.moments if moment > end] or [end + timedelta(days=1)])
        common = {**asked, "breakdown": rng.choice(([], ["source"], ["member"])), "refs": FIXED}
        now = values(report(connection, brand.brand_id, **common))
        for as_of in (end, later):
            then = values(report(connection, brand.brand_id, **common, as_of=as_of))
            moved = {
                key: (then[key].figure if key in then else None, now[key].figure if key in now else None)
                for key in now.keys() | then.keys()
                if key not in now or key not in then or now[key].figure != then[key].figure
            }
            assert not moved, f"{brand.brand_id} of CAUSERIE_TEST_SEED={SEED}, {common}, {as_of=}: {moved}"


@examples
@given(seed=seeds)
def test_what_is_known_later_adds_and_never_takes_away(
    town: Town, connection: psycopg.Connection[Any], seed: int
) -> None:
    rng = Random(seed)
    for brand in town.brands:
        asked = {
            "date_from": brand.around - timedelta(days=2),
            "date_to": brand.around + timedelta(days=rng.randint(0, 2)),
        }
        last: dict[Any, Decimal] = {}
        for as_of in (*sorted(rng.sample(brand.moments, min(3, len(brand.moments)))), None):
            answers = report(connection, brand.brand_id, **asked, as_of=as_of, refs=GROWING + RATES)
            assert all(0 <= row.value <= 1 for row in answers if row.ref in RATES and row.value is not None)
            known = {row.ref: row.numerator or Decimal(0) for row in answers if row.ref in GROWING}
            fallen = {ref: (last[ref], number) for ref, number in known.items() if number < last.get(ref, Decimal(0))}
            assert not fallen, f"{brand.brand_id} of CAUSERIE_TEST_SEED={SEED}, {asked}, {as_of=}: {fallen}"
            last = known


@examples
@given(seed=seeds)
def test_identities(town: Town, connection: psycopg.Connection[Any], seed: int) -> None:
    rng = Random(seed)
    for brand in town.brands:
        asked = {**_asked(rng, brand), "sources": None, "channels": None, "roles": None, "members": None}
        where = f"{brand.brand_id} of CAUSERIE_TEST_SEED={SEED}, {asked}"
        answers = report(connection, brand.brand_id, **asked)
        value = {row.ref: row.value or Decimal(0) for row in answers if row.bin is None}
        behind = {row.ref: row.denominator or Decimal(0) for row in answers if row.bin is None}
        summed: dict[str, Decimal] = {}
        for row in answers:
            if row.bin is not None:
                summed[row.ref] = summed.get(row.ref, Decimal(0)) + (row.value or 0)
        assert value["Chat-Card-1"] == (
            value["Chat-Card-2"] + value["Chat-Card-3"] + value["Chat-Card-4"] + behind["Chat-Card-18"]
        ), where
        assert value["Wlst-Card-1"] == value["Wlst-Card-11"] + behind["Wlst-Card-13"], where
        assert value["Chat-Card-10"] <= value["Chat-Card-20"], where
        assert value["Chat-Card-21"] <= value["Chat-Card-20"], where
        assert value["Chat-Card-38"] <= value["Chat-Card-37"] <= value["Chat-Card-20"], where
        assert value.get("Chat-Card-72", 0) <= value.get("Chat-Card-71", 0), where
        assert value.get("Chat-Card-70", 0) <= value.get("Chat-Card-71", 0), where
        assert summed["Chat-Donut-1"] == value["Chat-Card-1"], where
        assert summed["Chat-Bar-10"] == value["Wlst-Card-10"], where
        assert summed["Chat-Bar-11"] == summed["Chat-Bar-12"] == value["Chat-Card-10"], where
        assert summed["Chat-Bar-50"] == behind["Chat-Card-18"], where
        refs = ["Chat-Card-0", "Chat-Card-1", "Chat-Card-14", "Chat-Card-16"]
        source = rng.choice([one for one in SOURCES if one != "waiting_list"])
        alone = report(connection, brand.brand_id, **{**asked, "sources": [source]}, refs=refs)
        requests, starts, since_start, since_request = (row.value for row in alone)
        assert (requests, since_start) == (starts, since_request), (source, where)
