"""Lets Great Expectations judge a frame, and puts what it finds in words.

Here: running a suite and reading its results. Not here: what is expected (feeds.py, stability.py, indicators.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal, NewType

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
# A guard that failed itself is told of by its own name.
GuardName = NewType("GuardName", str)


@dataclass(frozen=True)
class Finding:
    """What one expectation found. `passed` is None when it could not be evaluated: our fault, not the data's.

    `brand` is empty for all brands together; `offenders` are the lines that fail, as far as the expectation names any.
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


def judge(frame: pd.DataFrame, table: str, suite: Suite, names: list[str]) -> list[Finding]:
    """Run expectations, each with whether it is an error and what it expects; `names` are columns that name a row."""
    return [
        _finding(name, table, is_error, expected, result, names)
        for name, is_error, expected, result in _validate(frame, table, suite, names)
    ]


def judge_by_brand(frame: pd.DataFrame, table: str, suite: Suite, names: list[str]) -> list[Finding]:
    """The same in one pass over all brands, with a finding for each: a brand reads its own. `names` begins with brand.

    Offenders have the columns of `names`.
    """
    found = []
    for name, is_error, expected, result in _validate(frame, table, suite, names):
        whole = _finding(name, table, is_error, expected, result, names)
        if whole.passed is None:
            found.append(whole)
            continue
        bad = result.result["unexpected_index_list"]
        for brand, lines in frame.groupby("brand"):
            offenders = tuple(row for row in bad if row["brand"] == brand)
            observed = _named(offenders, names[1:]) if offenders else f"{len(lines)} lines as expected"
            found.append(Finding(name, table, is_error, not offenders, observed, expected, str(brand), offenders))
    return found


def import_ahead() -> None:
    """Begin to import Great Expectations beside what goes on, which mostly waits: it takes seconds, is needed next."""
    Thread(target=import_module, args=("great_expectations.expectations",), daemon=True).start()


def _validate(frame: pd.DataFrame, table: str, suite: Suite, names: list[str]) -> Iterator[tuple[Name, bool, str, Any]]:
    """Name, severity, what is expected, and Great Expectations' own result of each expectation."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]  # a run has its own
    batch = (
        context.data_sources.add_pandas(table).add_dataframe_asset(table).add_batch_definition_whole_dataframe(table)
    ).get_batch({"dataframe": frame})
    for name, (expectation, is_error, expected) in suite.items():
        result = batch.validate(expectation, result_format=_complete(names))
        # Once, here: whoever shows an offender (a check's metadata, a table, a mail) takes plain values only.
        lines = result.result.get("unexpected_index_list") or []
        result.result["unexpected_index_list"] = [{key: _plain(line[key]) for key in names} for line in lines]
        yield name, is_error, expected, result


def _plain(value: Any) -> str | int | float | bool | None:
    """A value of a frame as JSON has it: numpy's scalars as Python's, nothing for NaN, other types as text."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or value != value:
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)


def _complete(names: list[str]) -> dict[str, Any]:
    # Only the complete form names the rows that fail.
    return {"result_format": "COMPLETE", "unexpected_index_column_names": names}


def _finding(name: Name, table: str, is_error: bool, expected: str, result: Any, names: list[str]) -> Finding:
    failure = _exception(result.exception_info)
    if failure:
        return Finding(name, table, is_error, None, f"could not be evaluated: {failure}", expected)
    bad = result.result["unexpected_index_list"]
    value = result.result.get("observed_value", result.result.get("element_count"))
    observed = _named(bad, names) if bad else f"{value}"
    return Finding(name, table, is_error, bool(result.success), observed, expected)


def _named(bad: Sequence[Mapping[str, Any]], names: list[str]) -> str:
    """The first lines that fail, in words."""
    # A column called `line` says all by itself.
    said = [" ".join(row[key] if key == "line" else f"{key} {row[key]}" for key in names) for row in bad[:10]]
    return ", ".join(said) + (f" and {len(bad) - 10} more" if len(bad) > 10 else "")


def _exception(info: Any) -> str | None:
    """The message of an expectation that raised; GX gives one entry, or one entry a metric."""
    entries = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    raised = [entry for entry in entries if isinstance(entry, dict) and entry.get("raised_exception")]
    return str(raised[0].get("exception_message")) if raised else None
