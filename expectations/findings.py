"""Has lines judged, and puts what is found in words.

Not here: what is expected (feeds.py, stability.py, indicators.py), or Great Expectations itself (judging.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, NewType

from expectations import judging
from orchestration.sentences import Sentence, several

# Every finding there is. The screens have words for each of them, in each language (dashboard/words.yml).
Name = Literal[
    "has_rows", "is_not_all_empty", "required_columns_are_filled", "usual_columns_are_filled", "null_shares_are_usual",
    "words_are_known", "words_are_usual", "volume_is_not_low", "volume_is_not_high", "rows_are_usual",
    "currencies_are_the_brands", "extracts_are_accepted", "is_accepted", "is_fresh", "all_is_read",
    "brands_are_described", "access", "stability", "publication", "identities", "direction", "rates", "plausible",
    "settled", "settling_time", "jumps", "completeness", "double_entry", "answers",
]  # fmt: skip
# Rules of fluctuating indicators say what broke them alike.
SENTENCES: Mapping[Name, str] = dict.fromkeys(
    ("direction", "rates", "plausible", "settled", "settling_time", "jumps"), "fluctuating"
)
# A guard that failed itself is told of by its own name.
GuardName = NewType("GuardName", str)


@dataclass(frozen=True)
class Finding:
    """What one expectation found. `passed` is None when it could not be evaluated: our fault, not the data's.

    `observed` and `expected` are sentences that a reader's language can tell, but for what others said. `brand` is
    empty for all brands together; `offenders` are the lines that fail, as far as the expectation names any.
    """

    name: Name | GuardName
    table: str
    is_error: bool
    passed: bool | None
    observed: str
    expected: str
    brand: str = ""
    offenders: tuple[dict[str, Any], ...] = field(default=(), repr=False)


class Law(NamedTuple):
    """An expectation of laws.py over lines, whether to break it is an error, what it expects in words, and the column
    that says of each line how often it is broken."""

    expectation: str
    is_error: bool
    expected: str
    column: str = "broken"


# What is judged, in words, and by which rule.
Line = tuple[Name, str]


def judge(
    columns: judging.Columns,
    table: str,
    expectation: str,
    rules: Mapping[Name, tuple[bool, str]],
    lines: Sequence[Line],
) -> list[Finding]:
    """Run one expectation over the lines of several rules, each with whether it is an error and what it expects. A
    finding a rule: one pass of Great Expectations takes as long over all lines as over one rule's."""
    try:
        unexpected = judging.unexpected(expectation, {}, columns)
    except judging.NotEvaluatedError as failure:
        return [_unevaluated(name, table, *rule, failure) for name, rule in rules.items()]
    bad: dict[Name, list[str]] = {}
    for line in unexpected:
        name, said = lines[line]
        bad.setdefault(name, []).append(said)
    found = []
    for name, (is_error, expected) in rules.items():
        observed = several(bad[name]) if name in bad else f"{len(lines)}"
        found.append(Finding(name, table, is_error, name not in bad, observed, expected))
    return found


def judge_by_brand(
    rows: Sequence[Mapping[str, Any]], table: str, name: Name, law: Law, names: Sequence[str]
) -> list[Finding]:
    """Judge all brands in one pass, with a finding for each: a brand reads its own. `names` begins with brand.

    Offenders have the columns of `names`. What is observed of one is the sentence of the expectation's name, with
    these as its values.
    """
    columns = {law.column: [row[law.column] for row in rows]}
    try:
        unexpected = judging.unexpected(law.expectation, {"column": law.column}, columns)
    except judging.NotEvaluatedError as failure:
        return [_unevaluated(name, table, law.is_error, law.expected, failure)]
    lines = Counter(row["brand"] for row in rows)
    bad: dict[str, list[Mapping[str, Any]]] = {brand: [] for brand in sorted(lines)}
    for line in unexpected:
        bad[rows[line]["brand"]].append(rows[line])
    found = []
    for brand, broken in bad.items():
        sentence = SENTENCES.get(name, name)
        said = [Sentence(sentence, **{key: row[key] for key in names[1:]}) for row in broken]
        observed = several(said) if said else Sentence("as_expected", lines=lines[brand])
        # Plain values only, for whoever shows an offender: a check's metadata, a table, a mail.
        offenders = tuple({key: _plain(row[key]) for key in names} for row in broken)
        found.append(Finding(name, table, law.is_error, not broken, observed, law.expected, brand, offenders))
    return found


def _plain(value: Any) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, int | float | bool) else str(value)


def _unevaluated(name: Name, table: str, is_error: bool, expected: str, failure: Exception) -> Finding:
    return Finding(name, table, is_error, None, Sentence("not_evaluated", error=str(failure)), expected)
