"""Figures of a Chatwoot by SQL of its own on Chatwoot's tables: what each indicator should say of a shop and a period.

Written from what the tables mean, without a look at the package's queries. Not here: asking the platform
(test_chatwoot_figures.py).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg

# Who said what: an outgoing message is a person's unless it is private, a bot's, an automation's or a campaign's. The
# attributes are JSON, or a JSON string of JSON. A conversation began by what came first in it; one that waited starts
# with the first answer.
VIEWS = """
create temp view word as
select m.id, m.account_id, m.conversation_id, m.created_at, m.content_type,
       case when m.message_type = 0 then 'visitor' else 'member' end as side,
       array(select a.file_type from attachments a where a.message_id = m.id) as files
  from messages m
 where m.message_type = 0
    or m.message_type = 1 and not m.private and coalesce(m.sender_type, 'User') = 'User'
   and (case json_typeof(m.content_attributes) when 'string' then (m.content_attributes #>> '{}')::jsonb
             else m.content_attributes::jsonb end) -> 'automation_rule_id' is null
   and m.additional_attributes -> 'campaign_id' is null;

create temp view talk as
select t.*, case when t.source = 'waiting_list' then t.handled_at else t.created_at end as started_at,
       case when t.source = 'waiting_list' then greatest(t.handled_at, t.asked_at)
            else greatest(t.created_at, t.asked_at, t.answered_at) end as both_at,
       t.asked_at is not null and t.answered_at is not null as is_dialogue
  from (select c.id, c.account_id, c.created_at, c.contact_id, k.sender_id as hook_sender, b.asked_at, b.answered_at,
               case when c.campaign_id is not null then 'hook' when b.first_side = 'member' then 'direct'
                    else 'waiting_list' end as source,
               case when b.answered_at is not null then greatest(b.answered_at, c.created_at) end as handled_at
          from conversations c
          left join campaigns k on k.id = c.campaign_id
          left join lateral (
               select min(w.created_at) filter (where w.side = 'visitor') as asked_at,
                      min(w.created_at) filter (where w.side = 'member') as answered_at,
                      (array_agg(w.side order by w.created_at, w.id))[1] as first_side
                 from word w where w.conversation_id = c.id) b on true) t;

create temp view counted as
select w.*, greatest(w.created_at, t.started_at) as counts_at, t.both_at
  from word w join talk t on t.id = w.conversation_id
 where t.is_dialogue;

create temp view survey as
select m.id, m.account_id, m.conversation_id, m.created_at, s.rating
  from messages m left join csat_survey_responses s on s.message_id = m.id
 where m.content_type = 9 and m.message_type = 3;
"""


def active(of: str) -> str:
    """Dialogues with such a message in the period, established before its end."""
    return (
        "select count(distinct conversation_id) from counted"
        " where account_id = %(account)s and both_at < %(end)s"
        f" and counts_at >= %(start)s and counts_at < %(end)s and {of}"
    )


def talks(what: str, at: str, of: str = "true") -> str:
    return f"select {what} from talk where account_id = %(account)s and {at} >= %(start)s and {at} < %(end)s and {of}"


def surveys(what: str) -> str:
    return (
        f"select {what} from survey where account_id = %(account)s and created_at >= %(start)s and created_at < %(end)s"
    )


def events(what: str, name: str) -> str:
    return (
        f"select {what} from reporting_events where account_id = %(account)s and name = '{name}'"
        " and event_end_time >= %(start)s and event_end_time < %(end)s"
    )


WAITED = "source = 'waiting_list'"
FIGURES = {
    "Wlst-Card-1": talks("count(*)", "created_at", WAITED),
    "Wlst-Card-10": talks("count(*)", "handled_at", WAITED),
    "Wlst-Card-11": talks("count(*)", "created_at", f"{WAITED} and coalesce(handled_at >= %(end)s, true)"),
    "Wlst-Card-13": talks(
        "avg(extract(epoch from handled_at - created_at))", "created_at", f"{WAITED} and handled_at < %(end)s"
    ),
    "Chat-Card-0": talks("count(*)", "created_at"),
    "Chat-Card-1": talks("count(*)", "started_at"),
    "Chat-Card-10": talks("count(*)", "both_at", "is_dialogue"),
    "Chat-Card-12": talks("avg(is_dialogue::int)", "created_at"),
    "Chat-Card-14": talks("avg(extract(epoch from both_at - started_at))", "both_at", "is_dialogue"),
    "Chat-Card-16": talks("avg(extract(epoch from both_at - created_at))", "both_at", "is_dialogue"),
    "Chat-Card-20": active("true"),
    "Chat-Card-21": active("side = 'member'"),
    "Chat-Card-30": active("content_type = 5"),
    "Chat-Card-31": active("side = 'member' and 0 = any(files)"),
    "Chat-Card-32": active("side = 'member' and 2 = any(files)"),
    "Chat-Card-33": active("side = 'visitor' and 0 = any(files)"),
    "Chat-Card-34": active("side = 'visitor' and 2 = any(files)"),
    "Chat-Card-50": """
        select count(*) from talk t join contacts p on p.id = t.contact_id and p.blocked
          join lateral (select max(w.created_at) as at from word w where w.conversation_id = t.id) last on true
         where t.account_id = %(account)s and last.at >= %(start)s and last.at < %(end)s""",
    "Chat-Card-70": surveys("count(distinct conversation_id)"),
    "Chat-Card-71": surveys("count(*)"),
    "Chat-Card-72": surveys("count(rating)"),
    "Chat-Card-73": surveys("avg(rating)"),
    "Engt-Card-3": """
        select count(*) from messages m
         where m.account_id = %(account)s and m.created_at >= %(start)s and m.created_at < %(end)s
           and (m.id in (select w.id from word w)
                or m.message_type = 1 and not m.private and m.sender_type = 'AgentBot')""",
    "Agnt-Card-3": """
        select count(*) from word w join talk t on t.id = w.conversation_id
         where w.account_id = %(account)s and w.side = 'member'
           and greatest(w.created_at, t.started_at) >= %(start)s and greatest(w.created_at, t.started_at) < %(end)s""",
    "Hook-Card-5": talks("count(distinct (id, contact_id))", "created_at", "hook_sender is not null"),
    "Hook-Card-2": talks("count(distinct hook_sender)", "created_at", "hook_sender is not null"),
    "Desk-Card-1": """
        select avg(extract(epoch from t.answered_at - t.asked_at)) from talk t
         where t.account_id = %(account)s and t.asked_at < t.answered_at
           and t.answered_at >= %(start)s and t.answered_at < %(end)s""",
    "Desk-Card-3": events("count(*)", "conversation_resolved"),
    "Desk-Card-4": events("count(distinct conversation_id)", "conversation_resolved"),
    "Desk-Card-9": events("count(distinct conversation_id)", "conversation_bot_handoff"),
}


def figures(
    connection: psycopg.Connection[Any], account: int, start: datetime, end: datetime
) -> dict[str, Decimal | None]:
    """Each figure of an account, of [start, end). The connection's TimeZone must be UTC; its views are made here."""
    if not (connection.execute("select to_regclass('pg_temp.talk')").fetchone() or [None])[0]:
        connection.execute(VIEWS.encode())
    asked = {"account": account, "start": start.replace(tzinfo=None), "end": end.replace(tzinfo=None)}
    found = {}
    for ref, statement in FIGURES.items():
        row = connection.execute(statement.encode(), asked).fetchone()
        assert row is not None
        found[ref] = None if row[0] is None else Decimal(row[0])
    return found
