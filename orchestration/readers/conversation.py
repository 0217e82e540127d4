"""A conversation's life: every instant of it that marts hold, in the order of time.

Not here: what the instants mean (dbt_project/models), the rows behind a number (report.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

# Its own instants first where several fall on one: an instant makes what follows from it.
LIFE = """
with of_it as (
    select * from marts.fct_conversation where brand_id = %(brand)s and conversation_id = %(conversation)s
),
instant (at, place, event, entity_id, member_id, detail, amount) as (
    select e.at, e.place, e.event, null::text, case when e.event = 'handled' then c.member_id end, null::text,
        null::numeric
    from of_it as c
    cross join lateral (
        values
        (c.requested_at, 1, 'requested'), (c.cancelled_at, 2, 'cancelled'), (c.handled_at, 3, 'handled'),
        (c.started_at, 4, 'started'), (c.established_at, 8, 'established'), (c.two_way_at, 9, 'two_way')
    ) as e (at, place, event)
    where e.at is not null
    union all
    select m.sent_at, 5, m.sender_type || '_message', m.message_id,
        case when m.sender_type = 'member' then coalesce(m.author_id, m.member_id) end, m.content_type, null
    from marts.fct_message as m
    where m.brand_id = %(brand)s and m.conversation_id = %(conversation)s
    union all
    select e.at, e.place, e.event, c.call_id, null, c.initiated_by, null
    from marts.fct_call as c
    cross join lateral (
        values (c.requested_at, 5, 'call_requested'), (c.answered_at, 6, 'call_answered'), (c.ended_at, 7, 'call_ended')
    ) as e (at, place, event)
    where c.brand_id = %(brand)s and c.conversation_id = %(conversation)s and e.at is not null
    union all
    select e.at, e.place, e.event, r.rating_id, r.member_id,
        case when e.event = 'rating_given' then concat_ws(', ', r.score, r.comment) end, null
    from marts.fct_rating as r
    cross join lateral (
        values (r.requested_at, 10, 'rating_requested'), (r.given_at, 11, 'rating_given')
    ) as e (at, place, event)
    where r.brand_id = %(brand)s and r.conversation_id = %(conversation)s and e.at is not null
    union all
    select e.occurred_at, 5, e.event_type, e.event_id, e.event_member_id, e.actor_type, null
    from marts.fct_conversation_event as e
    where e.brand_id = %(brand)s and e.conversation_id = %(conversation)s
    union all
    select r.refunded_at, 14, 'refunded', r.order_id, null, null, r.refund_amount
    from marts.fct_refund as r
    where r.brand_id = %(brand)s and r.credited_conversation_id = %(conversation)s
    union all
    select e.at, e.place, e.event, o.order_id, null, o.channel, o.sale_amount
    from marts.fct_order as o
    cross join lateral (
        values (o.ordered_at, 12, 'ordered'), (o.cancelled_at, 13, 'order_cancelled')
    ) as e (at, place, event)
    where o.brand_id = %(brand)s and o.credited_conversation_id = %(conversation)s and e.at is not null
)
select c.conversation_id, c.visitor_id, c.source, c.channel, c.inbox, c.medium, c.member_id, c.page_url, c.requested_at,
    (
        select jsonb_agg(jsonb_build_array(i.at, i.event, i.entity_id, i.member_id, i.detail, i.amount)
            order by i.at, i.place, i.entity_id)
        from instant as i
    ) as life
from of_it as c
"""


@dataclass(frozen=True)
class Instant:
    """Something that happened in a conversation's life. `amount` is in the brand's currency, of an order."""

    at: datetime
    event: str
    entity_id: str | None
    member_id: str | None
    detail: str | None
    amount: float | None


@dataclass(frozen=True)
class Conversation:
    """A conversation and its life, in the order of time."""

    conversation_id: str
    visitor_id: str | None
    source: str
    channel: str | None
    inbox: str | None
    medium: str | None
    member_id: str | None
    page_url: str | None
    requested_at: datetime
    life: tuple[Instant, ...]


def conversation(connection: psycopg.Connection[Any], brand: str, conversation_id: str) -> Conversation | None:
    """A customer's conversation of the brand; None where marts know none of that id."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(LIFE, {"brand": brand, "conversation": conversation_id}).fetchone()
    if row is None:
        return None
    life = tuple(Instant(datetime.fromisoformat(at), *rest) for at, *rest in row.pop("life") or ())
    return Conversation(**row, life=life)
