"""Every guard, through the check that Dagster shows: what it says, where it is written down, and what it holds back.

Each is given a real offender: extracts whose profiles are odd, or figures of the small days that were tampered with
between build and publication. Not here: the rules at their bounds (tests/integration/test_feeds.py,
test_settling_guards.py, test_double_entry.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import Databases
from dagster import AssetCheckEvaluation, AssetCheckSeverity, AssetSelection, DagsterInstance, materialize
from night import Night
from platforms import Copies
from profiled import profile
from psycopg import sql

from expectations import feeds, stability
from orchestration import sentences, warehouse
from orchestration.assets import checks, resources
from orchestration.assets.progress import Progress
from orchestration.automation import alerts
from orchestration.catalogue import catalogue
from orchestration.cli import runs
from orchestration.readers.ledger import held_back, newest_generation
from orchestration.settings import Settings
from orchestration.sources.contract import DATASETS

pytestmark = pytest.mark.xdist_group("small_days")
FAULT = pytest.mark.fault(
    44,
    "each kind of finding, warning and error, in every guard, and guards that crash",
    "the check, data_quality, the terminal and the alert name the offender; warnings publish, errors hold back",
)

# Every check there is, and whether an error of it keeps a run from publishing.
BLOCKING = {f"{dataset}_profile": True for dataset in DATASETS} | {
    "stability": True,
    "publication": True,
    "identities": True,
    "fluctuating": True,
    "completeness": True,
    "double_entry": True,
    "is_fresh": False,
    "all_is_read": False,
    "brands_are_described": False,
    "access": False,
}


class Terminal(Progress):
    """Keeps what the terminal is told of failed checks."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def failed(self, what: str) -> None:
        self.lines.append(what)


@dataclass(frozen=True)
class Judged:
    """What the checks of one step came to, by name, and what the terminal was told of them."""

    run_id: str
    checks: dict[str, AssetCheckEvaluation]
    terminal: str


def settings_of(url: str, home: Path, landing: Path | None = None) -> Settings:
    given = {"CAUSERIE_HOME": str(home), "CAUSERIE_DATABASE_URL": url}
    return Settings.from_environment(given | ({"CAUSERIE_LANDING": str(landing)} if landing else {}))


def judge(settings: Settings, step: str) -> Judged:
    """Let Dagster evaluate the checks of one step, alone."""
    (found,) = [one for one in checks.checks(settings) if one.op.name == step]
    terminal = Terminal()
    with DagsterInstance.ephemeral() as instance:
        result = materialize(
            [found],
            selection=AssetSelection.checks(found),
            instance=instance,
            resources={
                "warehouse": resources.warehouse_resource(settings),
                "progress": resources.progress_resource(terminal),
            },
            raise_on_error=False,
        )
        evaluated = {one.check_name: one for one in result.get_asset_check_evaluations()}
    return Judged(result.run_id, evaluated, "\n".join(terminal.lines))


def told(
    settings: Settings, judged: Judged, check: str, rule: str, is_error: bool, *said: str, brand: str = ""
) -> None:
    """The check failed by this rule as gravely as it should, and what it found is told everywhere."""
    one = judged.checks[check]
    assert not one.passed
    assert one.severity is (AssetCheckSeverity.ERROR if is_error else AssetCheckSeverity.WARN)
    title = f"{rule} of {brand}" if brand else rule
    assert title in (one.description or "")
    shown = one.metadata[title].value
    with warehouse.connect(str(settings.database_url)) as connection:
        written = connection.execute(
            "select severity, passed, observed, observed_sentence, expected, expected_sentence"
            " from marts.data_quality"
            " where run_id = %s and check_name = %s and brand_id = %s",
            [judged.run_id, rule, brand],
        ).fetchall()
    assert [row[:2] for row in written] == [("error" if is_error else "warn", False)]
    # Other checks of the step may see the same offender.
    terminal = "\n".join(line for line in judged.terminal.splitlines() if line.startswith(f"{check}: "))
    for part in said:
        assert part in (one.description or "")
        assert part in written[0][2]
        assert part in str(shown)
        assert (part in terminal) is is_error
    _, _, *texts = written[0]
    for text, sentence in (texts[:2], texts[2:]):
        assert sentences.told(sentence, None, "en")
        assert {sentences.told(sentence, text, language) for language in ("fr", "es")} & {text, None} == set()
    assert rule in alerts.ADVICE, f"say what to do about {rule} in orchestration/automation/alerts.py"


