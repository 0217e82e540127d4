"""Facts that whole days answer for: each daily rollup with the events behind it, and how a question reads either.

Not here: what is counted of the rows (scans.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestration.compiler.sql import day_in_slot, since_slot, weekday_condition, weekday_of, window_condition


@dataclass(frozen=True)
class DailyRollup:
    """Events, and a daily rollup of them that answers for whole days: a day's row stands for several events.

    `columns` are the same of a day and of all its events; `contents` are what a day's row has where an event has a
    value of its own. A flag of a day is true if it is true of one of its events. `kinds` are such flags with the day's
    column that dates the conversation's last such event before it: null where the day has none, and earlier than the
    period on the first in it. `parted_by` tells the rows of one day apart, by the columns of day and event; `whole` is
    the condition of a question that the days can answer, but for those that a slot cuts.
    """

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
    whole: str = "q.is_whole"


ROLLUPS = {
    # What visitors and members wrote, from when it counts.
    "activity": DailyRollup(
        "fct_conversation_day", ("first_message_at", "last_message_at"), "fct_message", "message_at",
        {"member_role": "member_role"},
        (
            "brand_id", "conversation_id", "visitor_id", "source", "member_id", "member_role", "started_at",
            "established_at",
        ),
        {
            "answered_at": ("d.answered_at", "m.answered_at"),
            "email_provided_at": ("d.email_provided_at", "m.email_provided_at"),
            "messages": ("d.messages", "1"),
            "message_id": ("null", "m.message_id"),
        },
        {
            "has_message": ("previous_date", "true"),
            "has_visitor_message": ("previous_visitor_date", "m.written_by = 'visitor'"),
            "has_product": ("previous_product_date", "m.content_type = 'product'"),
            "has_member_photo": ("previous_member_photo_date", "m.written_by = 'member' and m.content_type = 'photo'"),
            "has_member_video": ("previous_member_video_date", "m.written_by = 'member' and m.content_type = 'video'"),
            "has_visitor_photo": (
                "previous_visitor_photo_date", "m.written_by = 'visitor' and m.content_type = 'photo'"
            ),
            "has_visitor_video": (
                "previous_visitor_video_date", "m.written_by = 'visitor' and m.content_type = 'video'"
            ),
            "has_connect_invite": (
                "previous_connect_invite_date", "m.written_by = 'member' and m.content_type = 'connect_invite'"
            ),
            "has_email_request": (
                "previous_email_request_date", "m.written_by = 'member' and m.content_type = 'email_request'"
            ),
        },
    ),
    # What members wrote, by author.
    "authorship": DailyRollup(
        "fct_author_day", ("first_message_at", "last_message_at"), "fct_message", "message_at",
        {"author_id": "author_id", "author_role": "author_role"},
        (
            "brand_id", "conversation_id", "visitor_id", "source", "author_id", "author_role", "started_at",
            "established_at",
        ),
        {"messages": ("d.messages", "1"), "message_id": ("null", "m.message_id")},
        {
            "has_message": ("previous_date", "true"),
            "has_message_of_author": ("previous_author_date", "true"),
        },
        where="m.written_by = 'member'",
    ),
    # All that was sent, by bots and rules too, when it was sent.
    "exchange": DailyRollup(
        "fct_exchange_day", ("first_sent_at", "last_sent_at"), "fct_message", "sent_at",
        {"member_role": "member_role_sent"},
        ("brand_id", "conversation_id", "visitor_id", "source", "member_id", "handled_at"),
        {
            "member_role": ("d.member_role", "m.member_role_sent"),
            "ad_id": ("d.ad_id", "c.ad_id"),
            "ad_payload": ("d.ad_payload", "c.ad_payload"),
            "messages": ("d.messages", "1"),
            "message_id": ("null", "m.message_id"),
        },
        join="\n    inner join marts.fct_conversation as c"
        " on c.brand_id = m.brand_id and c.conversation_id = m.conversation_id",
        where="m.is_exchanged",
    ),
    # The visitors' turns. As of an instant, a conversation that had not been asked for yet is not known, even where a
    # message came before it; and a turn is judged when it is a day old.
    "turns": DailyRollup(
        "fct_exchange_day", ("first_sent_at", "last_sent_at"), "fct_turn", "began_at",
        {"member_role": "member_role"},
        ("brand_id", "conversation_id", "source", "member_id", "member_role", "handled_at"),
        {
            "turns": ("d.turns", "1"),
            "unanswered_turns": (
                "d.unanswered_turns",
                "(not coalesce(m.answered_at < q.known_at and m.answered_at <= m.began_at + interval '24 hours', false)"
                ")::int",
            ),
            "turn_id": ("null", "m.turn_id"),
        },
        where="m.requested_at < q.known_at and m.began_at <= q.age_at - interval '24 hours'",
        # A slot is asked of the turns themselves, for they are not found by their conversation.
        whole=(
            "(q.is_whole and v_slot_from is null and q.known_at = 'infinity'"
            " and q.ends_at <= q.age_at - interval '24 hours')"
        ),
    ),
}  # fmt: skip


def days_asked(fact: DailyRollup) -> str:
    """The days that lie in a question's period of whole days, on the asked weekdays."""
    return f"""{fact.whole}
    and d.brand_id = p_brand
    and d.local_date >= q.from_date
    and d.local_date < q.to_date
    and {weekday_condition("d.iso_weekday")}"""


