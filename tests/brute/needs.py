"""Unknown is not zero: which figures are not known, for want of a dataset that has told nothing yet.

Here: what each indicator needs, and since when each dataset tells of a brand. Not here: any figure.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from brute.facts import Facts
from brute.figures import Answers
from brute.question import Question

ACTIONS = ("messages", "widget_events", "site_events", "orders")
PERSONAL, RECOMMENDED = "site_events.personalisation_shown", "site_events.recommendation_shown"
# By pattern of refs: all of these for both parts.
ALL: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"Wlst-.*|Chat-Bar-10|Chat-Card-[01]|Chat-Donut-1", ("conversations",)),
    (r"Wlst-Card-2", ("messages",)),
    (r"Chat-Card-([2-9]|[1-5]\d|60)|Amb-Card-23|Chat-Bar-(11|12|50)|Chat-Donut-2", ("conversations", "messages")),
    (r"Agnt-.*|One-Card-[24]|Desk-Card-[12]", ("conversations", "messages")),
    (r"One-Card-(2\d|3\d|40)", ("conversations",)),
    (r"One-Card-(3|12)", ("calls",)),
    (r"Chat-Card-7[0-3]|One-Card-60|One-Donut-1", ("ratings",)),
    (r"Chat-Card-8\d|Chat-Bar-51|Sale-.*|Shop-.*|Cust-.*|One-Card-1[0-4]|(Engt|Ads)-Funnel-[56]", ("orders",)),
    (r"Cust-Card-3a?|Reco-Card-[1278]", ("order_lines",)),
    (r"(Engt|Ads)-Card-[13]", ("messages",)),
    (r"Amb-Card-52", ("member_activity",)),
    (r"Hook-Card-[25]", ("hook_events",)),
    (r"Hook-Card-4", ("hook_events.display",)),
    (r"Hook-Card-3", ("hook_events.trigger",)),
    (r"Wget-.*|One-Card-51", ("widget_events",)),
    (r"One-Card-50", ("widget_events.impression",)),
    (r"Pers-Card-1", ("site_events",)),
    (r"Pers-Card-(2|1[0-3])", (PERSONAL,)),
    (r"Pers-Card-13|Reco-Card-[12578]", ("orders",)),
    (r"Pers-Card-[34]", ("experiences",)),
    (r"Pers-Card-5", ("journeys",)),
    (r"Reco-.*", (RECOMMENDED,)),
    (r"Jour-.*", ("journey_runs",)),
    (r"Jour-Card-4", ("journey_notifications",)),
    (r"Desk-Card-[3-9]", ("conversation_events",)),
    (r"Sale-Card-1[12]|Shop-Card-[45]", ("refunds",)),
)
# One of these.
ANY = (
    (r"One-Card-1", ("messages", "calls")),
    (r"(Engt|Ads)-(Card-2|Funnel-[12])", ACTIONS),
    (r"(Engt|Ads)-Funnel-[34]", ("site_events", "orders")),
)
# Above the line and below it.
PARTS = {
    "Hook-Card-10": ("hook_events", "hook_events.display"),
    "One-Card-52": ("widget_events", "widget_events.impression"),
}
DATELESS = ("Cust-Card-2", "One-Donut-1")


def begun(facts: Facts) -> dict[str, datetime]:
    """The first instant that each dataset, or kind of event, tells of; what is of no customer conversation does not."""
    talks = facts.conversations
    instants: dict[str, list[datetime]] = {
        "conversations": [one.requested_at for one in talks.values()],
        "messages": facts.messages_at,
        "calls": [call.requested_at for one in talks.values() for call in one.calls],
        "ratings": [row["requested_at"] for row in facts.ratings if row["conversation_id"] in talks],
        "member_activity": [row["occurred_at"] for row in facts.activity],
        "orders": [row["ordered_at"] for row in facts.orders],
        "conversation_events": [
            row["occurred_at"] for row in facts.conversation_events if row["conversation_id"] in talks
        ],
        "refunds": [row["refunded_at"] for row in facts.refunds],
        "experiences": [row["started_at"] for row in facts.experiences],
        "journeys": [row["started_at"] for row in facts.journeys],
        "journey_runs": [row["started_at"] for row in facts.journey_runs],
        "journey_notifications": [row["sent_at"] for row in facts.journey_notifications],
    }
    ordered = {row["order_id"]: row["ordered_at"] for row in facts.orders}
    instants["order_lines"] = [ordered[row["order_id"]] for row in facts.order_lines if row["order_id"] in ordered]
    for dataset, rows in (
        ("hook_events", facts.hook_events), ("widget_events", facts.widget_events), ("site_events", facts.site_events),
    ):  # fmt: skip
        for row in rows:
            for name in (dataset, f"{dataset}.{row['event_type']}"):
                instants.setdefault(name, []).append(row["occurred_at"])
    return {name: min(filter(None, found)) for name, found in instants.items() if any(found)}


def unknown(question: Question, ref: str, settling_days: int) -> tuple[set[str], set[str]]:
    """What is missing for the part above the line, and for the one below it: the datasets' names."""
    asked = question.as_of
    if ref not in DATELESS:
        end = question.end + timedelta(days=settling_days)
        asked = end if asked is None else min(asked, end)

    def missing(feeds: Iterable[str]) -> set[str]:
        told = question.facts.begun
        return {feed for feed in feeds if feed not in told or (asked is not None and told[feed] >= asked)}

    both = {feed for pattern, feeds in ALL if re.fullmatch(pattern, ref) for feed in missing(feeds)}
    for pattern, feeds in ANY:
        if re.fullmatch(pattern, ref) and len(missing(feeds)) == len(feeds):
            both |= set(feeds)
    above, below = ((missing([feed]) for feed in PARTS[ref]) if ref in PARTS else (set(), set()))
    return {one.partition(".")[0] for one in both | above}, {one.partition(".")[0] for one in both | below}


def hide(answers: Answers, question: Question, settling: Mapping[str, int]) -> Answers:
    """The answers, with what is not known left out: a part, and the value that needs it."""
    hidden: Answers = {}
    for (ref, bin_), (value, above, below) in answers.items():
        no_above, no_below = unknown(question, ref, settling.get(ref, 0))
        known = None if no_above or no_below else value
        hidden[ref, bin_] = (known, None if no_above else above, None if no_below else below)
    return hidden
