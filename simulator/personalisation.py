"""Experiences, A/B tests, journeys, and the runs of journeys with their notifications.

Here: the personalisation family. Not here: where an experience is shown (shopping.py).
Read next: day.py.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from simulator.extracts import Book
from simulator.rhythm import after
from simulator.visitors import Visitor


@dataclass(frozen=True)
class Experience:
    """An experience or an A/B test; days count from the simulation's start, None = without an end."""

    experience_id: str
    name: str
    kind: str
    begins: int
    ends: int | None


EXPERIENCES = (
    Experience("experience-banner", "Banner of the season", "experience", 0, None),
    Experience("experience-gift", "Gift finder", "experience", 0, 400),
    Experience("experience-return", "Welcome back", "experience", 5, 40),
    Experience("test-button", "Colour of the chat button", "ab_test", 1, 22),
    Experience("test-order", "Order of the lamps", "ab_test", 10, None),
)
# (identifier, name, first day, last day or None)
JOURNEYS = (("journey-cart", "Forgotten cart", 0, None), ("journey-thanks", "After the order", 2, 75))
NOTIFICATIONS = ("email", "push", "sms", "whatsapp", "web", "other")


class Personalisation:
    """The campaigns of the brand."""

    def __init__(self, book: Book, rng: Random) -> None:
        self._book = book
        self._rng = rng

    def open(self, start: datetime) -> None:
        """Write the campaigns, each on the day it was set up, with its planned end (which may lie ahead)."""
        for experience in EXPERIENCES:
            begins = start + timedelta(days=experience.begins, hours=7)
            self._book.add(
                "experiences", experience_id=experience.experience_id, name=experience.name, kind=experience.kind,
                started_at=begins, ended_at=_later(start, experience.ends), updated_at=begins,
            )  # fmt: skip
        for journey_id, name, first, last in JOURNEYS:
            begins = start + timedelta(days=first, hours=8)
            self._book.add(
                "journeys", journey_id=journey_id, name=name, started_at=begins, ended_at=_later(start, last),
                updated_at=begins,
            )  # fmt: skip

    def run(self, visitor: Visitor, at: datetime) -> None:
        """One visitor's way through a journey: notified once or more, converted or not, completed or cancelled."""
        rng, book = self._rng, self._book
        row = {
            "run_id": book.new_id("run"), "journey_id": rng.choice(JOURNEYS)[0], "visitor_id": visitor.visitor_id,
            "started_at": at, "completed_at": None, "cancelled_at": None, "goal_converted_at": None,
        }  # fmt: skip
        book.add("journey_runs", **row, updated_at=at)
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            at = after(rng, at, 6 * 3600)
            book.add(
                "journey_notifications", notification_id=book.new_id("notification"), run_id=row["run_id"],
                channel=rng.choices(NOTIFICATIONS, (50, 15, 12, 12, 9, 2))[0], sent_at=at,
            )  # fmt: skip
        if rng.random() < 0.25:
            at = row["goal_converted_at"] = after(rng, at, 12 * 3600)
            book.add("journey_runs", **row, updated_at=at)
        end = rng.choices(("completed_at", "cancelled_at", None), (70, 15, 15))[0]
        if end:
            row[end] = after(rng, at, 86_400)
            book.add("journey_runs", **row, updated_at=row[end])


def _later(start: datetime, days: int | None) -> datetime | None:
    return None if days is None else start + timedelta(days=days, hours=22)
