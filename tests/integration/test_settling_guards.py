"""The guards of fluctuating indicators on figures made by hand: clean ones pass, each false one is caught and named.

Not here: how curves are measured (test_settling.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from dagster import AssetKey

from expectations.findings import Finding
from expectations.settling import judge_fluctuating
from orchestration.assets.checks import as_result

DAY = date(2026, 3, 10)
ENDS = datetime(2026, 3, 11, tzinfo=UTC)
# Of the final value, the least and the most that a past day had reached at each age.
CURVE = {0: (0.4, 0.6), 1: (0.5, 0.7), 2: (0.6, 0.8), 3: (0.7, 0.9), 7: (0.9, 1), 14: (1, 1), 30: (1, 1)}


@dataclass(frozen=True)
class Indicator:
    """As far as the guards look at one of the catalogue."""

    ref: str
    unit: str
    stability: str
    settling_days: int
    rises: bool
    plausible: tuple[float | None, float | None] = (0, None)


INDICATORS = (
    Indicator("Given", "count", "fluctuating", 14, True),
    Indicator("Rate", "ratio", "fluctuating", 14, True),
    Indicator("Score", "score", "fluctuating", 14, False, (1, 5)),
    Indicator("Fixed", "count", "fixed", 0, False),
)

TABLES = """
create table build.run as select timestamptz '2026-03-13' as data_through;
create table build.touched_period (
    brand_id text, grain text, period_start date, next_period_start date, ends_at timestamptz, is_gone boolean
);
create table build.int_kpi_answered (
    brand_id text, grain text, period_start date, dimension text, dimension_value text, ref text, bin text,
    value numeric, numerator numeric, denominator numeric, is_final boolean
);
create table marts.kpi_period (like build.int_kpi_answered);
create table build.int_settling_answered (
    brand_id text, period_start date, days_after_end int, ref text, bin text, numerator numeric
);
create table next.kpi_settling (
    brand_id text, ref text, days_after_end int, settled_share numeric, periods_seen int, lowest_share numeric,
    highest_share numeric
);
insert into marts.publication values (1, 'earlier', '{}', 0, 0, 0, '{}', '2026-03-12', '2026-03-12');
"""


class Figures:
    """What a run would publish on 13 March, and what was published on the 12th; all of it clean to begin with."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        connection.execute(TABLES)
        self.touch(DAY, ENDS)
        self.state("marts.kpi_period", Given=(400, 400, None), Rate=(0.4, 40, 100), Score=(4, 40, 10))
        self.state("build.int_kpi_answered", Given=(500, 500, None), Rate=(0.5, 50, 100), Score=(4.2, 42, 10))
        for ref in ("Given", "Rate", "Score"):
            for age, (least, most) in CURVE.items():
                self.insert("next.kpi_settling", "b", ref, age, (least + most) / 2 if age < 14 else 1, 28, least, most)
        for age, number in ((0, 2), (1, 2), (3, 5), (None, 7)):
            self.insert("build.int_settling_answered", "b", DAY - timedelta(days=40), age, "Given", "", number)

    def touch(self, day: date, ends: datetime) -> None:
        """What is answered is of periods that are touched."""
        self.insert("build.touched_period", "b", "day", day, day + timedelta(days=1), ends, False)

    def insert(self, table: str, *values: Any) -> None:
        marks = ", ".join(["%s"] * len(values))
        self.connection.execute(f"insert into {table} values ({marks})".encode(), values)

    def state(self, table: str, day: date = DAY, is_final: bool = False, **values: tuple[Any, Any, Any]) -> None:
        for ref, figures in values.items():
            self.connection.execute(
                f"delete from {table} where ref = %s and period_start = %s".encode(),
                [ref, day],
            )
            self.insert(table, "b", "day", day, "all", "all", ref, "", *figures, is_final)

    def judged(self) -> dict[str, Finding]:
        return {one.name: one for one in judge_fluctuating(self.connection, INDICATORS, tolerance=0.02)}


@pytest.fixture
def figures(connection: psycopg.Connection[Any]) -> Figures:
    return Figures(connection)


def test_clean_figures_pass_every_rule(figures: Figures) -> None:
    figures.touch(DAY - timedelta(days=30), ENDS - timedelta(days=30))
    figures.state("marts.kpi_period", DAY - timedelta(days=30), True, Given=(100, 100, None))
    figures.state("build.int_kpi_answered", DAY - timedelta(days=30), True, Given=(102, 102, None))
    judged = figures.judged()
    assert set(judged) == {"direction", "rates", "plausible", "settled", "settling_time", "jumps"}
    assert [one for one in judged.values() if not one.passed] == []
    assert {one.brand for one in judged.values()} == {"b"}


