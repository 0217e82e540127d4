"""What binds the figures of a run, as expectations of Great Expectations over one line a brand and indicator.

Not here: computing the lines (settling.py, completeness.py, double_entry.py). Imported late, for Great Expectations
takes seconds. Next: settling.py.
"""

from __future__ import annotations

from great_expectations.expectations import ExpectColumnValuesToBeBetween


class ExpectNumeratorsToGrow(ExpectColumnValuesToBeBetween):
    """The lawful direction: the numerator of some fluctuating indicators never falls as more is known."""

    column: str = "broken"
    max_value: float = 0
    description: str = "What is counted as of an instant is still counted as of every later one."


class ExpectRatesOfAWhole(ExpectColumnValuesToBeBetween):
    """The lawful range of a rate whose numerator is a part of its denominator."""

    column: str = "broken"
    max_value: float = 0
    description: str = "Every fluctuating rate lies between 0 and 1."


class ExpectPlausibleValues(ExpectColumnValuesToBeBetween):
    """The bounds that the catalogue calls plausible."""

    column: str = "broken"
    max_value: float = 0
    description: str = "Every value lies within its indicator's plausible bounds."


class ExpectFinalValuesToStand(ExpectColumnValuesToBeBetween):
    """After the settling time a value stays within the tolerance of what was published as final."""

    column: str = "broken"
    max_value: float = 0
    description: str = "Every value published as final stays within the tolerance."


class ExpectSettlingInTime(ExpectColumnValuesToBeBetween):
    """The measured curve is at rest when the catalogue's settling time is over."""

    column: str = "broken"
    max_value: float = 0
    description: str = "Every brand's fluctuating indicators settle within the catalogue's settling time."


class ExpectMovesOfThePast(ExpectColumnValuesToBeBetween):
    """A value moves between two publications no further than the settling curves of past periods allow."""

    column: str = "broken"
    max_value: float = 0
    description: str = "Every value lies in the band that its last published value and the past allow."


class ExpectEveryRowOnce(ExpectColumnValuesToBeBetween):
    """Completeness: every expected row of kpi_period is there, once, and no other."""

    column: str = "broken"
    max_value: float = 0
    description: str = "Every expected brand, period and indicator is stated once, and nothing else is."


class ExpectBothBooksToAgree(ExpectColumnValuesToBeBetween):
    """Double entry: what is stated equals what a plain query of its own counts."""

    column: str = "broken"
    max_value: float = 0
    description: str = "Sampled values equal what queries written by hand count."
