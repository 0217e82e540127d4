"""Faults of the feed as a whole: yesterday missing behind a backfill, far too few rows and far too many.

Not here: the other rules of the entrance suite (tests/integration/test_feeds.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from landing_of import Raw, brand, message

from expectations.feeds import due_day, judge_dataset, judge_freshness
from orchestration.sources import pending

FIRST = date(2026, 1, 5)  # a Monday
HISTORY, CLEAN = 42, 90
WEEK = (1.0, 0.95, 0.9, 1.0, 1.2, 1.5, 0.4)  # Monday to Sunday, as a share of the usual volume


@pytest.mark.fault(
    33,
    "an old partition is backfilled while yesterday is missing",
    "still reported as stale: what counts is the newest complete day",
)
def test_a_backfill_does_not_make_the_data_fresh(
    connection: psycopg.Connection[Any], tmp_path: Any, figure: Callable[[str], None]
) -> None:
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()], date(2026, 3, 1))
    now = datetime(2026, 3, 12, 6, tzinfo=UTC)

    def is_fresh() -> tuple[bool | None, str]:
        end = pending.data_through(connection, {"messages": raw.source("messages")})
        (finding,) = judge_freshness((end - timedelta(days=1)).date() if end else None, now)
        assert not finding.is_error
        return finding.passed, finding.observed

    raw.take("messages", [message(1)], date(2026, 3, 10))
    assert is_fresh()[0] is False
    raw.take("messages", [message(2, sent_at="2026-03-03T09:00:00Z")], date(2026, 3, 3))
    passed, observed = is_fresh()
    assert (passed, observed) == (False, "the newest complete extract day is 2026-03-10")
    raw.take("messages", [message(3, sent_at="2026-03-11T09:00:00Z")], date(2026, 3, 11))
    assert is_fresh()[0] is True
    figure("after the backfill the check still fails; with yesterday's extract it passes")


def test_a_day_is_due_when_the_nightly_run_has_asked_for_it() -> None:
    assert due_day(datetime(2026, 3, 12, 2, 29, tzinfo=UTC)) == date(2026, 3, 10)
    assert due_day(datetime(2026, 3, 12, 2, 30, tzinfo=UTC)) == date(2026, 3, 11)
    assert judge_freshness(None, datetime(2026, 3, 12, tzinfo=UTC))[0].observed == "no extract day is complete"


def volumes(seed: int, usual: float) -> list[int]:
    """Rows a day of an ordinary feed: its week, a slow growth, days that differ by a seventh, and chance."""
    rng = Random(seed)
    rows = []
    for number in range(HISTORY + CLEAN):
        mean = usual * WEEK[number % 7] * (1 + 0.3 * number / (HISTORY + CLEAN)) * math.exp(rng.gauss(0, 0.14))
        rows.append(max(0, round(rng.gauss(mean, math.sqrt(mean)))))
    return rows


def load(connection: psycopg.Connection[Any], rows: list[int], closed: Mapping[str, list[str]] | None = None) -> None:
    """As if these extracts of messages, a day each, had just been loaded."""
    days = [(number + 1, FIRST + timedelta(days=number), count) for number, count in enumerate(rows)]
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into raw.load (load_id, dataset, extract_day, outcome, files, fingerprint, started_at, ended_at)"
            " values (%s, 'messages', %s, 'loaded', '[]', '', now(), now())",
            [(number, day) for number, day, _ in days],
        )
        cursor.executemany(
            "insert into raw.extract values ('messages', %s, '', %s)", [(day, number) for number, day, _ in days]
        )
        cursor.executemany(
            "insert into raw.profile (load_id, dataset, extract_day, brand_id, column_name, row_count, null_count)"
            " values (%s, 'messages', %s, 'b', '', %s, 0)",
            days,
        )
        if closed:
            cursor.execute(
                "insert into raw.brands (brand_id, name, timezone, currency, locale, working_hours, updated_at,"
                " extract_day, content_hash, load_id) values ('b', 'B', 'UTC', 'EUR', 'fr', %s, now(), %s, '', 1)",
                [json.dumps(closed), FIRST],
            )


def alarms(connection: psycopg.Connection[Any]) -> list[str]:
    """The days after the history that are warned of, in words."""
    found = []
    for finding in judge_dataset(connection, "messages", []):
        if finding.name in ("volume_is_not_low", "volume_is_not_high") and not finding.passed:
            assert not finding.is_error
            found += finding.observed.split("; b ")
    return found


VOLUME = pytest.mark.fault(
    34,
    "60 % of a Tuesday's rows are missing; four times as many come; a holiday",
    "warned of, with the range expected of that weekday; a holiday moves no later range",
)


@VOLUME
def test_far_too_few_and_far_too_many_rows_are_caught(
    databases: Callable[[], Any], figure: Callable[[str], None]
) -> None:
    caught = []
    for change in (0.4, 4.0):
        with databases() as url, psycopg.connect(url) as connection:
            rows = volumes(1, usual=300)
            tuesday = HISTORY + 1 + 7 * 5
            rows[tuesday] = round(rows[tuesday] * change)
            load(connection, rows)
            day = FIRST + timedelta(days=tuesday)
            said = [line for line in alarms(connection) if str(day) in line]
            assert len(said) == 1 and f"{rows[tuesday]} rows, " in said[0], said
            assert said[0].endswith("expected on a Tuesday")
            caught += said
    assert len(caught) == 2
    figure("2 of 2 warned of")


@VOLUME
def test_clean_days_and_holidays_are_not_warned_of(databases: Callable[[], Any], figure: Callable[[str], None]) -> None:
    false_alarms = []
    for seed, usual in enumerate((30, 120, 300, 1000, 5000)):
        with databases() as url, psycopg.connect(url) as connection:
            rows = volumes(seed, usual)
            # Two Mondays seven weeks apart on which the brand is closed, as it has said.
            holidays = [HISTORY + 7, HISTORY + 7 * 8]
            for number in holidays:
                rows[number] = rows[number] // 20
            load(connection, rows, {"closed": [str(FIRST + timedelta(days=number)) for number in holidays]})
            false_alarms.append(len(alarms(connection)))
    assert max(false_alarms) <= 2, false_alarms
    figure(f"at most {max(false_alarms)} false alarms in {CLEAN} clean days with two holidays, over 5 feeds")
