"""What changed in the definitions decides what is rebuilt: a word nothing but words, an indicator its own periods.

Not here: what changes a fingerprint (tests/unit/test_fingerprint.py), changed models (test_order_and_repetition.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from night import Night
from platforms import Copies

from orchestration.catalogue import catalogue

pytestmark = pytest.mark.xdist_group("small_days")

CHANGED, NEW = "Chat-Card-0", "Chat-Card-0b"


def _entry(document: Any, ref: str) -> Any:
    return next(entry for entry in document["indicators"] if entry["ref"] == ref)


def _word(document: Any) -> None:
    _entry(document, CHANGED)["names"]["es"] = "Otra palabra"


def _indicators(document: Any) -> None:
    _word(document)
    changed = _entry(document, CHANGED)
    names = {language: f"{name} (2)" for language, name in changed["names"].items()}
    document["indicators"].append({**changed, "ref": NEW, "names": names})
    changed["numerator"] = {**changed["numerator"], "where": "f.source <> 'waiting_list'"}


@pytest.fixture
def night(small_days_again: Copies) -> Iterator[Night]:
    """The small days, published once."""
    with small_days_again() as copy:
        yield copy


def test_a_word_touches_words_and_an_indicator_its_own_periods(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_written, load = catalogue.CATALOGUE_FILE.read_text("utf-8"), catalogue.load

    def publish(change: Callable[[Any], None]) -> dict[str, Any]:
        document = yaml.safe_load(as_written)
        change(document)
        file = tmp_path / f"{change.__name__}.yml"
        file.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
        known = load(file)
        monkeypatch.setattr(catalogue, "load", lambda: known)
        return {table: counts for table, counts in night.publish().counts.items() if counts.total}

    # A Spanish word.
    written = publish(_word)
    assert {table: (c.inserted, c.updated, c.deleted) for table, c in written.items()} == {"dim_kpi": (0, 1, 0)}
    with night.connect() as connection:
        assert connection.execute("select count(*) from build.int_conversations_lived").fetchone() == (0,)
        anew = connection.execute("select count(*) from build.touched_period where extent = 'redefined'").fetchone()
        assert anew == (0,)
        named = connection.execute("select distinct name from marts.kpi_period_es where ref = %s", [CHANGED])
        assert named.fetchall() == [("Otra palabra",)]
        before, days_before = _periods(connection), _days(connection)

    # An indicator that counts otherwise, and a new one that counts as it did before.
    written = publish(_indicators)
    assert written.keys() == {"dim_kpi", "fct_indicator_day", "kpi_period", "kpi_published"}
    with night.connect() as connection:
        assert connection.execute("select count(*) from build.int_conversations_lived").fetchone() == (0,)
        after = _periods(connection)
        moved = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        assert {ref for _, ref, _ in moved} == {CHANGED, NEW}
        told = {(period, ref) for period, ref, _ in moved}
        assert {(period, NEW) for period, ref, _ in before if ref == CHANGED} <= told
        assert {
            (period, dimension): figure for (period, ref, dimension), figure in after.items() if ref == NEW
        } == {(period, dimension): figure for (period, ref, dimension), figure in before.items() if ref == CHANGED}
        days_after = _days(connection)
        assert {part.split(" ")[0] for _, part, _ in days_before ^ days_after} == {CHANGED, NEW}
        causes = connection.execute(
            "select distinct ref, cause, loads from marts.kpi_published where generation > 1"
        ).fetchall()
        assert set(map(repr, causes)) == {repr((CHANGED, "definition", [])), repr((NEW, "first", []))}
        stored = connection.execute(
            "select value from marts.kpi_period where ref = %s and dimension = 'source' and dimension_value ="
            " 'waiting_list' and value > 0",
            [CHANGED],
        ).fetchall()
        assert stored == []


def _periods(connection: Any) -> dict[tuple[Any, ...], Any]:
    rows = connection.execute(
        "select brand_id, grain, period_start, ref, dimension, dimension_value, bin, value, numerator, denominator,"
        " is_final, settled_share from marts.kpi_period"
    )
    return {(tuple(row[:3]), row[3], tuple(row[4:7])): tuple(row[7:]) for row in rows}


def _days(connection: Any) -> set[tuple[Any, ...]]:
    """The numbers of each day as (day and what tells it apart, part of an indicator, number)."""
    rows = connection.execute(
        "select day.brand_id, local_date, source, inbox, member_id, measure.key, measure.value::numeric"
        " from marts.fct_indicator_day as day, jsonb_each_text(measures) as measure"
    )
    return {(tuple(row[:5]), row[5], row[6]) for row in rows}
