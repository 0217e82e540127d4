"""Section 2 of the indicators: hooks.

Here: hook events. Not here: the conversations that come of them.
"""

from brute.facts import Row
from brute.figures import Answers, Figure, count, ratio
from brute.question import Question


def figures(question: Question) -> Answers:
    events = [
        event
        for event in question.facts.hook_events
        if question.in_window(event["occurred_at"]) and question.passes_member(event["member_id"], event["occurred_at"])
    ]

    def pairs(event_type: str) -> set[tuple[str, str, str]]:
        return {_pair(event) for event in events if event["event_type"] == event_type}

    ever_triggered = any(
        event["event_type"] == "trigger" and event["occurred_at"] < question.known_end
        for event in question.facts.hook_events
    )
    triggers: Figure = count([event for event in events if event["event_type"] == "trigger"])
    return {
        ("Hook-Card-2", None): count({event["member_id"] for event in events}),
        ("Hook-Card-3", None): triggers if ever_triggered else (None, None, None),
        ("Hook-Card-4", None): count(pairs("display")),
        ("Hook-Card-5", None): count(pairs("click")),
        ("Hook-Card-10", None): ratio(len(pairs("click")), len(pairs("display"))),
    }


def _pair(event: Row) -> tuple[str, str, str]:
    """Hook and visitor; an event without a visitor is a pair of its own."""
    if event["visitor_id"] is None:
        return event["hook_id"], "event", event["event_id"]
    return event["hook_id"], "visitor", event["visitor_id"]
