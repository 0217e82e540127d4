"""What a set of contract rows says: one winner per key, and every conversation's life as plain instants.

Here: the vocabulary of the indicators (start, message, dialogue, role at a time). Not here: any counting.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Rows = dict[str, list[Row]]

KEYS = {
    "brands": ("brand_id",),
    "conversations": ("brand_id", "conversation_id"),
    "messages": ("brand_id", "message_id"),
    "conversation_events": ("brand_id", "event_id"),
    "identities": ("brand_id", "system", "external_id"),
    "refunds": ("brand_id", "refund_id"),
    "calls": ("brand_id", "call_id"),
    "ratings": ("brand_id", "rating_id"),
    "member_activity": ("brand_id", "event_id"),
    "widget_events": ("brand_id", "event_id"),
    "site_events": ("brand_id", "event_id"),
    "hook_events": ("brand_id", "event_id"),
    "orders": ("brand_id", "order_id"),
    "order_lines": ("brand_id", "order_id", "line_number"),
    "experiences": ("brand_id", "experience_id"),
    "journeys": ("brand_id", "journey_id"),
    "journey_runs": ("brand_id", "run_id"),
    "journey_notifications": ("brand_id", "notification_id"),
}


@dataclass(frozen=True)
class Message:
    """A message that counts. `time` is when it counts (None while its conversation has not started)."""

    message_id: str
    side: str  # visitor | member
    author: str | None  # of a member's message; the conversation's member where the source gives none
    is_signed: bool  # the source gives the author
    contents: frozenset[str]
    sent_at: datetime
    time: datetime | None
    is_marker: bool


@dataclass(frozen=True)
class Call:
    """A call of a conversation."""

    call_id: str
    initiated_by: str  # visitor | member
    requested_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None


@dataclass
class Conversation:
    """A customer conversation with its messages, in the order of (sent_at, message_id), and its calls, as they came."""

    conversation_id: str
    visitor_id: str
    source: str
    channel: str
    inbox: str | None
    handled_basis: str
    member_id: str | None
    requested_at: datetime
    cancelled_at: datetime | None
    handled_at: datetime | None
    is_blocked: bool
    medium: str
    initiated_by: str
    page_url: str | None
    ad_id: str | None
    ad_payload: str | None
    calls: list[Call] = field(default_factory=list)
    # When each message was sent, of a bot or by a rule too.
    exchanged_at: list[datetime] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    @property
    def started_at(self) -> datetime | None:
        return self.handled_at if self.source == "waiting_list" else self.requested_at

    @cached_property
    def established_at(self) -> datetime | None:
        """When both sides have written; None as long as one has not."""
        visitor = [message.time for message in self.messages if message.side == "visitor" and message.time]
        member = [message.time for message in self.messages if message.side == "member" and message.time]
        return max(min(visitor), min(member)) if visitor and member else None

    def member_known_before(self, instant: datetime | None) -> str | None:
        """The conversation's member, as known before `instant` (None = everything known)."""
        if self.source == "waiting_list" and not before(self.handled_at, instant):
            return None
        return self.member_id


def before(moment: datetime | None, instant: datetime | None) -> bool:
    """Whether a fact's moment is there and lies before `instant` (None = the end of time)."""
    return moment is not None and (instant is None or moment < instant)


