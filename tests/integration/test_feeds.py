"""The entrance suite on profiles as the loader writes them: what may not pass, what is warned of, what is ordinary.

Not here: freshness (tests/faults/test_feeds.py).
"""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from landing_of import DAY, Raw, brand, message, order
from profiled import FIRST, REQUIRED, profile

from expectations.feeds import RULES, judge_dataset
from expectations.findings import Finding, Name, judge
from orchestration.sources import accepted
from orchestration.sources.accepted import Accepted
from orchestration.sources.contract import DATASETS


def judged(connection: psycopg.Connection[Any]) -> dict[str, Finding]:
    return {finding.name: finding for finding in judge_dataset(connection, "messages", REQUIRED)}


def failed(findings: Mapping[str, Finding]) -> dict[str, Finding]:
    return {name: finding for name, finding in findings.items() if not finding.passed}


def test_ordinary_extracts_pass_every_rule(connection: psycopg.Connection[Any]) -> None:
    for number in range(29):
        profile(connection, number, rows=100, nulls={"sender_id": 30})
    findings = judged(connection)
    # Messages have no currency, and of these none is odd.
    assert findings.keys() == RULES.keys() - {"rows_are_usual", "currencies_are_the_brands"}
    assert failed(findings) == {}


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_every_dataset_has_its_suite(connection: psycopg.Connection[Any], dataset: Any) -> None:
    assert judge_dataset(connection, dataset.name, dataset.required_columns) == [], "nothing loaded, nothing to judge"


@pytest.mark.parametrize(("usual", "held_back"), [(100, 50), (9, 0), (10, 0), (11, 1)])
def test_an_empty_extract_is_an_error_where_none_at_all_is_no_chance(
    connection: psycopg.Connection[Any], usual: int, held_back: int
) -> None:
    """Of a hundred rows a day at least 50 are to be expected (0.7 x 100 - 2 x 10), of nine none need come."""
    for number in range(7):
        profile(connection, number, rows=usual)
    profile(connection, 7, rows=0)
    bad = failed(judged(connection))
    assert list(bad) == (["has_rows"] if held_back else [])
    if held_back:
        assert bad["has_rows"].is_error
        assert bad["has_rows"].observed == f"2026-03-08: no rows, {held_back} or more expected"


def test_an_empty_extract_of_a_young_or_sparse_dataset_is_a_quiet_day(connection: psycopg.Connection[Any]) -> None:
    for number in range(9):
        profile(connection, number, rows=100 if number % 2 else 0)
    assert failed(judged(connection)) == {}


def test_a_weekday_may_be_quiet(connection: psycopg.Connection[Any]) -> None:
    """A shop that is closed on Sundays has its Sundays for a measure; on a Monday nothing is too little."""
    for number in range(28):
        profile(connection, number, rows=3 if number % 7 == 0 else 100)
    profile(connection, 28, rows=0)
    assert failed(judged(connection)).keys() == set()
    profile(connection, 29, rows=0)
    assert failed(judged(connection))["has_rows"].observed == "2026-03-30: no rows, 50 or more expected"


def test_a_day_on_which_every_brand_is_closed_may_be_empty(connection: psycopg.Connection[Any]) -> None:
    for number in range(8):
        profile(connection, number, rows=0 if number == 7 else 100)
    assert "has_rows" in failed(judged(connection))
    connection.execute(
        "insert into raw.brands (brand_id, name, timezone, currency, locale, working_hours, updated_at, extract_day,"
        " content_hash, load_id) select 'b', 'B', 'UTC', 'EUR', 'fr', %s, now(), '2026-03-01', '', 1",
        [json.dumps({"closed": ["2026-03-08"]})],
    )
    assert failed(judged(connection)) == {}


def test_rows_that_moved_on_to_another_extract_are_not_missing(
    connection: psycopg.Connection[Any], tmp_path: Any
) -> None:
    """Every rating of a day is answered on the next one: its extract, sent again, has none any more."""
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()], FIRST)

    def ratings(day: date, answered: date | None = None) -> list[dict[str, Any]]:
        at = f"{day}T09:00:00Z"
        given = {"given_at": f"{answered}T09:00:00Z", "score": 5, "status": "submitted"} if answered else {}
        return [
            {"brand_id": "acme", "rating_id": f"{day} {number}", "conversation_id": "c", "requested_at": at,
             "status": "pending", "updated_at": given.get("given_at", at), **given}
            for number in range(20)
        ]  # fmt: skip

    days = [FIRST + timedelta(days=number) for number in range(9)]
    for day in days[:8]:
        raw.take("ratings", ratings(day), day)
    raw.take("ratings", [], days[7])

    def has_rows() -> Finding:
        found = judge_dataset(connection, "ratings", DATASETS["ratings"].required_columns)
        connection.commit()
        return next(finding for finding in found if finding.name == "has_rows")

    assert has_rows().observed == "2026-03-08: no rows, 5 or more expected"
    raw.take("ratings", ratings(days[8]) + ratings(days[7], answered=days[8]), days[8])
    assert has_rows().passed


