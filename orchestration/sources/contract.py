"""The source contract as data: every dataset and column that the platform reads, and what makes a value acceptable.

Not here: how a rule becomes SQL (loading/row_rules.py), how a table is made (loading/raw_tables.py), how a file is read
(connectors/files.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["entity", "event"]
Type = Literal["id", "text", "words", "instant", "integer", "bigint", "money", "boolean", "hours", "zone", "currency"]

SQL_TYPES: Mapping[Type, str] = {
    "id": "text",
    "text": "text",
    # Several words in the one form that raw knows: sorted, distinct, with a bar between them. So the column is text, is
    # copied and compared as text, and a single word stands as it always did.
    "words": "text",
    "instant": "timestamptz",
    "integer": "integer",
    "bigint": "bigint",
    "money": "numeric",
    "boolean": "boolean",
    "hours": "jsonb",
    "zone": "text",
    "currency": "text",
}


@dataclass(frozen=True)
class Column:
    """One column. `least` and `most` bound its value, both included, `above` bounds it from below and is not; `values`
    closes its enumeration, of a column of words that of each word."""

    name: str
    type: Type
    description: str
    required: bool = True
    values: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    above: int | None = None
    # Null is a fault only where this column of the same row has another value than the one given.
    required_unless: tuple[str, str] | None = None
    # Written by people: judged and stored with its row, but never copied into the quarantine.
    free_text: bool = False
    # Names a person in another system: a plain e-mail address is a fault, and is never copied into the quarantine.
    hashed: bool = False
    # The instant of the same row from which the value holds: filling it in (or, where it is required, changing it)
    # tells how things went on. Any other value that changes is a correction, valid from the row's own time.
    holds_from: str | None = None

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.type]


@dataclass(frozen=True)
class TimeOrder:
    """`later` may not come before `earlier`; a row breaking it is refused, or (`warn`) taken and reported."""

    earlier: str
    later: str
    warn: bool = False


@dataclass(frozen=True)
class Dataset:
    """One dataset. `event_time` is the instant at which what a row tells happened; `touches` maps the entities that
    a row makes stale to the column with their id; `looked_up_by` names further columns that models find rows by."""

    name: str
    family: str
    kind: Kind
    key: tuple[str, ...]
    description: str
    columns: tuple[Column, ...]
    event_time: str | None
    touches: Mapping[str, str]
    time_orders: tuple[TimeOrder, ...] = ()
    keeps_every_version: bool = False
    looked_up_by: tuple[str, ...] = ()
    by_name: Mapping[str, Column] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(self.by_name)

    @property
    def required_columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    @property
    def judged_times(self) -> tuple[str, ...]:
        """The instants held against the extract's day: the event's own, and the last change of an entity."""
        named = (self.event_time, "updated_at" if self.kind == "entity" else None)
        return tuple(name for name in named if name)

    @property
    def version_order(self) -> tuple[str, ...]:
        """What decides, the first difference winning, which of several rows with one key is the newest; the content
        hash decides between rows that are equal in all of these."""
        return (("updated_at",) if self.kind == "entity" else ()) + ("extract_day",)

    @property
    def currency_column(self) -> str | None:
        """The column that must name its brand's currency; a brand itself has none to be held against."""
        return next((c.name for c in self.columns if c.type == "currency" and self.name != "brands"), None)


# --- columns that many datasets share, so that one meaning is written once ---

SOURCES = ("waiting_list", "direct", "hook", "phygital")
# Where an order was placed; a conversation may come by more ways.
CHANNELS = ("web", "store", "direct", "app")
CONVERSATION_CHANNELS = (
    *CHANNELS, "email", "whatsapp", "instagram", "facebook", "telegram", "sms", "line", "x", "phone", "other",
)  # fmt: skip
# What stands between the words of a column of words; a word can't hold it.
WORD_SEPARATOR = "|"

BRAND = Column("brand_id", "id", "The brand that the row belongs to.")
UPDATED = Column("updated_at", "instant", "When the source last changed this row; of several versions the newest wins.")
PAGE = Column("page_url", "text", "Address of the page on which it happened.", required=False)
AD = Column("ad_id", "id", "The advertisement that brought the visitor.", required=False)
AD_PAYLOAD = Column("ad_payload", "text", "What the advertisement's link carried along.", required=False)


