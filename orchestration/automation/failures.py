"""What stopped a run, in words, from the events that Dagster logged of it.

Not here: who is told (alerts.py).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterEvent


def failures_of(events: Iterable[DagsterEvent]) -> list[str]:
    """What stopped a run, a line each: checks that did not pass, and steps that raised, with their innermost cause."""
    # Of a check the last word: one that failed as the database went away is judged again with its step.
    checks: dict[tuple[str, str], str] = {}
    steps = []
    for event in events:
        if event.event_type_value == "ASSET_CHECK_EVALUATION":
            found = event.asset_check_evaluation_data
            name = found.asset_key.to_user_string(), found.check_name
            checks.pop(name, None)
            if not found.passed and found.severity.value == "ERROR":
                observed = html.unescape(found.description or "failed")  # written for a page (assets/checks.py)
                checks[name] = f"{' '.join(name)}: {observed}"
        elif event.is_step_failure or event.is_run_failure:
            # A run that was failed from outside (its process was killed) ends without an error of its own.
            data = event.step_failure_data if event.is_step_failure else event.job_failure_data
            error = data.error if data else None
            while error and error.cause:
                error = error.cause
            said = event.step_failure_data.user_failure_data if event.is_step_failure else None
            if said and said.description:
                steps.append(said.description)
            elif error:
                # Without the class's name, which Dagster puts before what it said.
                steps.append(f"{event.step_key or 'run'}: {re.sub(r'^[A-Za-z_.]+: ', '', error.message.strip())}")
            elif event.is_run_failure and event.message:
                steps.append(f"run: {event.message}")
    # A blocking check fails the steps behind it: the check is what the reader should look at.
    return list(checks.values()) or list(dict.fromkeys(steps))
