"""Questions that the report refuses: each error names the value and what is allowed.

Not here: questions that it answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time
from typing import Any

import psycopg
import pytest
from asking import report
from night import Night

from orchestration.catalogue import catalogue

pytestmark = pytest.mark.xdist_group("small_days")

MONDAY, TUESDAY = date(2025, 6, 2), date(2025, 6, 3)


@pytest.fixture
def connection(small_days: Night) -> Iterator[psycopg.Connection[Any]]:
    with small_days.connect() as opened:
        yield opened


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"brand": "nowhere"},
            ('"nowhere"', "backlog, clock_back, clock_forward, counter, desk, one_to_one, paris, "),
        ),
        ({"brand": None}, ("brand", "paris")),
        ({"date_from": TUESDAY, "date_to": MONDAY}, ("2025-06-03", "2025-06-02", "at most")),
        ({"date_from": None}, ("both dates", "2025-06-02")),
        ({"date_to": date(2500, 1, 1)}, ("2500-01-01", "2199-12-31")),
        ({"time_from": time(9), "time_to": time(9)}, ("09:00", "must differ")),
        ({"time_from": time(0), "time_to": time(0)}, ("00:00", "must differ")),
        ({"time_to": time(0)}, ("00:00", "must differ")),  # the missing end is 00:00
        ({"sources": ["direct", "fax"]}, ('"fax"', "waiting_list, direct, hook, phygital")),
        ({"sources": [None]}, ('"null"', "waiting_list, direct, hook, phygital")),
        ({"channels": ["fax"]}, ('"fax"', "web, store, direct, app")),
        ({"roles": [3, 7]}, ('"7"', "0 to 6")),
        ({"weekdays": [0]}, ('"0"', "1 (Monday) to 7 (Sunday)")),
        ({"weekdays": [1, 8, 9]}, ('"8, 9"', "1 (Monday) to 7 (Sunday)")),
        ({"refs": ["Chat-Card-1", "Chat-Card-999"]}, ('"Chat-Card-999"', "Wlst-Card-1, Wlst-Card-2")),
        (
            {"breakdown": ["year"]},
            (
                '"year"',
                "day, week, month, hour, weekday, source, member, role, channel, inbox, conversation_channel, ad, ",
            ),
        ),
        ({"breakdown": ["day", "source", "member"]}, ("day, source, member", "at most two")),
        ({"breakdown": ["source", "source"]}, ("source, source", "two different")),
        ({"breakdown": ["day", "month"]}, ("day, month", "only one")),
    ],
    ids=str,
)
def test_what_cannot_be_answered_is_said_with_what_can(
    connection: psycopg.Connection[Any], asked: dict[str, Any], said: tuple[str, ...]
) -> None:
    question: dict[str, Any] = {"brand": "paris", "date_from": MONDAY, "date_to": MONDAY} | asked
    with pytest.raises(psycopg.errors.InvalidParameterValue) as error:
        report(connection, **question)
    message = error.value.diag.message_primary or ""
    assert all(part in message for part in said), message


@pytest.mark.parametrize("ref", [i.ref for i in catalogue.load().indicators.values() if i.kind == "shows"])
def test_a_line_says_what_to_ask_for_instead(connection: psycopg.Connection[Any], ref: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue) as error:
        report(connection, "paris", MONDAY, MONDAY, refs=[ref])
    message = error.value.diag.message_primary or ""
    shown = catalogue.load().indicators[ref].shows
    assert ref in message and all(one.ref in message for one in shown), message


@pytest.mark.parametrize("ref", [i.ref for i in catalogue.load().lists])
def test_a_list_says_where_it_is(connection: psycopg.Connection[Any], ref: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=rf"{ref} is a list: ask marts.kpi_list\('{ref}'"):
        report(connection, "paris", MONDAY, MONDAY, refs=[ref])


def test_the_message_for_a_brand_one_may_not_see_is_the_one_for_a_brand_that_is_not(small_days: Night) -> None:
    said = []
    with small_days.connect() as connection:
        (role,) = connection.execute(
            "select role_name from marts.access where brand_id = 'paris' and role_name <> 'causerie_reader'"
        ).fetchone() or ("",)
        connection.execute(f'set role "{role}"')
        connection.commit()
        assert report(connection, "paris", MONDAY, MONDAY, refs=["Chat-Card-0"])[0].value == 11
        connection.commit()
        for brand in ("weekend", "nowhere"):
            with pytest.raises(psycopg.errors.InvalidParameterValue) as error:
                report(connection, brand, MONDAY, MONDAY)
            connection.rollback()
            said.append((error.value.diag.message_primary or "").replace(brand, "..."))
    assert said[0] == said[1] == 'unknown brand "..."; brands you may ask for: paris'
