"""The precomputed periods say what the report says, all of them are there, and no other.

Not here: bringing them up to date (test_order_and_repetition.py compares whole marts).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from asking import report
from thoroughness import times
from town import SEED, Town

from expectations.completeness import judge_completeness
from expectations.double_entry import judge_double_entry
from expectations.settling import judge_fluctuating
from orchestration.catalogue import catalogue
from orchestration.catalogue.model import LANGUAGES

pytestmark = pytest.mark.xdist_group("town")

DATED = {i.ref for i in catalogue.load().dated}
GRAINS = ("day", "week", "month", "quarter", "year")
# The whole calendar of grains and dimensions, as the contract of kpi_period lists them.
DIMENSIONS = {grain: ["all", "source", "channel", "role"] for grain in GRAINS}
for grain in ("month", "quarter", "year"):
    DIMENSIONS[grain].append("member")


@pytest.fixture(scope="module")
def connection(town: Town) -> Iterator[psycopg.Connection[Any]]:
    with town.night.connect() as opened:
        yield opened


def _last_date(grain: str, start: date) -> date:
    if grain == "day":
        return start
    if grain == "week":
        return start + timedelta(days=6)
    months = {"month": 1, "quarter": 3, "year": 12}[grain]
    following = date(start.year + (start.month - 1 + months) // 12, (start.month - 1 + months) % 12 + 1, 1)
    return following - timedelta(days=1)


@pytest.mark.fault(
    38,
    "random periods and filters of 25 random brands, whatever was resent, late or corrected",
    "the report, a brute force of its own and the precomputed periods say the same",
    figure="and in 25 periods",
)
@pytest.mark.parametrize("grain", GRAINS)
def test_periods_equal_the_report(town: Town, connection: psycopg.Connection[Any], grain: str) -> None:
    rng = Random(f"{SEED} {grain}")
    periods = connection.execute(
        "select distinct brand_id, period_start from marts.kpi_period where grain = %s and value <> 0"
        " order by brand_id, period_start",
        [grain],
    ).fetchall()
    assert periods
    for brand, start in rng.sample(periods, min(5, len(periods))):
        for dimension in DIMENSIONS[grain]:
            breakdown = [] if dimension == "all" else [dimension]
            asked = report(connection, brand, start, _last_date(grain, start), breakdown=breakdown)
            expected = {
                (row.bucket[0] if breakdown else "all", row.ref, row.bin or ""): (
                    *row.figure,
                    row.is_final,
                    row.settled_share,
                )
                for row in asked
                if len(row.bucket) == len(breakdown) and row.ref in DATED
            }
            stored = connection.execute(
                "select dimension_value, ref, bin, value, numerator, denominator, is_final, settled_share"
                " from marts.kpi_period"
                " where brand_id = %s and grain = %s and period_start = %s and dimension = %s",
                [brand, grain, start, dimension],
            ).fetchall()
            assert {tuple(row[:3]): tuple(row[3:]) for row in stored} == expected, (brand, grain, start, dimension)


def test_every_period_is_there_and_no_other(town: Town, connection: psycopg.Connection[Any]) -> None:
    """Days without a gap from each brand's first fact on, every indicator and bin on each of them, once."""
    lines = sum(len(i.bins) or 1 for i in catalogue.load().dated)
    rows = connection.execute(
        "select brand_id, count(*), count(distinct period_start), max(period_start) - min(period_start) + 1"
        " from marts.kpi_period where grain = 'day' and dimension = 'all' group by brand_id"
    ).fetchall()
    assert {row[0] for row in rows} == {brand.brand_id for brand in town.brands}
    assert [row for row in rows if not (row[1] == row[2] * lines and row[2] == row[3])] == []
    unexpected = connection.execute("select distinct grain, dimension from marts.kpi_period order by 1, 2").fetchall()
    assert {(grain, dimension) for grain, some in DIMENSIONS.items() for dimension in some} == set(unexpected)


def test_the_guards_find_every_row_and_both_books_agreeing(town: Town, connection: psycopg.Connection[Any]) -> None:
    dated, tolerance = catalogue.load().dated, catalogue.settling().tolerance
    findings = [
        *judge_completeness(connection, dated),
        *judge_double_entry(connection, sampled=times(40, 150)),
        *judge_fluctuating(connection, dated, tolerance),
    ]
    assert {one.brand for one in findings if one.name == "completeness"} == {brand.brand_id for brand in town.brands}
    assert {"double_entry", "direction", "rates"} <= {one.name for one in findings}
    assert [(one.brand, one.name, one.observed) for one in findings if one.is_error and not one.passed] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_labelled_views_name_every_row(town: Town, connection: psycopg.Connection[Any], language: str) -> None:
    query = (
        f"select count(*), count(area), count(name), count(unit), count(period_label) from marts.kpi_period_{language}"
    )
    counts = connection.execute(query.encode()).fetchone()
    assert counts is not None and counts[0] > 0 and len(set(counts)) == 1


def test_a_labelled_view_looks_up_a_brands_first_day_once_and_not_for_each_row(
    town: Town, connection: psycopg.Connection[Any]
) -> None:
    """Where its planner is wrong about how many rows there are, as it is for one indicator of all brands."""
    asked = "from marts.kpi_period_es where ref = 'Chat-Card-0'"
    plan = f"explain (analyze, buffers, format json) select distinct name {asked}"
    (((explained,),),) = connection.execute(plan.encode()).fetchall()
    rows = connection.execute(f"select count(*) {asked}".encode()).fetchone()
    assert rows and rows[0] > 0
    # Some index probes a row; a pass over a brand's days for each would be thousands.
    assert explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"] < 100 * rows[0]
