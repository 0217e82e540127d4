"""Section 6 of the indicators, its second part: exchange and sessions, all of them and those that ads brought.

Here: sessions and the stages on the way to a paid order. Not here: what members do in them (agents.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from brute.facts import Conversation, Facts, Row
from brute.figures import Answers, count
from brute.question import Question

PAUSE = timedelta(minutes=30)
ACTIONS_ON_THE_SITE = {"add_to_cart", "remove_from_cart", "checkout_start", "checkout_complete", "recommendation_click"}
OF_THE_CART = {"add_to_cart", "checkout_start", "checkout_complete"}

Ad = tuple[str, str | None]


@dataclass(frozen=True)
class Action:
    """Something that a visitor did: what it is says how far it brings a session."""

    at: datetime
    what: str
    row: Row | None = None


@dataclass
class Session:
    """A visitor's actions without a pause of half an hour, as known at some instant."""

    visitor_id: str
    actions: list[Action]
    ad: Ad | None = None
    orders: list[Row] = field(default_factory=list)

    @property
    def first(self) -> datetime:
        return self.actions[0].at

    @property
    def last(self) -> datetime:
        return self.actions[-1].at

    def has(self, *kinds: str) -> bool:
        return any(action.what in kinds for action in self.actions)


def actions_of(facts: Facts, visitor_id: str) -> list[Action]:
    """All that a visitor did, in order of time."""
    found = [
        Action(message.sent_at, "message")
        for one in facts.conversations.values()
        if one.visitor_id == visitor_id
        for message in one.messages
        if message.side == "visitor"
    ]
    for event in facts.widget_events:
        if event["visitor_id"] == visitor_id and event["event_type"] != "impression":
            found.append(Action(event["occurred_at"], event["event_type"], event))
    for event in facts.site_events:
        if event["visitor_id"] == visitor_id and event["event_type"] in ACTIONS_ON_THE_SITE:
            found.append(Action(event["occurred_at"], event["event_type"], event))
    for order in facts.orders:
        if order["visitor_id"] == visitor_id:
            found.append(Action(order["ordered_at"], "order", order))
            if order["checked_out_at"]:
                found.append(Action(order["checked_out_at"], "checked out"))
    return sorted(found, key=lambda action: action.at)


def sessions(ask: Question) -> Iterator[Session]:
    """Every session of every visitor, of the actions that are known."""
    facts = ask.facts
    visitors = {one.visitor_id for one in facts.conversations.values()}
    visitors |= {row["visitor_id"] for rows in (facts.widget_events, facts.site_events, facts.orders) for row in rows}
    for visitor_id in visitors - {None}:
        current: Session | None = None
        for action in actions_of(facts, visitor_id):
            if not ask.known(action.at):
                break
            if current is None or action.at - current.last >= PAUSE:
                if current:
                    yield _described(facts, current)
                current = Session(visitor_id, [])
            current.actions.append(action)
        if current:
            yield _described(facts, current)


def _described(facts: Facts, session: Session) -> Session:
    session.orders = [action.row for action in session.actions if action.what == "order" and action.row]
    session.ad = _ad(facts, session)
    return session


def _ad(facts: Facts, session: Session) -> Ad | None:
    """The ad of the first action, else of the visitor's last event in the half hour before it, whatever it was."""
    first = [action.row for action in session.actions if action.at == session.first and action.row]
    events = [
        event
        for event in [*facts.widget_events, *facts.site_events]
        if event["visitor_id"] == session.visitor_id
        and session.first - PAUSE <= event["occurred_at"] <= session.first
        and not any(event is row for row in first)
    ]
    last = max((event["occurred_at"] for event in events), default=None)
    before = [event for event in events if event["occurred_at"] == last]
    for rows in (first, before):
        # Of several at one instant the one with an ad, and of those the least by its identifier.
        named = [row for row in rows if row.get("ad_id") is not None]
        if named:
            row = min(named, key=lambda row: str(row["event_id"]))
            return row["ad_id"], row["ad_payload"]
    return None


def exchanged(ask: Question) -> Iterator[Conversation]:
    """The conversation of each message that was sent in W, by whom ever but the system."""
    for one in ask.facts.conversations.values():
        for sent_at in one.exchanged_at:
            if (
                ask.in_window(sent_at)
                and ask.passes_conversation(one)
                and ask.passes_member(one.member_known_before(ask.known_end), sent_at)
            ):
                yield one


def figures(question: Question) -> Answers:
    ask = question
    sent = list(exchanged(ask))
    begun = [session for session in sessions(ask) if ask.in_window(session.first)]
    sent_from_ads = [one for one in sent if one.ad_id is not None and ask.passes_ad(one.ad_id, one.ad_payload)]
    begun_from_ads = [session for session in begun if session.ad and ask.passes_ad(*session.ad)]
    return _of_exchange("Engt", sent, begun, ask) | _of_exchange("Ads", sent_from_ads, begun_from_ads, ask)


def _of_exchange(area: str, sent: list[Conversation], begun: list[Session], ask: Question) -> Answers:
    def paid(order: Row) -> bool:
        return ask.known(order["paid_at"])

    def checked_out(order: Row) -> bool:
        return ask.known(order["checked_out_at"])

    open_or_close = {"open", "close"}
    stages = (
        begun,
        [s for s in begun if any(_is_of_chat(action) and action.what not in open_or_close for action in s.actions)],
        [s for s in begun if s.has(*OF_THE_CART, "order")],
        [s for s in begun if s.has("checkout_start") or any(checked_out(order) for order in s.orders)],
        [s for s in begun if any(checked_out(order) and not paid(order) for order in s.orders)],
        [s for s in begun if any(paid(order) for order in s.orders)],
    )
    answers: Answers = {
        (f"{area}-Card-1", None): count({one.visitor_id for one in sent}),
        (f"{area}-Card-2", None): count(begun),
        (f"{area}-Card-3", None): count(sent),
    }
    return answers | {(f"{area}-Funnel-{number}", None): count(found) for number, found in enumerate(stages, 1)}


def _is_of_chat(action: Action) -> bool:
    """A message, or a use of the widget."""
    return action.what not in {*ACTIONS_ON_THE_SITE, "order", "checked out"}
