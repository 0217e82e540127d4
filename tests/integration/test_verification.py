"""`causerie verify` finds what differs from a rebuild and from the laws, names it, and finds nothing else.

Not here: the laws themselves (test_law_of_stability.py, test_published_values.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from night import Night

from orchestration.assets.progress import Progress
from orchestration.settings import Settings
from orchestration.verification import VerificationError, verify

pytestmark = pytest.mark.xdist_group("small_days")

# Each tampers with what is published, and says what the verification must find of it.
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
}  # fmt: skip


@contextmanager
def _tampered(night: Night) -> Iterator[None]:
    """The published tables with the changes of TAMPERED, and as they were afterwards."""
    tables = ("fct_conversation", "fct_message", "dim_member", "kpi_published")
    with night.connect() as connection:
        for table in tables:
            connection.execute(f"create table public.kept_{table} as table marts.{table}")
        for statement in TAMPERED:
            assert connection.execute(statement.encode()).rowcount == 1, statement
    yield
    with night.connect() as connection:
        for table in tables:
            connection.execute(f"truncate marts.{table}")
            connection.execute(f"insert into marts.{table} table public.kept_{table}")
            connection.execute(f"drop table public.kept_{table}")


@pytest.fixture
def settings(small_days: Night, tmp_path: Path) -> Settings:
    return Settings.from_environment({"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": small_days.url})


def test_it_names_each_difference_and_no_other(small_days: Night, settings: Settings) -> None:
    with _tampered(small_days):
        verdicts = verify(settings, small_days.url, None, Progress())
    named = {line for verdict in verdicts for line in verdict.named}
    assert named == set().union(*TAMPERED.values())
    assert {verdict.name for verdict in verdicts if not verdict.passed} == {
        "marts.fct_conversation as rebuilt",
        "marts.fct_message as rebuilt",
        "marts.dim_member as rebuilt",
        "law of publication: kpi_published ends at kpi_period",
    }
    assert sum(verdict.differences for verdict in verdicts) == len(TAMPERED)
    with psycopg.connect(small_days.url) as connection:
        left = connection.execute("select datname from pg_database where datname like 'causerie_verify_%'").fetchall()
    assert left == []


def test_what_cannot_be_verified_is_said(small_days: Night, settings: Settings, database: str) -> None:
    with pytest.raises(VerificationError, match=r"unknown brand 'nobody'; known: .*paris"):
        verify(settings, small_days.url, "nobody", Progress())
    with pytest.raises(VerificationError, match="nothing is published yet"):
        verify(settings, database, None, Progress())
