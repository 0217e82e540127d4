"""Entrance: what we refuse to believe of the extracts that a run is about to publish, judged on their profiles.

Here: one suite a dataset and run, the age of the newest complete day, and what no extract shows. Not here: single rows
(the loader's SQL judges those), the figures judged (profiles.py), or when this runs (assets/checks.py).

Great Expectations sees one small frame a dataset, a line for each figure, never the rows themselves and never the
database: so it leaves no connection behind, and a large extract costs it nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import psycopg

from expectations.findings import Finding, Name, Suite, judge
from expectations.profiles import LIMITS, figures
from orchestration.readers.ledger import WaitingBrand
from orchestration.sources.connectors.listing import Aside


@dataclass(frozen=True)
class Rule:
    """A figure keeps to its side of a bound; beyond it is an error (nothing is published) or a warning."""

    side: Literal["at least", "at most"]
    is_error: bool
    expected: str


RULES: dict[Name, Rule] = {
    "has_rows": Rule(
        "at least",
        True,
        "rows, as the extracts before it had: none at all is no chance (a person may accept it: causerie run --accept)",
    ),
    "is_not_all_empty": Rule("at least", False, "a row in at least one extract"),
    "required_columns_are_filled": Rule(
        "at most", True, f"at most {LIMITS['null_share']:.0%} nulls in each required column"
    ),
    "usual_columns_are_filled": Rule("at most", True, "something in each column that is filled more often than not"),
    "null_shares_are_usual": Rule(
        "at most", False, f"a share of nulls at most {LIMITS['null_rise']:.0%} of the rows above the usual one"
    ),
    "words_are_known": Rule("at most", False, "no word that the contract does not name"),
    "words_are_usual": Rule("at least", False, "every word of an enumeration that usually comes often"),
    "volume_is_not_low": Rule("at least", False, "about as many rows as on the same weekday before, or more"),
    "volume_is_not_high": Rule("at most", False, "about as many rows as on the same weekday before, or fewer"),
    "rows_are_usual": Rule("at most", False, "no row that is legal and surely wrong"),
    "currencies_are_the_brands": Rule(
        "at most", False, f"at most {LIMITS['foreign_share']:.0%} of the rows left out for their currency"
    ),
    "extracts_are_accepted": Rule("at most", False, "no extract refused"),
}
# What a run leaves out of every number without an extract to show for it.
UNREAD: Name = "all_is_read"
UNDESCRIBED: Name = "brands_are_described"
# The nightly run asks for the day before; until then that day is not late.
DUE_AT = time(2, 30)


def judge_dataset(connection: psycopg.Connection[Any], dataset: str, required: Iterable[str]) -> list[Finding]:
    """The suite of one dataset over every standing extract that no publication covers yet. A finding that fails names
    the extract day, the brand or column, the figure and what was expected."""
    import pandas as pd
    from great_expectations import expectations as gxe

    lines = figures(connection, dataset, list(required))
    if not lines:
        return []
    excused = _excuse(connection, dataset, lines)
    frame = pd.DataFrame({"line": [line["line"] for line in lines]})
    suite: Suite = {}
    for name, rule in RULES.items():
        mine = pd.Series([line["rule"] == name for line in lines])
        if not mine.any():
            continue
        for column, part in ((name, "figure"), (f"{name} bound", "bound")):
            frame[column] = pd.Series([line[part] for line in lines], dtype="float64").where(mine)
        greater, less = (name, f"{name} bound") if rule.side == "at least" else (f"{name} bound", name)
        expectation = gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=greater, column_B=less, or_equal=True, ignore_row_if="either_value_is_missing"
        )
        suite[name] = (expectation, rule.is_error, rule.expected)
    return judge(frame, dataset, suite, ["line"]) + excused


def _excuse(connection: psycopg.Connection[Any], dataset: str, lines: list[dict[str, Any]]) -> list[Finding]:
    """Let pass, in place, what would be an error on days that a person has accepted; returns what is said of it."""
    said = []
    for day, reason, who in connection.execute(
        "select extract_day, reason, accepted_by from raw.accepted where dataset = %s order by extract_day", [dataset]
    ):
        for line in lines:
            rule = RULES[line["rule"]]
            if not rule.is_error or line["figure"] is None or not line["line"].startswith(str(day)):
                continue
            if line["figure"] < line["bound"] if rule.side == "at least" else line["figure"] > line["bound"]:
                line["figure"] = line["bound"]
                said.append(f"{line['rule']} {line['line']}: accepted by {who}, because {reason}")
    expected = "what an audit holds back is passed on a person's word alone"
    return [Finding("is_accepted", dataset, False, True, "; ".join(said), expected)] if said else []


def due_day(now: datetime, due_at: time = DUE_AT) -> date:
    """The newest extract day (UTC) that should be complete at this instant."""
    return now.date() - timedelta(days=1 if now.time() >= due_at else 2)


def judge_freshness(newest_complete_day: date | None, now: datetime, due_at: time = DUE_AT) -> list[Finding]:
    """Is the day that was due last complete? A backfill of old days does not make it so. `now` is in UTC."""
    import pandas as pd
    from great_expectations import expectations as gxe

    due = due_day(now, due_at)
    expected = f"the extract day {due} complete"
    if newest_complete_day is None:
        return [Finding("is_fresh", "all", False, False, "no extract day is complete", expected)]
    frame = pd.DataFrame(
        {
            "line": [f"the newest complete extract day is {newest_complete_day}"],
            "days_behind": [(due - newest_complete_day).days],
        }
    )
    expectation = gxe.ExpectColumnValuesToBeBetween(column="days_behind", max_value=0)
    return judge(frame, "all", {"is_fresh": (expectation, False, expected)}, ["line"])


def judge_places(asides: Sequence[Aside]) -> list[Finding]:
    """Is all read that lies where the sources are read? A folder with a misspelt name is no extract, and so in no
    ledger."""
    said = [f"{aside.place}: {aside.reason}" for aside in asides]
    expected = "everything that lies in the sources' folders read"
    offenders = tuple({"place": aside.place, "reason": aside.reason} for aside in asides)
    return [Finding(UNREAD, "all", False, not asides, _first(said), expected, offenders=offenders)]


def judge_waiting(waiting: Sequence[WaitingBrand]) -> list[Finding]:
    """Is each brand described that extracts name? Its rows are in no number until it is. Of all brands together: the
    brand itself has no login yet."""
    said = [f"{brand.brand_id}: {_counted(brand)}" for brand in waiting]
    expected = "every brand that extracts name described by an extract of brands"
    offenders = tuple({"brand": brand.brand_id, "rows": _counted(brand)} for brand in waiting)
    return [Finding(UNDESCRIBED, "brands", False, not waiting, _first(said), expected, offenders=offenders)]


def _counted(brand: WaitingBrand) -> str:
    return ", ".join(f"{dataset} {rows:,} rows" for dataset, rows in brand.rows.items())


def _first(said: Sequence[str]) -> str:
    return "; ".join(said[:10]) + (f"; and {len(said) - 10} more" if len(said) > 10 else "") or "none"
