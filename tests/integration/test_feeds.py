"""The entrance suite on profiles as the loader writes them: what may not pass, what is warned of, what is ordinary.

Not here: freshness (tests/faults/test_feeds.py).
"""

import json
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest
from profiled import REQUIRED, profile

from expectations.feeds import RULES, judge_dataset
from expectations.findings import Finding, judge
from orchestration.sources.contract import DATASETS


def judged(connection: psycopg.Connection[Any]) -> dict[str, Finding]:
    return {finding.name: finding for finding in judge_dataset(connection, "messages", REQUIRED)}


def failed(findings: Mapping[str, Finding]) -> dict[str, Finding]:
    return {name: finding for name, finding in findings.items() if not finding.passed}


def test_ordinary_extracts_pass_every_rule(connection: psycopg.Connection[Any]) -> None:
    for number in range(29):
        profile(connection, number, rows=100, nulls={"sender_id": 30})
    findings = judged(connection)
    assert findings.keys() == RULES.keys()
    assert failed(findings) == {}


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_every_dataset_has_its_suite(connection: psycopg.Connection[Any], dataset: Any) -> None:
    assert judge_dataset(connection, dataset.name, dataset.required_columns) == [], "nothing loaded, nothing to judge"


def test_an_empty_extract_of_a_dataset_that_always_had_rows_is_an_error_that_names_the_day(
    connection: psycopg.Connection[Any],
) -> None:
    for number in range(7):
        profile(connection, number, rows=100)
    profile(connection, 7, rows=0)
    bad = failed(judged(connection))
    assert list(bad) == ["has_rows"]
    assert bad["has_rows"].is_error
    assert bad["has_rows"].observed == "2026-03-08"


def test_an_empty_extract_of_a_young_or_sparse_dataset_is_a_quiet_day(connection: psycopg.Connection[Any]) -> None:
    for number in range(9):
        profile(connection, number, rows=100 if number % 2 else 0)
    assert failed(judged(connection)) == {}


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
        assert bad[rule].observed.endswith("usually 10 %")


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
    assert failed(judged(connection))["null_shares_are_usual"].observed.startswith("2026-03-16 sender_id: 85 %")


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
    import pandas as pd
    from great_expectations import expectations as gxe

    suite = {"rule": (gxe.ExpectColumnValuesToBeBetween(column="no_such", max_value=1), True, "something")}
    (finding,) = judge(pd.DataFrame({"one": [1]}), "messages", suite, ["one"])
    assert finding.passed is None
    assert "no_such" in finding.observed
