"""Random small brands and random questions, crowded around the borders where readings differ.

Here: midnights, clock changes, ends of periods, instants of handling, exact limits of bins and windows; from a plain
Random for bulk, and as hypothesis strategies, which shrink. Not here: any expectation.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from brute.clock import day_begins
from brute.facts import Row, Rows, own_time

MICROSECOND = timedelta(microseconds=1)
# A zone, and a date around which everything happens: a clock change wherever the zone has one.
PLACES = (
    ("Europe/Paris", date(2025, 3, 30)),
    ("Europe/Paris", date(2024, 10, 27)),
    ("America/Havana", date(2024, 11, 3)),  # midnight twice
    ("America/Havana", date(2025, 3, 9)),  # no midnight
    ("Atlantic/Azores", date(2024, 10, 27)),
    ("Atlantic/Azores", date(2025, 3, 30)),
    ("Asia/Kathmandu", date(2025, 1, 15)),  # +05:45
    ("Pacific/Apia", date(2011, 12, 30)),  # a date that never was
    ("America/St_Johns", date(2010, 11, 7)),  # a minute past midnight the clock goes back to the day before
)
SOURCES = ("waiting_list", "direct", "hook", "phygital")
CHANNELS = ("web", "store", "direct", "app")
CONVERSATION_CHANNELS = (*CHANNELS, "email", "whatsapp", "sms", "other")
INBOXES = ("support", "sales")
# Buyers as other systems call them: the same word in two systems need not be the same person.
SYSTEMS, STRANGERS = ("shopify", "email_sha256"), ("f0", "f1", "f2")
NOTIFICATION_CHANNELS = ("email", "push", "sms", "whatsapp", "web", "other")
PRODUCTS = ("lamp", "vase", "rug")
SLOT_EDGES = (time(0), time(0, 30), time(1), time(2, 30), time(9), time(12), time(18, 0, 0, 1), time(23))
PAGES = (
    "https://shop.example/lamps", "https://shop.example/lamps?colour=red", "https://shop.example/lamps#top",
    "https://shop.example", "http://shop.example/lamps", "https://other.example/lamps",
)  # fmt: skip
STEPS = tuple(
    timedelta(seconds=step)
    for step in (
        0,
        1,
        30,
        60,
        120,
        299,
        300,
        600,
        1800,
        3600,
        5400,
        43_200,
        86_400,
        172_800,
        259_200,
        604_800,
        2_592_000,
        15_552_000,
    )
)


@dataclass(frozen=True)
class Brand:
    """A random brand: its rows, and what a question may name. `moments` are the instants of its facts."""

    brand_id: str
    rows: Rows
    zone: ZoneInfo
    around: date
    members: tuple[str, ...]
    moments: tuple[datetime, ...]


class _Draft:
    """The brand while it is drawn."""

    def __init__(self, rng: Random, brand_id: str, place: tuple[str, date]) -> None:
        self.rng, self.brand_id = rng, brand_id
        zone, self.around = place
        self.zone = ZoneInfo(zone)
        self.window_days: int | None = rng.choice((None, 1, 2, 14))
        # Half a year between two facts is half a year of periods to compute: one brand in four goes so far.
        self.steps = rng.choice((STEPS, *[STEPS[:-2]] * 3))
        self.borders = [day_begins(self.zone, self.around + timedelta(days=number)) for number in range(-2, 4)]
        self.rows: Rows = {}
        edges = [timedelta(hours=edge.hour, minutes=edge.minute) for edge in SLOT_EDGES]
        self.slot_edges = [border + edge for border in self.borders for edge in edges]
        self.moments = list(self.borders)
        self.number = 0

    def one_of(self, *choices: Any) -> Any:
        return self.rng.choice(choices)

    def chance(self, share: int) -> bool:
        """True in `share` of ten cases."""
        return self.rng.randint(0, 9) >= 10 - share

    def nudge(self, instant: datetime) -> datetime:
        """The instant itself, or its neighbour by a microsecond."""
        return instant + self.one_of(0, 0, 0, 1, -1) * MICROSECOND

    def moment(self) -> datetime:
        """A border, something that happened already, or any time of those days."""
        if self.chance(5):
            places = self.one_of(self.borders, self.slot_edges, self.moments[-60:])
            found = self.nudge(self.one_of(*places))
        else:
            found = self.one_of(*self.borders) + timedelta(minutes=self.rng.randint(-600, 900))
        self.moments.append(found)
        return found

    def later(self, instant: datetime) -> datetime:
        """At that instant or later, by a step that is the limit of some bin or window, give or take a microsecond."""
        found = max(instant, self.nudge(instant + self.one_of(*self.steps)))
        self.moments.append(found)
        return found

    def perhaps_later(self, instant: datetime | None, share: int) -> datetime | None:
        return self.later(instant) if instant and self.chance(share) else None

    def new_id(self, prefix: str) -> str:
        # Not in the order of time, so that ties and orders by id mean something.
        self.number += 1
        return f"{prefix}{self.rng.randint(0, 9)}-{self.number}"

    def add(self, dataset: str, **columns: Any) -> Row:
        """Put a row in its extract; at times it is sent again, or late."""
        row = {"brand_id": self.brand_id, **columns}
        day = own_time(row).date()
        late = self.one_of(0, 0, 0, 0, 0, 0, 1, 3)
        row["extract_day"] = day + timedelta(days=late)
        self.rows.setdefault(dataset, []).append(row)
        if self.chance(1):
            self.rows[dataset].append({**row, "extract_day": row["extract_day"] + timedelta(days=1)})
        return row

    def entity(self, dataset: str, **columns: Any) -> Row:
        """An entity as it stands at its last change; at times the state of its birth was delivered too."""
        times = [value for value in columns.values() if isinstance(value, datetime)]
        born, changed = min(times), max(times)
        if born < changed and self.chance(4):
            young = {name: None if name in LATER_TIMES else value for name, value in columns.items()}
            if dataset == "conversations" and columns["source"] == "waiting_list":
                young["member_id"] = None
            if dataset == "ratings":
                young |= {"score": None, "status": "pending"}
            self.add(dataset, **young, updated_at=born)
        return self.add(dataset, **columns, updated_at=changed)


LATER_TIMES = {
    "cancelled_at", "completed_at", "goal_converted_at", "handled_at", "given_at", "checked_out_at", "paid_at",
    "answered_at", "ended_at",
}  # fmt: skip


def brand(rng: Random, brand_id: str = "brand-a", place: tuple[str, date] | None = None) -> Brand:
    """A brand with a handful of members and visitors, and 3 to 15 conversations with what surrounds them; at any of
    PLACES, unless told."""
    draft = _Draft(rng, brand_id, place or rng.choice(PLACES))
    draft.add(
        "brands", name="Brand", timezone=str(draft.zone), currency="EUR", locale="fr-FR",
        attribution_window_days=draft.window_days, working_hours=_working_hours(draft),
        updated_at=draft.borders[0] - timedelta(days=5),
    )  # fmt: skip
    members = tuple(f"m{number}" for number in range(rng.randint(1, 4)))
    visitors = tuple(f"v{number}" for number in range(rng.randint(1, 4)))
    for _ in range(rng.randint(3, 15)):
        _conversation(draft, members, visitors)
    for member in members:
        for _ in range(rng.randint(1, 3)):
            _member_version(draft, member)
    for system in SYSTEMS:
        for stranger in STRANGERS:
            if draft.chance(6):
                _identity(draft, system, stranger, visitors)
    for _ in range(rng.randint(0, 8)):
        _hook_event(draft, members, visitors)
    for _ in range(rng.randint(0, 8)):
        _widget_event(draft, draft.one_of(*visitors), draft.moment())
    _activity(draft, members)
    for _ in range(rng.randint(0, 5)):
        _browsing(draft, visitors)
    for _ in range(rng.randint(0, 8)):
        _recommendation(draft, visitors)
    for _ in range(rng.randint(0, 3)):
        _campaigns(draft)
    for _ in range(rng.randint(0, 4)):
        _journey_run(draft, visitors)
    facts = [value for found in draft.rows.values() for row in found for value in row.values()]
    moments = tuple(sorted({value for value in facts if isinstance(value, datetime)}))
    return Brand(brand_id, draft.rows, draft.zone, draft.around, members, moments)


def _member_version(draft: _Draft, member: str) -> None:
    updated_at = draft.one_of(*draft.moments)  # mostly the very instant of some fact
    if any(row["member_id"] == member and row["updated_at"] == updated_at for row in draft.rows.get("members", [])):
        return  # which of two versions of one instant wins would be up to a hash
    draft.add(
        "members", member_id=member, first_name=draft.one_of(None, "A", "B"), last_name=draft.one_of(None, "Z"),
        role=draft.rng.randint(0, 6), team=draft.one_of(None, "night", "late"),
        updated_at=updated_at,
    )  # fmt: skip


def _conversation(draft: _Draft, members: tuple[str, ...], visitors: tuple[str, ...]) -> None:
    source = draft.one_of(*SOURCES)
    internal = draft.chance(1)
    visitor = None if internal else draft.one_of(*visitors)
    requested = draft.moment()
    handled = draft.perhaps_later(requested, 7)
    # The member of a waiting request is known by its handling alone.
    member = draft.one_of(*members) if source != "waiting_list" or handled else None
    row = draft.entity(
        "conversations", conversation_id=draft.new_id("c"), visitor_id=visitor,
        kind="internal" if internal else "customer", source=source, channel=draft.one_of(*CONVERSATION_CHANNELS),
        inbox=draft.one_of(None, *INBOXES), labels=draft.one_of(None, None, ["vip"], ["vip", "return", "vip"]),
        handled_basis=draft.one_of(None, None, "recorded", "first_reply"),
        medium=draft.one_of("text", "video"), initiated_by=draft.one_of("visitor", "member"), requested_at=requested,
        cancelled_at=draft.perhaps_later(requested, 3), handled_at=handled, member_id=member,
        is_blocked=draft.chance(3), page_url=draft.one_of(None, *PAGES), **_ad(draft),
    )  # fmt: skip
    at = requested
    if source == "phygital" and draft.chance(8):
        sender_type, sender_id = draft.one_of(("visitor", visitor), ("system", None))
        _message(draft, row, sender_type, sender_id, at, True, "phygital_marker")
    for _ in range(draft.rng.randint(0, 7)):
        if handled and draft.chance(2):
            at = draft.nudge(handled)
        else:
            at = draft.later(at) if draft.chance(8) else draft.moment()
        sender_type = draft.one_of("visitor", "member", "visitor", "member", "bot", "system")
        sender_id = {
            "visitor": visitor,
            "member": draft.one_of(None, "unknown", *members, *members, *members),
            "bot": "bot",
            "system": None,
        }[sender_type]
        kinds = (
            "text",
            "photo",
            "video",
            "product",
            "connect_invite",
            "email_request",
            "email_provided",
            "email_provided",
        )
        kind = draft.one_of(*kinds)
        contents = [kind, draft.one_of(*kinds)] if draft.chance(2) else kind
        _message(draft, row, sender_type, sender_id, at, draft.chance(1), contents)
        if kind == "email_request" and draft.chance(6):
            _message(draft, row, "visitor", visitor, draft.nudge(at), False, "email_provided")
    if draft.chance(4):
        asked = draft.later(at)
        given = draft.perhaps_later(asked, 6)
        draft.entity(
            "ratings", rating_id=draft.new_id("r"), conversation_id=row["conversation_id"],
            member_id=draft.one_of(None, *members), requested_at=asked, given_at=given,
            score=draft.rng.randint(1, 5) if given and draft.chance(9) else None,
            comment="Fine." if given and draft.chance(5) else None,
            status=draft.one_of("submitted", "dismissed") if given else draft.one_of("pending", "pending", "dismissed"),
        )  # fmt: skip
    for _ in range(draft.one_of(0, 0, 1, 2, 4)):
        _conversation_event(draft, row["conversation_id"], at, members)
    for _ in range(draft.one_of(0, 0, 1, 1, 2, 3)):
        _call(draft, row, at)
    for _ in range(draft.one_of(0, 1, 1, 2)):
        _order(draft, row, visitors, at)


def _message(
    draft: _Draft,
    row: Row,
    sender_type: str,
    sender_id: str | None,
    at: datetime,
    automatic: bool,
    content_type: str | list[str],
) -> None:
    draft.add(
        "messages", message_id=draft.new_id("t"), conversation_id=row["conversation_id"], sender_type=sender_type,
        sender_id=sender_id, sent_at=at, is_automatic=automatic, content_type=content_type,
    )  # fmt: skip


def _conversation_event(draft: _Draft, conversation: str, last: datetime, members: tuple[str, ...]) -> None:
    """An event before the request, at a message or at any time; of a conversation that nobody knows, too."""
    draft.add(
        "conversation_events", event_id=draft.new_id("e"),
        conversation_id=draft.one_of(conversation, conversation, conversation, "unknown"),
        occurred_at=draft.one_of(draft.nudge(last), draft.moment(), draft.nudge(draft.one_of(*draft.moments))),
        event_type=draft.one_of("closed", "closed", "reopened", "handed_off", "assigned", "other"),
        actor_type=draft.one_of(None, "member", "bot"), member_id=draft.one_of(None, *members),
    )  # fmt: skip


def _call(draft: _Draft, row: Row, last: datetime) -> None:
    """A call at the request itself, in the middle of the messages, or at any time; answered and ended perhaps."""
    at = draft.one_of(row["requested_at"], draft.nudge(row["requested_at"]), draft.nudge(last), draft.moment())
    answered = draft.perhaps_later(at, 6)
    draft.entity(
        "calls", call_id=draft.new_id("k"), conversation_id=row["conversation_id"],
        initiated_by=draft.one_of("visitor", "member"), requested_at=at, answered_at=answered,
        ended_at=draft.perhaps_later(answered or at, 7),
    )  # fmt: skip


def _order(draft: _Draft, row: Row, visitors: tuple[str, ...], after: datetime) -> None:
    """An order that some conversation may have earned."""
    written = [message["sent_at"] for message in draft.rows.get("messages", []) if message["sent_at"] <= after]
    talked = [call[name] for call in draft.rows.get("calls", [])[-2:] for name in ("answered_at", "ended_at")]
    since = draft.one_of(after, after, *written[-3:], *(at for at in talked if at))
    limit = timedelta(days=14 if draft.window_days is None else draft.window_days)
    ordered = draft.nudge(since + draft.one_of(timedelta(0), limit, draft.one_of(*draft.steps)))
    visitor = draft.one_of(row["visitor_id"], row["visitor_id"], None, *visitors)
    _purchase(draft, visitor, draft.one_of(None, None, row["conversation_id"], "unknown"), ordered)


def _purchase(
    draft: _Draft, visitor: str | None, conversation: str | None, ordered: datetime, product: str | None = None
) -> None:
    """An order with its lines, of one product at least if it is given."""
    draft.moments.append(ordered)
    cents = draft.rng.randint(0, 50_000)
    order_id = draft.new_id("o")
    products = [product] * bool(product) + [draft.one_of(*PRODUCTS) for _ in range(draft.one_of(0, 1, 1, 2))]
    for number, bought in enumerate(products, 1):
        draft.add(
            "order_lines", order_id=order_id, line_number=number, product_id=bought, quantity=draft.rng.randint(1, 3),
            unit_amount=Decimal(draft.rng.randint(1, 9999)) / 100, updated_at=ordered,
        )  # fmt: skip
    named = visitor is None and draft.chance(7)
    draft.entity(
        "orders", order_id=order_id, visitor_id=visitor,
        identity_system=draft.one_of(*SYSTEMS) if named else None,
        identity_id=draft.one_of(*STRANGERS) if named else None,
        customer_id=draft.one_of(None, None, "k0", "v0"),  # a customer may be called like a visitor
        conversation_id=conversation, member_id=None,
        channel=draft.one_of(*CHANNELS),
        origin=draft.one_of("conversation", "other", "other", "import", "publication"),
        ordered_at=ordered, checked_out_at=draft.perhaps_later(ordered, 6), paid_at=draft.perhaps_later(ordered, 5),
        cancelled_at=draft.perhaps_later(ordered, 3), payment_method=draft.one_of("card", "cash_on_delivery"),
        currency="EUR", gross_amount=Decimal(cents + 700) / 100, tax_amount=Decimal(cents // 6) / 100,
        shipping_amount=Decimal(draft.one_of(0, 690)) / 100, discount_amount=Decimal(0),
    )  # fmt: skip
    for _ in range(draft.one_of(0, 0, 0, 1, 2)):
        draft.add(
            "refunds", refund_id=draft.new_id("f"), order_id=draft.one_of(order_id, order_id, order_id, "unknown"),
            refunded_at=draft.one_of(draft.later(ordered), draft.nudge(ordered), draft.moment()),
            amount=Decimal(draft.rng.randint(1, 9999)) / 100, currency="EUR",
        )  # fmt: skip


def _identity(draft: _Draft, system: str, stranger: str, visitors: tuple[str, ...]) -> None:
    """Who someone is, learnt at any time; at times it was another visitor before."""
    learnt = draft.moment()
    draft.add(
        "identities", system=system, external_id=stranger, visitor_id=draft.one_of(*visitors), updated_at=learnt
    )
    if draft.chance(3):
        draft.add(
            "identities", system=system, external_id=stranger, visitor_id=draft.one_of(*visitors),
            updated_at=learnt + timedelta(seconds=1),
        )  # fmt: skip


def _hook_event(draft: _Draft, members: tuple[str, ...], visitors: tuple[str, ...]) -> None:
    draft.add(
        "hook_events", event_id=draft.new_id("h"), member_id=draft.one_of(*members),
        visitor_id=draft.one_of(None, *visitors), occurred_at=draft.moment(),
        event_type=draft.one_of("trigger", "display", "display", "click", "dismiss"),
        hook_id=draft.one_of("hook-1", "hook-2"), conversation_id=None,
    )  # fmt: skip


def _widget_event(draft: _Draft, visitor: str, at: datetime) -> None:
    draft.add(
        "widget_events", event_id=draft.new_id("w"), session_id=f"browser of {visitor}", visitor_id=visitor,
        occurred_at=at,
        event_type=draft.one_of(
            "open", "open", "impression", "impression", "close", "click", "notification_click",
            "request_waiting_list", "request_direct"
        ),
        widget_version=None, page_url=None, **_ad(draft),
    )  # fmt: skip


def _ad(draft: _Draft) -> Row:
    """None in most cases; at times an ad without a payload, or a payload of no ad."""
    return draft.one_of(
        {"ad_id": None, "ad_payload": None}, {"ad_id": None, "ad_payload": "x"}, {"ad_id": "a1", "ad_payload": None},
        {"ad_id": "a1", "ad_payload": "x"}, {"ad_id": "a2", "ad_payload": "x"},
    )  # fmt: skip


def _working_hours(draft: _Draft) -> Row | None:
    """Always open, or hours with gaps, ends that meet, closed weekdays and dates, and teams with hours of their own."""
    if draft.chance(3):
        return None
    days = (
        [], [["09:00", "12:00"], ["13:30", "18:00"]], [["00:00", "24:00"]], [["01:30", "04:00"], ["04:00", "09:00"]],
        [["08:00", "11:00"], ["10:00", "12:30"]], [["22:00", "02:30"]],
    )  # fmt: skip

    def week() -> Row:
        hours: Row = {str(weekday): draft.one_of(*days) for weekday in range(1, 8) if draft.chance(9)}
        if draft.chance(5):
            hours["closed"] = [(draft.around + timedelta(days=draft.one_of(-1, 0, 1))).isoformat()]
        return hours

    return week() | ({"teams": {"night": week()}} if draft.chance(6) else {})


def _activity(draft: _Draft, members: tuple[str, ...]) -> None:
    at = draft.moment()
    for _ in range(draft.rng.randint(0, 12)):
        pause = draft.one_of(timedelta(seconds=10), timedelta(minutes=5), timedelta(minutes=5), timedelta(hours=1))
        at = draft.nudge(at + pause) if draft.chance(8) else draft.moment()
        member = draft.one_of(members[0], members[0], *members)
        draft.add("member_activity", event_id=draft.new_id("a"), member_id=member, occurred_at=at, action="click")


# Pauses of a browser: within a session, and about the half hour that ends one.
PAUSES = tuple(timedelta(seconds=pause) for pause in (0, 1, 60, 60, 60, 900, 900, 1800, 1800))
SITE_EVENTS = (
    "page_view", "product_view", "product_view", "add_to_cart", "remove_from_cart", "checkout_start",
    "checkout_complete", *("personalisation_shown", "goal_converted", "recommendation_shown") * 3,
    "recommendation_click",
)  # fmt: skip


def _site_event(
    draft: _Draft, visitor: str, at: datetime, event_type: str, product: str | None = None, browser: str | None = None
) -> None:
    draft.moments.append(at)
    draft.add(
        "site_events", event_id=draft.new_id("s"), session_id=browser or f"browser of {visitor}", visitor_id=visitor,
        occurred_at=at, event_type=event_type, page_url=None, product_id=product, quantity=None,
        experience_id=None, goal_id=None,
        revenue=Decimal(draft.rng.randint(0, 9999)) / 100 if draft.chance(5) else None, **_ad(draft),
    )  # fmt: skip


def _browsing(draft: _Draft, visitors: tuple[str, ...]) -> None:
    """A browser's way over the site, now and then over midnight, or shared with another visitor; some buy in it."""
    visitor, at = draft.one_of(*visitors), draft.moment()
    browser = draft.one_of(f"browser of {visitor}", f"browser of {visitor}", "shared browser")
    for _ in range(draft.rng.randint(1, 12)):
        someone = draft.one_of(*visitors) if draft.chance(1) else visitor
        if draft.chance(2):
            _widget_event(draft, someone, at)
        else:
            _site_event(draft, someone, at, draft.one_of(*SITE_EVENTS), draft.one_of(None, *PRODUCTS), browser)
        if draft.chance(2):
            _purchase(draft, visitor, None, draft.nudge(at + draft.one_of(*PAUSES)))
        at = max(at, draft.nudge(at + draft.one_of(*PAUSES)))


