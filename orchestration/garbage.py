"""Python's search for garbage, kept from what a process keeps anyway: a fifth of its start, and a second of its end.

Most of what is made here are libraries, catalogue and manifest, which stay. Not here: what loads take (sources/).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_alone() -> Iterator[None]:
    """For a whole process: look through new objects by the hundred thousand, and at its end through none."""
    gc.set_threshold(200_000)
    try:
        yield
    finally:
        gc.freeze()