def test_every_check_is_there_and_blocks_as_it_should(tmp_path: Path) -> None:
    """A guard that is added or changed is added here too; which of them block is a decision."""
    there = checks.checks(settings_of("postgresql://nobody@127.0.0.1:1/nothing", tmp_path))
    assert {spec.name: spec.blocking for one in there for spec in one.check_specs} == BLOCKING
    assert all(spec.description for one in there for spec in one.check_specs)


# --- entrance ---------------------------------------------------------------------------------------------------------


def a_week(connection: psycopg.Connection[Any], last: dict[str, Any], **usual: Any) -> None:
    for number in range(7):
        profile(connection, number, rows=100, **usual)
    profile(connection, 7, **last)


def six_weeks(connection: psycopg.Connection[Any], last: int) -> None:
    for number in range(36):
        profile(connection, number, rows=100)
    profile(connection, 36, rows=last)


def a_refusal(connection: psycopg.Connection[Any]) -> None:
    profile(connection, 0, rows=100)
    connection.execute(
        "insert into raw.load"
        " (load_id, dataset, extract_day, outcome, reason, files, fingerprint, started_at, ended_at)"
        " values (99, 'messages', '2026-03-02', 'refused', 'the file is cut off', '[]', '', now(), now())"
    )


def odd_rows(connection: psycopg.Connection[Any]) -> None:
    profile(connection, 0, rows=100)
    connection.execute("""update raw.load set warnings = '{"sender_id is a word for nothing": 3}'""")


def foreign_orders(connection: psycopg.Connection[Any]) -> None:
    """Six orders of a hundred are in another currency than their brand's."""
    profile(connection, 0, rows=100)
    for table in ("load", "extract", "profile"):
        connection.execute(sql.SQL("update {} set dataset = 'orders'").format(sql.Identifier("raw", table)))
    connection.execute(
        "insert into raw.quarantine (load_id, dataset, extract_day, brand_id, file, line, place, rule, digest)"
        " select load_id, dataset, extract_day, 'b', 'f', n, n, 'brand_currency', ''"
        " from raw.extract, generate_series(1, 6) as n"
    )


ODD: dict[str, tuple[Callable[[psycopg.Connection[Any]], None], tuple[str, ...]]] = {
    "has_rows": (lambda c: a_week(c, {"rows": 0}), ("2026-03-08",)),
    "is_not_all_empty": (lambda c: profile(c, 0, rows=0), ("every extract is empty",)),
    "required_columns_are_filled": (
        lambda c: profile(c, 0, rows=100, nulls={"sent_at": 6}),
        ("2026-03-01 sent_at",),
    ),
    "usual_columns_are_filled": (
        lambda c: a_week(c, {"rows": 100, "nulls": {"sender_id": 100}}, nulls={"sender_id": 10}),
        ("2026-03-08 sender_id", "usually 10%"),
    ),
    "null_shares_are_usual": (
        lambda c: a_week(c, {"rows": 100, "nulls": {"sender_id": 41}}, nulls={"sender_id": 10}),
        ("2026-03-08 sender_id: 41% null, usually 10%",),
    ),
    "words_are_known": (
        lambda c: profile(c, 0, rows=100, rejected={"values": 4}),
        ("2026-03-01 content_type: 4 rows wait in quarantine",),
    ),
    "words_are_usual": (
        lambda c: a_week(c, {"rows": 100}, words={"text": 70, "photo": 30}),
        ("2026-03-08 content_type: no photo, about 30 expected",),
    ),
    "volume_is_not_low": (lambda c: six_weeks(c, 49), ("b 2026-04-06: 49 rows, 50 to 210 expected on a Monday",)),
    "volume_is_not_high": (lambda c: six_weeks(c, 211), ("b 2026-04-06: 211 rows, 50 to 210 expected",)),
    "rows_are_usual": (odd_rows, ("2026-03-01: sender_id is a word for nothing in 3 rows",)),
    "currencies_are_the_brands": (foreign_orders, ("2026-03-01 b: 6 of 100 rows",)),
    "extracts_are_accepted": (a_refusal, ("2026-03-02 refused: the file is cut off",)),
}


OF_ORDERS = ("sales_entrance", "orders_profile")


def test_every_rule_of_the_entrance_is_tried() -> None:
    assert ODD.keys() == feeds.RULES.keys(), "give the new rule of expectations/feeds.py an odd extract in ODD"


