"""Freshness without a run: the check is_fresh judged by the daemon, as a run judges it.

Not here: what fresh means (expectations/feeds.py), or when the daemon looks (jobs.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from dagster import AssetCheckEvaluation, DagsterInstance

from expectations import feeds
from orchestration.assets import checks
from orchestration.assets.published import PUBLICATION
from orchestration.settings import Settings
from orchestration.sources import extract_days, pending


def verdict(connection: psycopg.Connection[Any], settings: Settings, now: datetime) -> str:
    """What there is to tell at this instant, in one line: the same line as before needs no telling again."""
    newest = pending.newest_complete_day(connection, extract_days.sources_of(settings))
    due = feeds.due_day(now, settings.nightly)
    if newest is not None and newest >= due:
        return "fresh"
    return f"the newest complete extract day is {newest or 'none'}, due was {due}"


def judge(connection: psycopg.Connection[Any], settings: Settings, now: datetime, instance: DagsterInstance) -> str:
    """Judge, write down what was found, and show it as the check; returns the name under which it is written down."""
    run_id = f"freshness {now:%Y-%m-%dT%H:%M:%SZ}"
    newest = pending.newest_complete_day(connection, extract_days.sources_of(settings))
    findings = feeds.judge_freshness(newest, now, settings.nightly)
    checks.record(connection, run_id, findings)
    connection.commit()
    result = checks.as_result(PUBLICATION, checks.IS_FRESH, findings, run_id)
    instance.report_runless_asset_event(
        AssetCheckEvaluation(
            asset_key=PUBLICATION,
            check_name=checks.IS_FRESH,
            passed=result.passed,
            severity=result.severity,
            description=result.description,
            metadata=result.metadata,
        )
    )
    return run_id
