"""The brute force's entry point: a question over plain rows, every indicator of sections 1 to 8 and 10 answered.

Here: `answer` and the comparison with the product's figures. Not here: any indicator.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from brute import (
    agents,
    desk,
    dialogues,
    engagement,
    hook,
    needs,
    one_to_one,
    orders,
    personalisation,
    sales,
    waiting_list,
    widget,
)
from brute.facts import Facts, Rows
from brute.figures import Answers, Number
from brute.question import Question


def answer(
    rows: Rows | Facts, brand_id: str, date_from: date, date_to: date,
    sources: Collection[str] | None = None, channels: Collection[str | None] | None = None,
    roles: Collection[int] | None = None, members: Collection[str] | None = None,
    time_from: time | None = None, time_to: time | None = None, weekdays: Collection[int] | None = None,
    as_of: datetime | None = None, known_until: datetime | None = None,
    notification_channels: Collection[str] | None = None,
    ads: Collection[str | None] | None = None, ad_payloads: Collection[str | None] | None = None,
    settling: Mapping[str, int] = MappingProxyType({}), inboxes: Collection[str] | None = None,
    conversation_channels: Collection[str] | None = None, bases: Collection[str] | None = None,
) -> Answers:  # fmt: skip
    """(ref, bin or None) -> (value, numerator, denominator), exact.

    Rows are contract-shaped, with times as aware datetimes; a row may carry `extract_day`, else it came on its own UTC
    day. Counts and sums: numerator = value, no denominator. Averages: sum and n. Medians: no numerator, n. Ratios: both
    parts; a part is None where a dataset that it needs has told nothing yet. `settling` gives the days after which a
    fluctuating indicator is taken as settled. Durations are seconds. Raises ValueError if the brand is unknown. `Facts`
    in place of rows spares reading them again for every question.
    """
    facts = rows if isinstance(rows, Facts) else Facts(rows, brand_id)
    question = Question(
        facts, date_from, date_to, sources, channels, roles, members, time_from, time_to, weekdays,
        as_of.astimezone(UTC) if as_of else None, known_until.astimezone(UTC) if known_until else None,
        notification_channels, ads, ad_payloads, inboxes, conversation_channels, bases,
    )  # fmt: skip
    answers: Answers = {}
    sections = (
        waiting_list, hook, dialogues, sales, widget, orders, engagement, agents, one_to_one, personalisation,
        desk,
    )  # fmt: skip
    for section in sections:
        answers |= section.figures(question)
    return needs.hide(answers, question, settling)


def agrees(expected: Number | None, given: Decimal | float | int | None) -> bool:
    """Whether a product's figure is the exact one, but for the rounding of a division that does not come out even."""
    if expected is None or given is None:
        return expected is None and given is None
    exact = Fraction(expected)
    return abs(exact - Fraction(given)) <= max(Fraction(1), abs(exact)) / 10**12
