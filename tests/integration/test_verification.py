"""`causerie verify` finds what differs from a rebuild and from the laws, names it, and finds nothing else.

Not here: the laws themselves (test_law_of_stability.py, test_published_values.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from night import Night
from platforms import Copies

from expectations.answers import judge_answers
from orchestration.assets.progress import Progress
from orchestration.catalogue import catalogue
from orchestration.settings import Settings
from orchestration.verification import VerificationError, verify

pytestmark = pytest.mark.xdist_group("small_days")

# Each tampers with what is published of Paris, and says what the verification must find of it.
TAMPERED = {
    "update marts.fct_conversation set channel = 'app' where brand_id = 'paris' and conversation_id = 'd1'": {
        "fct_conversation (paris, d1): channel app published, web rebuilt"
    },
    "delete from marts.fct_message where brand_id = 'paris' and message_id = '001'": {
        "fct_message (paris, 001): in the rebuild, but not published"
    },
    "insert into marts.dim_member select brand_id, 'nobody', valid_from, valid_to, first_name, last_name, role, team,"
    " is_current from marts.dim_member where brand_id = 'paris' and member_id = 'ana'": {
        "dim_member (paris, nobody, 2000-01-01 00:00:00+00): published, but not in the rebuild"
    },
    "update marts.kpi_published set value = 8 where brand_id = 'paris' and grain = 'day'"
    " and period_start = '2025-06-02' and dimension = 'all' and ref = 'Chat-Card-10'": {
        "kpi_published (paris, day, 2025-06-02, all, all, Chat-Card-10, ): value 8 recorded, 5 published"
    },
    "insert into marts.kpi_period (brand_id, grain, period_start, dimension, dimension_value, ref, bin, is_final)"
    " values ('paris', 'day', '2025-06-02', 'all', 'all', 'Chat-Card-99', '', true)": {
        "kpi_period (paris, day, 2025-06-02, all, all, Chat-Card-99, ): published, but not in the rebuild"
    },
}  # fmt: skip
LEAK = "create function marts.leak() returns int language sql security definer set search_path = '' as 'select 1'"


@pytest.fixture
def settings(small_days: Night, tmp_path: Path) -> Settings:
    return Settings.from_environment({"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": small_days.url})


def test_it_names_each_difference_and_no_other(small_days_again: Copies, settings: Settings) -> None:
    with small_days_again() as tampered:
        with tampered.connect() as connection:
            for statement in TAMPERED:
                assert connection.execute(statement.encode()).rowcount == 1, statement
            connection.execute(LEAK)
        verdicts = verify(settings, tampered.url, "paris", Progress())
        with tampered.connect() as connection:
            left = connection.execute("select from pg_database where datname like 'causerie_verify_%'").fetchall()
    named = {line for verdict in verdicts for line in verdict.named}
    leak = {"marts.leak() runs with the rights of its owner"}
    assert named == leak.union(*TAMPERED.values())
    assert {verdict.name for verdict in verdicts if not verdict.passed} == {
        "marts.fct_conversation as rebuilt",
        "marts.fct_message as rebuilt",
        "marts.dim_member as rebuilt",
        "marts.kpi_period as rebuilt",
        "law of publication: kpi_published ends at kpi_period",
        "access: each brand reads its own rows",
    }
    assert sum(verdict.differences for verdict in verdicts) == len(TAMPERED) + 1
    assert {
        "law of stability", "identities", "completeness of kpi_period",
        "double entry: kpi_period as plain queries count", "kpi_period as kpi_report answers",
    } <= {verdict.name for verdict in verdicts if verdict.passed}  # fmt: skip
    assert left == []


def test_a_period_that_the_report_answers_otherwise_is_named(small_days: Night) -> None:
    """The one year of Paris is among the periods that are asked."""
    with small_days.connect() as connection:
        (sound,) = judge_answers(connection, ["paris"], catalogue.load().dated)
        assert (sound.passed, sound.offenders) == (True, ())
        stated = connection.execute(
            "update marts.kpi_period set value = value + 1, numerator = numerator + 1 where brand_id = 'paris'"
            " and grain = 'year' and dimension = 'all' and ref = 'Chat-Card-10' returning value, numerator, is_final"
        ).fetchone()
        (finding,) = judge_answers(connection, ["paris"], catalogue.load().dated)
        connection.rollback()
    assert stated
    value, above, is_final = stated
    assert finding.passed is False
    assert finding.offenders == (
        {
            "brand": "paris", "period": "year 2025-01-01", "dimension": "all", "row": "all Chat-Card-10 ",
            "stated": f"{value}/{above}/nothing/{is_final}", "answered": f"{value - 1}/{above - 1}/nothing/{is_final}",
        },
    )  # fmt: skip


def test_what_cannot_be_verified_is_said(small_days: Night, settings: Settings, database: str) -> None:
    with pytest.raises(VerificationError, match=r"unknown brand 'nobody'; known: .*paris"):
        verify(settings, small_days.url, "nobody", Progress())
    with pytest.raises(VerificationError, match="nothing is published yet"):
        verify(settings, database, None, Progress())
