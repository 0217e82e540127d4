"""A day of the brand, and the entry point that strings days together.

Here: how many of each thing happen in a day. Not here: what each of them is.
"""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

from simulator.brand import BRAND_ID, CURRENCY, MEMBERS, PROMOTIONS, ZONE_NAME, shifts, working_hours
from simulator.conversations import Conversations
from simulator.desk import Desk
from simulator.extracts import Book, Summary
from simulator.personalisation import Personalisation
from simulator.rhythm import after, instant_on, volume_on
from simulator.shopping import Shop
from simulator.visitors import Visitors
from simulator.widget import Widget

# Fixed, so that the result never depends on today's date; from here, 60 days hold the spring's clock change.
DEFAULT_START = date(2025, 3, 1)

# How often each thing happens, in proportion to the conversations.
SOURCES = {"waiting_list": 46, "direct": 33, "hook": 12, "phygital": 9}
IGNORED_HOOKS, LOOKS, BROWSES, RUNS, COUNTER_SALES, INTERNAL = 0.3, 3.0, 2.0, 0.15, 0.04, 0.04


def write(
    directory: Path,
    days: int,
    seed: int,
    conversations_per_day: int = 120,
    start: date | None = None,
    brand_id: str = BRAND_ID,
    part: int = 0,
) -> Summary:
    """Write the extracts of `days` UTC days from `start` (None: DEFAULT_START) below `directory`, one folder a dataset.

    The same arguments give the same bytes, and files that stand there already stay untouched. More days with the same
    seed add extracts and change none. Another seed, volume or start is another history of the same brand: use a fresh
    directory. Another `brand_id` may come beside it, in files of another `part`. Raises ValueError if `days` or
    `conversations_per_day` is below 1.
    """
    if days < 1 or conversations_per_day < 1:
        raise ValueError(f"days ({days}) and conversations_per_day ({conversations_per_day}) must be at least 1")
    start = start or DEFAULT_START
    book, rng = Book(seed, brand_id), Random(seed)
    brand = Day(book, rng, seed, conversations_per_day, start)
    brand.open()
    for number in range(days):
        brand.live(start + timedelta(days=number))
    return book.write(directory, start, start + timedelta(days=days - 1), part)


class Day:
    """Everything that one day of the brand consists of."""

    def __init__(self, book: Book, rng: Random, seed: int, usual: int, start: date) -> None:
        self._book, self._rng, self._usual = book, rng, usual
        self._visitors = Visitors(rng)
        self._widget = Widget(book, rng)
        self._chat = Conversations(book, rng, self._widget, Desk(book, seed))
        self._start = datetime.combine(start, time(), UTC)
        self._campaigns = Personalisation(book, rng, self._start)
        self._shop = Shop(book, rng, self._campaigns, seed)

    def open(self) -> None:
        """The first day's settings, and the promotions that will come."""
        midnight = self._start
        self._book.add(
            "brands", name="Maison Lumen", timezone=ZONE_NAME, currency=CURRENCY, locale="fr-FR",
            attribution_window_days=14, working_hours=working_hours(midnight.year), updated_at=midnight,
        )  # fmt: skip
        for member in MEMBERS:
            moves = [(0, member.role, member.team)]
            moves += [(days, role, team) for days, member_id, role, team in PROMOTIONS if member_id == member.member_id]
            for days, role, team in moves:
                self._book.add(
                    "members", member_id=member.member_id, first_name=member.label, last_name=None, role=role,
                    team=team, updated_at=midnight + timedelta(days=days, hours=8 if days else 0),
                )  # fmt: skip
        self._campaigns.open()

    def live(self, day: date) -> None:
        """One UTC day: visitors arrive, ask, browse; members are at their screens."""
        chat, shop = self._chat, self._shop
        begin = {
            "waiting_list": chat.from_waiting_list,
            "direct": chat.direct,
            "hook": chat.from_hook,
            "phygital": chat.phygital,
        }
        for at in self._moments(day, 1):
            source = self._rng.choices(tuple(SOURCES), tuple(SOURCES.values()))[0]
            shop.follow_up(begin[source](self._visitors.arrive(), at))
        for at in self._moments(day, LOOKS):
            self._widget.look(self._visitors.arrive(), at)
        for at in self._moments(day, BROWSES):
            shop.browse(self._visitors.arrive(), at)
        for at in self._moments(day, IGNORED_HOOKS):
            chat.ignored_hook(self._visitors.arrive(), at)
        for at in self._moments(day, RUNS):
            self._campaigns.run(self._visitors.arrive(), at)
        for at in self._moments(day, COUNTER_SALES):
            shop.counter_sale(at)
        for at in self._moments(day, INTERNAL):
            chat.internal(at)
        self._activity(day)

    def _moments(self, day: date, share: float) -> list[datetime]:
        count = volume_on(self._rng, day, self._usual * share)
        return sorted(instant_on(self._rng, day) for _ in range(count))

    def _activity(self, day: date) -> None:
        """Members at their screens during the shifts, in bursts with pauses in between."""
        rng = self._rng
        for opening, closing in shifts(day):
            for member in MEMBERS:
                at = after(rng, opening, 600)
                while at < closing and rng.random() < 0.9:
                    for _ in range(rng.randint(1, 8)):
                        self._book.add(
                            "member_activity", event_id=self._book.new_id("activity"), member_id=member.member_id,
                            occurred_at=at, action=rng.choice(("focus", "click", "scroll", "pointer", "other")),
                        )  # fmt: skip
                        at = after(rng, at, 50)
                    at = after(rng, at, 1500)
