"""How a question reads a fact that whole days answer for: its days, or the events behind them.

Not here: which facts those are (catalogue/facts.py), and what is counted of the rows (scans.py).
"""

from __future__ import annotations

from orchestration.catalogue.facts import DailyRollup
from orchestration.compiler.sql import day_in_slot, since_slot, weekday_condition, weekday_of, window_condition


def days_asked(fact: DailyRollup) -> str:
    """The days that lie in a question's period of whole days, on the asked weekdays."""
    return f"""{fact.whole}
    and d.brand_id = p_brand
    and d.local_date >= q.from_date
    and d.local_date < q.to_date
    and {weekday_condition("d.iso_weekday")}"""


def by_day(fact: DailyRollup, on_first_day: bool = False) -> str:
    """The events in a question's period of whole days: days of them.

    With `on_first_day` a day has only those kinds of events that the conversation has for the first time in the period.
    """
    held = "d.{0} < q.from_date" if on_first_day else "d.{0} is not null"
    contents = {name: day for name, (day, _) in fact.contents.items()}
    contents |= {name: held.format(previous) for name, (previous, _) in fact.kinds.items()}
    first, last = (f"d.{at}" for at in fact.days_at)
    columns = [*(f"d.{c}" for c in fact.columns), *(f"{day} as {name}" for name, day in contents.items())]
    return f"""select {", ".join(columns)}, {first} as at
from marts.{fact.days} as d
where
    {days_asked(fact)}
    and (v_slot_from is null or {day_in_slot(first, last)})"""


def _event_columns(fact: DailyRollup, columns_from: str) -> str:
    contents = (f"{thing} as {name}" for name, (_, thing) in {**fact.contents, **fact.kinds}.items())
    return ", ".join([*(f"{columns_from}.{c}" for c in fact.columns), *contents, f"m.{fact.events_at} as at"])


def by_cut_day(fact: DailyRollup) -> str:
    """The events of days that a slot cuts, in a period of whole days: one by one."""
    first, last = (f"d.{at}" for at in fact.days_at)
    at = f"m.{fact.events_at}"
    same = "".join(f"\n    and m.{thing} is not distinct from d.{day}" for day, thing in fact.parted_by.items())
    # What the days can be filtered by is taken from them, so that few are looked into.
    return f"""select {_event_columns(fact, "d")}
from marts.{fact.days} as d
inner join marts.{fact.events} as m
    on m.brand_id = d.brand_id and m.conversation_id = d.conversation_id{fact.join}
where
    {days_asked(fact)}
    and ({day_in_slot(first, last)}) is null
    and {at} >= {first}
    and {at} <= {last}
    and {weekday_of(at)} = d.iso_weekday{same}
    and {fact.where}
    and {since_slot(at)} < v_slot_length"""


def by_event(fact: DailyRollup) -> str:
    """The events in a question's window that the days cannot answer: one by one."""
    return f"""select {_event_columns(fact, "m")}
from marts.{fact.events} as m{fact.join}
where
    not {fact.whole}
    and {fact.where}
    and m.brand_id = p_brand
    and m.{fact.events_at} >= q.starts_at
    and m.{fact.events_at} < q.cut_at
    and {window_condition(f"m.{fact.events_at}")}"""
