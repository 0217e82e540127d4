"""What binds published numbers and the figures of a run, as expectations of Great Expectations over a line a brand and
indicator.

Not here: computing the lines (stability.py, publishing.py, settling.py, completeness.py, double_entry.py, answers.py).
Imported in the process that judges alone (judging.py): elsewhere they go by their names.
"""

from __future__ import annotations

from typing import Literal

from great_expectations.expectations import ExpectColumnPairValuesAToBeGreaterThanB, ExpectColumnValuesToBeBetween


class ExpectNothingBroken(ExpectColumnValuesToBeBetween):
    """How often a law was broken, by its column in each line: never."""

    column: str = "broken"
    max_value: float = 0
    description: str = "Nothing was found that breaks the law."


class ExpectFiguresWithinBounds(ExpectColumnPairValuesAToBeGreaterThanB):
    """What must be at least the other of a figure and its bound, in each line that has both."""

    column_A: str = "greater"
    column_B: str = "less"
    or_equal: bool = True
    ignore_row_if: Literal["either_value_is_missing"] = "either_value_is_missing"
    description: str = "Every figure of an extract keeps to its side of its bound."


class ExpectIdentitiesToHold(ExpectNothingBroken):
    """What must be true among the indicators of one period."""

    description: str = "The parts of a period's numbers make up the whole."


class ExpectPeriodsToStandAsTheyEnded(ExpectNothingBroken):
    """The law of stability: a fixed indicator of a period that is over says the same as of its end and now."""

    description: str = "Every fixed indicator of a period that is over stands as it stood at the period's end."


class ExpectChangesToHaveACause(ExpectNothingBroken):
    """The law of publication: a published fixed indicator of a period that is over changes only with a cause."""

    description: str = "Every published number that moves after its period was over moves for a reason that is known."


class ExpectNumeratorsToGrow(ExpectNothingBroken):
    """The lawful direction: the numerator of some fluctuating indicators never falls as more is known."""

    description: str = "What is counted as of an instant is still counted as of every later one."


class ExpectRatesOfAWhole(ExpectNothingBroken):
    """The lawful range of a rate whose numerator is a part of its denominator."""

    description: str = "Every fluctuating rate lies between 0 and 1."


class ExpectPlausibleValues(ExpectNothingBroken):
    """The bounds that the catalogue calls plausible."""

    description: str = "Every value lies within its indicator's plausible bounds."


class ExpectFinalValuesToStand(ExpectNothingBroken):
    """After the settling time a value stays within the tolerance of what was published as final."""

    description: str = "Every value published as final stays within the tolerance."


class ExpectSettlingInTime(ExpectNothingBroken):
    """The measured curve is at rest when the catalogue's settling time is over."""

    description: str = "Every brand's fluctuating indicators settle within the catalogue's settling time."


class ExpectMovesOfThePast(ExpectNothingBroken):
    """A value moves between two publications no further than the settling curves of past periods allow."""

    description: str = "Every value lies in the band that its last published value and the past allow."


class ExpectEveryRowOnce(ExpectNothingBroken):
    """Completeness: every expected row of kpi_period is there, once, and no other."""

    description: str = "Every expected brand, period and indicator is stated once, and nothing else is."


class ExpectBothBooksToAgree(ExpectNothingBroken):
    """Double entry: what is stated equals what a plain query of its own counts."""

    description: str = "Sampled values equal what queries written by hand count."


class ExpectPeriodsToBeAnswered(ExpectNothingBroken):
    """What is precomputed for a period is what the report answers when asked for it."""

    description: str = "Every sampled row of kpi_period is a row of the report of that period, and the other way round."
