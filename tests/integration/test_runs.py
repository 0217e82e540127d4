"""`causerie run` and what it leaves, by Dagster in this process: new, unchanged, refused, held back by an audit."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import marts_digest
import psycopg
import pytest
from dagster import AssetCheckResult, AssetKey, DagsterEventType
from landing_of import message
from night import dbt
from typer.testing import CliRunner
from webhook import Hook

import simulator
from orchestration import definitions, warehouse
from orchestration.assets import dbt_models, refusals, resources
from orchestration.assets.ingestion import LOOK, ONLY_PENDING_TAG
from orchestration.automation import instance as dagster_instance
from orchestration.automation import jobs
from orchestration.catalogue import catalogue
from orchestration.catalogue.model import LANGUAGES
from orchestration.cli import main, runs
from orchestration.marts import contracts
from orchestration.readers import quality
from orchestration.readers.ledger import newest_generation
from orchestration.settings import Settings
from orchestration.sources.contract import DATASETS

FIRST = date(2026, 3, 1)
DAYS = 9


@pytest.fixture(scope="module")
def settings(
    databases: Callable[[], AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    home = tmp_path_factory.mktemp("home")
    with databases() as url:
        yield Settings.from_environment({"CAUSERIE_HOME": str(home), "CAUSERIE_DATABASE_URL": url})


@pytest.fixture(scope="module")
def first_run(settings: Settings) -> runs.Outcome:
    """A week of a small brand, loaded and published."""
    simulator.write(Path(settings.landing), DAYS - 1, 1, 10, FIRST)
    return runs.run(settings, None, None)


# What dbt made as views, by schema and name, and what each is to the server.
VIEWS = """
select c.relnamespace::regnamespace::text, c.relname, c.oid
from pg_class as c
where c.relnamespace in ('build'::regnamespace, 'next'::regnamespace) and c.relkind = 'v'
order by 1, 2
"""


def rows(settings: Settings, query: str) -> list[Any]:
    with warehouse.connect(str(settings.database_url)) as connection:
        return connection.execute(query.encode()).fetchall()


def environment(settings: Settings) -> dict[str, str]:
    return {
        "CAUSERIE_HOME": str(settings.home),
        "CAUSERIE_DATABASE_URL": str(settings.database_url),
        "CAUSERIE_LANDING": settings.landing,
    }


def causerie(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; `answer` asks it in this one, without five seconds of imports."""
    command = [sys.executable, "-m", "orchestration.cli.main", *arguments]
    return subprocess.run(command, env=os.environ | environment(settings), capture_output=True, text=True, check=False)


def messages(settings: Settings, number: int) -> Path:
    return Path(settings.landing) / "messages" / (FIRST + timedelta(days=number)).isoformat()


def test_a_first_run_loads_everything_and_publishes_once(settings: Settings, first_run: runs.Outcome) -> None:
    assert first_run.failures == []
    assert first_run.exit_code == 0
    assert first_run.published is not None
    assert first_run.published.number == 1
    assert all(load.outcome == "loaded" for load in first_run.loads)
    for load in first_run.loads:
        counts = dict(load.counts)
        assert counts.pop("rows_read") == sum(counts.values())
    ((days,),) = rows(settings, "select extract_days from marts.publication")
    assert days == [FIRST + timedelta(days=number) for number in range(DAYS - 1)]
    assert rows(settings, "select count(*) from raw.touched") == [(0,)]
    # What the entrance checks join: without statistics as a product, which takes minutes where it should take seconds.
    analysed = "select relname from pg_stat_user_tables where schemaname = 'raw' and analyze_count > 0"
    assert {("extract",), ("load",), ("profile",)} <= set(rows(settings, analysed))


def test_every_audit_of_the_run_is_written_down(settings: Settings, first_run: runs.Outcome) -> None:
    found = rows(settings, "select distinct check_name from marts.data_quality where passed is not false")
    assert {"has_rows", "required_columns_are_filled", "stability", "identities"} <= {name for (name,) in found}


