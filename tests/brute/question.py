"""A question: period, slot, weekdays, filters, as-of; and which instants and members pass it.

Here: the tests that every indicator applies. Not here: the indicators.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from brute.clock import day_begins, in_slot
from brute.facts import Conversation, Facts


@dataclass(frozen=True)
class Question:
    """What is asked of one brand; None = no restriction, `known_until` = end of the newest complete extract day."""

    facts: Facts
    date_from: date
    date_to: date
    sources: Collection[str] | None = None
    channels: Collection[str | None] | None = None
    roles: Collection[int] | None = None
    members: Collection[str] | None = None
    time_from: time | None = None
    time_to: time | None = None
    weekdays: Collection[int] | None = None
    as_of: datetime | None = None
    known_until: datetime | None = None
    notification_channels: Collection[str] | None = None
    ads: Collection[str | None] | None = None
    ad_payloads: Collection[str | None] | None = None
    inboxes: Collection[str] | None = None
    conversation_channels: Collection[str] | None = None
    bases: Collection[str] | None = None

    @property
    def begin(self) -> datetime:
        return day_begins(self.facts.zone, self.date_from)

    @property
    def end(self) -> datetime:
        return day_begins(self.facts.zone, self.date_to + timedelta(days=1))

    @property
    def known_end(self) -> datetime:
        """Facts before this instant are what a fixed indicator may look at: the end of P, or the as-of if earlier."""
        return self.end if self.as_of is None else min(self.end, self.as_of)

    def known(self, instant: datetime | None) -> bool:
        """A fact of that time exists, and the as-of does not hide it."""
        return instant is not None and (self.as_of is None or instant < self.as_of)

    def in_period(self, instant: datetime | None) -> bool:
        """In P, and known."""
        return self.known(instant) and instant is not None and self.begin <= instant < self.end

    def in_window(self, instant: datetime | None) -> bool:
        """In W, and known."""
        if instant is None or not self.in_period(instant):
            return False
        if not in_slot(self.facts.zone, instant, self.time_from, self.time_to):
            return False
        return self.weekdays is None or instant.astimezone(self.facts.zone).isoweekday() in self.weekdays

    def passes_conversation(self, one: Conversation) -> bool:
        """Every filter of a conversation by itself, its source among them."""
        return (self.sources is None or one.source in self.sources) and self.passes_place(one)

    def passes_place(self, one: Conversation) -> bool:
        """Where it came in: inbox, `(none)` where none is given, and channel. `bases`, which no report takes, leaves
        those waiting-list requests whose handling is known in one of these ways."""
        if self.inboxes is not None and ("(none)" if one.inbox is None else one.inbox) not in self.inboxes:
            return False
        if self.conversation_channels is not None and one.channel not in self.conversation_channels:
            return False
        return self.bases is None or (one.source == "waiting_list" and one.handled_basis in self.bases)

    def passes_channel(self, channel: str | None) -> bool:
        return self.channels is None or channel in self.channels

    def passes_notification_channel(self, channel: str) -> bool:
        return self.notification_channels is None or channel in self.notification_channels

    def passes_ad(self, ad_id: str | None, ad_payload: str | None) -> bool:
        """No filter that a report takes, but what a bucket of a breakdown by ad asks for."""
        return (self.ads is None or ad_id in self.ads) and (self.ad_payloads is None or ad_payload in self.ad_payloads)

    def passes_member(self, member_id: str | None, instant: datetime) -> bool:
        """Member and role filter; `instant` is the time of the fact, at which the role is read."""
        if self.members is not None and member_id not in self.members:
            return False
        if self.roles is None:
            return True
        # None among the members or roles asked for is nobody: the bucket of what has no member, or none that is known.
        return (None if member_id is None else self.facts.role(member_id, instant)) in self.roles
