"""The entrance suite on profiles as the loader writes them."""

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from expectations.feeds import judge_dataset, judge_freshness
from expectations.findings import Finding, judge

FIRST = date(2026, 3, 1)
REQUIRED = ("message_id", "sent_at")


def profile(connection: psycopg.Connection[Any], number: int, rows: int, nulls: int = 0) -> None:
    """The extract of messages of a day, as if just loaded with so many rows, `nulls` of them without sent_at."""
    values = {"id": number + 1, "day": FIRST + timedelta(days=number), "rows": rows, "nulls": nulls}
    connection.execute(
        "insert into raw.load (load_id, dataset, extract_day, outcome, files, fingerprint, started_at, ended_at)"
        " values (%(id)s, 'messages', %(day)s, 'loaded', '[]', '', now(), now())",
        values,
    )
    connection.execute("insert into raw.extract values ('messages', %(day)s, '', %(id)s)", values)
    if rows:
        for column in ("", *REQUIRED):
            connection.execute(
                "insert into raw.profile (load_id, dataset, extract_day, brand_id, column_name, row_count, null_count)"
                " values (%(id)s, 'messages', %(day)s, 'b', %(column)s, %(rows)s, %(missing)s)",
                {**values, "column": column, "missing": nulls if column == "sent_at" else 0},
            )


def failed(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings if not finding.passed}


def test_ordinary_extracts_pass(connection: psycopg.Connection[Any]) -> None:
    for number in range(8):
        profile(connection, number, rows=100)
    findings = judge_dataset(connection, "messages", REQUIRED)
    assert {finding.name for finding in findings} == {"has_rows", "is_not_all_empty", "required_columns_are_filled"}
    assert failed(findings) == {}


def test_an_empty_extract_of_a_dataset_that_always_had_rows_is_an_error_that_names_the_day(
    connection: psycopg.Connection[Any],
) -> None:
    for number in range(7):
        profile(connection, number, rows=100)
    profile(connection, 7, rows=0)
    bad = failed(judge_dataset(connection, "messages", REQUIRED))
    assert list(bad) == ["has_rows"]
    assert bad["has_rows"].is_error
    assert "2026-03-08" in bad["has_rows"].observed


def test_an_empty_extract_of_a_young_or_sparse_dataset_is_a_quiet_day(connection: psycopg.Connection[Any]) -> None:
    for number in range(9):
        profile(connection, number, rows=100 if number % 2 else 0)
    assert failed(judge_dataset(connection, "messages", REQUIRED)) == {}


def test_extracts_without_any_row_are_pointed_out(connection: psycopg.Connection[Any]) -> None:
    profile(connection, 0, rows=0)
    bad = failed(judge_dataset(connection, "messages", REQUIRED))
    assert {name: finding.is_error for name, finding in bad.items()} == {"is_not_all_empty": False}


@pytest.mark.parametrize(("nulls", "passes"), [(5, True), (6, False), (100, False)])
def test_a_required_column_that_is_mostly_null_is_an_error(
    connection: psycopg.Connection[Any], nulls: int, passes: bool
) -> None:
    profile(connection, 0, rows=100, nulls=nulls)
    bad = failed(judge_dataset(connection, "messages", REQUIRED))
    assert (not bad) is passes
    if not passes:
        assert bad["required_columns_are_filled"].observed == "extract_day 2026-03-01 column_name sent_at"


def test_published_extracts_are_not_judged_again(connection: psycopg.Connection[Any]) -> None:
    profile(connection, 0, rows=100, nulls=100)
    connection.execute(
        "insert into marts.load_ledger (brand_id, load_id, dataset, extract_day, outcome, started_at)"
        " values ('b', 1, 'messages', '2026-03-01', 'loaded', now())"
    )
    assert judge_dataset(connection, "messages", REQUIRED) == []


def test_freshness_looks_at_the_newest_complete_day() -> None:
    assert failed(judge_freshness(date(2026, 3, 1), date(2026, 3, 3))) == {}
    assert "2026-03-01" in failed(judge_freshness(date(2026, 3, 1), date(2026, 3, 4)))["is_fresh"].observed
    assert failed(judge_freshness(None, date(2026, 3, 4)))["is_fresh"].observed == "no extract day is complete"


def test_a_rule_that_cannot_be_evaluated_is_not_passed_off_as_bad_data() -> None:
    import pandas as pd
    from great_expectations import expectations as gxe

    suite = {"rule": (gxe.ExpectColumnValuesToBeBetween(column="no_such", max_value=1), True, "something")}
    (finding,) = judge(pd.DataFrame({"one": [1]}), "messages", suite, ["one"])
    assert finding.passed is None
    assert "no_such" in finding.observed
