"""Conversations from request to rating: who asks, who answers, what is left unanswered.

Here: conversations, messages, calls and ratings. Not here: what is bought afterwards (shopping.py).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from simulator.brand import MEMBERS, is_open, next_open
from simulator.desk import Desk
from simulator.extracts import Book, Row
from simulator.rhythm import after
from simulator.visitors import Visitor
from simulator.widget import PAGES, Widget

BOT = "bot-welcome"
# By whether the visitor was pleased.
COMMENTS = {
    True: ("Very helpful, thank you.", "Quick and kind."),
    False: ("I waited a long time.", "Not what I asked."),
}
CHANNELS = {"waiting_list": "web", "direct": "direct", "hook": "web", "phygital": "store"}


@dataclass
class Outcome:
    """What the shop needs to know of a conversation: whom it was with, and its last message if both sides wrote."""

    visitor: Visitor
    conversation_id: str
    member_id: str | None
    last_message_at: datetime | None = None


class Conversations:
    """The chat: writes every row of a conversation at its birth, the later ones into later extracts."""

    def __init__(self, book: Book, rng: Random, widget: Widget, desk: Desk) -> None:
        self._book = book
        self._rng = rng
        self._widget = widget
        self._desk = desk

    def from_waiting_list(self, visitor: Visitor, at: datetime) -> Outcome:
        """A request to whoever is free: handled soon, next morning, or never; cancelled perhaps, or both."""
        rng, page = self._rng, self._rng.choice(PAGES)
        row = self._conversation(visitor, "waiting_list", at, "visitor", None, page)
        browser = self._widget.ask(visitor, at, "request_waiting_list", page)
        self._save(row, at)
        if rng.random() < 0.5:
            self._message(row, "bot", BOT, at + timedelta(seconds=1), automatic=True)
        question = None
        if rng.random() < 0.4:
            question = after(rng, at, 20, 0.6)
            self._message(row, "visitor", visitor.visitor_id, question)
            self._widget.event(visitor, browser, question, "send_message", page)
        fate = rng.random()
        if fate < 0.13:
            row["cancelled_at"] = after(rng, question or at, 240)
            self._save(row, row["cancelled_at"])
            self._widget.event(visitor, browser, row["cancelled_at"], "cancel_request", page)
        if 0.04 < fate < 0.18:  # 0.13 to 0.18 simply stay in the list; below 0.04 they are handled all the same
            return self._in_vain(row, visitor)
        member = rng.choice(MEMBERS).member_id
        row["handled_at"] = after(rng, next_open(row["cancelled_at"] or question or at), 150, 1.4)
        row["member_id"] = member
        self._save(row, row["handled_at"])
        self._message(row, "system", None, row["handled_at"], content_type="other")
        if fate > 0.95:  # opened, and never answered
            return self._in_vain(row, visitor)
        if not is_open(row["handled_at"]):
            self._message(row, "member", member, row["handled_at"], automatic=True)
        return self._dialogue(row, visitor, after(rng, row["handled_at"], 25), asked=question is not None)

    def direct(self, visitor: Visitor, at: datetime) -> Outcome:
        """A request to one member, who answers, is away, or asks back without ever hearing again."""
        rng, page = self._rng, self._rng.choice(PAGES)
        member = rng.choice(MEMBERS).member_id
        row = self._conversation(visitor, "direct", at, "visitor", member, page)
        browser = self._widget.ask(visitor, at, "request_direct", page)
        self._save(row, at)
        silent = rng.random() < 0.15
        if not silent:
            first = after(rng, at, 15, 0.5)
            self._message(row, "visitor", visitor.visitor_id, first)
            self._widget.event(visitor, browser, first, "send_message", page)
        if not is_open(at):
            self._message(row, "member", member, at + timedelta(seconds=2), automatic=True)
        fate = rng.random()
        if fate < 0.04:
            row["cancelled_at"] = after(rng, at, 300)
            self._save(row, row["cancelled_at"])
        if fate < 0.14:
            return self._in_vain(row, visitor)
        row["handled_at"] = after(rng, next_open(at), 90, 1.2)
        self._save(row, row["handled_at"])
        if silent and rng.random() < 0.6:  # the member writes first, in vain
            self._message(row, "member", member, after(rng, row["handled_at"], 20))
            return self._in_vain(row, visitor)
        return self._dialogue(row, visitor, after(rng, row["handled_at"], 30), asked=not silent)

    def from_hook(self, visitor: Visitor, at: datetime) -> Outcome:
        """A member's invitation, shown to a visitor who clicks it."""
        rng, book = self._rng, self._book
        member = rng.choice(MEMBERS).member_id
        hook_id = book.new_id("hook")
        row = self._conversation(visitor, "hook", at, "member", member, rng.choice(PAGES))
        trigger = at - timedelta(seconds=rng.randint(10, 240))
        self.hook_event(member, hook_id, None, trigger, "trigger")
        self.hook_event(member, hook_id, visitor.visitor_id, trigger + timedelta(seconds=4), "display")
        self.hook_event(member, hook_id, visitor.visitor_id, at, "click", row["conversation_id"])
        self._save(row, at)
        self._message(row, "member", member, at, automatic=rng.random() < 0.7)
        if rng.random() < 0.3:  # a click, and nothing more
            return self._in_vain(row, visitor)
        question = after(rng, at, 30)
        self._message(row, "visitor", visitor.visitor_id, question)
        row["handled_at"] = question
        self._save(row, question)
        return self._dialogue(row, visitor, after(rng, question, 40), asked=True)

    def phygital(self, visitor: Visitor, at: datetime) -> Outcome:
        """A code scanned in a shop: the platform writes the first message in the visitor's place."""
        rng = self._rng
        member = rng.choice(MEMBERS).member_id
        row = self._conversation(visitor, "phygital", at, "visitor", member, None)
        self._save(row, at)
        sender_type, sender_id = ("visitor", visitor.visitor_id) if rng.random() < 0.7 else ("system", None)
        self._message(row, sender_type, sender_id, at, automatic=True, content_type="phygital_marker")
        if rng.random() < 0.2:
            return self._in_vain(row, visitor)
        return self._dialogue(row, visitor, after(rng, next_open(at), 60), asked=True)

    def internal(self, at: datetime) -> None:
        """Members among themselves: counts nowhere, and must not."""
        first, second = self._rng.sample(MEMBERS, 2)
        row = self._conversation(None, "direct", at, "member", first.member_id, None)
        self._save(row, at)
        for author in (first, second, first):
            at = after(self._rng, at, 60)
            self._message(row, "member", author.member_id, at)

    def ignored_hook(self, visitor: Visitor, at: datetime) -> None:
        """An invitation that is not clicked: not even displayed, displayed (twice at times), or waved away."""
        rng, hook_id, member = self._rng, self._book.new_id("hook"), self._rng.choice(MEMBERS).member_id
        self.hook_event(member, hook_id, None, at, "trigger")
        for _ in range(rng.choice((0, 1, 1, 1, 2))):
            at = after(rng, at, 30)
            self.hook_event(member, hook_id, visitor.visitor_id if rng.random() < 0.97 else None, at, "display")
        if rng.random() < 0.2:
            self.hook_event(member, hook_id, visitor.visitor_id, after(rng, at, 5), "dismiss")

    def hook_event(
        self, member: str, hook_id: str, visitor: str | None, at: datetime, event_type: str,
        conversation: str | None = None,
    ) -> None:  # fmt: skip
        """Write one hook event."""
        self._book.add(
            "hook_events", event_id=self._book.new_id("hook-event"), member_id=member, visitor_id=visitor,
            occurred_at=at, event_type=event_type, hook_id=hook_id, conversation_id=conversation,
        )  # fmt: skip

    def _conversation(
        self, visitor: Visitor | None, source: str, at: datetime, initiator: str, member: str | None, page: str | None
    ) -> Row:
        rng = self._rng
        row = {
            "conversation_id": self._book.new_id("conversation"),
            "visitor_id": visitor.visitor_id if visitor else None,
            "kind": "customer" if visitor else "internal",
            "source": source,
            "channel": "app" if source != "phygital" and rng.random() < 0.2 else CHANNELS[source],
            "medium": "video" if visitor and rng.random() < 0.12 else "text",
            "initiated_by": initiator,
            "requested_at": at,
            "cancelled_at": None,
            "handled_at": None,
            "member_id": member,
            "is_blocked": False,
            "page_url": page,
            "ad_id": visitor.ad_id if visitor else None,
            "ad_payload": visitor.ad_payload if visitor else None,
        }
        return self._desk.admit(row)

    def _save(self, row: Row, at: datetime) -> None:
        self._book.add("conversations", **row, updated_at=at)

    def _message(
        self, row: Row, sender_type: str, sender_id: str | None, at: datetime,
        automatic: bool = False, content_type: str | list[str] = "text",
    ) -> None:  # fmt: skip
        self._book.add(
            "messages", message_id=self._book.new_id("message"), conversation_id=row["conversation_id"],
            sender_type=sender_type, sender_id=sender_id, sent_at=at, is_automatic=automatic, content_type=content_type,
        )  # fmt: skip

    def _outcome(self, row: Row, visitor: Visitor) -> Outcome:
        return Outcome(visitor, row["conversation_id"], row["member_id"])

    def _in_vain(self, row: Row, visitor: Visitor) -> Outcome:
        """Nothing comes of it: where video was asked for, it rings until somebody gives up."""
        if row["medium"] == "video":
            self._call(row, row["initiated_by"], row["requested_at"], answered=0)
        self._desk.leave(row, row["handled_at"] or row["cancelled_at"] or row["requested_at"], is_answered=False)
        return self._outcome(row, visitor)

    def _dialogue(self, row: Row, visitor: Visitor, at: datetime, asked: bool) -> Outcome:
        """Both sides write, beginning with the member at `at`; some come back days later; then calls and a rating."""
        rng, outcome = self._rng, self._outcome(row, visitor)
        author = row["member_id"]
        answered = asked
        for sitting in range(1 if rng.random() < 0.9 else rng.randint(2, 3)):
            if sitting:
                at = after(rng, at, 2.5 * 86_400)
                self._message(row, "visitor", visitor.visitor_id, at)
                at = after(rng, next_open(at), 600)
                if rng.random() < 0.3:  # a transfer shows in the senders only
                    author = rng.choice(MEMBERS).member_id
            for turn in range(rng.randint(1, 5)):
                if turn:
                    at = after(rng, at, 45)
                    self._message(row, "visitor", visitor.visitor_id, at, content_type=self._visitor_content())
                    answered = True
                    if rng.random() < 0.3:
                        at = after(rng, at, 8)
                        self._message(row, "visitor", visitor.visitor_id, at)
                    if rng.random() < 0.05:  # left hanging
                        break
                    at = after(rng, at, 40)
                content_type = self._member_content()
                # Some sources do not give the author.
                self._message(row, "member", author if rng.random() < 0.99 else None, at, content_type=content_type)
                if content_type == "email_request" and rng.random() < 0.6:
                    at = after(rng, at, 60 if rng.random() < 0.8 else 86_400)
                    self._message(row, "visitor", visitor.visitor_id, at, content_type="email_provided")
                    answered = True
        if answered:
            outcome.last_message_at = at
        self._calls(row)
        self._rating(row, author, at)
        self._desk.label(row)
        self._desk.leave(row, at, is_answered=True)
        if row["labels"]:
            self._save(row, at)
        if rng.random() < 0.01:
            row["is_blocked"] = True
            self._save(row, after(rng, at, 86_400))
        return outcome

    def _member_content(self) -> str:
        kinds = ("text", "product", "photo", "video", "connect_invite", "email_request")
        return self._rng.choices(kinds, (78, 10, 4, 2, 3, 3))[0]

    def _visitor_content(self) -> str | list[str]:
        kind = self._rng.choices(("text", "photo", "video", "product", "other"), (88, 6, 2, 3, 1))[0]
        # Who sends a picture writes something with it.
        return ["photo", "text"] if kind == "photo" else kind

    def _calls(self, row: Row) -> None:
        """The request of a video conversation is its first call; text ones have a member's call now and then."""
        rng, at = self._rng, row["requested_at"]
        if row["medium"] == "video":
            self._call(row, row["initiated_by"], at)
        if rng.random() < (0.3 if row["medium"] == "video" else 0.04):
            self._call(row, rng.choice(("member", "visitor")), after(rng, next_open(at), 1800))

    def _call(self, row: Row, initiator: str, at: datetime, answered: float = 0.7) -> None:
        rng = self._rng
        call = {
            "call_id": self._book.new_id("call"), "conversation_id": row["conversation_id"], "initiated_by": initiator,
            "requested_at": at, "answered_at": None, "ended_at": None,
        }  # fmt: skip
        self._book.add("calls", **call, updated_at=at)
        if rng.random() < answered:
            call["answered_at"] = after(rng, at, 15, 0.5)
            call["ended_at"] = after(rng, call["answered_at"], 360)
            self._book.add("calls", **call, updated_at=call["ended_at"])
        elif rng.random() < 0.5:
            call["ended_at"] = at + timedelta(seconds=45)
            self._book.add("calls", **call, updated_at=call["ended_at"])

    def _rating(self, row: Row, author: str, at: datetime) -> None:
        """Asked at the close: given at once, days later, waved away (with a score or not), or left open."""
        rng = self._rng
        if rng.random() > 0.4:
            return
        asked = after(rng, at, 120)
        rating = {
            "rating_id": self._book.new_id("rating"), "conversation_id": row["conversation_id"],
            "member_id": author if rng.random() < 0.9 else None, "requested_at": asked, "given_at": None,
            "score": None, "comment": None, "status": "pending",
        }  # fmt: skip
        self._book.add("ratings", **rating, updated_at=asked)
        fate = rng.random()
        if fate < 0.65:
            rating["given_at"] = after(rng, asked, 60 if fate < 0.5 else 1.5 * 86_400)
            rating["status"] = "submitted" if fate < 0.6 else "dismissed"
            rating["score"] = rng.choices((1, 2, 3, 4, 5), (4, 4, 10, 30, 52))[0]
            if rng.random() < 0.2:
                rating["comment"] = rng.choice(COMMENTS[rating["score"] > 3])
            self._book.add("ratings", **rating, updated_at=rating["given_at"])
        elif fate < 0.75:
            rating["status"] = "dismissed"
            self._book.add("ratings", **rating, updated_at=after(rng, asked, 90))
