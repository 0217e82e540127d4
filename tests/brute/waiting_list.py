"""Section 1 of the indicators: the waiting list.

Here: requests of source waiting_list, and nothing else.
"""

from brute.facts import Conversation, before
from brute.figures import BINS, Answers, average, count, histogram, median, ratio, seconds
from brute.question import Question


def figures(question: Question) -> Answers:
    ask = question
    requests = [one for one in ask.facts.conversations.values() if one.source == "waiting_list"]
    requests = [one for one in requests if ask.passes_place(one)]

    created = [one for one in requests if ask.in_window(one.requested_at)]
    cancelled = [one for one in requests if ask.known(one.requested_at) and ask.in_window(one.cancelled_at)]
    all_handled = [one for one in requests if ask.in_window(one.handled_at)]
    handled = [one for one in all_handled if one.handled_at and ask.passes_member(one.member_id, one.handled_at)]

    def wrote_before_handling(one: Conversation) -> bool:
        # As known at A: what is handled later is not handled yet, and any message will do.
        handled_at = one.handled_at if ask.known(one.handled_at) else None
        return any(
            message.side == "visitor" and ask.known(message.sent_at) and before(message.sent_at, handled_at)
            for message in one.messages
        )

    waits = [one.handled_at - one.requested_at for one in created if one.handled_at and one.handled_at < ask.known_end]
    answers: Answers = {
        ("Wlst-Card-1", None): count(created),
        ("Wlst-Card-2", None): count([one for one in created if wrote_before_handling(one)]),
        ("Wlst-Card-3", None): count(cancelled),
        ("Wlst-Card-10", None): count(handled),
        ("Wlst-Card-11", None): count(
            [one for one in created if one.handled_at is None or one.handled_at >= ask.known_end]
        ),
        ("Wlst-Card-12", None): ratio(len(all_handled), len(created)),
        ("Wlst-Card-13", None): average([seconds(wait) for wait in waits]),
        ("Wlst-Card-14", None): median([seconds(wait) for wait in waits]),
    }
    answers |= histogram("Chat-Bar-10", BINS, [one.handled_at - one.requested_at for one in handled if one.handled_at])
    return answers
