"""Section 9: the live indicators at an instant, from everything that is known before it.

Here: the cards and the line of one member. Not here: the report's indicators.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal

from brute.clock import day_begins
from brute.facts import Conversation, Facts, before

Figures = dict[str, Decimal | int | None]
# An instant, the thing that counts once, the member it is of, and what it adds.
Thing = tuple[datetime, str, str | None, Decimal]


def live(
    facts: Facts, at: datetime, members: Collection[str] | None = None, roles: Collection[int] | None = None
) -> Figures:
    """Every card at `at`, for all or only for these members and roles."""
    midnight, lately = local_midnight(facts, at), at - timedelta(minutes=5)
    conversations = [c for c in facts.conversations.values() if c.requested_at < at]
    waiting = [c for c in conversations if c.source == "waiting_list"]

    def passes(member: str | None, moment: datetime) -> bool:
        if members is not None and member not in members:
            return False
        return roles is None or (member is not None and facts.role(member, moment) in roles)

    def ours(things: Collection[Thing], since: datetime) -> dict[str, Decimal]:
        return {key: amount for t, key, member, amount in things if since <= t < at and passes(member, t)}

    def of(c: Conversation) -> str | None:
        return c.member_known_before(at)

    one = Decimal(1)
    written = [(m, c) for c in conversations for m in c.messages if m.sent_at < at]
    active: list[Thing] = [(e["occurred_at"], e["member_id"], e["member_id"], one) for e in facts.activity]
    for m, c in written:
        author = m.author if m.author != c.member_id else (m.author if of(c) else None)
        if m.side == "member" and author:
            active.append((m.sent_at, author, author, one))
    started: list[Thing] = []
    dialogues: list[Thing] = []
    messages: list[Thing] = []
    for c in conversations:
        times = {
            side: [m.time for m in c.messages if m.side == side and before(m.time, at) and m.time]
            for side in ("visitor", "member")
        }
        if c.started_at and not times["member"]:
            started.append((c.started_at, c.conversation_id, of(c), one))
        if times["visitor"] and times["member"]:
            dialogues.append((max(min(times["visitor"]), min(times["member"])), c.conversation_id, of(c), one))
            messages += [(t, c.conversation_id, of(c), one) for t in times["visitor"] + times["member"]]
    rated = [(r, facts.conversations[r["conversation_id"]]) for r in facts.ratings
             if r["conversation_id"] in facts.conversations]  # fmt: skip
    closed = [(r["requested_at"], c.conversation_id, r["member_id"] or of(c), one) for r, c in rated]
    scores = [(r["given_at"], r["rating_id"], r["member_id"] or of(c), Decimal(r["score"])) for r, c in rated
              if r["given_at"] and r["score"] is not None]  # fmt: skip
    sales: list[Thing] = []
    for order in facts.orders:
        if order["conversation_id"] and order["origin"] not in ("publication", "import"):
            sold = facts.conversations.get(order["conversation_id"])
            amount = Decimal(order["gross_amount"]) - Decimal(order["shipping_amount"])
            sales.append((order["ordered_at"], order["order_id"], of(sold) if sold else None, amount))
    given = ours(scores, midnight)
    return {
        "Live-Card-1": len(ours(active, lately)),
        "Live-Card-2": sum(
            not before(c.handled_at, at) and not before(c.cancelled_at, at) and not _is_closed(facts, c, at)
            for c in waiting
        ),
        "Live-Card-3": len(ours([(m.sent_at, c.conversation_id, of(c), one) for m, c in written], lately)),
        "Day-Card-1": sum(c.requested_at >= midnight for c in waiting),
        "Day-Card-2": len(ours([(c.handled_at, c.conversation_id, of(c), one) for c in waiting if c.handled_at],
                               midnight)),
        "Day-Card-3": len(ours(started, midnight)),
        "Day-Card-4": len(ours(dialogues, midnight)),
        "Day-Card-5": len(ours(messages, midnight)),
        "Day-Card-6": len(ours(closed, midnight)),
        "Day-Card-7": sum(given.values()) / len(given) if given else None,
        "Day-Card-8": len(ours(sales, midnight)),
        "Day-Card-9": sum(ours(sales, midnight).values(), Decimal(0)),
    }  # fmt: skip


def _is_closed(facts: Facts, c: Conversation, at: datetime) -> bool:
    """Whether the newest of its closings and reopenings is a closing."""
    turns = [
        (event["occurred_at"], event["event_id"], event["event_type"])
        for event in facts.conversation_events
        if event["conversation_id"] == c.conversation_id
        and event["event_type"] in ("closed", "reopened")
        and event["occurred_at"] < at
    ]
    return bool(turns) and max(turns)[2] == "closed"


def local_midnight(facts: Facts, at: datetime) -> datetime:
    """When the local day of an instant began."""
    day = at.astimezone(facts.zone).date()
    following = day_begins(facts.zone, day + timedelta(days=1))
    return following if at >= following else day_begins(facts.zone, day)
