"""Corrected and late data while the data reach no further: what reads them is stated anew, and the rest stands.

Not here: nights on which time passes too (test_nights.py), changed definitions (test_what_changed.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from brute import brands
from brute.landing import write
from night import Night
from town import SEED, by_month

from orchestration.catalogue import catalogue, dbt_macros, facts

OF_ORDERS = {mart for mart in facts.marts() if facts.built_from(mart).touched == "touched_order"}
# The month whose last days are settled: the brand's curves are measured on them.
MARCH = date(2025, 3, 31)


def test_what_reads_a_correction_is_stated_anew_and_ends_like_a_clean_build(new_night: Callable[[], Night]) -> None:
    rows = by_month(brands.brand(Random(f"{SEED} altered"), "random").rows)
    night, clean = new_night(), new_night()
    write(night.landing, rows)
    night.run()

    # An order of March turns out dearer.
    rows["orders"] = [
        {**row, "gross_amount": row["gross_amount"] + (row["extract_day"] == MARCH)} for row in rows["orders"]
    ]
    write(night.landing, rows)
    night.run([("orders", MARCH)])
    assert _extents(night) == {"altered", "redefined"}
    with night.connect() as connection:
        anew = connection.execute("select ref from build.touched_indicator where extent = 'altered'").fetchall()
    known = catalogue.load()
    assert {ref for (ref,) in anew} == {i.ref for i in known.dated if OF_ORDERS & {*dbt_macros.read_by(i, known)}}

    # More was written in March than had been told.
    later = [
        {**row, "message_id": f"{row['message_id']} late", "sent_at": row["sent_at"] + timedelta(hours=1)}
        for row in rows["messages"]
        if row["extract_day"] == MARCH
    ]
    rows["messages"] += later
    write(night.landing, rows)
    shares = _unsettled_shares(night)
    night.run([("messages", MARCH)])
    assert _extents(night) == {"altered", "redefined"}
    moved = _unsettled_shares(night) - shares
    assert moved, "the curve is another, and with it how settled the days of April are, of which nothing was told"

    write(clean.landing, rows)
    clean.run()
    assert [table for table in facts.marts() if _rows(night, table) != _rows(clean, table)] == []


def _extents(night: Night) -> set[str]:
    with night.connect() as connection:
        return {extent for (extent,) in connection.execute("select extent from build.touched_period")}


def _unsettled_shares(night: Night) -> set[tuple[object, ...]]:
    """How settled the numbers are of periods that nothing altered in the newest run."""
    with night.connect() as connection:
        return set(
            connection.execute(
                "select grain, period_start, dimension, dimension_value, ref, bin, settled_share"
                " from marts.kpi_period as k inner join build.touched_period as p using (brand_id, grain, period_start)"
                " where p.extent = 'redefined'"
            )
        )


def _rows(night: Night, table: str) -> list[str]:
    with night.connect() as connection:
        return [row[0] for row in connection.execute(f"select t::text from marts.{table} as t order by 1".encode())]