class Facts:
    """All that is known of one brand."""

    def __init__(self, rows: Rows, brand_id: str) -> None:
        def own(dataset: str) -> list[Row]:
            winners = winning(dataset, rows.get(dataset, []))
            return [row for row in winners if row["brand_id"] == brand_id]

        brands = own("brands")
        if not brands:
            raise ValueError(f"no brand {brand_id!r} among the rows")
        brand = brands[0]
        self.zone = ZoneInfo(brand["timezone"])
        self.window_days: int = 14 if brand.get("attribution_window_days") is None else brand["attribution_window_days"]
        self.working_hours: dict[str, Any] | None = brand["working_hours"]
        self._versions: dict[str, list[Row]] = defaultdict(list)
        for row in rows.get("members", []):
            if row["brand_id"] == brand_id:
                self._versions[row["member_id"]].append(_in_utc(row))
        self.conversations = {
            row["conversation_id"]: Conversation(
                conversation_id=row["conversation_id"], visitor_id=row["visitor_id"], source=row["source"],
                channel=row["channel"], inbox=row.get("inbox"), handled_basis=row.get("handled_basis") or "recorded",
                member_id=row["member_id"], requested_at=row["requested_at"], cancelled_at=row["cancelled_at"],
                handled_at=row["handled_at"], is_blocked=row["is_blocked"], medium=row["medium"],
                initiated_by=row["initiated_by"], page_url=row["page_url"],
                ad_id=row["ad_id"], ad_payload=row["ad_payload"],
            )
            for row in own("conversations")
            if row["kind"] == "customer"
        }  # fmt: skip
        self.messages_at: list[datetime] = []
        for row in sorted(own("messages"), key=lambda row: (row["sent_at"], row["message_id"])):
            conversation = self.conversations.get(row["conversation_id"])
            if conversation:
                self.messages_at.append(row["sent_at"])
                message = _message(row, conversation)
                if message:
                    conversation.messages.append(message)
                if message or row["sender_type"] != "system":
                    conversation.exchanged_at.append(row["sent_at"])
        for row in sorted(own("calls"), key=lambda row: (row["requested_at"], row["call_id"])):
            conversation = self.conversations.get(row["conversation_id"])
            if conversation:
                names = ("call_id", "initiated_by", "requested_at", "answered_at", "ended_at")
                conversation.calls.append(Call(**{name: row[name] for name in names}))
        self.ratings = own("ratings")
        self.activity = own("member_activity")
        self.widget_events = own("widget_events")
        self.hook_events = own("hook_events")
        self.conversation_events = own("conversation_events")
        self.refunds = own("refunds")
        self.orders = own("orders")
        known_as = {(row["system"], row["external_id"]): row["visitor_id"] for row in own("identities")}
        for order in self.orders:
            if order["visitor_id"] is None:
                order["visitor_id"] = known_as.get((order.get("identity_system"), order.get("identity_id")))
        self.order_lines = own("order_lines")
        self.site_events = own("site_events")
        self.experiences = own("experiences")
        self.journeys = own("journeys")
        self.journey_runs = own("journey_runs")
        self.journey_notifications = own("journey_notifications")

    @cached_property
    def begun(self) -> dict[str, datetime]:
        """Since when each dataset tells of the brand."""
        from brute.needs import begun

        return begun(self)

    @property
    def everybody(self) -> set[str]:
        """Every member that a fact may name: those described, and those who are only spoken of."""
        spoken_of = {message.author for one in self.conversations.values() for message in one.messages}
        spoken_of |= {one.member_id for one in self.conversations.values()}
        spoken_of |= {rating["member_id"] for rating in self.ratings}
        return {*self._versions, *(one for one in spoken_of if one)}

    def name(self, member_id: str) -> str | None:
        """What a member is called now."""
        versions = self._versions.get(member_id)
        if not versions:
            return None
        newest = max(versions, key=lambda row: (row["updated_at"], extract_day(row)))
        return " ".join(part for part in (newest["first_name"], newest["last_name"]) if part) or None

    def role(self, member_id: str, instant: datetime) -> int | None:
        """The role held at `instant`: that of the newest version by then, else of the first known one."""
        role: int | None = self._version(member_id, instant).get("role")
        return role

    def team(self, member_id: str, instant: datetime) -> str | None:
        """The team at `instant`, like the role."""
        team: str | None = self._version(member_id, instant).get("team")
        return team

    def _version(self, member_id: str, instant: datetime) -> Row:
        """What was known of a member; nothing of one who was never described."""
        versions = self._versions.get(member_id)
        if not versions:
            return {}
        reached = [row for row in versions if row["updated_at"] <= instant]
        if not reached:
            first = min(row["updated_at"] for row in versions)
            reached = [row for row in versions if row["updated_at"] == first]
        return max(reached, key=lambda row: (row["updated_at"], extract_day(row)))


def _message(row: Row, conversation: Conversation) -> Message | None:
    """The row as a message that counts, or None: system, bots and automatic ones but the phygital marker do not."""
    told = row["content_type"]
    contents = frozenset(told.split("|") if isinstance(told, str) else told)
    is_marker = conversation.source == "phygital" and "phygital_marker" in contents and bool(row["is_automatic"])
    if is_marker:
        side = "visitor"
    elif row["sender_type"] in ("visitor", "member") and not row["is_automatic"]:
        side = row["sender_type"]
    else:
        return None
    start = conversation.started_at
    return Message(
        message_id=row["message_id"], side=side,
        author=(row["sender_id"] or conversation.member_id) if side == "member" else None,
        is_signed=row["sender_id"] is not None, contents=contents, sent_at=row["sent_at"],
        time=max(row["sent_at"], start) if start else None, is_marker=is_marker,
    )  # fmt: skip


def winning(dataset: str, rows: Iterable[Row]) -> list[Row]:
    """The newest row of each key; ValueError where only a content hash could tell which one wins."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in KEYS[dataset])].append(_in_utc(row))
    winners = []
    for key, group in groups.items():

        def rank(row: Row) -> tuple[datetime, date]:
            return row.get("updated_at", datetime.min.replace(tzinfo=UTC)), extract_day(row)

        best = max(map(rank, group))
        first, *others = [_content(row) for row in group if rank(row) == best]
        if any(other != first for other in others):
            raise ValueError(f"{dataset} {key}: two rows of equal age and different content")
        winners.append(first)
    return winners


def extract_day(row: Row) -> date:
    """The day of the extract that brought the row: `extract_day` where the row says so, else its own UTC day."""
    day: date = row.get("extract_day") or own_time(row).astimezone(UTC).date()
    return day


def own_time(row: Row) -> datetime:
    """updated_at of an entity, else the time of the event."""
    moment: datetime = row.get("updated_at") or row.get("sent_at") or row.get("refunded_at") or row["occurred_at"]
    return moment


def _content(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "extract_day"}


def _in_utc(row: Row) -> Row:
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}
