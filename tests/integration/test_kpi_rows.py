"""The rows behind a number give it back, whatever was asked.

Not here: whether the number is right (test_indicators_exact.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
import pytest
from asking import report
from brute.brands import question
from brute.clock import day_begins
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from thoroughness import times
from town import Town

from orchestration.catalogue import catalogue

pytestmark = pytest.mark.xdist_group("town")

COMPUTED = {i.ref: i for i in catalogue.load().computed}
BREAKDOWNS: tuple[list[str], ...] = (
    [], ["source"], ["member"], ["day"], ["channel"], ["hour", "role"], ["notification_channel"], ["inbox"],
    ["conversation_channel", "source"],
)  # fmt: skip
# As long a question as there may be, around what happened.
AGES = timedelta(days=1_800)
Key = tuple[str, tuple[str, ...], str | None]


@pytest.fixture(scope="module")
def connection(town: Town) -> Iterator[psycopg.Connection[Any]]:
    with town.night.connect() as opened:
        yield opened


def _rows(connection: psycopg.Connection[Any], ref: str, brand: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    named = {f"p_{name}": value for name, value in asked.items() if name not in ("date_from", "date_to")}
    arguments = ", ".join(f"{name} => %({name})s" for name in named)
    values = {"ref": ref, "brand": brand, "first": asked["date_from"], "last": asked["date_to"], **named}
    query = f"select * from marts.kpi_rows(%(ref)s, %(brand)s, %(first)s, %(last)s, {arguments})"
    return connection.execute(query.encode(), values).fetchall()


@settings(max_examples=times(1, 2), deadline=None, phases=[Phase.reuse, Phase.generate])
@given(seed=st.integers(0, 2**32))
def test_sums_give_the_number_back(town: Town, connection: psycopg.Connection[Any], seed: int) -> None:
    rng = Random(seed)
    wrong: list[str] = []
    for brand in rng.sample(town.brands, 4):
        asked = question(rng, brand) | {"breakdown": rng.choice(BREAKDOWNS)}
        arguments = {name: value for name, value in asked.items() if name not in ("date_from", "date_to")}
        stated: dict[str, dict[Key, Any]] = {}
        for row in report(connection, brand.brand_id, asked["date_from"], asked["date_to"], **arguments):
            stated.setdefault(row.ref, {})[(row.ref, tuple(row.bucket), row.bin)] = row
        for ref, rows in stated.items():
            sums: dict[Key, list[Decimal]] = {}
            seen = set()
            bases: dict[Key, set[str]] = {}
            for entity, entity_id, anchor, bucket, bin_, numerator, denominator, basis in _rows(
                connection, ref, brand.brand_id, asked
            ):
                counted = (entity, entity_id, tuple(bucket), numerator is None)
                assert counted not in seen, f"{ref} counts {counted} twice (seed {seed})"
                seen.add(counted)
                begins = day_begins(brand.zone, asked["date_from"])
                assert anchor is not None and (anchor >= begins or COMPUTED[ref].ignores), (
                    f"{ref} {counted} at {anchor} (seed {seed})"
                )
                pair = sums.setdefault((ref, tuple(bucket), bin_), [Decimal(0), Decimal(0)])
                pair[0] += numerator or 0
                pair[1] += denominator or 0
                bases.setdefault((ref, tuple(bucket), bin_), set()).update([basis] if basis else [])
            for key, row in rows.items():
                known_by = bases.get(key, set()) if not row.missing else set()
                basis = "mixed" if len(known_by) > 1 else next(iter(known_by), None)
                if basis != row.basis:
                    wrong.append(f"{brand.brand_id} {key}: rows rest on {basis}, report on {row.basis}")
                above, below = sums.pop(key, [Decimal(0), Decimal(0)])
                # A part that is not known, for want of a feed, is null whatever rows there are.
                is_median, is_known = COMPUTED[ref].kind == "median", not row.missing
                agrees = (above == row.numerator or is_median or (not is_known and row.numerator is None)) and (
                    below == row.denominator or row.denominator is None
                )
                if not agrees:
                    wrong.append(
                        f"{brand.brand_id} {key}: rows {above}/{below}, report {row.numerator}/{row.denominator}"
                    )
            unknown = {row.ref for row in rows.values() if row.missing}
            wrong += [
                f"{brand.brand_id} {key}: rows without a statement"
                for key, pair in sums.items()
                if any(pair) and key[0] not in unknown
            ]
    assert not wrong, f"seed {seed}: " + "; ".join(wrong[:10])


def test_a_thing_counts_from_its_earliest_instant(town: Town, connection: psycopg.Connection[Any]) -> None:
    """An active dialogue is dated by its first message of the window, as the messages themselves say."""
    brand = max(town.brands, key=lambda one: len(one.rows["messages"]))
    rows = connection.execute(
        "select r.entity_id, r.anchor, min(m.message_at)"
        " from marts.kpi_rows('Chat-Card-20', %(brand)s, %(first)s, %(last)s) as r"
        " inner join marts.fct_message as m on m.brand_id = %(brand)s and m.conversation_id = r.entity_id"
        " group by r.entity_id, r.anchor",
        {"brand": brand.brand_id, "first": brand.around - AGES, "last": brand.around + AGES},
    ).fetchall()
    assert rows
    assert [row for row in rows if row[1] != row[2]] == []


def test_an_unknown_indicator_is_named(town: Town, connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=r'unknown indicator "Nope"; allowed: Wlst-Card-1'):
        connection.execute("select * from marts.kpi_rows('Nope', 'brand-0', '2024-01-01', '2024-01-02')")
    connection.rollback()