def test_what_a_person_accepts_passes_and_is_said(connection: psycopg.Connection[Any]) -> None:
    for number in range(9):
        profile(connection, number, rows=0 if number > 6 else 100)
    accepted.accept(connection, Accepted("messages", FIRST + timedelta(days=7), "the shop moved"))
    accepted.accept(connection, Accepted("orders", FIRST + timedelta(days=8), "of another dataset"))
    findings = judged(connection)
    assert findings["has_rows"].observed == "2026-03-09: no rows, 50 or more expected", "that day alone"
    said = findings["is_accepted"]
    assert said.passed and said.observed.startswith("has_rows 2026-03-08: no rows, 50 or more expected: accepted by ")
    assert said.observed.endswith(", because the shop moved")


def test_required_columns_too_may_be_accepted(connection: psycopg.Connection[Any]) -> None:
    profile(connection, 0, rows=100, nulls={"sent_at": 50})
    assert "required_columns_are_filled" in failed(judged(connection))
    accepted.accept(connection, Accepted("messages", FIRST, "old rows"))
    assert failed(judged(connection)) == {}


def test_what_is_legal_and_surely_wrong_is_warned_of(connection: psycopg.Connection[Any], tmp_path: Any) -> None:
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()], DAY)
    rows = [message(number % 4, conversation_id=f"c{number // 4}") for number in range(12)]
    rows += [message(20, sender_id="NULL"), message(21, sender_id="None"), message(22, sender_id=" v1"), message(23)]
    raw.take("messages", [*rows, rows[0]])
    raw.take("orders", [order(number, currency="USD" if number < 2 else "EUR") for number in range(20)])
    (odd,) = (one for one in judged(connection).values() if one.name == "rows_are_usual")
    assert not odd.passed and not odd.is_error
    assert odd.observed.split("; ") == [
        "2026-03-10: conversation_id differs within one message_id in 8 rows",
        "2026-03-10: sender_id has blanks around it in 1 rows",
        "2026-03-10: sender_id is a word for nothing in 2 rows",
    ]
    (foreign,) = (
        one for one in judge_dataset(connection, "orders", []) if one.name == "currencies_are_the_brands"
    )
    assert not foreign.passed and not foreign.is_error
    assert foreign.observed == "2026-03-10 acme: 2 of 20 rows"


def test_extracts_without_any_row_are_pointed_out(connection: psycopg.Connection[Any]) -> None:
    profile(connection, 0, rows=0)
    bad = failed(judged(connection))
    assert {name: finding.is_error for name, finding in bad.items()} == {"is_not_all_empty": False}


@pytest.mark.parametrize(("nulls", "passes"), [(5, True), (6, False), (100, False)])
def test_a_required_column_that_is_mostly_null_is_an_error(
    connection: psycopg.Connection[Any], nulls: int, passes: bool
) -> None:
    profile(connection, 0, rows=100, nulls={"sent_at": nulls})
    bad = failed(judged(connection))
    assert (not bad) is passes
    if not passes:
        assert bad["required_columns_are_filled"].is_error
        assert bad["required_columns_are_filled"].observed == "2026-03-01 sent_at"


@pytest.mark.parametrize(
    ("rows", "nulls", "rule"),
    [
        (100, 100, "usual_columns_are_filled"),  # all null, and usually one in ten is
        (20, 20, "usual_columns_are_filled"),
        (19, 19, None),  # so few may be alike by chance
        (100, 41, "null_shares_are_usual"),
        (100, 40, None),
        (99, 60, None),
    ],
)
def test_an_optional_column_that_is_usually_filled(
    connection: psycopg.Connection[Any], rows: int, nulls: int, rule: str | None
) -> None:
    for number in range(7):
        profile(connection, number, rows=100, nulls={"sender_id": 10})
    profile(connection, 7, rows=rows, nulls={"sender_id": nulls})
    bad = failed(judged(connection))
    assert (rule in bad) if rule else not bad
    if rule:
        assert bad[rule].is_error is (rule == "usual_columns_are_filled")
        assert bad[rule].observed.startswith("2026-03-08 sender_id: ")
        assert bad[rule].observed.endswith("usually 10%")


def test_an_optional_column_that_is_usually_null_may_be_all_null(connection: psycopg.Connection[Any]) -> None:
    for number in range(8):
        profile(connection, number, rows=100, nulls={"sender_id": 100 if number == 7 else 90})
    assert failed(judged(connection)) == {}


