"""Completeness and double entry over the small days: what was published passes, what is tampered with is caught.

Each test takes its tampering back. Not here: what the figures are (test_small_days.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from night import Night

from expectations.completeness import judge_completeness
from expectations.double_entry import QUERIES, judge_double_entry
from expectations.findings import Finding
from orchestration.catalogue import catalogue

pytestmark = pytest.mark.xdist_group("small_days")

PARIS_MONDAY = "brand_id = 'paris' and grain = 'day' and period_start = '2025-06-02' and dimension = 'all'"


@pytest.fixture
def connection(small_days: Night) -> Iterator[psycopg.Connection[Any]]:
    with small_days.connect() as opened:
        yield opened
        opened.rollback()


def complete(connection: psycopg.Connection[Any]) -> list[Finding]:
    return judge_completeness(connection, catalogue.load().dated)


def offences(findings: list[Finding]) -> list[tuple[str, dict[str, Any]]]:
    return [(one.brand, line) for one in findings for line in one.offenders]


def test_what_was_published_is_complete(connection: psycopg.Connection[Any]) -> None:
    findings = complete(connection)
    brands = {row[0] for row in connection.execute("select brand_id from marts.dim_brand")}
    assert {one.brand for one in findings} == brands
    assert offences(findings) == []


@pytest.mark.parametrize(
    ("tampering", "what", "example"),
    [
        (
            f"delete from build.int_kpi_answered where {PARIS_MONDAY} and ref = 'Chat-Card-0'",
            "rows",
            "day 2025-06-02 Chat-Card-0  missing",
        ),
        (
            f"delete from build.int_kpi_answered where {PARIS_MONDAY} and ref = 'Chat-Bar-11' and bin = '<1 min'",
            "rows",
            "day 2025-06-02 Chat-Bar-11 <1 min missing",
        ),
        (
            "insert into build.int_kpi_answered select * from build.int_kpi_answered"
            f" where {PARIS_MONDAY} and ref = 'Chat-Card-0'",
            "rows",
            "day 2025-06-02 Chat-Card-0  not expected",
        ),
        (
            f"update build.int_kpi_answered set ref = 'Chat-Card-0', dimension = 'channel' where {PARIS_MONDAY}"
            " and ref = 'Chat-Card-20'",
            "rows by channel",
            "day 2025-06-02 Chat-Card-0  not expected",
        ),
        (
            "update build.touched_period set is_gone = true"
            " where brand_id = 'paris' and grain = 'day' and period_start = '2025-06-02'",
            "rows",
            "day 2025-06-02 Ads-Card-1  not expected",
        ),
        (
            "update build.int_brands_spanned set last_date = last_date + 1 where brand_id = 'paris'",
            "periods",
            "day 2025-07-05 missing",
        ),
    ],
    ids=["a row", "a class", "a row twice", "a dimension", "a period that is gone", "a day of the calendar"],
)
def test_a_row_too_few_or_too_many_is_caught(
    connection: psycopg.Connection[Any], tampering: str, what: str, example: str
) -> None:
    connection.execute(tampering.encode())
    found = [line for brand, line in offences(complete(connection)) if brand == "paris" and line["what"] == what]
    assert [line["example"] for line in found] == [example]


def test_both_books_agree(connection: psycopg.Connection[Any]) -> None:
    findings = judge_double_entry(connection, sampled=60)
    assert len({one.brand for one in findings}) > 3
    assert offences(findings) == []


@pytest.mark.parametrize("ref", [ref for refs in QUERIES for ref in refs])
def test_each_query_counts_something_and_catches_a_false_value(connection: psycopg.Connection[Any], ref: str) -> None:
    periods = connection.execute(
        "select brand_id, grain, period_start from build.int_kpi_answered"
        " where ref = %s and dimension = 'all' and value > 0 and grain in ('day', 'week', 'month')"
        " order by brand_id, grain, period_start limit 1",
        [ref],
    ).fetchall()
    if not periods:
        pytest.skip("nothing of it in the small days")
    connection.execute(
        "delete from build.touched_period where (brand_id, grain, period_start) <> (%s, %s, %s)", periods[0]
    )
    assert offences(judge_double_entry(connection, sampled=1)) == []
    connection.execute("update build.int_kpi_answered set value = value + 1 where ref = %s", [ref])
    (offence,) = offences(judge_double_entry(connection, sampled=1))
    assert offence[1]["indicator"] == ref
    assert float(offence[1]["stated"]) == pytest.approx(float(offence[1]["counted"]) + 1)


def test_a_period_that_should_have_been_touched_is_caught(connection: psycopg.Connection[Any]) -> None:
    """Of a run that touched Sunday alone, all other periods are left alone, and those beside it asked anew."""
    for table, column in (("touched_period", "period_start"), ("touched_date", "local_date")):
        connection.execute(
            f"delete from build.{table} where (brand_id, {column}) <> ('paris', date '2025-06-01')".encode()
        )
    connection.execute("delete from build.touched_period where grain <> 'day'")
    assert offences(judge_double_entry(connection, sampled=40)) == []
    connection.execute(f"update marts.kpi_period set value = value + 1 where {PARIS_MONDAY} and ref = 'Agnt-Card-3'")
    ((brand, line),) = offences(judge_double_entry(connection, sampled=40))
    assert (brand, line["indicator"], line["period"]) == ("paris", "Agnt-Card-3", "day 2025-06-02")
    assert float(line["stated"]) == float(line["counted"]) + 1
    left = connection.execute("select count(*) from build.touched_period").fetchone()
    assert left == (1,), "what is asked anew is taken back"
