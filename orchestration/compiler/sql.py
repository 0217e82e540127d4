"""The words of the rendered SQL: literals, the parameters of a question, and when an instant lies in its window.

Not here: what is read (rollups.py), what is counted (scans.py), whole functions (functions.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from orchestration.catalogue.model import BREAKDOWNS as APART
from orchestration.catalogue.model import FILTERS, TIME_BREAKDOWNS
from orchestration.settings import PROJECT

TEMPLATES = PROJECT / "dbt_project" / "indicators"
BREAKDOWNS = (*TIME_BREAKDOWNS, *FILTERS, *APART)
FILTER_PARAMETERS = {"source": "p_sources", "member": "p_members", "role": "p_roles", "channel": "p_channels"}
PARAMETERS = (
    ("p_brand", "text", None),
    ("p_from", "date", None),
    ("p_to", "date", None),
    ("p_sources", "text[]", "null"),
    ("p_channels", "text[]", "null"),
    ("p_roles", "int[]", "null"),
    ("p_members", "text[]", "null"),
    ("p_time_from", "time", "null"),
    ("p_time_to", "time", "null"),
    ("p_weekdays", "int[]", "null"),
    ("p_breakdown", "text[]", "'{}'"),
    ("p_compare_previous", "boolean", "false"),
    ("p_as_of", "timestamptz", "null"),
    ("p_refs", "text[]", "null"),
)
# What a list is never asked for: it shows indicators of its own choice, by what it lists.
NOT_OF_LISTS = ("p_breakdown", "p_compare_previous", "p_refs")


def quoted(value: str | None) -> str:
    """A SQL text literal, or null."""
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


def array(values: Iterable[str]) -> str:
    """A SQL text array literal."""
    return "array[" + ", ".join(quoted(v) for v in values) + "]::text[]"


def local_time(instant: str) -> str:
    """The clock time of an instant on the brand's clock."""
    return f"({instant} at time zone q.timezone)::time"


def weekday_condition(weekday: str) -> str:
    """That an ISO weekday passes the weekday filter."""
    return f"(p_weekdays is null or {weekday} = any(p_weekdays))"


def weekday_of(instant: str) -> str:
    """The ISO weekday of an instant on the brand's clock."""
    return f"extract(isodow from {instant} at time zone q.timezone)::int"


def since_slot(instant: str) -> str:
    """The clock time of an instant on a clock that begins with the slot: one comparison tells whether it lies in it,
    over midnight too."""
    return f"{local_time(instant)} - v_slot_from::interval"


def window_condition(instant: str) -> str:
    """That an instant of the period passes the time slot and the weekday filter, both on the brand's clock."""
    in_slot = f"(v_slot_from is null or {since_slot(instant)} < v_slot_length)"
    return f"{weekday_condition(weekday_of(instant))} and {in_slot}"


def day_in_slot(first: str, last: str) -> str:
    """Whether all that lies from one instant to another of the same day lies in the slot; null if the slot cuts it.

    Between two instants a clock that is not set passes through each time between theirs, and through no other.
    """
    begin, end = since_slot(first), since_slot(last)
    unset = f"({last} at time zone q.timezone) - ({first} at time zone q.timezone) = {last} - {first}"
    alike = f"{begin} <= {end} and ({begin} < v_slot_length) = ({end} < v_slot_length)"
    return f"case when {unset} and {alike} then {begin} < v_slot_length end"


# What is computed once a row stands in a subquery that PostgreSQL may not flatten, or it would compute it at each use.
# Written as a bigint from the start, it leaves the subquery fit for parallel plans.
FENCE = "\noffset bigint '0'"


def placeholder(name: str) -> str:
    """What is put in when a statement is made: where the rows of a rollup are read from, or the bucket of a row."""
    return f"<{name}>"


def bound(statement: str, names: Sequence[str]) -> str:
    """A statement with its parameters by number, for `execute ... using`."""
    return re.sub(r"\b[pqv]_[a-z_]+\b", lambda name: f"${names.index(name[0]) + 1}", statement)
