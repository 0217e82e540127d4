"""Section 6 of the indicators, its third part: what agents do, and how long visitors wait while somebody is at work.

Here: working time, by asking at every step whether somebody works. Not here: turns as such (dialogues.py).
"""

from datetime import date, datetime, time, timedelta
from fractions import Fraction
from math import gcd
from typing import Any
from zoneinfo import ZoneInfo

from brute.dialogues import turns_of
from brute.engagement import PAUSE, sessions
from brute.facts import Conversation, Message
from brute.figures import Answers, average, count, seconds
from brute.question import Question

MINUTE = timedelta(minutes=1)


def figures(question: Question) -> Answers:
    ask = question
    written = [
        (one, message)
        for one in ask.facts.conversations.values()
        for message in one.messages
        if message.side == "member"
        and message.time
        and ask.in_window(message.time)
        and ask.passes_conversation(one)
        and ask.passes_member(message.author, message.time)
    ]
    served = {one.visitor_id for one, _ in written if _visitor_has_written(one, ask)}
    return {
        ("Agnt-Card-1", None): count(served),
        ("Agnt-Card-2", None): average([seconds(length) for length in _lengths(ask)]),
        ("Agnt-Card-3", None): count(written),
        ("Agnt-Card-4", None): average(_response_times(ask)),
    }


def _visitor_has_written(one: Conversation, ask: Question) -> bool:
    return any(
        message.side == "visitor" and message.time is not None and message.time < ask.known_end
        for message in one.messages
    )


def _lengths(ask: Question) -> list[timedelta]:
    """Of the sessions in which, or within half an hour of which, a member wrote to the visitor."""
    found = []
    for session in sessions(ask):
        if ask.in_window(session.first) and any(
            one.visitor_id == session.visitor_id
            and message.side == "member"
            and message.time
            and ask.known(message.time)
            and session.first <= message.time <= session.last + PAUSE
            and ask.passes_member(message.author, session.first)
            for one in ask.facts.conversations.values()
            for message in one.messages
        ):
            found.append(session.last - session.first)
    return found


def _response_times(ask: Question) -> list[Fraction]:
    found = []
    for one in ask.facts.conversations.values():
        for begun_at, reply in replies_of(one.messages):
            if (
                reply.time
                and ask.in_window(reply.time)
                and ask.passes_conversation(one)
                and ask.passes_member(reply.author, reply.time)
            ):
                team = ask.facts.team(reply.author, reply.time) if reply.author else None
                hours = hours_of(ask.facts.working_hours, team)
                found.append(seconds(working_time(hours, ask.facts.zone, begun_at, reply.time)))
    return found


def replies_of(messages: list[Message]) -> list[tuple[datetime, Message]]:
    """The beginning of each answered turn, with the message that answers it."""
    answered = [begin for begin, reply in turns_of(messages) if reply]
    found = []
    waiting = False
    for message in messages:
        if message.side == "visitor" and not message.is_marker:
            waiting = True
        elif message.side == "member" and waiting:
            found.append(message)
            waiting = False
    return list(zip(answered, found, strict=True))


def hours_of(hours: dict[str, Any] | None, team: str | None) -> dict[str, Any] | None:
    """The hours by which a team works: its own, else the brand's; None is always."""
    own: dict[str, Any] = (hours or {}).get("teams", {})
    return own.get(team, hours) if team is not None else hours


def working_time(hours: dict[str, Any] | None, zone: ZoneInfo, begin: datetime, end: datetime) -> timedelta:
    """What of [begin, end) is working time, asked again and again: each minute, since a clock changes on the minute, or
    by the step on which all of the hours fall, while the clock runs on."""
    if hours is None:
        return end - begin
    step = timedelta(minutes=gcd(60, *(int(text[3:]) for text in _edges(hours))))
    total = timedelta()
    at = begin.replace(second=0, microsecond=0)
    while at < end:
        clock = at.astimezone(zone)
        runs_on = clock.utcoffset() == (at + step).astimezone(zone).utcoffset()
        until = at + (step if runs_on and timedelta(minutes=clock.minute) % step == timedelta() else MINUTE)
        if is_at_work(hours, clock.date(), clock.time()):
            total += min(until, end) - max(at, begin)
        at = until
    return total


def _edges(hours: dict[str, Any]) -> list[str]:
    weekdays = [spells for name, spells in hours.items() if name.isdigit()]
    return [edge for spells in weekdays for spell in spells for edge in spell]


def is_at_work(hours: dict[str, Any], day: date, clock: time) -> bool:
    """Whether somebody works when the brand's clock shows that date and time."""
    return any(opens <= clock < closes for opens, closes in _spells(hours, day))


def _spells(hours: dict[str, Any], day: date) -> list[tuple[time, time]]:
    """What is worked on a date: its own intervals, and what runs over midnight from the day before."""
    found = []
    for number, opens_at in ((0, day), (1, day - timedelta(days=1))):
        if opens_at.isoformat() in hours.get("closed", []):
            continue
        for opens, closes in hours.get(str(opens_at.isoweekday()), []):
            if opens <= closes and number == 0:
                found.append((_clock(opens), _clock(closes)))
            if opens > closes:
                found.append((_clock(opens), time.max) if number == 0 else (time.min, _clock(closes)))
    return found


def _clock(text: str) -> time:
    return time.max if text == "24:00" else time.fromisoformat(text)
