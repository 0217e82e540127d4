"""The facts that the catalogue counts: marts, by their contracts, and daily rollups of events.

Here: which columns they have, and what tells one row from another. Not here: how a question reads a rollup
(compiler/rollups.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml

from orchestration.catalogue.spans import spelled_out
from orchestration.settings import PROJECT


@dataclass(frozen=True)
class DailyRollup:
    """Events, and a daily rollup of them that answers for whole days: a day's row stands for several events.

    `key` tells one event from another. `columns` are the same of a day and of all its events; `contents` are what a
    day's row has where an event has a value of its own. A flag of a day is true if it is true of one of its events.
    `kinds` are such flags with the day's column that dates the conversation's last such event before it: null where the
    day has none, and earlier than the period on the first in it. `parted_by` tells the rows of one day apart, by the
    columns of day and event; `whole` is the column of a question that says whether the days can answer it, but for
    those that a slot cuts.
    """

    key: tuple[str, ...]
    days: str
    days_at: tuple[str, str]
    events: str
    events_at: str
    parted_by: Mapping[str, str]
    columns: tuple[str, ...]
    contents: Mapping[str, tuple[str, str]]
    kinds: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    join: str = ""
    where: str = "true"
    whole: str = "is_whole"


# What every row says of its conversation.
OF_CONVERSATION = ("brand_id", "conversation_id", "source", "inbox", "conversation_channel", "handled_basis")
ROLLUPS = {
    # What visitors and members wrote, from when it counts.
    "activity": DailyRollup(
        ("message_id",), "fct_conversation_day", ("first_message_at", "last_message_at"), "fct_message", "message_at",
        {"member_role": "member_role"},
        (*OF_CONVERSATION, "visitor_id", "member_id", "member_role", "started_at", "established_at"),
        {
            "answered_at": ("d.answered_at", "m.answered_at"),
            "email_provided_at": ("d.email_provided_at", "m.email_provided_at"),
            "messages": ("d.messages", "1"),
            "message_id": ("null", "m.message_id"),
        },
        {
            "has_message": ("previous_date", "true"),
            "has_visitor_message": ("previous_visitor_date", "m.written_by = 'visitor'"),
            "has_product": ("previous_product_date", "'product' = any(m.content_types)"),
            "has_member_photo": (
                "previous_member_photo_date", "m.written_by = 'member' and 'photo' = any(m.content_types)"
            ),
            "has_member_video": (
                "previous_member_video_date", "m.written_by = 'member' and 'video' = any(m.content_types)"
            ),
            "has_visitor_photo": (
                "previous_visitor_photo_date", "m.written_by = 'visitor' and 'photo' = any(m.content_types)"
            ),
            "has_visitor_video": (
                "previous_visitor_video_date", "m.written_by = 'visitor' and 'video' = any(m.content_types)"
            ),
            "has_connect_invite": (
                "previous_connect_invite_date", "m.written_by = 'member' and 'connect_invite' = any(m.content_types)"
            ),
            "has_email_request": (
                "previous_email_request_date", "m.written_by = 'member' and 'email_request' = any(m.content_types)"
            ),
        },
    ),
    # What members wrote, by author.
    "authorship": DailyRollup(
        ("message_id",), "fct_author_day", ("first_message_at", "last_message_at"), "fct_message", "message_at",
        {"author_id": "author_id", "author_role": "author_role"},
        (*OF_CONVERSATION, "visitor_id", "author_id", "author_role", "started_at", "established_at"),
        {"messages": ("d.messages", "1"), "message_id": ("null", "m.message_id")},
        {
            "has_message": ("previous_date", "true"),
            "has_message_of_author": ("previous_author_date", "true"),
        },
        where="m.written_by = 'member'",
    ),
    # All that was sent, by bots and rules too, when it was sent.
    "exchange": DailyRollup(
        ("message_id",), "fct_exchange_day", ("first_sent_at", "last_sent_at"), "fct_message", "sent_at",
        {"member_role": "member_role_sent"},
        (*OF_CONVERSATION, "visitor_id", "member_id", "handled_at"),
        {
            "member_role": ("d.member_role", "m.member_role_sent"),
            "ad_id": ("d.ad_id", "c.ad_id"),
            "ad_payload": ("d.ad_payload", "c.ad_payload"),
            "messages": ("d.messages", "1"),
            "message_id": ("null", "m.message_id"),
        },
        join="inner join marts.fct_conversation as c"
        " on c.brand_id = m.brand_id and c.conversation_id = m.conversation_id",
        where="m.is_exchanged",
    ),
    # The visitors' turns. As of an instant, a conversation that had not been asked for yet is not known, even where a
    # message came before it; and a turn is judged when its time to be answered is over.
    "turns": DailyRollup(
        ("turn_id",), "fct_exchange_day", ("first_sent_at", "last_sent_at"), "fct_turn", "began_at",
        {"member_role": "member_role"},
        (*OF_CONVERSATION, "member_id", "member_role", "handled_at"),
        {
            "turns": ("d.turns", "1"),
            "unanswered_turns": (
                "d.unanswered_turns",
                spelled_out(
                    "(not coalesce(m.answered_at < q.known_at"
                    " and m.answered_at <= m.began_at + interval '{answer_time}', false))::int"
                ),
            ),
            "turn_id": ("null", "m.turn_id"),
        },
        where=spelled_out("m.requested_at < q.known_at and m.began_at <= q.age_at - interval '{answer_time}'"),
        # A slot is asked of the turns themselves, for they are not found by their conversation.
        whole="is_whole_for_turns",
    ),
}  # fmt: skip


@cache
def marts() -> Mapping[str, Mapping[str, Any]]:
    """The contract of each mart, as its description in the dbt project says, by name."""
    folder = PROJECT / "dbt_project" / "models" / "marts"
    files = (yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) for path in folder.glob("*.yml"))
    return {model["name"]: model for file in files for model in file["models"]}


@dataclass(frozen=True)
class BuiltFrom:
    """What a mart's model puts together: the `rows` that a run rebuilds, of the entities in `touched`, by `keys`."""

    rows: str
    touched: str | None
    keys: tuple[str, ...]


@cache
def built_from(mart: str) -> BuiltFrom:
    """As the model says."""
    model = (PROJECT / "dbt_project" / "models" / "marts" / f"{mart}.sql").read_text(encoding="utf-8")
    rows, *touched = re.findall(r"ref\('(\w+)'\)", model)
    keys = marts()[mart]["config"]["meta"]["publication"].get("touched_by", {})
    return BuiltFrom(rows, touched[0] if touched else None, tuple(keys))


def known() -> tuple[str, ...]:
    """The names of all facts."""
    return (*marts(), *ROLLUPS)


@cache
def columns_of(fact: str) -> tuple[str, ...]:
    """The columns that the rows of a fact have."""
    if fact in ROLLUPS:
        rollup = ROLLUPS[fact]
        return (*rollup.columns, *rollup.contents, *rollup.kinds, "at")
    return tuple(column["name"] for column in marts()[fact]["columns"])


def key_of(fact: str) -> tuple[str, ...]:
    """The columns that tell one row of a brand from another."""
    if fact in ROLLUPS:
        return ROLLUPS[fact].key
    key: list[str] = marts()[fact]["config"]["meta"]["publication"]["key"]
    return tuple(column for column in key if column != "brand_id")
