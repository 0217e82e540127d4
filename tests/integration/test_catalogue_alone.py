"""An indicator that the catalogue alone defines, of a fact that none is anchored at: it is published as one number.

Here: a catalogue with one more relation and indicator, and what is written from it for dbt; a night that brings a row
of that fact, on a day that nothing else lies on. Not here: the shipped catalogue's nights (test_nights.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from asking import report
from brute.landing import write
from night import DBT_PROJECT, Night, dbt
from small_days import HARMLESS

from orchestration.catalogue import catalogue, dbt_macros
from orchestration.catalogue.catalogue import CATALOGUE_FILE

BRAND = {"brand_id": "alone"}
ANSWERED = "One-Card-99"
RELATION = {
    "fact": "fct_call",
    "anchor": "f.answered_at",
    "dimensions": {},
    "entity": "call",
}
INDICATOR = {
    "ref": ANSWERED,
    "area": "one_to_one",
    "names": dict.fromkeys(("en", "fr", "es"), "Calls answered"),
    "meaning": dict.fromkeys(("en", "fr", "es"), "Calls, by when they were answered."),
    "unit": "count",
    "stability": "fixed",
    "needs": ["calls"],
    "filters": [],
    "numerator": {"of": "answered_call"},
}


def _at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2025, 6, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def night(new_night: Callable[[], Night], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """A platform of that catalogue."""
    document = yaml.safe_load(CATALOGUE_FILE.read_text("utf-8"))
    document["relations"]["answered_call"] = RELATION
    document["indicators"].append(INDICATOR)
    file = tmp_path / "kpi_catalogue.yml"
    file.write_text(yaml.safe_dump(document), "utf-8")
    extended = catalogue.load(file)
    monkeypatch.setattr(catalogue, "load", lambda: extended)
    project = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    (project / "macros" / dbt_macros.MACROS.name).write_text(dbt_macros.render(extended), "utf-8")
    platform = new_night()
    platform.folder, platform.project = project, dbt("parse", target=platform.target, folder=project)
    return platform


def test_the_precomputed_number_is_the_report_s(night: Night) -> None:
    conversation = {
        **BRAND, **HARMLESS["conversations"], "conversation_id": "c", "medium": "video", "member_id": "ana",
        "requested_at": _at(2, 22), "updated_at": _at(2, 22),
    }  # fmt: skip
    call = {**BRAND, **HARMLESS["calls"], "conversation_id": "c", "initiated_by": "visitor"}
    first = {
        **call,
        "call_id": "1",
        "requested_at": _at(2, 22),
        "answered_at": _at(2, 22, 5),
        "updated_at": _at(2, 22, 5),
    }
    # Not the first of its conversation: nothing else of it, or of its brand, lies on the day on which it was answered.
    late = {**call, "call_id": "2", "requested_at": _at(2, 23, 50), "answered_at": _at(3, 0, 5)}
    late |= {"updated_at": _at(3, 0, 5), "extract_day": date(2025, 6, 7)}
    message = {**BRAND, **HARMLESS["messages"], "message_id": "1", "conversation_id": "c", "sender_type": "visitor"}
    write(
        night.landing,
        {
            "brands": [{**BRAND, **HARMLESS["brands"], "timezone": "UTC", "updated_at": _at(1, 0)}],
            "conversations": [conversation],
            "messages": [message | {"sent_at": _at(2, 22, 1)}, message | {"message_id": "2", "sent_at": _at(5, 8)}],
            "calls": [first, late],
        },
    )
    night.run([extract for extract in night.extracts() if extract[1] < date(2025, 6, 7)])
    assert _stated(night) == _asked(night) == {date(2025, 6, 2): 1}
    night.run([("calls", date(2025, 6, 7))])
    assert _stated(night) == _asked(night) == {date(2025, 6, 2): 1, date(2025, 6, 3): 1}


def _stated(night: Night) -> dict[date, int]:
    with night.connect() as connection:
        rows = connection.execute(
            "select period_start, value from marts.kpi_period"
            " where ref = %s and grain = 'day' and dimension = 'all' and value <> 0",
            [ANSWERED],
        ).fetchall()
    return {row[0]: int(row[1]) for row in rows}


def _asked(night: Night) -> dict[date, int]:
    with night.connect() as connection:
        rows = report(connection, "alone", date(2025, 6, 1), date(2025, 6, 8), refs=[ANSWERED], breakdown=["day"])
    return {date.fromisoformat(row.bucket[0]): int(row.value) for row in rows if row.value}
