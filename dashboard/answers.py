"""What a page asks marts, put together into few questions, and kept for everybody as long as its publication stands.

Not here: what is asked for (elements.py), or the statements themselves (orchestration/readers).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import psycopg

from dashboard.filters import Filters
from orchestration.readers import report
from orchestration.readers.brand import Brand
from orchestration.readers.report import Question, Row

KEPT_ANSWERS = 2_000


@dataclass(frozen=True)
class Asked:
    """An indicator in all or broken down, from certain sources only, in the period or in the one before."""

    ref: str
    breakdown: tuple[str, ...] = ()
    sources: tuple[str, ...] | None = None
    is_before: bool = False


@dataclass
class Answers:
    """The answers to what a page asked."""

    _rows: Mapping[Asked, list[Row]] = field(default_factory=dict)
    _lines: Mapping[str, list[Row]] = field(default_factory=dict)

    def rows(self, asked: Asked) -> list[Row]:
        return self._rows.get(asked, [])

    def total(self, asked: Asked) -> Row | None:
        """The one row of an indicator in all."""
        return next((row for row in self.rows(asked) if not row["bucket"] and row["bin"] is None), None)

    def lines(self, ref: str) -> list[Row]:
        """The lines of a list, in order."""
        return self._lines.get(ref, [])


class Kept:
    """Answers by (generation, question), the least recently used ones forgotten first. Safe among threads. `hits` and
    `misses`: how many were asked for that were kept, and that were not."""

    def __init__(self, size: int = KEPT_ANSWERS) -> None:
        self._size, self._held, self._lock = size, OrderedDict[tuple[int, str], list[Row]](), Lock()
        self.hits = self.misses = 0

    def get(self, generation: int, question: str) -> list[Row] | None:
        with self._lock:
            if (found := self._held.get((generation, question))) is not None:
                self._held.move_to_end((generation, question))
                self.hits += 1
            else:
                self.misses += 1
            return found

    def put(self, generation: int, question: str, rows: list[Row]) -> None:
        with self._lock:
            self._held[generation, question] = rows
            while len(self._held) > self._size:
                self._held.popitem(last=False)


def ask(
    connection: psycopg.Connection[Any], kept: Kept, brand: Brand, filters: Filters, asked: Iterable[Asked],
    lists: Iterable[str] = (),
) -> Answers:  # fmt: skip
    """All that a page asks: one statement for its numbers and one for its lists, of what is not kept yet."""
    together: dict[tuple[tuple[str, ...], tuple[str, ...] | None, bool], dict[str, Asked]] = {}
    # After an upgrade, until the next publication, marts know fewer indicators than the catalogue.
    for one in (one for one in asked if one.ref in brand.indicators):
        together.setdefault((one.breakdown, one.sources, one.is_before), {})[one.ref] = one
    questions: list[Question] = []
    groups: list[dict[str, Asked]] = []
    for (breakdown, sources, is_before), by_ref in together.items():
        about = filters.question(list(by_ref), breakdown, sources, filters.before if is_before else None)
        for question in _apart(about, brand):
            questions.append(question)
            groups.append({ref: by_ref[ref] for ref in question.refs or ()})
    rows: dict[Asked, list[Row]] = {}
    for group, found in zip(groups, _numbers(connection, kept, brand, questions), strict=True):
        for ref, one in group.items():
            rows[one] = [row for row in found if row["ref"] == ref]
    return Answers(rows, _lines(connection, kept, brand, filters, [ref for ref in lists if ref in brand.indicators]))


def _apart(question: Question, brand: Brand) -> list[Question]:
    """What belongs to no period has no precomputed answers: it is asked apart where the others have theirs."""
    known = report.catalogue.load().indicators
    undated = [ref for ref in question.refs or () if known[ref].ignores]
    dated = replace(question, refs=[ref for ref in question.refs or () if ref not in undated])
    if undated and report.published_grain(dated, brand.published):
        return [dated, replace(question, refs=undated)]
    return [question]


def _numbers(
    connection: psycopg.Connection[Any], kept: Kept, brand: Brand, questions: Sequence[Question]
) -> list[list[Row]]:
    found = {number: kept.get(brand.generation, repr(question)) for number, question in enumerate(questions)}
    missing = [number for number, rows in found.items() if rows is None]
    fresh = report.ask_all(connection, [questions[number] for number in missing], brand.published)
    for number, rows in zip(missing, fresh, strict=True):
        kept.put(brand.generation, repr(questions[number]), rows)
        found[number] = rows
    return [found[number] or [] for number in range(len(questions))]


def _lines(
    connection: psycopg.Connection[Any], kept: Kept, brand: Brand, filters: Filters, refs: Sequence[str]
) -> dict[str, list[Row]]:
    question = filters.question([])
    found = {ref: kept.get(brand.generation, f"{ref} {question!r}") for ref in refs}
    missing = [ref for ref, rows in found.items() if rows is None]
    for ref, rows in report.all_lines(connection, missing, question).items():
        kept.put(brand.generation, f"{ref} {question!r}", rows)
        found[ref] = rows
    return {ref: rows or [] for ref, rows in found.items()}