def _recommendation(draft: _Draft, visitors: tuple[str, ...]) -> None:
    """A product recommended, looked at, put into the cart and bought, about the borders of a day and of a week."""
    visitor, product, a_day, a_week = draft.one_of(*visitors), draft.one_of(*PRODUCTS), timedelta(1), timedelta(7)
    short = timedelta(minutes=1)
    shown = clicked = draft.moment()
    if draft.chance(9):
        _site_event(draft, visitor, shown, "recommendation_shown", product)
    if draft.chance(3):
        clicked = draft.nudge(shown + draft.one_of(timedelta(0), short, a_day))
        _site_event(draft, visitor, clicked, "recommendation_click", draft.one_of(product, product, *PRODUCTS))
    viewed = draft.nudge(draft.one_of(shown + a_day, shown + a_day, clicked + short, shown))
    if draft.chance(9):
        _site_event(draft, visitor, viewed, "product_view", product)
    carted = draft.nudge(viewed + draft.one_of(timedelta(0), short, short))
    if draft.chance(9):
        _site_event(draft, visitor, carted, "add_to_cart", product)
    if draft.chance(9):
        ordered = draft.one_of(
            carted + short, carted, shown + a_week, clicked + a_week, viewed + a_week, viewed + a_week
        )
        _purchase(draft, draft.one_of(visitor, visitor, visitor, *visitors), None, draft.nudge(ordered), product)


