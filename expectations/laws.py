"""The laws that bind published numbers, as expectations of Great Expectations over one line a brand and indicator.

Not here: computing the lines (stability.py, publishing.py). Imported late, for Great Expectations takes seconds.
Next: stability.py.
"""

from __future__ import annotations

from great_expectations.expectations import ExpectColumnValuesToBeBetween


class ExpectPeriodsToStandAsTheyEnded(ExpectColumnValuesToBeBetween):
    """The law of stability: a fixed indicator of a period that is over says the same as of its end and now."""

    column: str = "moved"
    max_value: float = 0
    description: str = "Every fixed indicator of a period that is over stands as it stood at the period's end."


class ExpectChangesToHaveACause(ExpectColumnValuesToBeBetween):
    """The law of publication: a published fixed indicator of a period that is over changes only with a cause."""

    column: str = "unexplained"
    max_value: float = 0
    description: str = "Every published number that moves after its period was over moves for a reason that is known."
