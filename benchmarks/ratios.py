"""A figure of a benchmark beside its floor, measured in the same run, and the table of them.

Not here: what is measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """`figure` of `what` beside `floor`, that of what it is held against (`beside`), both in `unit`. `wanted` is the
    most that the one may be of the other, None where none is set; `as_speed` turns both round: the least that its speed
    may be of the other's."""

    what: str
    beside: str
    figure: float
    floor: float
    wanted: float | None
    as_speed: bool = False
    unit: str = "s"

    @property
    def ratio(self) -> float:
        return self.floor / self.figure if self.as_speed else self.figure / self.floor

    @property
    def mark(self) -> str:
        """What is wanted, and whether that is reached: two cells of the table."""
        if self.wanted is None:
            return " | "
        is_reached = self.ratio >= self.wanted if self.as_speed else self.ratio <= self.wanted
        bound = f"{'at least' if self.as_speed else 'at most'} {self.wanted:g}"
        return f"{bound} | {'reached' if is_reached else 'not reached'}"


def table(ratios: Iterable[Ratio]) -> str:
    """Markdown, a line a ratio."""
    lines = ["| what | figure | beside, in the same run | figure | ratio | to reach | |"]
    lines += ["|---|---:|---|---:|---:|---:|---|"]
    for one in ratios:
        figure, floor = (f"{_plain(number)} {one.unit}" for number in (one.figure, one.floor))
        lines.append(f"| {one.what} | {figure} | {one.beside} | {floor} | {one.ratio:.2f} | {one.mark} |")
    return "\n".join(lines)


def _plain(number: float) -> str:
    return f"{number:.3f}" if number < 1 else f"{number:.1f}"