def _campaigns(draft: _Draft) -> None:
    """An experience and a journey, each over, planned to end, or without an end."""
    for dataset, key in (("experiences", "experience_id"), ("journeys", "journey_id")):
        begun = draft.moment()
        ended = draft.perhaps_later(begun, 6)
        own = {"kind": draft.one_of("experience", "ab_test")} if dataset == "experiences" else {}
        draft.add(
            dataset, **{key: draft.new_id("x")}, name="Campaign", **own, started_at=begun, ended_at=ended,
            updated_at=draft.one_of(begun, ended or begun),
        )  # fmt: skip


def _journey_run(draft: _Draft, visitors: tuple[str, ...]) -> None:
    """A run with its notifications; a run of which only the notifications are known; one told in an odd order."""
    started, run_id = draft.moment(), draft.new_id("run")
    run = {"run_id": run_id, "journey_id": "journey", "visitor_id": draft.one_of(*visitors), "started_at": started}
    if draft.chance(1):
        ends = {name: draft.moment() for name in ("completed_at", "cancelled_at", "goal_converted_at")}
        draft.add("journey_runs", **run, **ends, updated_at=max(started, *ends.values()))
    elif draft.chance(9):
        draft.entity(
            "journey_runs", **run, completed_at=draft.perhaps_later(started, 5),
            cancelled_at=draft.perhaps_later(started, 3), goal_converted_at=draft.perhaps_later(started, 5),
        )  # fmt: skip
    for _ in range(draft.rng.randint(0, 3)):
        draft.add(
            "journey_notifications", notification_id=draft.new_id("n"), run_id=run_id,
            channel=draft.one_of(*NOTIFICATION_CHANNELS), sent_at=draft.later(started),
        )  # fmt: skip


