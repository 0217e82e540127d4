"""How the handling is known that a figure rests on: recorded, told from the first reply, or some of each.

Here: which figures rest on it, and what they say. Not here: any figure.
"""

import re
from collections.abc import Mapping
from typing import Any

from brute.answer import answer
from brute.facts import Facts
from brute.figures import Answers
from brute.needs import unknown
from brute.one_to_one import OneToOne
from brute.question import Question

# Handled, started, or written from then on; what is credited to such a dialogue. Not what is asked for, rated, sent as
# such, or done in the widget.
RESTS = (
    r"Wlst-Card-(2|1[0-4])|Chat-Bar-(1[0-2]|5[01])|Chat-Donut-[12]",
    r"Chat-Card-([1-48]|1[0-24-9]|2[0-2]|3\d|8\d)|Amb-Card-23",
    r"Sale-Card-(9|1[0-2])|Agnt-Card-[134]",
    r"One-Card-([124]|1[0-4]|24|3[01]|40)",
)
# An amount may come to nothing, the number of what it is of says whether there is any.
NUMBER_OF = {
    "Chat-Card-80": "Chat-Card-81", "Sale-Card-10": "Sale-Card-9", "Sale-Card-12": "Sale-Card-11",
    "One-Card-14": "One-Card-11",
}  # fmt: skip
Bases = dict[tuple[str, str | None], str | None]


def rests(ref: str) -> bool:
    """Whether the figure would be another if a waiting-list request had been handled at another time."""
    return any(re.fullmatch(pattern, ref) for pattern in RESTS)


def bases(facts: Facts, asked: Mapping[str, Any], known_until: Any, settling: Mapping[str, int]) -> Bases:
    """Of each figure, the arguments being those of `answer`: what is left of it if only waiting-list requests of one
    basis are looked at tells whether it rests on any such."""
    every = answer(facts, "", known_until=known_until, settling=settling, **asked)
    of = {basis: _left(facts, asked, known_until, settling, basis) for basis in ("recorded", "first_reply")}
    found: Bases = {}
    for ref, bin_ in every:
        left = [basis for basis, answers in of.items() if any(answers[NUMBER_OF.get(ref, ref), bin_][1:])]
        is_known = not any(unknown(Question(facts, **asked), ref, settling.get(ref, 0)))
        found[ref, bin_] = ("mixed" if len(left) > 1 else left[0]) if left and is_known and rests(ref) else None
    return found


def _left(facts: Facts, asked: Mapping[str, Any], known_until: Any, settling: Mapping[str, int], basis: str) -> Answers:
    alone = {**asked, "bases": [basis]}
    answers = answer(facts, "", known_until=known_until, settling=settling, **alone)
    by_video = OneToOne(Question(facts, **alone)).influenced(by_video=True)
    return answers | {("One-Card-12", None): (None, len(by_video), None)}
