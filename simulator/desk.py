"""What the help desk makes of a conversation: the inbox that it comes in by, its labels, when it is closed or reopened.

Here: chances of its own, so that nothing else of the simulation hangs on them. Not here: what is said
(conversations.py).
"""

from datetime import datetime, timedelta
from random import Random

from simulator.extracts import Book, Row
from simulator.rhythm import after

INBOXES = {"waiting_list": "shop", "direct": "advisers", "hook": "shop"}
# Some write to an adviser from elsewhere.
ELSEWHERE = {"email": 0.05, "whatsapp": 0.09, "instagram": 0.03}
LABELS = (["vip"], ["return"], ["return", "vip"])


class Desk:
    """Writes the events of conversations, and what of a conversation is the desk's own."""

    def __init__(self, book: Book, seed: int) -> None:
        self._book = book
        self._rng = Random(f"{seed} desk")

    def admit(self, row: Row) -> Row:
        """The conversation with its inbox, at times from another channel."""
        way, chance = None, self._rng.random()
        for channel, share in ELSEWHERE.items():
            if way is None and chance < share:
                way = channel
            chance -= share
        elsewhere = {"channel": way} if way and row["source"] == "direct" and row["kind"] == "customer" else {}
        inbox = elsewhere.get("channel", INBOXES.get(row["source"]))
        return {**row, **elsewhere, "inbox": inbox, "labels": None, "handled_basis": "recorded"}

    def label(self, row: Row) -> None:
        """A few conversations get labels as they go on."""
        if self._rng.random() < 0.06:
            row["labels"] = self._rng.choice(LABELS)

    def leave(self, row: Row, at: datetime, is_answered: bool) -> None:
        """What becomes of a conversation in which nobody writes any more: most are closed, some more than once."""
        rng = self._rng
        if row["handled_at"]:
            self._event(row, row["handled_at"], "assigned", "system", row["member_id"])
        if rng.random() < 0.07:
            self._event(row, row["requested_at"] + timedelta(seconds=4), "handed_off", "bot")
        if rng.random() < 0.03:
            self._event(row, after(rng, at, 1800), rng.choice(("snoozed", "other")), "member", row["member_id"])
        if rng.random() > (0.85 if is_answered else 0.5):
            return
        closed = after(rng, at, 3600 if is_answered else 86_400)
        self._event(row, closed, "closed", "member" if is_answered and rng.random() < 0.8 else "system")
        if rng.random() < 0.08:
            opened = after(rng, closed, 86_400)
            self._event(row, opened, "reopened", "visitor")
            if rng.random() < 0.8:
                self._event(row, after(rng, opened, 7200), "closed", "member")

    def _event(self, row: Row, at: datetime, event_type: str, actor: str, member: str | None = None) -> None:
        self._book.add(
            "conversation_events", event_id=self._book.new_id("desk-event"), conversation_id=row["conversation_id"],
            occurred_at=at, event_type=event_type, actor_type=actor, member_id=member,
        )  # fmt: skip
