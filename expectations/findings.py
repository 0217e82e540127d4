"""Lets Great Expectations judge a frame, and puts what it finds in words.

Here: running a suite and reading its results. Not here: what is expected (feeds.py, stability.py, indicators.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal, NewType

from orchestration.sentences import Sentence, several

if TYPE_CHECKING:
    import pandas as pd


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


Suite = dict[Name, tuple[Any, bool, str]]
# What is judged, in words, and by which rule.
Line = tuple[Name, str]


def judge(
    frame: pd.DataFrame, table: str, expectation: Any, rules: Mapping[Name, tuple[bool, str]], lines: Sequence[Line]
) -> list[Finding]:
    """Run one expectation over the lines of several rules, each with whether it is an error and what it expects. A
    finding a rule: one pass of Great Expectations takes as long over all lines as over one rule's."""
    result = _validated(_batch(frame.assign(line=range(len(lines))), table), expectation, ["line"])
    failure = _exception(result.exception_info)
    if failure:
        return [_unevaluated(name, table, *rule, failure) for name, rule in rules.items()]
    bad: dict[Name, list[str]] = {}
    for broken in result.result["unexpected_index_list"]:
        name, said = lines[broken["line"]]
        bad.setdefault(name, []).append(said)
    found = []
    for name, (is_error, expected) in rules.items():
        observed = several(bad[name]) if name in bad else f"{len(lines)}"
        found.append(Finding(name, table, is_error, name not in bad, observed, expected))
    return found


def judge_by_brand(rows: Sequence[Mapping[str, Any]], table: str, suite: Suite, names: list[str]) -> list[Finding]:
    """The same in one pass over all brands, with a finding for each: a brand reads its own. `names` begins with brand.

    Offenders have the columns of `names`. What is observed of one is the sentence of the expectation's name, with
    these as its values.
    """
    import pandas as pd

    frame = pd.DataFrame(rows)
    # A frame keeps the characters of a text, and not that it is a sentence.
    sentences = {value: value for row in rows for value in row.values() if isinstance(value, Sentence)}
    found = []
    batch = _batch(frame, table)
    for name, (expectation, is_error, expected) in suite.items():
        result = _validated(batch, expectation, names)
        failure = _exception(result.exception_info)
        if failure:
            found.append(_unevaluated(name, table, is_error, expected, failure))
            continue
        bad = result.result["unexpected_index_list"]
        for brand, lines in frame.groupby("brand"):
            offenders = tuple(row for row in bad if row["brand"] == brand)
            said = [
                Sentence(SENTENCES.get(name, name), **{key: sentences.get(row[key], row[key]) for key in names[1:]})
                for row in offenders
            ]
            observed = several(said) if said else Sentence("as_expected", lines=len(lines))
            found.append(Finding(name, table, is_error, not offenders, observed, expected, str(brand), offenders))
    return found


def import_ahead() -> None:
    """Begin to import Great Expectations beside what goes on, which mostly waits: it takes seconds, is needed next."""
    Thread(target=import_module, args=("great_expectations.expectations",), daemon=True).start()


def _batch(frame: pd.DataFrame, table: str) -> Any:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]  # a run has its own
    asset = context.data_sources.add_pandas(table).add_dataframe_asset(table)
    return asset.add_batch_definition_whole_dataframe(table).get_batch({"dataframe": frame})


def _validated(batch: Any, expectation: Any, names: list[str]) -> Any:
    """Great Expectations' own result, of which the rows that fail are named by these columns."""
    result = batch.validate(expectation, result_format=_complete(names))
    # Once, here: whoever shows an offender (a check's metadata, a table, a mail) takes plain values only.
    lines = result.result.get("unexpected_index_list") or []
    result.result["unexpected_index_list"] = [{key: _plain(line[key]) for key in names} for line in lines]
    return result


def _plain(value: Any) -> str | int | float | bool | None:
    """A value of a frame as JSON has it: numpy's scalars as Python's, nothing for NaN, other types as text."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or value != value:
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)


def _complete(names: list[str]) -> dict[str, Any]:
    # Only the complete form names the rows that fail.
    return {"result_format": "COMPLETE", "unexpected_index_column_names": names}


def _unevaluated(name: Name, table: str, is_error: bool, expected: str, failure: str) -> Finding:
    return Finding(name, table, is_error, None, Sentence("not_evaluated", error=failure), expected)


def _exception(info: Any) -> str | None:
    """The message of an expectation that raised; GX gives one entry, or one entry a metric."""
    entries = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    raised = [entry for entry in entries if isinstance(entry, dict) and entry.get("raised_exception")]
    return str(raised[0].get("exception_message")) if raised else None
