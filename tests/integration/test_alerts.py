"""Alerts, told to a real HTTP server: what they say, that no secret goes with them, that nothing depends on them."""

from __future__ import annotations

import logging
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetSpec,
    DagsterInstance,
    DagsterRunStatus,
    Definitions,
    Output,
    RetryRequested,
    asset,
    asset_check,
    build_run_status_sensor_context,
    in_process_executor,
    job,
    materialize,
    op,
)
from webhook import PATH, Hook

from expectations.findings import Finding
from orchestration.assets.checks import as_result
from orchestration.automation import alerts, jobs
from orchestration.automation.failures import failures_of
from orchestration.cli import runs
from orchestration.readers.ledger import Generation
from orchestration.settings import Settings


@pytest.fixture
def settings(hook: Hook, database: str, tmp_path: Path) -> Settings:
    return Settings.from_environment(
        {"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": database, "CAUSERIE_ALERT_WEBHOOK": hook.url}
    )


def check(connection: psycopg.Connection[Any], run: str, day: int, severity: str, passed: bool) -> None:
    connection.execute(
        "insert into marts.data_quality"
        " (brand_id, run_id, check_name, table_name, severity, passed, observed, expected, checked_at)"
        " values ('', %s, 'has_rows', 'messages', %s, %s, '2026-03-09', 'rows on every extract day', %s)",
        [run, severity, passed, datetime(2026, 3, day, 2, 31, tzinfo=UTC)],
    )
    connection.commit()


