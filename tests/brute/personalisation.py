"""Section 8 of the indicators: site sessions and what was personalised, recommended and notified.

Here: sessions of the site, recommendations and what they sold, journeys. Not here: sessions of the chat.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from brute.facts import Row
from brute.figures import Answers, Figure, amount, average, count, ratio
from brute.question import Question

PAUSE = timedelta(minutes=30)
A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True)
class SiteSession:
    """Events of one browser, none half an hour or more after the one before. It is whose first event it is."""

    events: tuple[Row, ...]

    @property
    def visitor_id(self) -> str:
        return str(self.events[0]["visitor_id"])

    @property
    def begins(self) -> datetime:
        moment: datetime = self.events[0]["occurred_at"]
        return moment

    @property
    def ends(self) -> datetime:
        moment: datetime = self.events[-1]["occurred_at"]
        return moment

    def of(self, event_type: str) -> list[Row]:
        return [event for event in self.events if event["event_type"] == event_type]

    def holds(self, order: Row) -> bool:
        """Whether its visitor placed the order in it, the half hour after its last event included."""
        placed = order["ordered_at"]
        return bool(order["visitor_id"] == self.visitor_id and self.begins <= placed <= self.ends + PAUSE)

    def is_personalised_before(self, instant: datetime) -> bool:
        return any(shown["occurred_at"] < instant for shown in self.of("personalisation_shown"))

    def goals(self) -> list[Row]:
        """Goal conversions that follow a personalisation."""
        return [goal for goal in self.of("goal_converted") if self.is_personalised_before(goal["occurred_at"])]

    def first_shown(self) -> dict[str, datetime]:
        """Each product recommended in it, with the first time."""
        first: dict[str, datetime] = {}
        for shown in self.of("recommendation_shown"):
            if shown["product_id"] is not None:
                first.setdefault(shown["product_id"], shown["occurred_at"])
        return first


class _Seen:
    """What is known of the site, as of the question's instant."""

    def __init__(self, ask: Question) -> None:
        facts = ask.facts
        self.events = sorted(
            (event for event in facts.site_events if ask.known(event["occurred_at"])),
            key=lambda event: (event["occurred_at"], event["event_id"]),
        )
        self.orders = [order for order in facts.orders if ask.known(order["ordered_at"])]
        self.lines: dict[str, list[Row]] = defaultdict(list)
        for line in facts.order_lines:
            self.lines[line["order_id"]].append(line)
        by_browser: dict[str, list[list[Row]]] = defaultdict(list)
        for event in self.events:
            runs = by_browser[event["session_id"]]
            if not runs or event["occurred_at"] - runs[-1][-1]["occurred_at"] >= PAUSE:
                runs.append([])
            runs[-1].append(event)
        self.sessions = [SiteSession(tuple(run)) for runs in by_browser.values() for run in runs]

    def times(self, visitor_id: str, event_type: str, product_id: str | None = None) -> list[datetime]:
        """When a visitor's events of a type took place, those about one product if it is given."""
        return [
            event["occurred_at"]
            for event in self.events
            if event["visitor_id"] == visitor_id
            and event["event_type"] == event_type
            and product_id in (None, event["product_id"])
        ]

    def is_direct(self, order: Row, line: Row) -> bool:
        """Whether a recommendation led to a view of the product, the view to the cart, and the cart to this order."""
        visitor, product, placed = order["visitor_id"], line["product_id"], order["ordered_at"]
        clicks = self.times(visitor, "recommendation_click", product)
        shows = self.times(visitor, "recommendation_shown", product)
        carts = self.times(visitor, "add_to_cart", product)
        for viewed in self.times(visitor, "product_view", product):
            because = any(click < viewed for click in clicks) or any(shown < viewed <= shown + A_DAY for shown in shows)
            if because and placed <= viewed + A_WEEK and any(viewed < cart < placed for cart in carts):
                return True
        return False

    def is_assisted(self, order: Row) -> bool:
        clicks = self.times(order["visitor_id"], "recommendation_click")
        return any(click < order["ordered_at"] <= click + A_WEEK for click in clicks)

    def has_recommended(self, order: Row) -> bool:
        placed = order["ordered_at"]
        return any(
            self.is_direct(order, line)
            or any(
                shown < placed <= shown + A_WEEK
                for shown in self.times(order["visitor_id"], "recommendation_shown", line["product_id"])
            )
            for line in self.lines[order["order_id"]]
        )

    def followed(self, session: SiteSession) -> bool:
        """Whether a recommendation of the session was clicked, or its product looked at afterwards."""
        first = session.first_shown()
        return bool(session.of("recommendation_click")) or any(
            view["product_id"] in first and first[view["product_id"]] < view["occurred_at"]
            for view in session.of("product_view")
        )

    def sold(self, session: SiteSession) -> bool:
        """Whether its visitor bought a product recommended in it within a week of its first showing."""
        first = session.first_shown()
        return any(
            order["visitor_id"] == session.visitor_id
            and line["product_id"] in first
            and first[line["product_id"]] < order["ordered_at"] <= first[line["product_id"]] + A_WEEK
            for order in self.orders
            for line in self.lines[order["order_id"]]
        )


