"""Days into runs, without Dagster's machinery."""

from datetime import UTC, date, datetime
from itertools import pairwise
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from orchestration.assets.partitions import Stretch, daily, days_of, stretches


def day(number: int) -> date:
    return date(2026, 3, number)


def test_neighbouring_days_make_one_stretch_with_all_their_families() -> None:
    assert stretches([(day(2), "sales"), (day(1), "chat"), (day(2), "chat")]) == [
        Stretch(day(1), day(2), frozenset({"chat", "sales"}))
    ]


def test_a_week_without_extracts_does_not_end_a_stretch_and_eight_days_do() -> None:
    assert len(stretches([(day(1), "chat"), (day(9), "chat")])) == 1
    assert len(stretches([(day(1), "chat"), (day(10), "chat")])) == 2


def test_nothing_to_load_is_no_stretch() -> None:
    assert stretches([]) == []


@given(st.lists(st.tuples(st.dates(date(2024, 1, 1), date(2025, 1, 1)), st.sampled_from(["chat", "hook"]))))
def test_every_extract_is_in_exactly_one_stretch_and_stretches_lie_apart(extracts: list[tuple[date, str]]) -> None:
    found = stretches(extracts)
    for extract_day, family in extracts:
        holders = [s for s in found if s.first <= extract_day <= s.last]
        assert len(holders) == 1
        assert family in holders[0].families
    for earlier, later in pairwise(found):
        assert (later.first - earlier.last).days > 8


def test_a_window_is_half_open() -> None:
    window = SimpleNamespace(start=datetime(2026, 2, 27, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC))
    assert days_of(window) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]


def test_partitions_run_from_the_first_extract_to_today() -> None:
    keys = daily(date(2026, 3, 1)).get_partition_keys(current_time=datetime(2026, 3, 3, 5, tzinfo=UTC))
    assert list(keys) == ["2026-03-01", "2026-03-02", "2026-03-03"]