def test_dagster_is_told_rows_as_numbers_by_table_and_by_partition(settings: Settings, first_run: runs.Outcome) -> None:
    with dagster_instance.opened(settings) as instance:
        for table in ("fct_conversation", "fct_message", "kpi_period", "load_ledger"):
            event = instance.get_latest_materialization_event(AssetKey(["marts", table]))
            assert event and event.asset_materialization
            told = event.asset_materialization.metadata["dagster/row_count"].value
            assert [(told,)] == rows(settings, f"select count(*) from marts.{table}")
        told = {}
        for record in instance.fetch_materializations(AssetKey("chat"), limit=100).records:
            assert record.asset_materialization
            metadata = record.asset_materialization.metadata
            told[record.partition_key] = metadata["dagster/row_count"].value
            assert isinstance(metadata["rows_read"].value, int)
    chat = [dataset.name for dataset in DATASETS.values() if dataset.family == "chat"]
    stands = " union all ".join(f"select extract_day from raw.{name}" for name in chat)
    counted = rows(settings, f"select extract_day, count(*) from ({stands}) as s group by 1")
    assert told == {str(day): count for day, count in counted}


def test_a_failed_test_of_dbt_brings_its_query(settings: Settings, first_run: runs.Outcome) -> None:
    manifest = contracts.manifest(settings.manifest)
    tests = [name for name, node in manifest["nodes"].items() if node["resource_type"] == "test"]
    for test in (tests[0], tests[-1]):
        passed = AssetCheckResult(passed=True, metadata={"unique_id": test})
        failed = AssetCheckResult(passed=False, metadata={"unique_id": test})
        compiled = settings.home / "dbt" / "compiled"
        assert dbt_models.with_query(passed, compiled, manifest) is passed
        asked = dbt_models.with_query(failed, compiled, manifest).metadata["query of the rows that fail"].value
        query = asked.removeprefix("```sql\n").removesuffix("\n```")
        assert rows(settings, query) == []


def test_a_run_of_the_daemon_with_nothing_to_do_does_nothing(settings: Settings, first_run: runs.Outcome) -> None:
    """The night's run, after the sensor has loaded everything."""
    defs = definitions.build(settings)
    before = rows(settings, "select run_id, newest_load_id from build.run")
    with dagster_instance.opened(settings) as instance:
        done = defs.resolve_job_def(jobs.JOB).execute_in_process(
            instance=instance, partition_key=str(FIRST), tags={ONLY_PENDING_TAG: LOOK}
        )
    assert done.success
    built = {event.asset_key.path[0] for event in done.get_asset_materialization_events() if event.asset_key}
    assert built == {"chat", "widget", "hook", "sales", "personalisation"}
    assert rows(settings, "select run_id, newest_load_id from build.run") == before
    assert rows(settings, "select count(*) from marts.publication") == [(1,)]


