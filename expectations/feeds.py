"""Entrance: what we refuse to believe of the extracts that a run is about to publish, judged on their profiles.

Here: one suite a dataset and run, the age of the newest complete day, and what no extract shows. Not here: single rows
(the loader's SQL judges those), the figures judged (profiles.py), or when this runs (assets/checks.py).

Great Expectations sees two columns a dataset, a line for each figure, never the rows themselves: a large extract costs
it nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import psycopg

from expectations.findings import Finding, Name, judge
from expectations.profiles import LIMITS, figures
from orchestration.readers.ledger import WaitingBrand
from orchestration.sentences import Sentence, several
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
        Sentence("expect_rows"),
    ),
    "is_not_all_empty": Rule("at least", False, Sentence("expect_some_row")),
    "required_columns_are_filled": Rule(
        "at most", True, Sentence("expect_required_filled", share=LIMITS["null_share"])
    ),
    "usual_columns_are_filled": Rule("at most", True, Sentence("expect_usual_filled")),
    "null_shares_are_usual": Rule("at most", False, Sentence("expect_usual_nulls", share=LIMITS["null_rise"])),
    "words_are_known": Rule("at most", False, Sentence("expect_known_words")),
    "words_are_usual": Rule("at least", False, Sentence("expect_usual_words")),
    "volume_is_not_low": Rule("at least", False, Sentence("expect_not_fewer")),
    "volume_is_not_high": Rule("at most", False, Sentence("expect_not_more")),
    "rows_are_usual": Rule("at most", False, Sentence("expect_usual_rows")),
    "currencies_are_the_brands": Rule("at most", False, Sentence("expect_own_currency", share=LIMITS["foreign_share"])),
    "extracts_are_accepted": Rule("at most", False, Sentence("expect_no_refusal")),
}
# What a run leaves out of every number without an extract to show for it.
UNREAD: Name = "all_is_read"
UNDESCRIBED: Name = "brands_are_described"
# The nightly run asks for the day before; until then that day is not late.
DUE_AT = time(2, 30)


def judge_dataset(connection: psycopg.Connection[Any], dataset: str, required: Iterable[str]) -> list[Finding]:
    """The suite of one dataset over every standing extract that no publication covers yet. A finding that fails names
    the extract day, the brand or column, the figure and what was expected."""
    lines = figures(connection, dataset, list(required))
    if not lines:
        return []
    excused = _excuse(connection, dataset, lines)
    sides = [("figure", "bound") if RULES[line["rule"]].side == "at least" else ("bound", "figure") for line in lines]
    columns = {
        "greater": [line[greater] for line, (greater, _) in zip(lines, sides, strict=True)],
        "less": [line[less] for line, (_, less) in zip(lines, sides, strict=True)],
    }
    judged = {line["rule"] for line in lines}
    rules = {name: (rule.is_error, rule.expected) for name, rule in RULES.items() if name in judged}
    said = [(line["rule"], line["line"]) for line in lines]
    return judge(columns, dataset, "ExpectFiguresWithinBounds", rules, said) + excused


def _excuse(connection: psycopg.Connection[Any], dataset: str, lines: list[dict[str, Any]]) -> list[Finding]:
    """Let pass, in place, what would be an error on days that a person has accepted; returns what is said of it."""
    said = []
    for day, reason, who in connection.execute(
        "select extract_day, reason, accepted_by from raw.accepted where dataset = %s order by extract_day", [dataset]
    ):
        for line in lines:
            rule = RULES[line["rule"]]
            if not rule.is_error or line["figure"] is None or line["day"] != str(day):
                continue
            if line["figure"] < line["bound"] if rule.side == "at least" else line["figure"] > line["bound"]:
                line["figure"] = line["bound"]
                excuse = {"rule": line["rule"], "line": line["line"], "who": who, "reason": reason}
                said.append(Sentence("accepted", **excuse))
    expected = Sentence("expect_acceptance")
    return [Finding("is_accepted", dataset, False, True, several(said), expected)] if said else []


def due_day(now: datetime, due_at: time = DUE_AT) -> date:
    """The newest extract day (UTC) that should be complete at this instant."""
    return now.date() - timedelta(days=1 if now.time() >= due_at else 2)


def judge_freshness(newest_complete_day: date | None, now: datetime, due_at: time = DUE_AT) -> list[Finding]:
    """Is the day that was due last complete? A backfill of old days does not make it so. `now` is in UTC."""
    due = due_day(now, due_at)
    expected = Sentence("expect_complete_day", day=due.isoformat())
    if newest_complete_day is None:
        return [Finding("is_fresh", "all", False, False, Sentence("no_complete_day"), expected)]
    columns = {"greater": [0], "less": [(due - newest_complete_day).days]}
    line = Sentence("newest_day", day=newest_complete_day.isoformat())
    rules: dict[Name, tuple[bool, str]] = {"is_fresh": (False, expected)}
    return judge(columns, "all", "ExpectFiguresWithinBounds", rules, [("is_fresh", line)])


def judge_places(asides: Sequence[Aside]) -> list[Finding]:
    """Is all read that lies where the sources are read? A folder with a misspelt name is no extract, and so in no
    ledger."""
    said = [Sentence("aside", place=aside.place, reason=aside.reason) for aside in asides]
    expected = Sentence("expect_all_read")
    offenders = tuple({"place": aside.place, "reason": aside.reason} for aside in asides)
    return [Finding(UNREAD, "all", False, not asides, _first(said), expected, offenders=offenders)]


def judge_waiting(waiting: Sequence[WaitingBrand]) -> list[Finding]:
    """Is each brand described that extracts name? Its rows are in no number until it is. Of all brands together: the
    brand itself has no login yet."""
    said = [Sentence("brand_waits", brand=brand.brand_id, rows=_counted(brand)) for brand in waiting]
    expected = Sentence("expect_described_brands")
    offenders = tuple({"brand": brand.brand_id, "rows": _counted(brand)} for brand in waiting)
    return [Finding(UNDESCRIBED, "brands", False, not waiting, _first(said), expected, offenders=offenders)]


def _counted(brand: WaitingBrand) -> str:
    return several([Sentence("rows_of_dataset", dataset=dataset, rows=rows) for dataset, rows in brand.rows.items()])


def _first(said: Sequence[str]) -> str:
    return several(said) if said else Sentence("none_found")
