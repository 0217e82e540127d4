"""Extracts of messages as the loader has written down their profiles, a day each, without any row.

Not here: what an entrance suite says of them (test_feeds.py, tests/faults/test_guards.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import psycopg

FIRST = date(2026, 3, 1)  # a Sunday
REQUIRED = ("message_id", "sent_at")


def profile(
    connection: psycopg.Connection[Any],
    number: int,
    rows: int,
    nulls: Mapping[str, int] | None = None,
    words: Mapping[str, int] | None = None,
    rejected: Mapping[str, int] | None = None,
) -> None:
    """The extract of messages of a day, as if just loaded with so many rows: `nulls` by column, `words` of content_type
    and its `rejected` rows by rule."""
    values = {"id": number + 1, "day": FIRST + timedelta(days=number), "rows": rows}
    connection.execute(
        "insert into raw.load (load_id, dataset, extract_day, outcome, files, fingerprint, started_at, ended_at)"
        " values (%(id)s, 'messages', %(day)s, 'loaded', '[]', '', now(), now())",
        values,
    )
    connection.execute("insert into raw.extract values ('messages', %(day)s, '', %(id)s)", values)
    if not rows:
        return
    for column in ("", *REQUIRED, "sender_id", "content_type"):
        connection.execute(
            "insert into raw.profile (load_id, dataset, extract_day, brand_id, column_name, row_count, null_count,"
            " value_counts, rejected)"
            " values (%(id)s, 'messages', %(day)s, 'b', %(column)s, %(rows)s, %(missing)s, %(words)s, %(rejected)s)",
            {
                **values,
                "column": column,
                "missing": (nulls or {}).get(column, 0),
                "words": json.dumps(words or {"text": rows}) if column == "content_type" else None,
                "rejected": json.dumps(rejected or {} if column == "content_type" else {}),
            },
        )