@FAULT
@pytest.mark.parametrize("rule", ODD)
def test_an_odd_extract_is_told_of(rule: str, database: str, tmp_path: Path) -> None:
    settings = settings_of(database, tmp_path)
    odd, said = ODD[rule]
    with warehouse.connect(database) as connection:
        odd(connection)
    family, check = OF_ORDERS if odd is foreign_orders else ("chat_entrance", "messages_profile")
    judged = judge(settings, family)
    told(settings, judged, check, rule, feeds.RULES[rule].is_error, *said)
    assert all(one.passed for name, one in judged.checks.items() if name != check)
    with warehouse.connect(database) as connection:
        # A later run that does not judge the extract again may not publish it either; but warnings hold nothing back.
        assert [rule in line for line in held_back(connection)] == [True] * feeds.RULES[rule].is_error


def test_what_is_held_back_is_free_when_its_extract_is_mended(database: str, tmp_path: Path) -> None:
    """The corrected extract is empty, so the rule that held it back has nothing to say of it."""
    settings = settings_of(database, tmp_path)
    with warehouse.connect(database) as connection:
        profile(connection, 0, rows=100, nulls={"sent_at": 6})
    judge(settings, "chat_entrance")
    with warehouse.connect(database) as connection:
        assert len(held_back(connection)) == 1
        connection.execute("delete from raw.profile")
    assert judge(settings, "chat_entrance").checks["messages_profile"].severity is AssetCheckSeverity.WARN
    with warehouse.connect(database) as connection:
        assert held_back(connection) == []


# --- indicators and figures -------------------------------------------------------------------------------------------

MONDAY = "brand_id = 'paris' and grain = 'day' and period_start = '2025-06-02' and dimension = 'all'"
OCTOBER = "brand_id = 'settling' and grain = 'day' and period_start = '2025-10-{}' and dimension = 'all'"


@dataclass(frozen=True)
class Tampering:
    """A change of what was built from the small days, and what the guards say of it."""

    step: str
    check: str
    rule: str
    is_error: bool
    brand: str
    said: tuple[str, ...]
    statement: str

    def __str__(self) -> str:
        return self.rule


TAMPERINGS = (
    Tampering(
        "figures", "stability", "stability", True, "paris", ("Chat-Card-10", "day 2025-06-02 all all", "5", "9"),
        f"update build.int_kpi_answered set value = 9 where {MONDAY} and ref = 'Chat-Card-10'",
    ),
    Tampering(
        "figures", "publication", "publication", True, "paris", ("Chat-Card-0", "day 2025-06-02 all all", "7", "11"),
        f"update build.int_kpi_restated set cause = null, previous_value = 7 where {MONDAY} and ref = 'Chat-Card-0'",
    ),
    Tampering(
        "figures", "identities", "identities", True, "paris",
        ("new dialogues are active", "day 2025-06-02 all: 99 against"),
        f"update build.int_kpi_answered set value = 99 where {MONDAY} and ref = 'Chat-Card-10'",
    ),
    Tampering(
        "figures", "fluctuating", "direction", True, "settling",
        ("Chat-Card-72", "day 2025-09-01, now", "at least 4, as before"),
        "update build.int_settling_answered set numerator = 3"
        " where brand_id = 'settling' and period_start = '2025-09-01' and days_after_end is null"
        " and ref = 'Chat-Card-72'",
    ),
    Tampering(
        "figures", "fluctuating", "rates", True, "paris", ("Chat-Card-12", "day 2025-06-02 all", "1.5", "at most 1"),
        f"update build.int_kpi_answered set value = 1.5 where {MONDAY} and ref = 'Chat-Card-12'",
    ),
    Tampering(
        "figures", "fluctuating", "plausible", False, "settling", ("Chat-Card-73", "day 2025-10-01 all", "6"),
        f"update build.int_kpi_answered set value = 6 where {OCTOBER.format('01')} and ref = 'Chat-Card-73'",
    ),
    Tampering(
        "figures", "fluctuating", "settled", False, "settling",
        ("Chat-Card-72", "day 2025-10-01", "5", "as published, 4"),
        f"update build.int_kpi_answered set value = 5 where {OCTOBER.format('01')} and ref = 'Chat-Card-72'",
    ),
    Tampering(
        "figures", "fluctuating", "settling_time", False, "settling",
        ("Chat-Card-72", "14 days after a day's end", "0.9", "from day 14"),
        "update build.int_settling_curved set settled_share = 0.9"
        " where brand_id = 'settling' and ref = 'Chat-Card-72' and days_after_end = 14",
    ),
    Tampering(
        # Two were given, and chance is three times their root.
        "figures", "fluctuating", "jumps", False, "settling",
        ("Chat-Card-72", "day 2025-10-25", "100", "0.0000 and 6.2426"),
        f"update build.int_kpi_answered set value = 100 where {OCTOBER.format('25')} and ref = 'Chat-Card-72'",
    ),
    Tampering(
        "figures", "completeness", "completeness", True, "paris", ("day 2025-06-02 Chat-Card-0  missing",),
        f"delete from build.int_kpi_answered where {MONDAY} and ref = 'Chat-Card-0'",
    ),
    Tampering(
        "figures", "double_entry", "double_entry", True, "paris", ("Jour-Card-1", "day 2025-06-02"),
        # Whichever periods are sampled: all are false.
        "update build.int_kpi_answered set value = 1 where ref = 'Jour-Card-1' and brand_id = 'paris'",
    ),
)  # fmt: skip