def test_a_weekday_may_have_nulls_of_its_own(connection: psycopg.Connection[Any]) -> None:
    """Sunday's requests are not handled on Sunday. That tells nothing of Mondays."""
    for number in range(14):
        profile(connection, number, rows=100, nulls={"sender_id": 80 if number % 7 == 0 else 10})
    profile(connection, 14, rows=100, nulls={"sender_id": 85})
    assert failed(judged(connection)) == {}
    profile(connection, 15, rows=100, nulls={"sender_id": 85})
    assert failed(judged(connection))["null_shares_are_usual"].observed.startswith("2026-03-16 sender_id: 85%")


def test_a_word_that_usually_comes_often_and_is_gone_is_warned_of(connection: psycopg.Connection[Any]) -> None:
    for number in range(7):
        profile(connection, number, rows=100, words={"text": 70, "photo": 25, "video": 5})
    profile(connection, 7, rows=100, words={"text": 100})
    bad = failed(judged(connection))
    # A quarter of the rows were photos; of the videos too few to miss them.
    assert {name: (one.is_error, one.observed) for name, one in bad.items()} == {
        "words_are_usual": (False, "2026-03-08 content_type: no photo, about 25 expected")
    }


def test_rows_with_a_word_that_the_contract_lacks_are_warned_of(connection: psycopg.Connection[Any]) -> None:
    profile(connection, 0, rows=100, rejected={"values": 4, "required": 1})
    bad = failed(judged(connection))
    assert {name: (one.is_error, one.observed) for name, one in bad.items()} == {
        "words_are_known": (False, "2026-03-01 content_type: 4 rows wait in quarantine")
    }


def test_a_refused_extract_is_warned_of_with_its_reason(connection: psycopg.Connection[Any]) -> None:
    profile(connection, 0, rows=100)
    connection.execute(
        "insert into raw.load"
        " (load_id, dataset, extract_day, outcome, reason, files, fingerprint, started_at, ended_at)"
        " values (99, 'messages', '2026-03-02', 'refused', 'the file is cut off', '[]', '', now(), now())"
    )
    bad = failed(judged(connection))
    assert {name: (one.is_error, one.observed) for name, one in bad.items()} == {
        "extracts_are_accepted": (False, "2026-03-02 refused: the file is cut off")
    }


@pytest.mark.parametrize(
    ("rows", "rule"), [(50, None), (49, "volume_is_not_low"), (210, None), (211, "volume_is_not_high")]
)
def test_a_volume_keeps_to_the_range_of_its_weekday(
    connection: psycopg.Connection[Any], rows: int, rule: str | None
) -> None:
    """A hundred rows on weekdays, ten on Sundays: 50 to 210 are expected on a Monday (0.7 x 100 - 2 x 10 and so on)."""
    for number in range(36):
        profile(connection, number, rows=10 if number % 7 == 0 else 100)
    profile(connection, 36, rows=rows)
    bad = failed(judged(connection))
    assert list(bad) == ([rule] if rule else [])
    if rule:
        assert not bad[rule].is_error
        assert bad[rule].observed == f"b 2026-04-06: {rows} rows, 50 to 210 expected on a Monday"


def test_a_day_on_which_the_brand_is_closed_may_be_silent(connection: psycopg.Connection[Any]) -> None:
    for number in range(36):
        profile(connection, number, rows=100)
    profile(connection, 36, rows=3)
    profile(connection, 37, rows=3)
    connection.execute(
        "insert into raw.brands (brand_id, name, timezone, currency, locale, working_hours, updated_at, extract_day,"
        " content_hash, load_id) select 'b', 'B', 'UTC', 'EUR', 'fr', %s, now(), '2026-03-01', '', 1",
        [json.dumps({"closed": ["2026-04-06"]})],
    )
    low = failed(judged(connection))["volume_is_not_low"].observed
    assert low == "b 2026-04-07: 3 rows, 50 to 210 expected on a Tuesday"


def test_published_extracts_are_not_judged_again(connection: psycopg.Connection[Any]) -> None:
    profile(connection, 0, rows=100, nulls={"sent_at": 100})
    connection.execute(
        "insert into marts.load_ledger (brand_id, load_id, dataset, extract_day, outcome, started_at)"
        " values ('b', 1, 'messages', '2026-03-01', 'loaded', now())"
    )
    assert judged(connection) == {}


def test_a_rule_that_cannot_be_evaluated_is_not_passed_off_as_bad_data() -> None:
    lines: list[tuple[Name, str]] = [("has_rows", "one"), ("words_are_usual", "two")]
    rules: dict[Name, tuple[bool, str]] = {"has_rows": (True, "some")}
    (finding,) = judge({"greater": [1, 2]}, "messages", "ExpectFiguresWithinBounds", rules, lines)
    assert finding.passed is None
    assert "less" in finding.observed  # the column that is missing
