"""Every indicator of the catalogue can be asked: in each of its breakdowns, as rows, as a list.

Of a brand without a row: PostgreSQL plans each statement whole all the same, and so finds whatever it cannot run. The
functions by which a run states its periods run in every night of the tests. Not here: what the answers are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestration import warehouse
from orchestration.catalogue import catalogue
from orchestration.catalogue.model import Indicator
from orchestration.compiler import statements
from orchestration.compiler.functions import reader_functions
from orchestration.marts import publication, schema
from orchestration.marts.contracts import marts_of

ASKED = "'empty', '2026-03-02', '2026-03-08', p_time_from => '09:00', p_time_to => '17:00'"


@pytest.fixture(scope="module")
def connection(databases: Callable[[], AbstractContextManager[str]], parsed: Path) -> Iterator[psycopg.Connection[Any]]:
    """Marts as they are before the first publication, but for a brand of which nothing is known."""
    manifest = json.loads((parsed / "manifest.json").read_bytes())
    with databases() as url, warehouse.connect(url) as opened:
        for name in ("build", "next", "marts"):
            opened.execute(f"create schema if not exists {name}".encode())
        schema.ensure(opened, marts_of(manifest))
        for function in reader_functions():
            opened.execute(function.encode())
        publication.merge_catalogue(opened, statements.tables())
        opened.execute(
            "insert into marts.dim_brand"
            " (brand_id, name, timezone, currency, locale, attribution_window_days, updated_at)"
            " values ('empty', 'Empty', 'Europe/Paris', 'EUR', 'fr', 14, '2026-01-01 00:00Z')"
        )
        opened.commit()
        yield opened


def breakdowns(indicator: Indicator) -> list[str]:
    """By none, by each dimension, and by one of them and the day."""
    some = [[], *([dimension] for dimension in indicator.dimensions), [*indicator.dimensions[:1], "day"]]
    return ["{" + ",".join(dict.fromkeys(each)) + "}" for each in some]


@pytest.mark.parametrize("ref", [i.ref for i in catalogue.load().computed])
def test_the_report_and_the_rows_can_be_asked(connection: psycopg.Connection[Any], ref: str) -> None:
    indicator = catalogue.load().indicators[ref]
    for breakdown in breakdowns(indicator):
        report = connection.execute(
            f"select ref, value from marts.kpi_report({ASKED}, p_breakdown => %s, p_refs => %s)".encode(),
            [breakdown, [ref]],
        ).fetchall()
        assert {row[0] for row in report} <= {ref} and all(not row[1] for row in report)
        rows = connection.execute(
            f"select * from marts.kpi_rows(%s, {ASKED}, p_breakdown => %s)".encode(), [ref, breakdown]
        ).fetchall()
        assert rows == []
    connection.rollback()


@pytest.mark.parametrize("ref", [i.ref for i in catalogue.load().lists])
def test_the_list_can_be_asked(connection: psycopg.Connection[Any], ref: str) -> None:
    assert connection.execute(f"select * from marts.kpi_list(%s, {ASKED})".encode(), [ref]).fetchall() == []
    connection.rollback()
