"""Section 4 of the indicators: ratings, credited sales, and the members' activity time.

Here: credit by the vocabulary's rule. Not here: sales of other sections.
"""

from datetime import datetime, timedelta
from fractions import Fraction

from brute.dialogues import Dialogues
from brute.facts import Conversation, Facts, Row
from brute.figures import DELAY_BINS, Answers, amount, average, count, histogram, ratio, seconds
from brute.question import Question


def credited(facts: Facts, order: Row) -> Conversation | None:
    """The dialogue to which an order is credited, by what was known at ordered_at."""
    ordered_at = order["ordered_at"]
    if order["origin"] == "publication":
        return None
    if order["conversation_id"] is not None:
        named = facts.conversations.get(order["conversation_id"])
        return named if named and named.established_at and named.established_at <= ordered_at else None
    if order["visitor_id"] is None:
        return None
    candidates = []
    for one in facts.conversations.values():
        if one.visitor_id == order["visitor_id"] and one.established_at and one.established_at < ordered_at:
            last = last_message_before(one, ordered_at)
            if last and ordered_at - last <= timedelta(days=facts.window_days):
                candidates.append((last, one.conversation_id))
    return facts.conversations[max(candidates)[1]] if candidates else None


def last_message_before(one: Conversation, instant: datetime) -> datetime | None:
    times = [message.time for message in one.messages if message.time and message.time < instant]
    return max(times, default=None)


def value_of(order: Row) -> Fraction:
    """The amount of a sale: gross less shipping."""
    return Fraction(order["gross_amount"]) - Fraction(order["shipping_amount"])


def figures(question: Question) -> Answers:
    ask, facts = question, question.facts
    sales = [(order, dialogue) for order in facts.orders if (dialogue := credited(facts, order))]

    def passes(order: Row, dialogue: Conversation, instant: datetime) -> bool:
        return (
            ask.passes_channel(order["channel"])
            and ask.passes_conversation(dialogue)
            and ask.passes_member(dialogue.member_id, instant)
            and ask.passes_ad(dialogue.ad_id, dialogue.ad_payload)
        )

    sold = [
        (order, dialogue)
        for order, dialogue in sales
        if ask.in_window(order["ordered_at"]) and passes(order, dialogue, order["ordered_at"])
    ]
    # What undoes a sale counts from the sale on, however early it is dated.
    cancelled = [
        order
        for order, dialogue in sales
        if order["cancelled_at"]
        for at in [max(order["cancelled_at"], order["ordered_at"])]
        if ask.in_window(at) and passes(order, dialogue, at)
    ]
    refunded = [
        Fraction(refund["amount"])
        for order, dialogue in sales
        for refund in facts.refunds
        if refund["order_id"] == order["order_id"]
        for at in [max(refund["refunded_at"], order["ordered_at"])]
        if ask.in_window(at) and passes(order, dialogue, at)
    ]
    dialogues = Dialogues(ask)
    established = dialogues.established()
    sold_to = {
        dialogue.conversation_id
        for order, dialogue in sales
        if ask.known(order["ordered_at"]) and ask.passes_channel(order["channel"])
    }
    delays = []
    for order, dialogue in sold:
        # None where the dialogue was established at the very instant of the order: no delay at all.
        last = last_message_before(dialogue, order["ordered_at"]) or order["ordered_at"]
        delays.append(order["ordered_at"] - last)

    values = [value_of(order) for order, _ in sold]
    answers: Answers = {
        ("Chat-Card-80", None): amount(values),
        ("Chat-Card-81", None): count(sold),
        ("Chat-Card-82", None): average(values),
        ("Chat-Card-85", None): ratio(len(sold), len(dialogues.active_with())),
        ("Chat-Card-86", None): ratio(
            len([one for one, _ in established if one.conversation_id in sold_to]), len(established)
        ),
        ("Sale-Card-9", None): count(cancelled),
        ("Sale-Card-10", None): amount([value_of(order) for order in cancelled]),
        ("Sale-Card-11", None): count(refunded),
        ("Sale-Card-12", None): amount(refunded),
        ("Amb-Card-52", None): amount(_activity(ask)),
    }
    answers |= histogram("Chat-Bar-51", DELAY_BINS, delays)
    return answers | _ratings(ask)


def _ratings(ask: Question) -> Answers:
    def asked(fluctuating: bool) -> list[Row]:
        found = []
        for rating in ask.facts.ratings:
            one = ask.facts.conversations.get(rating["conversation_id"])
            if one and ask.in_window(rating["requested_at"]) and ask.passes_conversation(one):
                known = one.member_known_before(ask.as_of if fluctuating else ask.known_end)
                if ask.passes_member(rating["member_id"] or known, rating["requested_at"]):
                    found.append(rating)
        return found

    given = [rating for rating in asked(fluctuating=True) if ask.known(rating["given_at"])]
    return {
        ("Chat-Card-70", None): count({rating["conversation_id"] for rating in asked(fluctuating=False)}),
        ("Chat-Card-71", None): count(asked(fluctuating=False)),
        ("Chat-Card-72", None): count(given),
        ("Chat-Card-73", None): average([rating["score"] for rating in given if rating["score"] is not None]),
    }


def _activity(ask: Question) -> list[Fraction]:
    """What each activity event in W adds: the time since the member's previous event if under 5 min, else 60 s."""
    added = []
    previous: dict[str, datetime] = {}
    for event in sorted(ask.facts.activity, key=lambda event: (event["occurred_at"], event["event_id"])):
        member, at = event["member_id"], event["occurred_at"]
        pause = at - previous[member] if member in previous else None
        previous[member] = at
        if ask.in_window(at) and ask.passes_member(member, at):
            close = pause is not None and pause < timedelta(minutes=5)
            added.append(seconds(pause) if close and pause is not None else Fraction(60))
    return added