@pytest.fixture
def published(small_days_again: Copies, tmp_path: Path) -> Iterator[Settings]:
    """The small days as a run has built and published them; `build` and `next` still hold what that run published."""
    with small_days_again() as night:
        yield settings_of(night.url, tmp_path, night.landing)


@pytest.fixture(scope="module")
def few_periods(small_days_again: Copies) -> Iterator[Night]:
    """The same, as if the run had touched a few periods only: they are judged in a moment."""
    with small_days_again() as night:
        with night.connect() as connection:
            connection.execute(
                "delete from build.touched_period where grain <> 'day' or not (brand_id = 'paris' and"
                " period_start = '2025-06-02' or brand_id = 'settling' and period_start >= '2025-10-01')"
            )
            connection.execute(
                "delete from build.int_kpi_answered as k where not exists (select from build.touched_period as t"
                " where t.brand_id = k.brand_id and t.grain = k.grain and t.period_start = k.period_start)"
            )
        with warehouse.connect(night.url, autocommit=True) as connection:
            connection.execute("vacuum analyze build.touched_period, build.int_kpi_answered")
        yield night


@pytest.fixture
def built(few_periods: Night, databases: Databases, tmp_path: Path) -> Iterator[Settings]:
    with databases(of=few_periods.url) as url:
        yield settings_of(url, tmp_path, few_periods.landing)


def test_what_was_built_passes_every_guard(built: Settings) -> None:
    judged = judge(built, "figures")
    assert {name: one.description for name, one in judged.checks.items() if not one.passed} == {}
    assert len(judged.checks) == len(checks.FIGURES) and judged.terminal == ""


@FAULT
@pytest.mark.parametrize("tampering", TAMPERINGS, ids=str)
def test_a_false_figure_is_told_of(tampering: Tampering, built: Settings) -> None:
    with warehouse.connect(str(built.database_url)) as connection:
        assert connection.execute(tampering.statement.encode()).rowcount > 0
    judged = judge(built, tampering.step)
    told(built, judged, tampering.check, tampering.rule, tampering.is_error, *tampering.said, brand=tampering.brand)
    with warehouse.connect(str(built.database_url)) as connection:
        assert held_back(connection) == [], "a run that builds anew is judged anew"


def test_so_many_members_of_a_brand_are_held_to_the_law_of_stability(published: Settings) -> None:
    fixed = {indicator.ref for indicator in catalogue.load().computed if indicator.stability == "fixed"}
    with warehouse.connect(str(published.database_url)) as connection:
        # Members have no shorter periods, and other periods are asked for too.
        connection.execute("delete from build.touched_period where grain <> 'month'")
        connection.execute("analyze build.touched_period")
        connection.execute(
            "update build.int_kpi_answered set value = coalesce(value, 0) + 1 where dimension = 'member'"
        )
        connection.commit()
        moved = [
            sum(finding.passed is False for finding in stability.judge_stability(connection, fixed, sampled))
            for sampled in (0, 1, None)
        ]
    assert moved[0] == 0 < moved[1] <= moved[2]


@FAULT
def test_a_guard_that_crashes_says_that_it_did_and_the_others_judge(built: Settings) -> None:
    with warehouse.connect(str(built.database_url)) as connection:
        connection.execute("drop view build.stg_hook__hook_events cascade")
    judged = judge(built, "figures")
    expected = {guard.name: guard.name != "double_entry" for guard in checks.FIGURES}
    assert {name: one.passed for name, one in judged.checks.items()} == expected
    crashed = judged.checks["double_entry"]
    assert crashed.severity is AssetCheckSeverity.ERROR
    assert "double_entry: the guard itself failed, UndefinedTable: relation" in (crashed.description or "")
    assert "double_entry: the guard itself failed" in judged.terminal
    with warehouse.connect(str(built.database_url)) as connection:
        written = connection.execute(
            "select severity, passed from marts.data_quality where run_id = %s and check_name = 'double_entry'",
            [judged.run_id],
        ).fetchall()
    assert written == [("error", None)], "told apart from bad data"