def test_a_second_run_finds_nothing_and_does_not_wake_dagster(settings: Settings, first_run: runs.Outcome) -> None:
    done = causerie(settings, "run")
    assert done.returncode == 0
    assert done.stdout.startswith("Nothing new")
    code = "import sys; from orchestration.cli import console, main, runs; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_leaves_what_is_slow_to_import_to_the_processes_that_need_it() -> None:
    imported = "import sys; from orchestration import definitions; from orchestration.cli import runs"
    code = f"{imported}; sys.exit({{'great_expectations', 'pandas', 'dbt'}} & sys.modules.keys() or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def answer(settings: Settings, first_run: runs.Outcome) -> Callable[..., str]:
    """What a command prints that goes well, run in this process."""

    def ask(*arguments: str) -> str:
        done = CliRunner().invoke(main.app, arguments, env=environment(settings), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return ask


def test_the_report_is_the_functions_answer(settings: Settings, answer: Callable[..., str]) -> None:
    told = json.loads(answer("report", "--json"))
    values = {row["ref"]: row["value"] for row in told["indicators"] if not row["bin"] and not row["bucket"]}
    ((dialogues,),) = rows(
        settings,
        "select value from marts.kpi_report('{brand}', '{from}', '{to}') where ref = 'Chat-Card-1'".format(**told),
    )
    assert values["Chat-Card-1"] == dialogues > 0
    assert "Chat-Card-1 " in answer("report", told["brand"], told["from"], told["to"], "--breakdown", "source")


PERIOD = ("maison-lumen", FIRST.isoformat(), (FIRST + timedelta(days=DAYS)).isoformat())


def test_the_rows_behind_a_number_add_up_to_it(answer: Callable[..., str]) -> None:
    report = csv.DictReader(answer("report", *PERIOD, "--ref", "Chat-Card-1", "--csv").splitlines())
    (value,) = (int(row["value"]) for row in report)
    found = list(csv.DictReader(answer("rows", "Chat-Card-1", *PERIOD, "--csv").splitlines()))
    assert sum(int(row["numerator"]) for row in found) == value > 0
    assert len({(row["entity"], row["entity_id"]) for row in found}) == len(found)
    names = catalogue.load().indicators["Chat-Card-1"].names
    assert {row["name"] for row in found} == {names["en"]}
    in_french = list(csv.DictReader(answer("rows", "Chat-Card-1", *PERIOD, "--csv", "--lang", "fr").splitlines()))
    assert {row["name"] for row in in_french} == {names["fr"]}
    for row in found:
        local = datetime.fromisoformat(row["anchor"]).astimezone(ZoneInfo("Europe/Paris"))
        assert row["anchor_local"] == f"{local:%Y-%m-%d %H:%M:%S}"
        assert bool(row["member_name"]) == bool(row["member_id"])
    table = answer("rows", "Chat-Card-1", *PERIOD)
    assert found[0]["entity_id"] in table and f"{value}" in table.splitlines()[-2]


def test_a_report_in_three_languages(answer: Callable[..., str]) -> None:
    indicators = catalogue.load().indicators
    for language in LANGUAGES:
        told = answer("report", *PERIOD, "--ref", "Chat-Card-1", "--lang", language)
        assert indicators["Chat-Card-1"].names[language] in told
    assert CliRunner().invoke(main.app, ["report", *PERIOD, "--lang", "la"]).exit_code == 2


def test_a_report_for_spreadsheets(settings: Settings, answer: Callable[..., str]) -> None:
    told = list(csv.DictReader(answer("report", *PERIOD, "--breakdown", "day", "--csv").splitlines()))
    asked = rows(
        settings,
        "select ref, value::text, coalesce(array_to_string(bucket, ' '), ''), coalesce(bin, '')"
        " from marts.kpi_report('{}', '{}', '{}', p_breakdown => '{{day}}')".format(*PERIOD),
    )
    assert len(told) == len(asked)
    wanted = {(ref, bucket, bin): value for ref, value, bucket, bin in asked}
    for row in told:
        value = wanted[row["ref"], row["bucket"], row["bin"]]
        assert (row["value"] == "") if value is None else float(row["value"]) == pytest.approx(float(value))


@pytest.mark.long
def test_the_documentation_names_every_published_table(settings: Settings, answer: Callable[..., str]) -> None:
    site = Path(answer("docs").strip().splitlines()[-1])
    assert site.is_relative_to(settings.home)
    text = site.read_text(encoding="utf-8")
    for (name,) in rows(settings, "select tablename from pg_tables where schemaname = 'marts' and tablename ~ '^fct_'"):
        assert name in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["report", "nobody", "2026-03-01", "2026-03-02"], "nobody"),
        (["report", "maison-lumen", "2026-03-05", "2026-03-02"], "2026-03-05"),
        (["report", "maison-lumen", "2026-03-01", "2026-03-02", "--source", "carrier pigeon"], "carrier pigeon"),
        (["report", "maison-lumen", "March"], "March"),
        (["run", "--from", "2026-03-05", "--to", "2026-03-02"], "2026-03-05"),
    ],
)
def test_a_wrong_question_is_answered_in_a_line(
    settings: Settings, first_run: runs.Outcome, arguments: list[str], says: str
) -> None:
    done = causerie(settings, *arguments)
    assert done.returncode not in (0, 3)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.fault(
    9,
    "a truncated gzip of a day that was loaded before, half a last JSON line, a broken Parquet file",
    "those extracts are refused, what the first brought before stays, the rest is published; exit code 3",
)
def test_a_refused_extract_is_named_and_the_rest_published(
    settings: Settings, first_run: runs.Outcome, capfd: pytest.CaptureFixture[str], figure: Callable[[str], None]
) -> None:
    landing, kept = Path(settings.landing), settings.home / "kept"
    simulator.write(landing, DAYS, 1, 10, FIRST)
    shutil.copytree(landing, kept)
    before = "select count(*), max(load_id) from raw.conversations where extract_day = '2026-03-08'"
    stood = rows(settings, before)
    (old,) = (landing / "conversations" / "2026-03-08").iterdir()
    old.write_bytes(old.read_bytes()[:-20])
    (new,) = (landing / "conversations" / "2026-03-09").iterdir()
    new.write_bytes(gzip.compress(gzip.decompress(new.read_bytes())[:-20]))
    (parquet,) = messages(settings, DAYS - 1).iterdir()
    parquet.write_bytes(parquet.read_bytes()[:100])
    done = CliRunner().invoke(main.app, ["run"], env=environment(settings), catch_exceptions=False)
    told = capfd.readouterr().out
    assert done.exit_code == 3, told
    for refused in ("conversations of 2026-03-08", "conversations of 2026-03-09", "messages of 2026-03-09"):
        assert f"Refused: {refused}" in told
    assert rows(settings, before) == stood
    assert rows(settings, "select max(generation) from marts.publication") == [(2,)]
    with dagster_instance.opened(settings) as instance:
        refused = [run.run_id for run in instance.get_runs() if run.job_name == refusals.NAME]
        (attempt,) = refused
        shown = [
            entry.dagster_event.partition
            for entry in instance.all_logs(attempt)
            if entry.dagster_event and entry.dagster_event.is_asset_materialization_planned
        ]
    assert shown == ["2026-03-08", "2026-03-09"]
    loaded = rows(
        settings,
        "select (select count(*) from raw.conversations where extract_day = '2026-03-09')"
        " + (select count(*) from raw.messages where extract_day = '2026-03-09')",
    )
    figure(f"3 of 3 refused, rows loaded from them {loaded[0][0]}, exit code {done.exit_code}")
    assert loaded == [(0,)]

    shutil.rmtree(landing)
    shutil.copytree(kept, landing)
    views = rows(settings, VIEWS)
    mended = runs.run(settings, None, None)
    assert (mended.exit_code, [load.dataset for load in mended.loads]) == (0, ["conversations", "messages"])

    # It left the views alone, and they are assets of it all the same: what they show is of this run.
    assert rows(settings, VIEWS) == views
    with dagster_instance.opened(settings) as instance:
        told = instance.all_logs(mended.run_ids[-1], of_type=DagsterEventType.ASSET_MATERIALIZATION)
    events = (entry.dagster_event for entry in told)
    shown = {tuple(event.asset_key.path) for event in events if event and event.asset_key}
    assert ("next", "fct_message") in shown and {(schema, name) for schema, name, _ in views} <= shown