def _worth(line: Row) -> Fraction:
    return Fraction(line["quantity"]) * Fraction(line["unit_amount"])


def figures(question: Question) -> Answers:
    seen = _Seen(question)
    return _personalised(question, seen) | _recommended(question, seen) | _live(question) | _journeys(question)


def _personalised(ask: Question, seen: _Seen) -> Answers:
    sessions = [one for one in seen.sessions if ask.in_window(one.begins)]
    shown = [one for one in sessions if one.of("personalisation_shown")]
    goals = [goal for one in seen.sessions for goal in one.goals() if ask.in_window(goal["occurred_at"])]
    orders = [
        order
        for order in seen.orders
        if ask.in_window(order["ordered_at"])
        and any(one.holds(order) and one.is_personalised_before(order["ordered_at"]) for one in seen.sessions)
    ]
    return {
        ("Pers-Card-1", None): count(sessions),
        ("Pers-Card-2", None): count(shown),
        ("Pers-Card-10", None): amount([Fraction(goal["revenue"] or 0) for goal in goals]),
        ("Pers-Card-11", None): count(goals),
        ("Pers-Card-12", None): ratio(len([one for one in shown if one.goals()]), len(shown)),
        ("Pers-Card-13", None): average([Fraction(order["gross_amount"]) for order in orders]),
    }


def _recommended(ask: Question, seen: _Seen) -> Answers:
    placed = [order for order in seen.orders if order["visitor_id"] and ask.in_window(order["ordered_at"])]
    direct, assisted = [], []
    for order in placed:
        for line in seen.lines[order["order_id"]]:
            if seen.is_direct(order, line):
                direct.append(_worth(line))
            elif seen.is_assisted(order):
                assisted.append(_worth(line))
    sessions = [one for one in seen.sessions if ask.in_window(one.begins) and one.of("recommendation_shown")]
    visitors = {
        event["visitor_id"]
        for event in seen.events
        if event["event_type"] == "recommendation_shown" and ask.in_window(event["occurred_at"])
    }
    selling, recommended = 0, 0
    for session in seen.sessions:
        orders = [order for order in seen.orders if session.holds(order)]
        if orders and ask.in_window(min(order["ordered_at"] for order in orders)):
            selling += 1
            recommended += any(seen.has_recommended(o) for o in orders if ask.in_period(o["ordered_at"]))
    return {
        ("Reco-Card-1", None): amount(direct),
        ("Reco-Card-2", None): amount(assisted),
        ("Reco-Card-3", None): count(sessions),
        ("Reco-Card-4", None): ratio(len([one for one in sessions if seen.followed(one)]), len(sessions)),
        ("Reco-Card-5", None): ratio(len([one for one in sessions if seen.sold(one)]), len(sessions)),
        ("Reco-Card-6", None): count(visitors),
        ("Reco-Card-7", None): count([order for order in placed if seen.has_recommended(order)]),
        ("Reco-Card-8", None): ratio(recommended, selling),
    }


def _live(ask: Question) -> Answers:
    """What is under way at the end of the period, or when the question is asked if that is earlier."""
    asked_at = ask.as_of or ask.known_until or ask.end
    instant = min(ask.end, asked_at)

    def live(rows: list[Row]) -> Figure:
        begun = [row for row in rows if row["started_at"] < instant]
        return count([row for row in begun if row["ended_at"] is None or row["ended_at"] >= instant])

    experiences = ask.facts.experiences
    return {
        ("Pers-Card-3", None): live([row for row in experiences if row["kind"] == "experience"]),
        ("Pers-Card-4", None): live([row for row in experiences if row["kind"] == "ab_test"]),
        ("Pers-Card-5", None): live(ask.facts.journeys),
    }


def _journeys(ask: Question) -> Answers:
    runs = ask.facts.journey_runs
    started = [run for run in runs if ask.in_window(run["started_at"])]
    converted = [run for run in started if ask.known(run["goal_converted_at"])]
    sent = [
        one
        for one in ask.facts.journey_notifications
        if ask.in_window(one["sent_at"]) and ask.passes_notification_channel(one["channel"])
    ]
    return {
        ("Jour-Card-1", None): count(started),
        ("Jour-Card-2", None): count([run for run in runs if ask.in_window(run["completed_at"])]),
        ("Jour-Card-3", None): count([run for run in runs if ask.in_window(run["cancelled_at"])]),
        ("Jour-Card-4", None): count(sent),
        ("Jour-Card-5", None): ratio(len(converted), len(started)),
    }
