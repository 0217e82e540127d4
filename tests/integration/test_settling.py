"""How fluctuating indicators come to rest: the measured curves, and what the report says of a young period.

The brand of settling_days.py, worked out by hand. Not here: what guards them (test_settling_guards.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from asking import report
from night import Night
from settling_days import BRAND, ZONE

pytestmark = pytest.mark.xdist_group("small_days")

# Of the four ratings of a day, those given by then; each age in days after its end.
GIVEN = {0: 0.25, 1: 0.5, 2: 0.5, 3: 0.75, 7: 0.75, 14: 1, 30: 1}
# The average is 5 until the 1 comes, then 4.
AVERAGE = {0: 1.25, 1: 1.25, 2: 1.25, 3: 1.25, 7: 1.25, 14: 1, 30: 1}


@pytest.fixture(scope="module")
def connection(small_days: Night) -> Iterator[psycopg.Connection[Any]]:
    with small_days.connect() as opened:
        yield opened


def settled(
    connection: psycopg.Connection[Any], first: date, last: date, ref: str = "Chat-Card-72", **asked: Any
) -> Decimal | None:
    (row,) = report(connection, BRAND, first, last, refs=[ref], **asked)
    return row.settled_share


@pytest.mark.parametrize(("ref", "curve"), [("Chat-Card-72", GIVEN), ("Chat-Card-73", AVERAGE)])
def test_the_curve_is_the_share_of_the_final_value(
    connection: psycopg.Connection[Any], ref: str, curve: dict[int, float]
) -> None:
    rows = connection.execute(
        "select days_after_end, settled_share, periods_seen, lowest_share, highest_share, settling_days"
        " from marts.kpi_settling where brand_id = %s and ref = %s order by days_after_end",
        [BRAND, ref],
    ).fetchall()
    # Every sampled day is like every other; from 14 days on nothing moves.
    assert [tuple(row) for row in rows] == [(age, share, 28, share, share, 14) for age, share in curve.items()]


def test_what_never_had_a_value_is_not_measured(connection: psycopg.Connection[Any]) -> None:
    rows = connection.execute(
        "select distinct settled_share, periods_seen, settling_days from marts.kpi_settling"
        " where brand_id = %s and ref = 'Chat-Card-38'",
        [BRAND],
    ).fetchall()
    assert rows == [(None, 0, None)]
    assert settled(connection, date(2025, 10, 25), date(2025, 10, 25), "Chat-Card-38") is None
    # No day of the other brands lies in the sample of theirs and has something to settle: there is no curve at all.
    (row,) = report(connection, "two_midnights", date(2024, 11, 3), date(2024, 11, 3), refs=["Chat-Card-72"])
    assert row.is_final and row.settled_share == 1


@pytest.mark.parametrize(
    ("first", "last", "share"),
    [
        # Known until the 27th, 00:00 UTC. The 26th ended an hour before, the 24th two days and two hours before.
        (date(2025, 10, 26), date(2025, 10, 26), 0.25 + 0.25 / 24),
        (date(2025, 10, 24), date(2025, 10, 24), 0.5 + 0.25 / 12),
        (date(2025, 10, 23), date(2025, 10, 23), 0.75),
        # Two days are as settled as each is on average.
        (date(2025, 10, 23), date(2025, 10, 24), (0.75 + 0.5 + 0.25 / 12) / 2),
        (date(2025, 10, 12), date(2025, 10, 12), 1),  # 14 days and two hours ago: final by the catalogue
    ],
)
def test_a_young_period_says_how_settled_it_usually_is(
    connection: psycopg.Connection[Any], first: date, last: date, share: float
) -> None:
    assert settled(connection, first, last) == round(Decimal(share), 6)


def test_a_long_period_is_the_mean_of_all_its_days(connection: psycopg.Connection[Any]) -> None:
    """Fifty days: those over thirty days old speak as one."""
    first, last = date(2025, 9, 7), date(2025, 10, 26)

    def reached(age: Fraction) -> Fraction:
        nodes = [(Fraction(a), Fraction(s)) for a, s in GIVEN.items()]
        for (low, below), (high, above) in pairwise(nodes):
            if low <= age < high:
                return below + (above - below) * (age - low) / (high - low)
        return nodes[-1][1]

    youngest = Fraction(1, 24)
    expected = sum(reached(youngest + day) for day in range(50)) / 50
    assert settled(connection, first, last) == round(Decimal(expected.numerator) / expected.denominator, 6)


def test_the_share_is_judged_at_the_as_of(connection: psycopg.Connection[Any]) -> None:
    day = date(2025, 9, 1)
    end = datetime(2025, 9, 2, tzinfo=ZONE)
    assert settled(connection, day, day) == 1
    for age, share in {0: 0.25, 2.5: 0.625, 5: 0.75, 10.5: 0.875}.items():
        assert settled(connection, day, day, as_of=end + timedelta(days=age)) == share
    assert settled(connection, day, day, as_of=end + timedelta(days=14)) == 1


def test_fixed_indicators_and_periods_that_run_have_no_share(connection: psycopg.Connection[Any]) -> None:
    assert settled(connection, date(2025, 10, 24), date(2025, 10, 24), "Chat-Card-71") is None
    assert settled(connection, date(2025, 10, 24), date(2025, 10, 30)) is None


def test_precomputed_periods_say_the_same(connection: psycopg.Connection[Any]) -> None:
    rows = connection.execute(
        "select period_start, is_final, settled_share from marts.kpi_period"
        " where brand_id = %s and grain = 'week' and dimension = 'all' and ref = 'Chat-Card-72' order by period_start",
        [BRAND],
    ).fetchall()
    assert len(rows) == 10, "weeks from 25 August to 27 October"
    for start, is_final, share in rows:
        assert share == settled(connection, start, start + timedelta(days=6)), start
        assert is_final is (share == 1)
