"""Section 7 of the indicators: one-to-one.

Here: two-way conversations, requests, what orders owe to them, the widget's audience, surveys. Not here: the lists.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from brute.dialogues import Dialogues
from brute.facts import Conversation, Row
from brute.figures import Answers, Figure, amount, average, count, ratio, seconds
from brute.question import Question
from brute.sales import value_of


@dataclass(frozen=True)
class Request:
    """A contact that somebody asked for: a conversation, or one of its calls."""

    of: Conversation
    medium: str
    initiated_by: str
    requested_at: datetime
    succeeded_at: datetime | None


def first_answer(one: Conversation) -> datetime | None:
    """When a call of the conversation was first answered."""
    return min((call.answered_at for call in one.calls if call.answered_at), default=None)


def two_way_at(one: Conversation) -> datetime | None:
    """When it first became a dialogue, or had an answered call."""
    return min((at for at in (one.established_at, first_answer(one)) if at), default=None)


def events(one: Conversation) -> list[datetime]:
    """Its messages, its calls answered, its calls ended: when each was."""
    found = [message.time for message in one.messages] + [call.answered_at for call in one.calls]
    return [at for at in (*found, *(call.ended_at for call in one.calls)) if at]


def requests_of(one: Conversation) -> Iterator[Request]:
    """The conversation, and each of its calls but the one that a video conversation is itself."""
    calls = sorted(one.calls, key=lambda call: (call.requested_at, call.call_id))
    own_call = calls[0] if one.medium == "video" and calls else None
    video_answered_at = own_call.answered_at if own_call else None
    succeeded_at = video_answered_at if one.medium == "video" else two_way_at(one)
    yield Request(one, one.medium, one.initiated_by, one.requested_at, succeeded_at)
    for call in calls:
        if call is not own_call:
            yield Request(one, "video", call.initiated_by, call.requested_at, call.answered_at)


class OneToOne:
    """The one-to-one contacts of one question."""

    def __init__(self, question: Question) -> None:
        self.ask = question
        self.all = list(question.facts.conversations.values())
        self.patience = timedelta(days=question.facts.window_days)

    def passes(self, one: Conversation, instant: datetime, fluctuating: bool = False) -> bool:
        """Source, member and role filter; a fixed indicator knows the member of the period's end, others that of A."""
        member = one.member_known_before(self.ask.as_of if fluctuating else self.ask.known_end)
        return self.ask.passes_conversation(one) and self.ask.passes_member(member, instant)

    def became(self, fluctuating: bool = False) -> list[tuple[Conversation, datetime]]:
        """One-Card-1: the conversations that became two-way in W, and when."""
        return [
            (one, at)
            for one in self.all
            if (at := two_way_at(one)) and self.ask.in_window(at) and self.passes(one, at, fluctuating)
        ]

    def by_video(self) -> list[Conversation]:
        return [
            one for one in self.all if (at := first_answer(one)) and self.ask.in_window(at) and self.passes(one, at)
        ]

    def lengths(self) -> list[Fraction]:
        """One-Card-4."""
        found = []
        for one, _ in self.became():
            happened = [at for at in events(one) if at < self.ask.known_end]
            found.append(seconds(max(happened) - min(happened)))
        return found

    def won(self) -> Figure:
        """One-Card-10."""
        met, won = set(), set()
        for one, at in self.became(fluctuating=True):
            met.add(one.visitor_id)
            for order in self.ask.facts.orders:
                if (
                    order["visitor_id"] == one.visitor_id
                    and self.ask.known(order["ordered_at"])
                    and at < order["ordered_at"] <= at + self.patience
                ):
                    won.add(one.visitor_id)
        return ratio(len(won), len(met))

    def behind(self, order: Row) -> Iterator[Conversation]:
        """The conversations that may have had a part in an order, whatever the filters."""
        ordered_at = order["ordered_at"]
        for one in self.all:
            met_at = two_way_at(one)
            if one.visitor_id != order["visitor_id"] or met_at is None or met_at >= ordered_at:
                continue
            if any(at < ordered_at <= at + self.patience for at in events(one)):
                yield one

    def influenced(self, by_video: bool = False) -> list[Row]:
        """One-Card-11; `by_video`: those of which such a conversation had an answered call before the order."""
        found = []
        for order in self.ask.facts.orders:
            at = order["ordered_at"]
            if self.ask.in_window(at) and self.ask.passes_channel(order["channel"]):
                behind = [one for one in self.behind(order) if self.passes(one, at)]
                if by_video:
                    behind = [one for one in behind if (answered := first_answer(one)) and answered < at]
                if behind:
                    found.append(order)
        return found

    def requests(self, fluctuating: bool = False) -> list[Request]:
        return [
            request
            for one in self.all
            for request in requests_of(one)
            if self.ask.in_window(request.requested_at) and self.passes(one, request.requested_at, fluctuating)
        ]

    def has_reply(self, one: Conversation) -> bool:
        """A member's message or an answered call, by A."""
        written = any(message.side == "member" and self.ask.known(message.time) for message in one.messages)
        return written or self.ask.known(first_answer(one))

    def scores_of_all_time(self) -> list[int]:
        """One-Donut-1's: whatever the dates and filters."""
        return [
            rating["score"]
            for rating in self.ask.facts.ratings
            if rating["conversation_id"] in self.ask.facts.conversations
            and self.ask.known(rating["given_at"])
            and rating["score"] is not None
            and rating["status"] != "pending"
        ]

    def surveys(self) -> list[Row]:
        """One-Card-60's: given in W, with a score."""
        found = []
        for rating in self.ask.facts.ratings:
            one = self.ask.facts.conversations.get(rating["conversation_id"])
            given_at = rating["given_at"]
            if one is None or rating["score"] is None or rating["status"] == "pending":
                continue
            member = rating["member_id"] or one.member_known_before(self.ask.known_end)
            if (
                self.ask.in_window(given_at)
                and self.ask.passes_conversation(one)
                and self.ask.passes_member(member, given_at)
            ):
                found.append(rating)
        return found


