"""Numbers as people say them."""

from datetime import date
from decimal import Decimal

import pytest

from orchestration.readers.formats import say, say_change, say_day, say_seconds, say_span
from orchestration.readers.report import say_state


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (8.44, "8.4 s"), (59.96, "1 min 00 s"), (185, "3 min 05 s"), (3599.6, "1 h 00 min"),
     (7_829, "2 h 10 min"), (86_399, "1 d 0 h"), (100_800, "1 d 4 h"), (-5, "-5.0 s")],
)  # fmt: skip
def test_durations_have_two_units_at_most(seconds: float, said: str) -> None:
    assert say_seconds(seconds) == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(None, "ratio", "–"), (Decimal("0.1234"), "ratio", "12.3%"), (Decimal(1234), "count", "1,234"),
     (Decimal("1.5"), "count", "1.50"), (Decimal("1999.9"), "amount", "€1,999.90"),
     (Decimal("4.256"), "score", "4.26")],
)  # fmt: skip
def test_every_unit_has_its_form(value: Decimal | None, unit: str, said: str) -> None:
    assert say(value, unit, "EUR") == said


@pytest.mark.parametrize(
    ("value", "previous", "unit", "said"),
    [("0.5", "0.45", "ratio", "+5.0 pts"), ("90", "100", "count", "-10.0%"), ("3", "0", "count", "new"),
     ("0", "0", "count", "="), (None, "1", "count", "–")],
)  # fmt: skip
def test_changes(value: str | None, previous: str, unit: str, said: str) -> None:
    assert say_change(Decimal(value) if value else None, Decimal(previous), unit) == said


@pytest.mark.parametrize(
    ("value", "unit", "currency", "language", "said"),
    [(Decimal(1687), "count", "", "fr", "1\u202f687"), (Decimal("0.8512"), "ratio", "", "fr", "85,1\xa0%"),
     (Decimal("0.8512"), "ratio", "", "es", "85,1\xa0%"), (Decimal("12.5"), "amount", "KWD", "fr", "12,500\xa0KWD"),
     (Decimal("12.5"), "amount", "JPY", "en", "¥12"), (Decimal(100_800), "seconds", "", "fr", "1 j 4 h"),
     (Decimal("8.44"), "seconds", "", "es", "8,4 s")],
)  # fmt: skip
def test_each_language_has_its_own_form(value: Decimal, unit: str, currency: str, language: str, said: str) -> None:
    assert say(value, unit, currency, language) == said


def test_days_are_said_as_each_language_does() -> None:
    assert say_day(date(2026, 3, 1)) == "Mar 1, 2026"
    assert say_day(date(2026, 3, 1), "fr") == "1 mars 2026"
    assert say_span(date(2026, 3, 1), date(2026, 3, 9), "es") == "1–9 mar 2026"


def test_a_moving_number_says_how_settled_it_is() -> None:
    assert say_state({"settled_share": Decimal("0.93"), "is_final": False}) == "93 % settled"
    assert say_state({"settled_share": Decimal("1.25"), "is_final": False}) == "at 125 % of its final value"
    assert say_state({"settled_share": None, "is_final": False}) == "may still move"
    assert say_state({"is_final": True, "ignored_filters": ["roles"]}) == "whatever the roles"
    assert say_state({"settled_share": Decimal(1), "is_final": True}) == ""
