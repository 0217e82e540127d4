"""How often a test tries: enough to show a law in `make test`, as often as the README says in `make faults`.

`CAUSERIE_TEST_THOROUGH=1 make test` tries all of them as often as that. Not here: which tests are `long`, and run in
`make faults` alone (their marks).
"""

from __future__ import annotations

import os

THOROUGH = os.environ.get("CAUSERIE_TEST_THOROUGH", "") == "1"


def times(quick: int, thorough: int) -> int:
    """The number of tries, examples, brands or steps of this session."""
    return thorough if THOROUGH else quick