def _id(name: str, description: str, required: bool = True, holds_from: str | None = None) -> Column:
    return Column(name, "id", description, required, holds_from=holds_from)


def _text(name: str, description: str, required: bool = True) -> Column:
    return Column(name, "text", description, required)


def _at(name: str, description: str, required: bool = True) -> Column:
    return Column(name, "instant", description, required)


def _one_of(name: str, description: str, *values: str, holds_from: str | None = None) -> Column:
    return Column(name, "text", description, values=values, holds_from=holds_from)


def _money(name: str, description: str, required: bool = True, above: int | None = None) -> Column:
    return Column(name, "money", description, required, least=0 if above is None else None, above=above)


def _hashed(name: str, description: str, required: bool = True) -> Column:
    return Column(name, "id", description, required, hashed=True)


def _visitor(required: bool = True) -> Column:
    return Column("visitor_id", "id", "The visitor (a shop's customer or guest), as all datasets name them.", required)


_DATASETS = (
    Dataset(
        name="brands",
        family="chat",
        kind="entity",
        key=("brand_id",),
        description="A brand and the settings that its figures depend on.",
        event_time=None,
        touches={"brand": "brand_id"},
        columns=(
            BRAND,
            _text("name", "The brand's name as people read it."),
            Column("timezone", "zone", "IANA time zone in which the brand's days begin and end."),
            Column("currency", "currency", "ISO 4217 code of the one currency of the brand's orders."),
            _text("locale", "Language (and country) in which the brand is shown, for example fr or en-GB."),
            Column(
                "attribution_window_days",
                "integer",
                "Days after a conversation in which an order is credited to it; null means 14.",
                required=False,
                least=0,
            ),
            Column(
                "working_hours",
                "hours",
                'Local opening intervals: "1" (Monday) to "7" each a list of ["HH:MM", "HH:MM"]; "closed" a list of'
                ' dates; "teams" the same per team, going before the brand\'s. Null means always open.',
                required=False,
            ),
            UPDATED,
        ),
    ),
    Dataset(
        name="members",
        family="chat",
        kind="entity",
        key=("brand_id", "member_id"),
        description=(
            "A person who answers for the brand. Every version counts: a past figure uses the role of its time."
        ),
        event_time=None,
        touches={"member": "member_id"},
        keeps_every_version=True,
        columns=(
            BRAND,
            _id("member_id", "Key of the member, as its source gives it."),
            _text("first_name", "Given name, where the source tells it.", required=False),
            _text("last_name", "Family name, where the source tells it.", required=False),
            Column("role", "integer", "Role from the time of this version on, 0 to 6.", least=0, most=6),
            _text("team", "Team, whose working hours go before the brand's.", required=False),
            UPDATED,
        ),
    ),
    Dataset(
        name="conversations",
        family="chat",
        kind="entity",
        key=("brand_id", "conversation_id"),
        description="A conversation, from the request for it on.",
        event_time="requested_at",
        touches={"conversation": "conversation_id"},
        time_orders=(
            TimeOrder("requested_at", "handled_at"),
            TimeOrder("requested_at", "cancelled_at"),
            TimeOrder("requested_at", "updated_at", warn=True),
        ),
        columns=(
            BRAND,
            _id("conversation_id", "Key of the conversation, as its source gives it."),
            Column(
                "visitor_id",
                "id",
                "The visitor it is with; null only in internal conversations, which have none.",
                required=False,
                required_unless=("kind", "internal"),
            ),
            _one_of("kind", "With a customer, or among members.", "customer", "internal"),
            _one_of("source", "The way by which it was asked for.", *SOURCES),
            _one_of("channel", "Where the visitor was.", *CONVERSATION_CHANNELS),
            _one_of("medium", "Written, or with picture and sound.", "text", "video"),
            _one_of("initiated_by", "Who asked for it.", "visitor", "member"),
            _at("requested_at", "When it was asked for."),
            _at("cancelled_at", "When the visitor gave up waiting.", required=False),
            _at("handled_at", "When a member took it from the waiting list.", required=False),
            _id(
                "member_id",
                "Whom it was first attributed to: the member asked for, or the one who took it; never changed after.",
                required=False,
                holds_from="handled_at",
            ),
            Column("is_blocked", "boolean", "The visitor is blocked.", holds_from="updated_at"),
            PAGE,
            AD,
            AD_PAYLOAD,
            _text("inbox", "The inbox where it came in; never changed after.", required=False),
            Column("labels", "words", "The labels that it bears, as they stand now.", False, holds_from="updated_at"),
            Column(
                "handled_basis",
                "text",
                "How handled_at is known: recorded by the system, or taken from the first human reply where the system"
                " keeps no handling; null means recorded.",
                required=False,
                values=("recorded", "first_reply"),
            ),
            UPDATED,
        ),
    ),
    Dataset(
        name="messages",
        family="chat",
        kind="event",
        key=("brand_id", "message_id"),
        description="That something was sent in a conversation: by whom and when. What it said is never read.",
        event_time="sent_at",
        touches={"conversation": "conversation_id"},
        columns=(
            BRAND,
            _id("message_id", "Key of the message, as its source gives it."),
            _id("conversation_id", "The conversation it was sent in."),
            _one_of("sender_type", "What kind of party sent it.", "visitor", "member", "bot", "system"),
            _id("sender_id", "The visitor or member who sent it.", required=False),
            _at("sent_at", "When it was sent."),
            Column("is_automatic", "boolean", "Sent by a rule, not by a person at that moment."),
            Column(
                "content_type",
                "words",
                "What it held; of several contents each.",
                values=(
                    "text",
                    "photo",
                    "video",
                    "product",
                    "connect_invite",
                    "email_request",
                    "email_provided",
                    "phygital_marker",
                    "other",
                ),
            ),
        ),
    ),
    Dataset(
        name="conversation_events",
        family="chat",
        kind="event",
        key=("brand_id", "event_id"),
        description="What became of a conversation between its messages: assigned, closed, opened again.",
        event_time="occurred_at",
        touches={"conversation": "conversation_id"},
        columns=(
            BRAND,
            _id("event_id", "Key of the event, as its source gives it."),
            _id("conversation_id", "Key of the conversation, as its source gives it."),
            _at("occurred_at", "When it happened."),
            _one_of("event_type", "What happened.", "assigned", "handed_off", "closed", "reopened", "snoozed", "other"),
            Column(
                "actor_type",
                "text",
                "What kind of party did it.",
                required=False,
                values=("visitor", "member", "bot", "system"),
            ),
            _id("member_id", "The member who did it, or whom it was assigned to.", required=False),
        ),
    ),
    Dataset(
        name="identities",
        family="chat",
        kind="entity",
        key=("brand_id", "system", "external_id"),
        description="Who is who between systems: the visitor that another system knows by an identifier of its own.",
        event_time=None,
        touches={"identity": "external_id"},
        looked_up_by=("visitor_id",),
        columns=(
            BRAND,
            _hashed("system", "The other system, for example shopify or email_sha256."),
            _hashed("external_id", "What it calls the person; of an e-mail address or number its keyed hash."),
            _visitor(),
            UPDATED,
        ),
    ),
    Dataset(
        name="calls",
        family="chat",
        kind="entity",
        key=("brand_id", "call_id"),
        description="A video or audio call inside a conversation.",
        event_time="requested_at",
        touches={"conversation": "conversation_id"},
        time_orders=(
            TimeOrder("requested_at", "answered_at"),
            TimeOrder("answered_at", "ended_at"),
            TimeOrder("requested_at", "ended_at", warn=True),
            TimeOrder("requested_at", "updated_at", warn=True),
        ),
        columns=(
            BRAND,
            _id("call_id", "Key of the call, as its source gives it."),
            _id("conversation_id", "The conversation it belongs to."),
            _one_of("initiated_by", "Who called.", "visitor", "member"),
            _at("requested_at", "When it began to ring."),
            _at("answered_at", "When it was answered.", required=False),
            _at("ended_at", "When it ended.", required=False),
            UPDATED,
        ),
    ),
    Dataset(
        name="ratings",
        family="chat",
        kind="entity",
        key=("brand_id", "rating_id"),
        description="A question for the visitor's opinion of a conversation, and the answer once there is one.",
        event_time="requested_at",
        touches={"conversation": "conversation_id"},
        time_orders=(
            TimeOrder("requested_at", "given_at"),
            TimeOrder("requested_at", "updated_at", warn=True),
        ),
        columns=(
            BRAND,
            _id("rating_id", "Key of the rating, as its source gives it."),
            _id("conversation_id", "The conversation it is about."),
            _id("member_id", "The member it is about.", required=False),
            _at("requested_at", "When the visitor was asked."),
            _at("given_at", "When the visitor answered.", required=False),
            Column(
                "score",
                "integer",
                "The mark, 1 (worst) to 5 (best).",
                required=False,
                least=1,
                most=5,
                holds_from="given_at",
            ),
            Column(
                "comment",
                "text",
                "The visitor's own words.",
                required=False,
                free_text=True,
                holds_from="given_at",
            ),
            _one_of("status", "How far it has come.", "pending", "submitted", "dismissed", holds_from="given_at"),
            UPDATED,
        ),
    ),
    Dataset(
        name="member_activity",
        family="chat",
        kind="event",
        key=("brand_id", "event_id"),
        description="A sign that a member was at work in the application.",
        event_time="occurred_at",
        touches={"activity": "member_id"},
        columns=(
            BRAND,
            _id("event_id", "Key of the event, as its source gives it."),
            _id("member_id", "Key of the member, as its source gives it."),
            _at("occurred_at", "When it happened."),
            _one_of("action", "What the member did.", "focus", "click", "scroll", "pointer", "other"),
        ),
    ),
    Dataset(
        name="widget_events",
        family="widget",
        kind="event",
        key=("brand_id", "event_id"),
        description="What a visitor did with the chat widget on a page.",
        event_time="occurred_at",
        touches={"visitor": "visitor_id", "session": "session_id"},
        columns=(
            BRAND,
            _id("event_id", "Key of the event, as its source gives it."),
            _id("session_id", "The permanent browser session."),
            _visitor(),
            _at("occurred_at", "When it happened."),
            _one_of(
                "event_type",
                "What the visitor did, or saw.",
                "impression",
                "open",
                "close",
                "click",
                "notification_click",
                "list_members",
                "view_member",
                "request_waiting_list",
                "request_direct",
                "cancel_request",
                "send_message",
                "other",
            ),
            _text("widget_version", "Which release of it the visitor had.", required=False),
            PAGE,
            AD,
            AD_PAYLOAD,
        ),
    ),
    Dataset(
        name="site_events",
        family="widget",
        kind="event",
        key=("brand_id", "event_id"),
        description="What a visitor did on the shop's pages outside the widget.",
        event_time="occurred_at",
        touches={"visitor": "visitor_id", "session": "session_id"},
        columns=(
            BRAND,
            _id("event_id", "Key of the event, as its source gives it."),
            _id("session_id", "The permanent browser session."),
            _visitor(),
            _at("occurred_at", "When it happened."),
            _one_of(
                "event_type",
                "What the visitor did, or saw.",
                "page_view",
                "product_view",
                "add_to_cart",
                "remove_from_cart",
                "checkout_start",
                "checkout_complete",
                "personalisation_shown",
                "goal_converted",
                "recommendation_shown",
                "recommendation_click",
            ),
            PAGE,
            _id("product_id", "The product it is about.", required=False),
            Column("quantity", "bigint", "How many of the product.", required=False),
            _id("experience_id", "The personalisation that was shown.", required=False),
            _id("goal_id", "The goal that was reached.", required=False),
            _money("revenue", "What it brought, in the brand's currency.", required=False),
            AD,
            AD_PAYLOAD,
        ),
    ),
    Dataset(
        name="hook_events",
        family="hook",
        kind="event",
        key=("brand_id", "event_id"),
        description="A proactive invitation by a member: its trigger and what followed.",
        event_time="occurred_at",
        touches={"hook": "hook_id"},
        columns=(
            BRAND,
            _id("event_id", "Key of the event, as its source gives it."),
            _id("member_id", "The member in whose name it was shown."),
            _visitor(required=False),
            _at("occurred_at", "When it happened."),
            _one_of("event_type", "How far the hook came.", "trigger", "display", "click", "dismiss"),
            _id("hook_id", "One trigger together with all that followed it."),
            _id("conversation_id", "The conversation that came of it.", required=False),
        ),
    ),
    Dataset(
        name="orders",
        family="sales",
        kind="entity",
        key=("brand_id", "order_id"),
        description="An order of the shop, in the brand's currency.",
        event_time="ordered_at",
        touches={"order": "order_id", "visitor": "visitor_id"},
        looked_up_by=("identity_id",),
        time_orders=(
            TimeOrder("ordered_at", "checked_out_at", warn=True),
            TimeOrder("ordered_at", "paid_at", warn=True),
            TimeOrder("ordered_at", "cancelled_at", warn=True),
            TimeOrder("ordered_at", "updated_at", warn=True),
        ),
        columns=(
            BRAND,
            _id("order_id", "Key of the order, as its source gives it."),
            _visitor(required=False),
            _id("customer_id", "The buyer, as the shop numbers its customers.", required=False),
            _id("conversation_id", "The conversation that the shop itself credits.", required=False),
            _id("member_id", "The member that the shop itself credits.", required=False),
            _one_of("channel", "Where it was bought.", *CHANNELS),
            _one_of("origin", "What it came from.", "conversation", "publication", "import", "other"),
            _at("ordered_at", "When it was placed."),
            _at("checked_out_at", "When the checkout was completed.", required=False),
            _at("paid_at", "When it was paid.", required=False),
            _at("cancelled_at", "When it was cancelled.", required=False),
            _one_of("payment_method", "How it is paid.", "card", "cash_on_delivery", "transfer", "other"),
            Column("currency", "currency", "ISO 4217 code; it must be the brand's."),
            _money("gross_amount", "To pay: tax and shipping included, after discount."),
            _money("tax_amount", "Tax on the goods alone."),
            _money("shipping_amount", "Shipping, its tax included."),
            _money("discount_amount", "Discount that was taken off."),
            _hashed("identity_system", "The system in which identity_id names the buyer.", required=False),
            _hashed("identity_id", "The buyer as identities names them; tells the visitor where none is given.", False),
            UPDATED,
        ),
    ),
    Dataset(
        name="refunds",
        family="sales",
        kind="event",
        key=("brand_id", "refund_id"),
        description="Money given back for an order, wholly or in part, in the brand's currency.",
        event_time="refunded_at",
        touches={"order": "order_id"},
        columns=(
            BRAND,
            _id("refund_id", "Key of the refund, as its source gives it."),
            _id("order_id", "Key of the order, as its source gives it."),
            _at("refunded_at", "When the money was given back."),
            _money("amount", "What was given back, tax included.", above=0),
            Column("currency", "currency", "ISO 4217 code; it must be the brand's."),
        ),
    ),
    Dataset(
        name="order_lines",
        family="sales",
        kind="entity",
        key=("brand_id", "order_id", "line_number"),
        description="One product of an order.",
        event_time=None,
        touches={"order": "order_id"},
        columns=(
            BRAND,
            _id("order_id", "Key of the order, as its source gives it."),
            Column("line_number", "bigint", "Place of the line in its order."),
            _id("product_id", "Key of the product, as the shop gives it."),
            Column("quantity", "bigint", "How many were bought.", least=1),
            _money("unit_amount", "Price of one, tax included."),
            UPDATED,
            _text("product_name", "What the shop called it when it was ordered.", required=False),
        ),
    ),
    Dataset(
        name="experiences",
        family="personalisation",
        kind="entity",
        key=("brand_id", "experience_id"),
        description="A personalisation of the shop's pages, or a test between several.",
        event_time="started_at",
        touches={"experience": "experience_id"},
        time_orders=(TimeOrder("started_at", "ended_at", warn=True),),
        columns=(
            BRAND,
            _id("experience_id", "Key of the experience, as its source gives it."),
            _text("name", "Its name as people read it."),
            _one_of("kind", "Shown to all, or tested.", "experience", "ab_test"),
            _at("started_at", "When it began."),
            _at("ended_at", "When it ended, or is planned to.", required=False),
            UPDATED,
        ),
    ),
    Dataset(
        name="journeys",
        family="personalisation",
        kind="entity",
        key=("brand_id", "journey_id"),
        description="A scenario that follows visitors and notifies them.",
        event_time="started_at",
        touches={"journey": "journey_id"},
        time_orders=(TimeOrder("started_at", "ended_at", warn=True),),
        columns=(
            BRAND,
            _id("journey_id", "Key of the journey, as its source gives it."),
            _text("name", "Its name as people read it."),
            _at("started_at", "When it began."),
            _at("ended_at", "When it ended, or is planned to.", required=False),
            UPDATED,
        ),
    ),
    Dataset(
        name="journey_runs",
        family="personalisation",
        kind="entity",
        key=("brand_id", "run_id"),
        description="One visitor's way through a journey.",
        event_time="started_at",
        touches={"run": "run_id"},
        time_orders=(
            TimeOrder("started_at", "completed_at", warn=True),
            TimeOrder("started_at", "cancelled_at", warn=True),
            TimeOrder("started_at", "goal_converted_at", warn=True),
            TimeOrder("started_at", "updated_at", warn=True),
        ),
        columns=(
            BRAND,
            _id("run_id", "Which run of the platform, or of the journey that the table tells of."),
            _id("journey_id", "Key of the journey, as its source gives it."),
            _visitor(),
            _at("started_at", "When the visitor entered."),
            _at("completed_at", "When the visitor came to its end.", required=False),
            _at("cancelled_at", "When it was broken off.", required=False),
            _at("goal_converted_at", "When the visitor reached the journey's goal.", required=False),
            UPDATED,
        ),
    ),
    Dataset(
        name="journey_notifications",
        family="personalisation",
        kind="event",
        key=("brand_id", "notification_id"),
        description="A notification sent by a journey.",
        event_time="sent_at",
        touches={"run": "run_id"},
        columns=(
            BRAND,
            _id("notification_id", "Key of the notification, as its source gives it."),
            _id("run_id", "The journey run that sent it."),
            _one_of("channel", "By what way.", "email", "push", "sms", "whatsapp", "web", "other"),
            _at("sent_at", "When it was sent."),
        ),
    ),
)

