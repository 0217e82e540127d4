"""Exceptions that people make: extract days which are published whatever the entrance audits say of them.

Not here: the audits (expectations/feeds.py), which read them.
"""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg


@dataclass(frozen=True)
class Accepted:
    """One extract day that a person accepts, and why."""

    dataset: str
    day: date
    reason: str


def accept(connection: psycopg.Connection[Any], one: Accepted) -> None:
    """Write an exception down for good, with who made it. Made again, its newer reason counts."""
    connection.execute(
        "insert into raw.accepted (dataset, extract_day, reason, accepted_by) values (%s, %s, %s, %s)"
        " on conflict (dataset, extract_day) do update set reason = excluded.reason,"
        "  accepted_by = excluded.accepted_by, accepted_at = clock_timestamp()",
        [one.dataset, one.day, one.reason, _account()],
    )


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "an account without a name"  # in a container, say
