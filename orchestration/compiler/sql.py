"""The words of the rendered SQL: literals, the parameters of a question, and when an instant lies in its window.

Not here: what is read (rollups.py), what is counted (scans.py), whole statements (statements.py, functions.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import jinja2

from orchestration.catalogue.model import BREAKDOWNS as APART
from orchestration.catalogue.model import FILTERS, PERIOD_BREAKDOWNS, TIME_BREAKDOWNS
from orchestration.catalogue.spans import spans
from orchestration.settings import PROJECT

TEMPLATES = PROJECT / "dbt_project" / "indicators"
BREAKDOWNS = (*TIME_BREAKDOWNS, *FILTERS, *APART)
FILTER_PARAMETERS = {
    "source": "p_sources", "channel": "p_channels", "role": "p_roles", "member": "p_members", "inbox": "p_inboxes",
    "conversation_channel": "p_conversation_channels",
}  # fmt: skip
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
    ("p_inboxes", "text[]", "null"),
    ("p_conversation_channels", "text[]", "null"),
)
# How a handling is known, by its bits (model.Relation.basis): one, the other, or both.
BASES = ("recorded", "first_reply", "mixed")
# What a question is: a row for each period asked, and one for the period before it.
QUESTION_COLUMNS = {
    "question_id": "bigint", "brand_id": "text", "grain": "text", "period_start": "date",
    "scope": "text", "label": "text", "period_number": "bigint", "is_previous": "boolean",
    "from_date": "date", "to_date": "date", "starts_at": "timestamptz", "ends_at": "timestamptz",
    "cut_at": "timestamptz", "known_at": "timestamptz", "known_until": "timestamptz", "age_at": "timestamptz",
    "is_whole": "boolean", "is_whole_for_turns": "boolean",
}  # fmt: skip
# What statements take as parameters, by number: first what scans name, then what only whole statements do.
BOUND = (
    *FILTER_PARAMETERS.values(), "p_brand", "p_weekdays", "v_refs", "v_compares", "v_slot_from", "v_slot_length",
    "v_breakdown", "v_time_breakdowns", "v_clock_changes", "v_clock_offsets",
)  # fmt: skip
BOUND_OF_QUESTIONS = (*BOUND, *(f"q_{column}" for column in QUESTION_COLUMNS))
BOUND_OF_LISTS = (*BOUND_OF_QUESTIONS, "p_from", "p_to", "p_time_from", "p_time_to", "p_as_of")


def quoted(value: str | None) -> str:
    """A SQL text literal, or null."""
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


def array(values: Iterable[str]) -> str:
    """A SQL text array literal."""
    return "array[" + ", ".join(quoted(v) for v in values) + "]::text[]"


def bound(statement: str, names: Sequence[str] = BOUND) -> str:
    """A statement with its parameters by number, for `execute ... using`."""
    return re.sub(r"\b[pqv]_[a-z_]+\b", lambda name: f"${names.index(name[0]) + 1}", statement)


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"quoted": quoted, "array": array, "bound": bound}
    environment.globals |= {"time_breakdowns": TIME_BREAKDOWNS, "period_breakdowns": PERIOD_BREAKDOWNS}
    environment.globals |= {"spans": spans(), "filter_parameters": FILTER_PARAMETERS, "bases": array(BASES)}
    return environment


def render(template: str, **values: Any) -> str:
    """A template of dbt_project/indicators/, with these values."""
    return _templates().get_template(template).render(**values)


# --- the window of a question -----------------------------------------------------------------------------------------


def weekday_condition(weekday: str) -> str:
    """That an ISO weekday passes the weekday filter."""
    return f"(p_weekdays is null or {weekday} = any(p_weekdays))"


def clock(instant: str) -> str:
    """What the brand's clock shows at an instant, by the rules by which its days were laid: the server's may have
    become others since, with an update, and hours would no longer fit the days that they are of."""
    return f"(({instant} at time zone 'UTC') + v_clock_offsets[1 + width_bucket({instant}, v_clock_changes)])"


def hour_of(instant: str) -> str:
    """The hour of an instant on the brand's clock."""
    return f"extract(hour from {clock(instant)})::int"


def weekday_of(instant: str) -> str:
    """The ISO weekday of an instant on the brand's clock."""
    return f"extract(isodow from {clock(instant)})::int"


def since_slot(instant: str) -> str:
    """The clock time of an instant on a clock that begins with the slot: one comparison tells whether it lies in it,
    over midnight too."""
    return f"{clock(instant)}::time - v_slot_from::interval"


def window_condition(instant: str) -> str:
    """That an instant of the period passes the time slot and the weekday filter, both on the brand's clock."""
    in_slot = f"(v_slot_from is null or {since_slot(instant)} < v_slot_length)"
    return f"{weekday_condition(weekday_of(instant))} and {in_slot}"


def day_in_slot(first: str, last: str) -> str:
    """Whether all that lies from one instant to another of the same day lies in the slot; null if the slot cuts it.

    Between two instants a clock that is not set passes through each time between theirs, and through no other.
    """
    begin, end = since_slot(first), since_slot(last)
    unset = f"{clock(last)} - {clock(first)} = {last} - {first}"
    alike = f"{begin} <= {end} and ({begin} < v_slot_length) = ({end} < v_slot_length)"
    return f"case when {unset} and {alike} then {begin} < v_slot_length end"


def select(columns: Iterable[str], source: str, conditions: Sequence[str] = (), group_by: int = 0) -> str:
    """A select of these columns, grouped by the first `group_by` of them."""
    lines = ["select", "    " + ",\n    ".join(columns), source]
    lines += ["where", "    " + "\n    and ".join(conditions)] if conditions else []
    lines += ["group by " + ", ".join(str(n + 1) for n in range(group_by))] if group_by else []
    return "\n".join(lines)
