"""The lists of section 7: pages, surveys, agents.

Here: their lines, as dictionaries in their order. Not here: the list of members of section 3, whose columns are
indicators by member.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from brute.answer import answer
from brute.clock import day_begins
from brute.facts import Conversation, Facts, Row, before
from brute.one_to_one import OneToOne, first_answer
from brute.question import Question
from brute.sales import value_of

Line = dict[str, Any]
FIGURES = {
    "average_score": "One-Card-60", "requests": "One-Card-20", "acceptance": "One-Card-30",
    "two_way_conversations": "One-Card-1",
}  # fmt: skip


def pages(question: Question) -> list[Line]:
    """One-List-1."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for request in OneToOne(question).requests():
        if request.of.page_url is not None:
            found[request.of.page_url.partition("#")[0].partition("?")[0]][request.medium] += 1
    lines = [
        {"page": page, "text": media["text"], "video": media["video"], "total": media.total()}
        for page, media in found.items()
    ]
    return sorted(lines, key=lambda line: (-line["total"], line["page"]))[:50]


def surveys(question: Question) -> list[Line]:
    """One-List-2."""
    lines = []
    for rating in question.facts.ratings:
        one = question.facts.conversations.get(rating["conversation_id"])
        if one is None or not question.in_window(rating["requested_at"]) or not question.passes_conversation(one):
            continue
        agent = rating["member_id"] or one.member_known_before(question.as_of)
        if question.passes_member(agent, rating["requested_at"]):
            is_given = question.known(rating["given_at"])
            lines.append(
                {
                    "rating": rating["rating_id"], "at": rating["requested_at"], "visitor_id": one.visitor_id,
                    "agent_id": agent, "agent": _name(question.facts, agent),
                    "score": rating["score"] if is_given else None, "comment": rating["comment"] if is_given else None,
                }
            )  # fmt: skip
    return sorted(lines, key=lambda line: (line["at"], line["rating"]))


def agents(asked: dict[str, Any], facts: Facts, known_until: Any, settling: Mapping[str, int]) -> list[Line]:
    """One-List-3, of the arguments of `answer`: each agent's figures are the answers to the question of that agent."""
    question = Question(facts, **{**asked, "known_until": known_until})
    lines = []
    parts = _parts(question)
    for member in facts.everybody:
        if asked["members"] is not None and member not in asked["members"]:
            continue
        figures = answer(facts, "", known_until=known_until, settling=settling, **asked | {"members": [member]})
        orders = [order for order, agents in parts if member in agents]
        if orders or any(any(figures[ref, None][1:]) for ref in FIGURES.values()):
            is_known = before(facts.begun.get("orders"), question.known_end)
            line: Line = {name: figures[ref, None][0] for name, ref in FIGURES.items()}
            line |= {"member": member, "name": _name(facts, member)}
            sales = sum((value_of(order) for order in orders), Fraction())
            known = (len(orders), sales) if is_known else (None, None)
            lines.append(line | dict(zip(("influenced_orders", "influenced_sales"), known, strict=True)))
    return sorted(lines, key=lambda line: (line["name"] is None, line["name"] or "", line["member"]))


def _parts(question: Question) -> list[tuple[Row, set[str]]]:
    """The orders in W that a conversation led up to, with the agents who had a part in one; source and role filter."""
    met = OneToOne(question)
    found = []
    for order in question.facts.orders:
        at = order["ordered_at"]
        if question.in_window(at):
            agents = {
                agent
                for one in met.behind(order)
                if question.passes_conversation(one)
                for agent in _agents_of(one, order)
                if question.passes_member(agent, at)
            }
            found.append((order, agents))
    return found


def _agents_of(one: Conversation, order: Row) -> set[str]:
    """Who had written before the order; and who is taken to have answered a call by then."""
    at = order["ordered_at"]
    written = [message for message in one.messages if message.side == "member" and message.time and message.time < at]
    agents = {message.author for message in written}
    answered = first_answer(one)
    if answered and answered < at:
        agents.add(one.member_known_before(at))
    return {agent for agent in agents if agent}


def _name(facts: Facts, member: str | None) -> str | None:
    return facts.name(member) if member else None


def local_date(question: Question, line: Line) -> date:
    """The local day that a survey was asked on: the last one that had begun."""
    day: date = line["at"].astimezone(question.facts.zone).date()
    following = date.fromordinal(day.toordinal() + 1)
    return following if day_begins(question.facts.zone, following) <= line["at"] else day
