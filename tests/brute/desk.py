"""Section 10 of the indicators: first responses, and what became of conversations between their messages.

Here: the desk's cards, and refunds of whatever order. Not here: refunds of credited sales (sales.py).
"""

from datetime import datetime
from fractions import Fraction

from brute.facts import Conversation
from brute.figures import Answers, amount, average, count, median, ratio, seconds
from brute.question import Question


def figures(question: Question) -> Answers:
    ask = question
    waits = _first_responses(ask)
    closings = _events(ask, "closed")
    firsts = _first_closings(ask)
    lasted = [seconds(at - one.requested_at) for one, at in firsts]
    silent = [one for one, at in firsts if not any(m.side == "member" and m.sent_at < at for m in one.messages)]
    return {
        ("Desk-Card-1", None): average(waits),
        ("Desk-Card-2", None): median(waits),
        ("Desk-Card-3", None): count(closings),
        ("Desk-Card-4", None): count(set(closings)),
        ("Desk-Card-5", None): average(lasted),
        ("Desk-Card-6", None): median(lasted),
        ("Desk-Card-7", None): count(set(_events(ask, "reopened"))),
        ("Desk-Card-8", None): ratio(len(silent), len(firsts)),
        ("Desk-Card-9", None): count(set(_events(ask, "handed_off"))),
    } | _refunds(ask)


def _first_responses(ask: Question) -> list[Fraction]:
    """From the visitor's first message to the very first of a member, whichever conversation has them in this order."""
    waits = []
    for one in ask.facts.conversations.values():
        replies = [message for message in one.messages if message.side == "member"]
        asked = [m.sent_at for m in one.messages if m.side == "visitor" and not m.is_marker]
        if not replies or not asked or min(asked) >= replies[0].sent_at:
            continue
        reply = replies[0]
        author = reply.author if reply.is_signed else one.member_known_before(ask.known_end)
        if (
            ask.in_window(reply.sent_at)
            and ask.passes_conversation(one)
            and ask.passes_member(author, reply.sent_at)
        ):
            waits.append(seconds(reply.sent_at - min(asked)))
    return waits


def _dated(ask: Question, event_type: str) -> list[tuple[Conversation, datetime]]:
    """Every such event of a known conversation, from when it counts."""
    found = []
    for event in ask.facts.conversation_events:
        one = ask.facts.conversations.get(event["conversation_id"])
        if one and event["event_type"] == event_type:
            found.append((one, max(event["occurred_at"], one.requested_at)))
    return found


def _passes(ask: Question, one: Conversation, at: datetime) -> bool:
    member = one.member_known_before(ask.known_end)
    return ask.in_window(at) and ask.passes_conversation(one) and ask.passes_member(member, at)


def _events(ask: Question, event_type: str) -> list[str]:
    """The conversation of each such event in W."""
    return [one.conversation_id for one, at in _dated(ask, event_type) if _passes(ask, one, at)]


def _first_closings(ask: Question) -> list[tuple[Conversation, datetime]]:
    first: dict[str, tuple[Conversation, datetime]] = {}
    for one, at in sorted(_dated(ask, "closed"), key=lambda dated: dated[1]):
        first.setdefault(one.conversation_id, (one, at))
    return [(one, at) for one, at in first.values() if _passes(ask, one, at)]


def _refunds(ask: Question) -> Answers:
    channels = {order["order_id"]: order["channel"] for order in ask.facts.orders}
    made = [
        Fraction(refund["amount"])
        for refund in ask.facts.refunds
        if ask.in_window(refund["refunded_at"]) and ask.passes_channel(channels.get(refund["order_id"]))
    ]
    return {("Shop-Card-4", None): count(made), ("Shop-Card-5", None): amount(made)}
