"""A figure of a benchmark beside its floor, measured in the same run, and the table of them.

Not here: what is measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """`what` took `seconds`, what it is held against (`beside`) `floor` seconds. `wanted` is the most that the one may
    be of the other; `as_speed` turns both round: the least that its speed may be of the other's."""

    what: str
    beside: str
    seconds: float
    floor: float
    wanted: float
    as_speed: bool = False

    @property
    def ratio(self) -> float:
        return self.floor / self.seconds if self.as_speed else self.seconds / self.floor

    @property
    def is_reached(self) -> bool:
        return self.ratio >= self.wanted if self.as_speed else self.ratio <= self.wanted


def table(ratios: Iterable[Ratio]) -> str:
    """Markdown, a line a ratio."""
    lines = ["| what | seconds | beside, in the same run | seconds | ratio | to reach | |"]
    lines += ["|---|---:|---|---:|---:|---:|---|"]
    for one in ratios:
        bound = f"{'at least' if one.as_speed else 'at most'} {one.wanted:g}"
        lines.append(
            f"| {one.what} | {_plain(one.seconds)} | {one.beside} | {_plain(one.floor)} | {one.ratio:.2f} | {bound} |"
            f" {'reached' if one.is_reached else 'not reached'} |"
        )
    return "\n".join(lines)


def _plain(seconds: float) -> str:
    return f"{seconds:.3f}" if seconds < 1 else f"{seconds:.1f}"
