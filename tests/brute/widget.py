"""Section 5 of the indicators: visits of the widget.

Here: widget events only.
"""

from collections import defaultdict
from datetime import date

from brute.facts import Row
from brute.figures import Answers, count, ratio
from brute.question import Question

PASSIVE = {"open", "close", "impression"}


def figures(question: Question) -> Answers:
    by_session_and_day: dict[tuple[str, date], list[Row]] = defaultdict(list)
    for event in sorted(question.facts.widget_events, key=lambda event: (event["occurred_at"], event["event_id"])):
        if question.known(event["occurred_at"]):
            local_day = event["occurred_at"].astimezone(question.facts.zone).date()
            by_session_and_day[event["session_id"], local_day].append(event)

    visits = []
    visitors = set()
    for events in by_session_and_day.values():
        openings = [event for event in events if event["event_type"] == "open"]
        if openings and question.in_window(openings[0]["occurred_at"]):
            visits.append({event["event_type"] for event in events})
            visitors.add(openings[0]["visitor_id"])

    active = [actions for actions in visits if actions - PASSIVE]
    waiting = [actions for actions in visits if "request_waiting_list" in actions]
    direct = [actions for actions in visits if "request_direct" in actions]
    return {
        ("Wget-Card-01", None): count(visits),
        ("Wget-Card-02", None): count(visitors),
        ("Wget-Card-03", None): count(active),
        ("Wget-Card-04", None): ratio(len(active), len(visits)),
        ("Wget-Card-05", None): count(waiting),
        ("Wget-Card-06", None): ratio(len(waiting), len(visits)),
        ("Wget-Card-18", None): count(direct),
        ("Wget-Card-19", None): ratio(len(direct), len(visits)),
    }
