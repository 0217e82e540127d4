"""How a question reads a fact that whole days answer for: its days, or the events behind them.

Not here: which facts those are (catalogue/facts.py), and what is counted of the rows (scans.py).
"""

from __future__ import annotations

from functools import cache

from orchestration.catalogue.facts import ROLLUPS
from orchestration.compiler import sql


@cache
def read(rollup: str, part: str) -> str:
    """What a question `q` reads of a rollup: in a period of whole days its `days`, or its `first_days`, with only those
    kinds of events that the conversation has for the first time in the period, and the events of the days that a slot
    cuts (`cut_days`); the `events` of a window that the days cannot answer."""
    return sql.render("rollup.sql.j2", rollup=ROLLUPS[rollup], part=part, sql=sql)
