"""Reads the days of tests/fixtures/small_days, a brand a file, into rows of the contract.

Here: what a row leaves out, filled in; one more brand comes from settling_days.py. Not here: what the days hold (the
files) or mean (test_small_days.py).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import settling_days
import yaml
from brute.facts import Row, Rows

FOLDER = Path(__file__).parents[1] / "fixtures" / "small_days"
# What changes an entity is not always one of its times.
SUNDAY_NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)

HARMLESS: dict[str, Row] = {
    "brands": {"name": "Brand", "currency": "EUR", "locale": "fr-FR", "attribution_window_days": None,
               "working_hours": None},
    "members": {"first_name": None, "last_name": None, "team": None},
    "conversations": {"visitor_id": "v", "kind": "customer", "source": "direct", "channel": "web", "medium": "text",
                      "initiated_by": "visitor", "cancelled_at": None, "handled_at": None, "member_id": None,
                      "is_blocked": False, "page_url": None, "ad_id": None, "ad_payload": None, "inbox": None,
                      "labels": None, "handled_basis": None},
    "conversation_events": {"actor_type": None, "member_id": None},
    "identities": {"updated_at": SUNDAY_NOON},
    "refunds": {"currency": "EUR"},
    "messages": {"sender_id": None, "is_automatic": False, "content_type": "text"},
    "hook_events": {"visitor_id": None, "conversation_id": None},
    "widget_events": {"widget_version": None, "page_url": None, "ad_id": None, "ad_payload": None},
    "site_events": {"page_url": None, "product_id": None, "quantity": None, "experience_id": None, "goal_id": None,
                    "revenue": None, "ad_id": None, "ad_payload": None},
    "orders": {"visitor_id": None, "customer_id": None, "conversation_id": None, "member_id": None, "channel": "web",
               "origin": "other", "checked_out_at": None, "paid_at": None, "cancelled_at": None,
               "payment_method": "card", "currency": "EUR", "tax_amount": 0, "shipping_amount": 0,
               "discount_amount": 0, "identity_system": None, "identity_id": None},
    "calls": {"answered_at": None, "ended_at": None},
    "ratings": {"member_id": None, "given_at": None, "score": None, "comment": None, "status": "pending"},
    "order_lines": {"updated_at": SUNDAY_NOON},
    "experiences": {"name": "Experience", "updated_at": SUNDAY_NOON},
    "journeys": {"name": "Journey", "updated_at": SUNDAY_NOON},
    "journey_runs": {"completed_at": None, "cancelled_at": None, "goal_converted_at": None},
    "journey_notifications": {},
    "member_activity": {},
}  # fmt: skip
EVENT_KEYS = {
    "messages": "message_id", "hook_events": "event_id", "site_events": "event_id",
    "widget_events": "event_id", "member_activity": "event_id", "journey_notifications": "notification_id",
    "conversation_events": "event_id", "refunds": "refund_id",
}  # fmt: skip


def rows() -> Rows:
    """Every row of every file; a brand is called like its file."""
    found: Rows = {dataset: list(lines) for dataset, lines in settling_days.rows().items()}
    for path in sorted(FOLDER.glob("*.yml")):
        document = yaml.safe_load(path.read_text())
        zone = ZoneInfo(document["brand"]["timezone"])
        for dataset, lines in ({"brands": [document.pop("brand")]} | document).items():
            for number, line in enumerate(_repeated(lines), 1):
                found.setdefault(dataset, []).append(_row(dataset, path.stem, number, line, zone))
    return found


def _repeated(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`repeat: 3` with the conversation c stands for three rows, of c 1, c 2 and c 3."""
    return [
        line | {"conversation_id": f"{line['conversation_id']} {number}"} if times else line
        for line in lines
        for times in [line.pop("repeat", 0)]
        for number in range(1, max(times, 1) + 1)
    ]


def _row(dataset: str, brand_id: str, number: int, line: dict[str, Any], zone: ZoneInfo) -> Row:
    row = {"brand_id": brand_id, **HARMLESS[dataset], **line}
    for name, value in row.items():
        if name.endswith("_at") and value is not None:
            instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            row[name] = instant if instant.tzinfo else instant.replace(tzinfo=zone)
    if dataset in EVENT_KEYS:
        row[EVENT_KEYS[dataset]] = f"{number:03d}"
        if dataset in ("site_events", "widget_events"):
            row.setdefault("session_id", f"browser of {row['visitor_id']}")
    else:
        row.setdefault("updated_at", max(value for value in row.values() if isinstance(value, datetime)))
    return row