@pytest.mark.long
@pytest.mark.fault(
    12,
    "an extract comes again, empty, or with null in every column",
    "it never passes; readers keep the old generation",
)
def test_a_failed_audit_keeps_readers_on_the_old_generation(
    settings: Settings, first_run: runs.Outcome, figure: Callable[[str], None]
) -> None:
    """The last extract of a dataset that always had rows comes again, empty."""
    folder, kept = messages(settings, DAYS - 1), settings.home / "kept again"
    shutil.copytree(folder, kept)
    for file in folder.iterdir():
        file.unlink()
    (folder / "messages.jsonl").touch()
    with warehouse.connect(str(settings.database_url)) as connection:
        before = newest_generation(connection), marts_digest.digest(connection)
    held = runs.run(settings, None, None)
    assert held.exit_code == 1
    assert any("has_rows" in line and "2026-03-09" in line for line in held.failures), held.failures
    again = runs.run(settings, None, None)
    assert again.exit_code == 1, "what an audit held back must not slip out with the next run"
    nothing = dict.fromkeys(DATASETS["messages"].column_names)
    (folder / "messages.jsonl").write_text(f"{json.dumps(nothing)}\n" * 10)
    nulls = runs.run(settings, None, None)
    assert nulls.exit_code == 1
    assert any("has_rows" in line for line in nulls.failures), nulls.failures
    with warehouse.connect(str(settings.database_url)) as connection:
        assert (newest_generation(connection), marts_digest.digest(connection)) == before
    figure("2 of 2 held back, marts unchanged")
    # The way out, where the day is right as it is: a person says so.
    assert "wants a reason" in causerie(settings, "run", "--accept", "messages", "2026-03-09").stderr
    done = causerie(settings, "run", "--accept", "messages", "2026-03-09", "--because", "the chat was off that day")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Published generation" in done.stdout
    ((said,),) = rows(settings, "select distinct observed from marts.data_quality where check_name = 'is_accepted'")
    assert "has_rows 2026-03-09: no rows, " in said and said.endswith("because the chat was off that day")

    shutil.rmtree(folder)
    shutil.copytree(kept, folder)
    mended = runs.run(settings, None, None)
    assert mended.exit_code == 0, mended.failures
    assert rows(settings, "select count(*) from raw.touched") == [(0,)]


