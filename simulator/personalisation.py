"""Experiences, A/B tests, journeys, and the runs of journeys with their notifications.

Here: the personalisation family, and what of it is live when. Not here: where an experience is shown (shopping.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from simulator.extracts import Book
from simulator.rhythm import after
from simulator.visitors import Visitor


@dataclass(frozen=True)
class Campaign:
    """An experience, an A/B test or a journey; days count from the simulation's start, None = without an end."""

    campaign_id: str
    name: str
    kind: str
    first: int
    last: int | None

    def begins(self, start: datetime) -> datetime:
        return start + timedelta(days=self.first, hours=8 if self.kind == "journey" else 7)

    def ends(self, start: datetime) -> datetime | None:
        return None if self.last is None else start + timedelta(days=self.last, hours=22)

    def is_live(self, start: datetime, at: datetime) -> bool:
        end = self.ends(start)
        return self.begins(start) <= at and (end is None or at < end)


EXPERIENCES = (
    Campaign("experience-banner", "Banner of the season", "experience", 0, None),
    Campaign("experience-gift", "Gift finder", "experience", 0, 400),
    Campaign("experience-return", "Welcome back", "experience", 5, 40),
    Campaign("test-button", "Colour of the chat button", "ab_test", 1, 22),
    Campaign("test-order", "Order of the lamps", "ab_test", 10, None),
)
JOURNEYS = (
    Campaign("journey-cart", "Forgotten cart", "journey", 0, None),
    Campaign("journey-thanks", "After the order", "journey", 2, 75),
)
NOTIFICATIONS = ("email", "push", "sms", "whatsapp", "web", "other")


class Personalisation:
    """The campaigns of the brand, which begins at `start`."""

    def __init__(self, book: Book, rng: Random, start: datetime) -> None:
        self._book = book
        self._rng = rng
        self._start = start

    def open(self) -> None:
        """Write the campaigns, each on the day it was set up, with its planned end (which may lie ahead)."""
        start = self._start
        for one in EXPERIENCES:
            begins = one.begins(start)
            self._book.add(
                "experiences", experience_id=one.campaign_id, name=one.name, kind=one.kind, started_at=begins,
                ended_at=one.ends(start), updated_at=begins,
            )  # fmt: skip
        for one in JOURNEYS:
            begins = one.begins(start)
            self._book.add(
                "journeys", journey_id=one.campaign_id, name=one.name, started_at=begins, ended_at=one.ends(start),
                updated_at=begins,
            )  # fmt: skip

    def experience(self, at: datetime) -> str | None:
        """An experience or A/B test that is live, if there is any."""
        return self._one_of(EXPERIENCES, at)

    def _one_of(self, campaigns: Sequence[Campaign], at: datetime) -> str | None:
        live = [one.campaign_id for one in campaigns if one.is_live(self._start, at)]
        return self._rng.choice(live) if live else None

    def run(self, visitor: Visitor, at: datetime) -> None:
        """One visitor's way through a live journey: notified once or more, converted or not, completed or cancelled."""
        rng, book, journey = self._rng, self._book, self._one_of(JOURNEYS, at)
        if journey is None:
            return
        row = {
            "run_id": book.new_id("run"), "journey_id": journey, "visitor_id": visitor.visitor_id,
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