def counted_again(figures: Figures) -> None:
    """Seven were given by now, but six are left of five and one that had been counted before."""
    figures.insert("build.int_settling_answered", "b", DAY - timedelta(days=40), 7, "Given", "", 8)


def more_than_the_whole(figures: Figures) -> None:
    figures.state("build.int_kpi_answered", Rate=(1.02, 51, 50))


def beyond_the_scale(figures: Figures) -> None:
    figures.state("build.int_kpi_answered", Score=(5.5, 55, 10))


def moved_after_it_settled(figures: Figures) -> None:
    figures.touch(DAY - timedelta(days=30), ENDS - timedelta(days=30))
    figures.state("marts.kpi_period", DAY - timedelta(days=30), True, Given=(100, 100, None))
    figures.state("build.int_kpi_answered", DAY - timedelta(days=30), True, Given=(103, 103, None))


def settles_late(figures: Figures) -> None:
    figures.connection.execute(
        "update next.kpi_settling set settled_share = 0.95 where ref = 'Given' and days_after_end = 14"
    )


def jumped(figures: Figures) -> None:
    # One day after its end the day said 400; of those that had reached most then (0.8) the value would now be at least
    # 400 x 0.6 / 0.8, of those that had reached least (0.5) at most 400 x 0.9 / 0.5; and chance: 3 x root of 1000.
    figures.state("build.int_kpi_answered", Given=(1000, 1000, None))


def fell_back(figures: Figures) -> None:
    figures.state("build.int_kpi_answered", Rate=(0.05, 5, 100))


@pytest.mark.parametrize(
    ("broken", "rule", "is_error", "offence"),
    [
        (
            counted_again, "direction", True,
            ("Given", "day 2026-01-29, now", "7", "at least 8, as before"),
        ),
        (more_than_the_whole, "rates", True, ("Rate", "day 2026-03-10 all", "1.02", "at least 0, at most 1")),
        (beyond_the_scale, "plausible", False, ("Score", "day 2026-03-10 all", "5.5", "at least 1, at most 5")),
        (moved_after_it_settled, "settled", False, ("Given", "day 2026-02-08", "103", "as published, 100")),
        (
            settles_late, "settling_time", False,
            ("Given", "14 days after a day's end", "0.95", "within 0.02 of 1 from day 14"),
        ),
        (jumped, "jumps", False, ("Given", "day 2026-03-10", "1000", "between 205.1317 and 814.8683")),
        # 0.4 x 0.6 / 0.8 = 0.3, 0.4 x 0.9 / 0.5 = 0.72; chance: 3 x root of 40, of 100.
        (fell_back, "jumps", False, ("Rate", "day 2026-03-10", "0.05", "between 0.1103 and 0.9097")),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)  # fmt: skip
def test_a_false_figure_is_caught_and_named(
    figures: Figures, broken: Callable[[Figures], None], rule: str, is_error: bool, offence: tuple[str, ...]
) -> None:
    broken(figures)
    judged = figures.judged()
    caught = {name: one for name, one in judged.items() if not one.passed}
    assert rule in caught
    # A rate above 1 has jumped as well.
    assert caught.keys() - {rule} <= {"jumps"}
    assert caught[rule].is_error is is_error
    (line,) = caught[rule].offenders
    assert (line["indicator"], line["period"], line["value"], line["expected"]) == offence
    # And it reaches who looks at the run: the check's metadata take nothing but plain values.
    result = as_result(AssetKey("kpi_period"), rule, list(judged.values()), "a run")
    assert (result.passed, result.severity.value) == (False, "ERROR" if is_error or "rates" in caught else "WARN")
    assert [*result.metadata[f"{rule} of b"].value] == [dict(line)]  # type: ignore[union-attr,arg-type]


@pytest.mark.parametrize(("score", "jumps"), [("2.59", True), ("2.61", False), ("7.99", False), ("8.01", True)])
def test_chance_moves_a_score_by_a_tenth_and_no_more(figures: Figures, score: str, jumps: bool) -> None:
    """It was 4: as the past has it 4 x 0.6 / 0.8 = 3 at least, 4 x 0.9 / 0.5 = 7.2 at most; a tenth of the greater of
    both scores for chance makes that 3 - 0.4 and, as 7.2 + 0.8 is 8, 8."""
    figures.state("build.int_kpi_answered", Score=(score, score, 1))
    lines = [line for one in figures.judged().values() if one.name == "jumps" for line in one.offenders]
    assert [line["indicator"] for line in lines] == (["Score"] if jumps else [])


def test_a_brand_whose_past_is_short_has_no_band(figures: Figures) -> None:
    figures.connection.execute("update next.kpi_settling set periods_seen = 6")
    jumped(figures)
    assert "jumps" not in figures.judged()
