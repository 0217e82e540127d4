"""Sixty-three days of a brand whose ratings come in late, always alike: so how they settle can be told beforehand.

Each day at noon four ratings are asked for. One is given an hour later, one at noon of the next day (half a day after
the day's end), one three days later and one eleven days later; the last of them scores 1, the others 5.
Not here: what follows from it (test_settling.py).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from brute.facts import Row, Rows

BRAND = "settling"
ZONE = ZoneInfo("Europe/Paris")
FIRST, LAST = date(2025, 8, 25), date(2025, 10, 26)
# Days and hours after the request, and the score.
ANSWERS = ((0, 1, 5), (1, 0, 5), (3, 0, 5), (11, 0, 1))


def rows() -> Rows:
    """Everything in one extract, the newest of the small days."""
    known_until = datetime.combine(LAST + timedelta(days=1), time(), UTC)
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    brand: Row = {
        "brand_id": BRAND, "name": "Brand", "timezone": ZONE.key, "currency": "EUR", "locale": "fr-FR",
        "attribution_window_days": None, "working_hours": None, "updated_at": _noon(FIRST), "extract_day": LAST,
    }  # fmt: skip
    return {
        "brands": [brand],
        "conversations": [_conversation(day) for day in days],
        "ratings": [_rating(day, number, known_until) for day in days for number in range(len(ANSWERS))],
    }


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), ZONE)


def _conversation(day: date) -> Row:
    return {
        "brand_id": BRAND, "conversation_id": day.isoformat(), "visitor_id": "v", "kind": "customer",
        "source": "direct", "channel": "web", "medium": "text", "initiated_by": "visitor", "requested_at": _noon(day),
        "cancelled_at": None, "handled_at": None, "member_id": None, "is_blocked": False, "page_url": None,
        "ad_id": None, "ad_payload": None, "updated_at": _noon(day), "extract_day": LAST,
    }  # fmt: skip


def _rating(day: date, number: int, known_until: datetime) -> Row:
    days, hours, score = ANSWERS[number]
    given_at = _noon(day + timedelta(days=days)) + timedelta(hours=hours)
    is_given = given_at < known_until
    return {
        "brand_id": BRAND, "rating_id": f"{day} {number}", "conversation_id": day.isoformat(), "member_id": None,
        "requested_at": _noon(day), "given_at": given_at if is_given else None, "score": score if is_given else None,
        "comment": None, "status": "submitted" if is_given else "pending",
        "updated_at": given_at if is_given else _noon(day), "extract_day": LAST,
    }  # fmt: skip