def by_day(fact: DailyRollup, on_first_day: bool = False) -> str:
    """The events in a question's period of whole days: days of them.

    With `on_first_day` a day has only those kinds of events that the conversation has for the first time in the period.
    """
    held = "d.{0} < q.from_date" if on_first_day else "d.{0} is not null"
    contents = {name: day for name, (day, _) in fact.contents.items()}
    contents |= {name: held.format(previous) for name, (previous, _) in fact.kinds.items()}
    first, last = (f"d.{at}" for at in fact.days_at)
    columns = [*(f"d.{c}" for c in fact.columns), *(f"{day} as {name}" for name, day in contents.items())]
    return f"""select {", ".join(columns)}, {first} as at
from marts.{fact.days} as d
where
    {days_asked(fact)}
    and (v_slot_from is null or {day_in_slot(first, last)})"""


def _event_columns(fact: DailyRollup, columns_from: str) -> str:
    contents = (f"{thing} as {name}" for name, (_, thing) in {**fact.contents, **fact.kinds}.items())
    return ", ".join([*(f"{columns_from}.{c}" for c in fact.columns), *contents, f"m.{fact.events_at} as at"])


def by_cut_day(fact: DailyRollup) -> str:
    """The events of days that a slot cuts, in a period of whole days: one by one."""
    first, last = (f"d.{at}" for at in fact.days_at)
    at = f"m.{fact.events_at}"
    same = "".join(f"\n    and m.{thing} is not distinct from d.{day}" for day, thing in fact.parted_by.items())
    # What the days can be filtered by is taken from them, so that few are looked into.
    return f"""select {_event_columns(fact, "d")}
from marts.{fact.days} as d
inner join marts.{fact.events} as m
    on m.brand_id = d.brand_id and m.conversation_id = d.conversation_id{fact.join}
where
    {days_asked(fact)}
    and ({day_in_slot(first, last)}) is null
    and {at} >= {first}
    and {at} <= {last}
    and {weekday_of(at)} = d.iso_weekday{same}
    and {fact.where}
    and {since_slot(at)} < v_slot_length"""


def by_event(fact: DailyRollup) -> str:
    """The events in a question's window that the days cannot answer: one by one."""
    return f"""select {_event_columns(fact, "m")}
from marts.{fact.events} as m{fact.join}
where
    not {fact.whole}
    and {fact.where}
    and m.brand_id = p_brand
    and m.{fact.events_at} >= q.starts_at
    and m.{fact.events_at} < q.cut_at
    and {window_condition(f"m.{fact.events_at}")}"""
