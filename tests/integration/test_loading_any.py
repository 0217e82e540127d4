"""The laws of loading on random small batches: idempotent, commutative, nothing lost."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from landing_of import DAY, Raw, Row, brand, message, order
from thoroughness import times

DAYS = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)]
BRANDS = st.sampled_from(["acme", "bolt"])

brands = st.builds(
    lambda brand_id, currency, hour: brand(
        brand_id=brand_id, currency=currency, updated_at=f"2026-03-09T{hour:02}:00:00Z"
    ),
    BRANDS, st.sampled_from(["EUR", "USD"]), st.integers(0, 2),
)  # fmt: skip
orders = st.builds(
    lambda brand_id, number, currency, amount, hour: order(
        number, brand_id=brand_id, currency=currency, gross_amount=amount, updated_at=f"2026-03-10T{hour:02}:00:00Z"
    ),
    BRANDS, st.integers(0, 2), st.sampled_from(["EUR", "USD"]), st.sampled_from(["1", "1.0", "2", "x"]),
    st.integers(0, 2),
)  # fmt: skip
messages = st.builds(
    lambda brand_id, number, place, kind: message(
        number, brand_id=brand_id, conversation_id=place, content_type=kind
    ),
    BRANDS | st.none(), st.integers(0, 3), st.sampled_from(["a", "b"]), st.sampled_from(["text", "photo", "bad"]),
)  # fmt: skip
extracts = st.fixed_dictionaries(
    {},
    optional={
        (dataset, day): st.lists(rows, max_size=6)
        for day in DAYS
        for dataset, rows in (("brands", brands), ("orders", orders), ("messages", messages))
    },
)


def _clean(raw: Raw) -> None:
    shutil.rmtree(raw.landing, ignore_errors=True)
    with raw.connection.transaction():
        raw.connection.execute(
            "truncate raw.brands, raw.orders, raw.messages, raw.load_count, raw.quarantine, raw.profile, raw.extract,"
            " raw.touched, raw.load"
        )


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path) -> Raw:
    return Raw(connection, tmp_path / "landing")


@settings(max_examples=times(6, 12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=extracts, now=extracts, shuffle=st.randoms(use_true_random=False))
def test_state_follows_from_the_set_of_extracts(
    raw: Raw, before: dict[tuple[str, date], list[Row]], now: dict[tuple[str, date], list[Row]], shuffle: Any
) -> None:
    final = {**before, **now}
    _clean(raw)
    for (dataset, day), rows in sorted(final.items()):
        raw.take(dataset, rows, day)
    expected = raw.state()

    # The other way round: older versions first, everything in any order, some of it twice.
    _clean(raw)
    early = list(before.items())
    late = list(final.items())
    late += shuffle.sample(late, len(late) // 2)
    shuffle.shuffle(early)
    shuffle.shuffle(late)
    for (dataset, day), rows in early + late:
        result = raw.take(dataset, rows, day)
        assert result.counts.read == len(rows)
    assert raw.state() == expected

    # The table's own check says that each load adds up; this, that the tables agree with the ledger.
    for dataset in ("brands", "orders", "messages"):
        kept = raw.all(
            f"select e.extract_day, coalesce(sum(rows_read - rejected), 0), coalesce(sum(rejected), 0),"
            f" (select count(*) from raw.{dataset} r where r.extract_day = e.extract_day),"
            f" (select count(*) from raw.quarantine q where q.extract_day = e.extract_day and q.dataset = e.dataset)"
            f" from raw.extract e left join raw.load_count using (load_id) where dataset = %s"
            f" group by e.dataset, e.extract_day", dataset,
        )  # fmt: skip
        for _, good, rejected, stored, waiting in kept:
            assert rejected == waiting and stored <= good
