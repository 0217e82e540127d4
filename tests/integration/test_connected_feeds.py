"""A feed that is declared connected: from that day on no row means none, before it nobody knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from asking import report
from night import Night
from platforms import Copies

from orchestration.marts import feeds
from orchestration.settings import PROJECT
from orchestration.sources.connectors.sources_file import read_sources

pytestmark = pytest.mark.xdist_group("small_days")

SUNDAY, MONDAY = date(2025, 6, 1), date(2025, 6, 2)
# The day of paris has neither orders nor activity of members. The shop of window_shopping sells from Saturday on.
SALES = "Chat-Card-81"


def told(connection: psycopg.Connection[Any], ref: str, day: date, brand: str = "paris") -> tuple[Any, list[str]]:
    """What the report says of a day, which the precomputed period says too: the value, and what is missing."""
    (answer,) = report(connection, brand, day, day, refs=[ref])
    stated = connection.execute(
        "select value from marts.kpi_period where brand_id = %s and ref = %s and grain = 'day' and period_start = %s"
        " and dimension = 'all'",
        [brand, ref, day],
    ).fetchone()
    assert stated == (answer.value,)
    return answer.value, answer.missing


def recorded(connection: psycopg.Connection[Any], ref: str, brand: str = "paris") -> set[tuple[Any, ...]]:
    """What the newest publication recorded of it: the period that moved, from what to what, and why."""
    return set(
        connection.execute(
            "select grain, period_start, previous_value, value, cause, cardinality(loads) from marts.kpi_published"
            " where brand_id = %s and ref = %s and generation = (select max(generation) from marts.publication)",
            [brand, ref],
        ).fetchall()
    )


def with_sources(night: Night, folder: Path, words: str) -> Night:
    file = folder / "sources.yml"
    file.write_text((PROJECT / "sources.yml").read_text().replace("  orders: {}", f"  orders: {words}"))
    assert words in file.read_text()
    return replace(night, sources_file=file)


def test_no_row_means_none_from_the_day_that_is_declared(small_days_again: Copies, tmp_path: Path) -> None:
    with small_days_again() as night, night.connect() as connection:
        assert told(connection, SALES, SUNDAY) == told(connection, SALES, MONDAY) == (None, ["orders"])
        declared = with_sources(night, tmp_path, f"{{connected_from: {MONDAY}}}")
        assert feeds.are_outdated(connection, feeds.declared(declared.sources))
        connection.commit()
        assert declared.publish().is_new
        assert told(connection, SALES, SUNDAY) == (None, ["orders"])
        assert told(connection, SALES, MONDAY) == (0, [])
        assert told(connection, "Amb-Card-52", MONDAY) == (None, ["member_activity"])
        days = {(start, *rest) for grain, start, *rest in recorded(connection, SALES) if grain == "day"}
        assert (MONDAY, None, 0, "settings", 0) in days and all(start >= MONDAY for start, *_ in days)
        assert not feeds.are_outdated(connection, feeds.declared(declared.sources))


@pytest.mark.long
def test_what_was_declared_can_be_taken_back(small_days_again: Copies, tmp_path: Path) -> None:
    with small_days_again() as night, night.connect() as connection:
        before = night.digest()
        declared = with_sources(night, tmp_path, f"{{connected_from: {MONDAY}}}")
        assert declared.publish().is_new
        assert not declared.publish().is_new
        # As it was, with the same cause.
        assert night.publish().is_new
        assert told(connection, SALES, MONDAY) == (None, ["orders"])
        assert (MONDAY, 0, None, "settings", 0) in {(one[1], *one[2:]) for one in recorded(connection, SALES)}
        assert night.digest() == before


def test_rows_of_before_go_on_to_tell(small_days_again: Copies, tmp_path: Path) -> None:
    with small_days_again() as night, night.connect() as connection:
        first = connection.execute("select brand_id, began_at from marts.dim_feed where feed = 'orders'").fetchall()
        connection.commit()
        with_sources(night, tmp_path, "{connected_from: 2030-01-01}").publish()
        after = connection.execute(
            "select brand_id, began_at from marts.dim_feed where feed = 'orders' and began_at < '2029-12-01'"
        ).fetchall()
        assert sorted(first) == sorted(after)


def test_a_source_of_one_brand_connects_that_brand_alone(tmp_path: Path) -> None:
    file = tmp_path / "sources.yml"
    file.write_text(
        "datasets:\n  orders: {connected_from: 2025-06-02, set: {brand_id: paris}}\n"
        "  refunds: {connected_from: 2025-06-03}\n  calls: {}\n"
    )
    assert feeds.declared(read_sources(file, "unused")) == [
        feeds.Connected("orders", "paris", MONDAY), feeds.Connected("refunds", None, date(2025, 6, 3))
    ]  # fmt: skip
