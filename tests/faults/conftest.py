"""What several scenarios stand on: the extracts of a few days, and what one clean build makes of them.

Not here: platforms in general (tests/integration/platforms.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from night import Night

import simulator
from faults.installation import Extracts

FIRST = date(2026, 3, 1)
DAYS = 4


@pytest.fixture(scope="session")
def few_days(new_night: Callable[[], Night]) -> Extracts:
    """Four days of a small brand. Not to be written to: scenarios copy what they change."""
    night = new_night()
    simulator.write(night.landing, DAYS, 1, 10, FIRST)
    night.run()
    return Extracts(night.landing, tuple(FIRST + timedelta(days=number) for number in range(DAYS)), night.digest())