def net_of(order: Row) -> Fraction:
    """What an order is worth without tax and shipping."""
    return value_of(order) - Fraction(order["tax_amount"])


def figures(question: Question) -> Answers:
    met = OneToOne(question)
    requests, known = met.requests(), met.requests(fluctuating=True)
    influenced = met.influenced()
    seen = _visitors(question, {"impression"})
    clicked = _visitors(question, {"click", "open", "notification_click"})

    def accepted(side: str) -> Figure:
        asked = [request for request in known if request.initiated_by == side]
        return ratio(len([request for request in asked if question.known(request.succeeded_at)]), len(asked))

    answers: Answers = {
        ("One-Card-1", None): count(met.became()),
        ("One-Card-2", None): count(Dialogues(question).established()),
        ("One-Card-3", None): count(met.by_video()),
        ("One-Card-4", None): average(met.lengths()),
        ("One-Card-10", None): met.won(),
        ("One-Card-11", None): count(influenced),
        ("One-Card-12", None): amount([net_of(order) for order in met.influenced(by_video=True)]),
        ("One-Card-13", None): average([net_of(order) for order in influenced]),
        ("One-Card-14", None): amount([value_of(order) for order in influenced]),
        ("One-Card-20", None): _count_of(requests, initiated_by="member"),
        ("One-Card-21", None): _count_of(requests, initiated_by="visitor"),
        ("One-Card-22", None): _count_of(requests, medium="text"),
        ("One-Card-23", None): _count_of(requests, medium="video"),
        ("One-Card-24", None): count([request for request in known if not question.known(request.succeeded_at)]),
        ("One-Card-30", None): accepted("member"),
        ("One-Card-31", None): accepted("visitor"),
        ("One-Card-40", None): count(
            [one for one in known if one.initiated_by == "visitor" and not met.has_reply(one.of)]
        ),
        ("One-Card-50", None): count(seen),
        ("One-Card-51", None): count(clicked),
        ("One-Card-52", None): ratio(len(clicked), len(seen)),
        ("One-Card-60", None): average([rating["score"] for rating in met.surveys()]),
    }
    for score in range(1, 6):
        answers["One-Donut-1", str(score)] = count([one for one in met.scores_of_all_time() if one == score])
    return answers


def _count_of(requests: Iterable[Request], **what: str) -> Figure:
    ((name, value),) = what.items()
    return count([request for request in requests if getattr(request, name) == value])


def _visitors(ask: Question, kinds: set[str]) -> set[str]:
    """Who had a widget event of these kinds in W."""
    return {
        event["visitor_id"]
        for event in ask.facts.widget_events
        if event["event_type"] in kinds and ask.in_window(event["occurred_at"])
    }
