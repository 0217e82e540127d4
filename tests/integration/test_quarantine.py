"""What waits in quarantine, as the command line lists, shows and exports it.

Not here: what makes a row bad (test_loading_rules.py).
"""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from landing_of import DAY, Raw, brand, message

from orchestration.sources.loading import quarantine


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path) -> Raw:
    """Five messages of a known brand: a stranger writes one, one says no offset, three are good."""
    raw = Raw(connection, tmp_path / "landing")
    raw.take("brands", [brand()], date(2026, 3, 1))
    rows = [
        message(1),
        message(2, sender_type="robot"),
        message(3),
        message(4, sent_at="2026-03-10T09:00:00"),
        message(5),
    ]
    raw.take("messages", rows)
    return raw


def test_groups_count_rows_by_rule(raw: Raw) -> None:
    found = {(one.dataset, one.extract_day, one.column_name, one.rows) for one in quarantine.groups(raw.connection)}
    assert found == {("messages", DAY, "sender_type", 1), ("messages", DAY, "sent_at", 1)}
    assert quarantine.groups(raw.connection, "orders") == []
    assert quarantine.groups(raw.connection, "messages", date(2026, 3, 9)) == []


def test_rows_say_file_line_and_value(raw: Raw) -> None:
    rows = list(quarantine.bad_rows(raw.connection))
    assert [(one.line, one.column_name, one.value) for one in rows] == [
        (2, "sender_type", "robot"),
        (4, "sent_at", "2026-03-10T09:00:00"),
    ]
    assert len(list(quarantine.bad_rows(raw.connection, limit=1))) == 1


@pytest.mark.parametrize("name", ["bad.csv", "bad.jsonl"])
def test_export_holds_every_row(raw: Raw, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert quarantine.export(quarantine.bad_rows(raw.connection), path) == 2
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file)) if path.suffix == ".csv" else [json.loads(line) for line in file]
    kept = [json.loads(row["row"]) if isinstance(row["row"], str) else row["row"] for row in rows]
    assert [row["message_id"] for row in kept] == ["m2", "m4"]


def test_a_corrected_extract_empties_it(raw: Raw) -> None:
    raw.take("messages", [message(number) for number in range(1, 6)])
    assert quarantine.groups(raw.connection) == []