def test_it_says_what_where_since_when_and_what_to_do(
    settings: Settings, hook: Hook, connection: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    for run, day, passed in (("a", 6, False), ("b", 7, True), ("c", 8, False), ("d", 9, False)):
        check(connection, run, day, "error", passed)
    with caplog.at_level(logging.INFO):
        alerts.tell(
            settings, ["d"], ["chat messages_profile: has_rows: 2026-03-09 (expected rows on every extract day)"]
        )
    assert hook.said.splitlines() == [
        "Causerie: nothing was published; readers have nothing yet.",
        "Failed: messages, has_rows: 2026-03-09 (expected rows on every extract day), since 2026-03-08 02:31 UTC."
        f" What to do: {alerts.ADVICE['has_rows']}.",
        "Run d.",
    ]
    assert hook.said in caplog.text
    assert "secret" not in caplog.text + repr(settings)


def test_a_check_that_only_warns_is_told_of_too_and_a_run_without_any_is_not(
    settings: Settings, hook: Hook, connection: psycopg.Connection[Any]
) -> None:
    check(connection, "a", 8, "warn", True)
    alerts.tell(settings, ["a"], [])
    assert hook.received == []
    check(connection, "b", 9, "warn", False)
    alerts.tell(settings, ["b"], [])
    assert hook.said.startswith("Causerie: published with warnings; ")
    assert "Warning: messages, has_rows: " in hook.said


def test_words_have_an_end_and_no_password(settings: Settings, hook: Hook) -> None:
    lines = [f"step {number}: postgresql://me:hush@there/db is gone" for number in range(100)]
    alerts.tell(settings, ["a"], lines)
    assert "hush" not in hook.said
    assert len(hook.said.splitlines()) == alerts.MOST_LINES + 3
    assert "and 80 more" in hook.said
    generation = Generation(7, datetime(2026, 3, 9, tzinfo=UTC), {})
    said = alerts.words(["it broke"], [], generation, ["a"])
    assert said and "readers have generation 7, data through 2026-03-09 00:00 UTC" in said


@pytest.mark.parametrize("trouble", ["refuses", "is gone", "is no address", "is of another world"])
def test_a_webhook_in_trouble_is_said_and_breaks_nothing(
    hook: Hook, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook.status = 500
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    webhook = {
        "refuses": hook.url,
        "is gone": f"http://127.0.0.1:{port}{PATH}",
        "is no address": f"http://[{PATH}",
        "is of another world": f"file://{PATH}",
    }[trouble]
    assert alerts.post(webhook, "something happened") is False
    assert "was not delivered" in caplog.text
    assert "secret" not in caplog.text


def test_each_publication_is_told_to_whoever_watches_for_it(
    settings: Settings, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    alerts.ping(settings)
    assert hook.received == [], "no address, no call"
    alerts.ping(replace(settings, ping_url=hook.url))
    assert hook.received == [{}]
    hook.status = 503
    alerts.ping(replace(settings, ping_url=hook.url))
    assert "the publication was not told to CAUSERIE_PING_URL: it answered 503" in caplog.text
    assert "secret" not in caplog.text + repr(replace(settings, ping_url=hook.url))


def test_what_data_say_is_text_on_dagsters_pages_and_plain_in_an_alert() -> None:
    """Dagster shows a check's description as Markdown, in which HTML, pictures and links would act."""
    said = "<img src=//x/y.png> ![z](http://z/) `a` *b* & c\\d"
    finding = Finding("words_are_known", "messages", True, False, said, "no word that the contract lacks")
    shown = str(as_result(AssetKey("chat"), "messages_profile", [finding], "a run").description)
    assert not set("<>[]`*\\") & set(shown)

    @asset_check(asset="chat")
    def messages_profile() -> AssetCheckResult:
        return AssetCheckResult(passed=False, severity=AssetCheckSeverity.ERROR, description=shown)

    defs = Definitions(assets=[AssetSpec("chat")], asset_checks=[messages_profile])
    job = defs.resolve_implicit_global_asset_job_def()
    with DagsterInstance.ephemeral() as instance:
        events = job.execute_in_process(instance=instance, raise_on_error=False).all_events
    assert failures_of(events) == [
        f"chat messages_profile: words_are_known: {said} (expected no word that the contract lacks)"
    ]


def test_a_run_without_a_warehouse_reaches_people(
    settings: Settings, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("the server is not there")

    monkeypatch.setattr(runs.warehouse, "wait_until_ready", gone)
    with pytest.raises(psycopg.OperationalError):
        runs.run(settings, None, None)
    assert "Failed: the server is not there. What to do: " in hook.said
    assert hook.said.endswith("Before a run began.")


def test_dagster_tells_of_the_runs_that_it_launches(settings: Settings, hook: Hook) -> None:
    @op
    def breaks() -> None:
        raise ValueError("the disk is full")

    @job(executor_def=in_process_executor)
    def nightly() -> None:
        breaks()

    failed, passed = jobs.tellers(settings)
    Definitions.validate_loadable(Definitions(jobs=[nightly], sensors=[failed, passed]))
    with DagsterInstance.ephemeral() as instance:
        result = nightly.execute_in_process(instance=instance, raise_on_error=False)
        context = build_run_status_sensor_context(
            sensor_name=failed.name,
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        )
        failed(context.for_run_failure())
    assert "Failed: breaks: the disk is full" in hook.said
    assert f"Run {result.run_id}." in hook.said


def test_a_check_that_failed_in_an_attempt_that_was_made_again_is_no_failure() -> None:
    """As dbt's tests do when the database goes away under them."""

    @asset(check_specs=[AssetCheckSpec("unique", asset="rows")])
    def rows(context):
        yield AssetCheckResult(check_name="unique", passed=context.retry_number > 0)
        if context.retry_number == 0:
            raise RetryRequested(max_retries=1)
        yield Output(None)

    with DagsterInstance.ephemeral() as instance:
        result = materialize([rows], instance=instance, raise_on_error=False)
    assert result.success and [one.passed for one in result.get_asset_check_evaluations()] == [False, True]
    assert failures_of(result.all_events) == []


def test_a_run_that_was_killed_reaches_people_too(settings: Settings, hook: Hook) -> None:
    """Nothing in the run says why it ended: its process, which would have, has gone."""

    @op
    def works() -> None:
        """Until it is killed."""

    @job(executor_def=in_process_executor)
    def nightly() -> None:
        works()

    failed, _ = jobs.tellers(settings)
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(nightly, status=DagsterRunStatus.STARTED)
        # As Dagster's run monitoring does it.
        instance.report_run_failed(run, "its process 4711 has gone")
        (event,) = [
            entry.dagster_event
            for entry in instance.all_logs(run.run_id)
            if entry.dagster_event and entry.dagster_event.is_run_failure
        ]
        assert event.event_specific_data is None or event.job_failure_data.error is None
        context = build_run_status_sensor_context(
            sensor_name=failed.name, dagster_event=event, dagster_instance=instance, dagster_run=run
        )
        failed(context.for_run_failure())
    assert "Failed: run: its process 4711 has gone" in hook.said
    assert f"Run {run.run_id}." in hook.said