@FAULT
def test_what_is_wrong_with_a_publication_is_told_of(built: Settings) -> None:
    judged = judge(built, "published")
    assert judged.checks["access"].passed
    told(built, judged, "is_fresh", "is_fresh", False, "the newest complete extract day is 2025-10-26")
    with warehouse.connect(str(built.database_url)) as connection:
        connection.execute(
            "create function marts.leak() returns int language sql security definer set search_path = '' as 'select 1'"
        )
    leaked = judge(built, "published")
    told(built, leaked, "access", "access", True, "marts.leak() runs with the rights of its owner")


@FAULT
def test_what_no_extract_shows_is_told_of(built: Settings, tmp_path: Path) -> None:
    """A folder with a misspelt name, and rows of a brand that nobody describes."""
    judged = judge(built, "published")
    assert judged.checks["all_is_read"].passed and judged.checks["brands_are_described"].passed
    misspelt = tmp_path / "landing" / "mesages" / "2025-10-26"
    misspelt.mkdir(parents=True)
    (misspelt / "part-0.jsonl").touch()
    with warehouse.connect(str(built.database_url)) as connection:
        connection.execute(
            "insert into raw.load_count"
            " (load_id, brand_id, rows_read, rows_loaded, duplicates, superseded, waiting, rejected)"
            " select max(load_id), 'nobody', 1200, 0, 0, 0, 1200, 0 from raw.extract where dataset = 'orders'"
        )
    settings = replace(built, landing=str(tmp_path / "landing"))
    judged = judge(settings, "published")
    told(settings, judged, "all_is_read", "all_is_read", False, "mesages", "no dataset is called so: messages?")
    told(settings, judged, "brands_are_described", "brands_are_described", False, "nobody", "orders 1,200 rows")


# --- whole runs -------------------------------------------------------------------------------------------------------


class Tamperer(Terminal):
    """Changes what dbt has built, just before it is judged."""

    def __init__(self, settings: Settings, statement: str) -> None:
        super().__init__()
        self.settings, self.statement, self.is_built = settings, statement, False

    def stage(self, name: str, pieces: int = 0) -> None:
        if name == "audit" and self.is_built:
            with warehouse.connect(str(self.settings.database_url)) as connection:
                connection.execute(self.statement.encode())
            self.is_built = False
        self.is_built = self.is_built or name == "build"


@FAULT
def test_an_error_holds_a_run_back_and_a_warning_does_not(published: Settings, figure: Callable[[str], None]) -> None:
    url = str(published.database_url)
    with warehouse.connect(url) as connection:
        connection.execute(
            "insert into raw.touched (brand_id, entity, entity_id, load_id)"
            " select 'paris', 'conversation', 'd1', max(load_id) from raw.load"
        )
        # Only what comes out otherwise than it was published states its days anew.
        connection.execute("update marts.fct_conversation set page_url = 'other' where conversation_id = 'd1'")
    wrong = Tamperer(
        published, f"update build.int_kpi_answered set value = 1.5 where {MONDAY} and ref = 'Chat-Card-12'"
    )
    held = runs.run(published, None, None, wrong)
    assert (held.exit_code, held.published) == (1, None)
    assert any("fluctuating: rates of paris: indicator Chat-Card-12" in line for line in held.failures), held.failures
    with warehouse.connect(url) as connection:
        generation = newest_generation(connection)
        assert generation and generation.number == 1
        assert connection.execute("select count(*) from raw.touched").fetchone() == (1,)

    # Two weeks after their end, days are said to be at rest; wherever the curve stands, it says otherwise.
    late = " set settled_share = 0.9 where brand_id = 'settling' and ref = 'Chat-Card-72' and days_after_end = 14;"
    odd = Tamperer(published, f"update build.int_settling_curved {late} update marts.kpi_settling {late}")
    passed = runs.run(published, None, None, odd)
    assert (passed.exit_code, passed.failures) == (0, [])
    with warehouse.connect(url) as connection:
        assert connection.execute("select count(*) from raw.touched").fetchone() == (0,)
    assert any(check.name == "settling_time" and "0.9" in check.observed for check in passed.warnings)
    assert odd.lines == []
    kinds = len(ODD) + len(TAMPERINGS)
    figure(f"guards silent 0: {kinds} kinds of findings told of, {len(BLOCKING)} checks; a crashed guard named")