def question(rng: Random, brand: Brand) -> dict[str, Any]:
    """Keyword arguments of `answer` beside the rows and known_until: what a reader might ask of that brand."""
    first = brand.around + timedelta(days=rng.randint(-2, 2))
    last = first + timedelta(days=rng.choice((0, 0, 1, 2, 4, 45, 250)))
    end = day_begins(brand.zone, last + timedelta(days=1))

    def some(*choices: Any) -> list[Any] | None:
        """No filter in most cases, else a few of the choices."""
        return None if rng.randint(0, 9) < 8 else rng.sample(choices, rng.randint(1, min(3, len(choices))))

    slot: tuple[time | None, time | None] = (None, None)
    if rng.randint(0, 9) >= 8:
        begin, finish = rng.sample(SLOT_EDGES, 2)
        slot = rng.choice(((begin, finish), (finish, begin), (begin, None), (None, max(begin, finish))))
    happened = rng.choice(brand.moments)
    a_day_on = happened + timedelta(hours=24)
    about_the_end = (end, end + timedelta(days=1), end - timedelta(hours=1))
    as_of = rng.choice(
        (None, None, None, None, None, *about_the_end, happened, happened + MICROSECOND, a_day_on, a_day_on)
    )
    return {
        "date_from": first,
        "date_to": last,
        "sources": some(*SOURCES),
        "channels": some(*CHANNELS),
        "roles": some(*range(7)),
        "members": some(*brand.members),
        "time_from": slot[0],
        "time_to": slot[1],
        "weekdays": some(*range(1, 8)),
        "as_of": as_of,
        "inboxes": some(*INBOXES, "(none)", "elsewhere"),
        "conversation_channels": some(*CONVERSATION_CHANNELS),
    }


@st.composite
def brands(draw: st.DrawFn, brand_id: str = "brand-a") -> Brand:
    """Random brands that shrink."""
    return brand(draw(st.randoms(use_true_random=False)), brand_id)


@st.composite
def questions(draw: st.DrawFn, about: Brand) -> dict[str, Any]:
    """Random questions that shrink."""
    return question(draw(st.randoms(use_true_random=False)), about)