@pytest.mark.long
def test_days_that_are_named_are_loaded_again_and_change_nothing(settings: Settings, first_run: runs.Outcome) -> None:
    outcome = runs.run(settings, FIRST, FIRST)
    assert outcome.exit_code == 0, outcome.failures
    assert {load.extract_day for load in outcome.loads} == {FIRST}
    assert {load.outcome for load in outcome.loads} == {"unchanged"}
    assert outcome.published is None


@pytest.mark.long
def test_other_definitions_are_something_new(settings: Settings, first_run: runs.Outcome) -> None:
    """What stands was built by the models, reports and catalogue of another day: all of it is built again."""
    with warehouse.connect(str(settings.database_url)) as connection:
        connection.execute("comment on table build.run is 'The run that prepared last, with those of edition 0'")
    outcome = runs.run(settings, None, None)
    assert (outcome.nothing_to_do, outcome.failures, outcome.loads) == (False, [], [])
    assert rows(settings, "select count(*) from build.int_conversations_lived") == rows(
        settings, "select count(*) from marts.fct_conversation"
    )
    assert rows(settings, "select count(*) from raw.touched") == [(0,)]
    assert runs.run(settings, None, None).nothing_to_do


def test_a_run_ends_what_a_killed_run_left_in_the_server(settings: Settings) -> None:
    url, said = str(settings.database_url), list[str]()
    with (
        warehouse.connect(url, application_name=warehouse.session_of_run("killed")) as left,
        warehouse.connect(url, application_name="a reader") as reader,
        ThreadPoolExecutor() as pool,
    ):
        statement = pool.submit(left.execute, "select pg_sleep(3600)")
        with resources.writing(settings, "next", said.append) as ours:
            assert isinstance(statement.exception(), psycopg.OperationalError)
            with ours.connect() as own:
                assert own.execute("show application_name").fetchone() == (warehouse.session_of_run("next"),)
            assert reader.execute("select 1").fetchone() == (1,)
    assert said == ["a killed run had left sessions in the server: ended 1"]


def test_the_dbt_that_a_killed_run_left_builds_nothing(settings: Settings, first_run: runs.Outcome) -> None:
    environment = warehouse.dbt_environment(str(settings.database_url), warehouse.session_of_run("killed"))
    with pytest.raises(AssertionError, match="this run is over"):
        dbt("run", "--select", "stg_chat__brands", target=settings.home / "dbt", environment=environment)


def test_rows_of_a_brand_that_nobody_describes_are_no_quiet_success(
    settings: Settings,
    first_run: runs.Outcome,
    hook: Hook,
) -> None:
    """Told by the exit code and a sentence, each time; in the alert, data_quality and the screens by the run that
    loaded them."""
    day = messages(settings, DAYS - 1)
    day.mkdir(parents=True, exist_ok=True)
    (day / "others.jsonl").write_text("".join(f"{json.dumps(message(n, brand_id='nobody'))}\n" for n in range(3)))
    (day.parents[1] / "mesages").mkdir()
    (day.parents[1] / "mesages" / "notes.jsonl").touch()
    outcome = runs.run(replace(settings, alert_webhook=hook.url), None, None)
    assert (outcome.exit_code, outcome.failures) == (3, [])
    said = "nobody: messages 3 rows"
    assert f"Warning: brands, brands_are_described: {said}" in hook.said
    assert "Warning: all, all_is_read: mesages: no dataset is called so: messages?" in hook.said
    with warehouse.connect(str(settings.database_url)) as connection:
        (brand,) = connection.execute("select min(brand_id) from marts.dim_brand").fetchone() or [""]
        shown = {check.check_name: check.observed for check in quality.checks(connection, brand) if not check.passed}
    assert shown["brands_are_described"] == said and "mesages" in str(shown["all_is_read"])
    again = causerie(settings, "run")
    assert again.returncode == 3
    assert "Waiting: 3 rows of the brand 'nobody', which no extract of brands describes: messages 3" in again.stdout
    assert again.stdout.count("mesages") == 1 and "Nothing new" in again.stdout