DATASETS: Mapping[str, Dataset] = {dataset.name: dataset for dataset in _DATASETS}
FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(dataset.family for dataset in _DATASETS))


def contract_markdown() -> str:
    """The docs of the input: one section per dataset, one row per column."""
    lines: list[str] = []
    for dataset in _DATASETS:
        lines += [
            f"## {dataset.name}",
            "",
            f"{dataset.description} Family {dataset.family}; {dataset.kind}; key {', '.join(dataset.key)}.",
            "",
            "| column | type | null | meaning |",
            "| --- | --- | --- | --- |",
            *(
                f"| {column.name} | {allowed(column)} | {_null(column)} | {column.description} |"
                for column in dataset.columns
            ),
            "",
        ]
    return "\n".join(lines)


def family_of(dataset: str) -> str:
    """The family of a dataset; the name itself for a raw table of the loader's own."""
    return DATASETS[dataset].family if dataset in DATASETS else dataset


def allowed(column: Column) -> str:
    """What a value of the column may be, in words: for docs and for messages."""
    if column.values:
        return ("one or more of " if column.type == "words" else "one of ") + ", ".join(column.values)
    words: Mapping[Type, str] = {
        "id": "text of 1 to 128 characters",
        "text": "text",
        "words": "list of texts (in CSV: a|b)",
        "instant": "ISO 8601 instant with an offset",
        "integer": "whole number",
        "bigint": "whole number",
        "money": "decimal number",
        "boolean": "true or false",
        "hours": "JSON object of working hours",
        "zone": "IANA time zone",
        "currency": "ISO 4217 code",
    }
    bounds = [f"at least {column.least}"] * (column.least is not None)
    bounds += [f"at most {column.most}"] * (column.most is not None)
    bounds += [f"above {column.above}"] * (column.above is not None)
    bounds += ["no plain e-mail address"] * column.hashed
    return ", ".join([words[column.type], *bounds])


def _null(column: Column) -> str:
    if column.required_unless:
        other, value = column.required_unless
        return f"only where {other} is {value}"
    return "no" if column.required else "yes"
