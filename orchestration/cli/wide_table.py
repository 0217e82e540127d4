"""A table for the terminal whose numbers stay whole: columns that do not fit beside each other follow below, each time
beside what names the lines.

Not here: what stands in it (console.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

# Between columns and at the edges.
GAP, EDGES = 3, 2
# What words are given beside numbers: a name (less where that lets all columns stand side by side), a note, and the
# words of a heading, which is not broken up to a length.
NAME, LEAST_NAME, NOTE = 22, 14, 14
WORD, WHOLE_HEADING = 16, 10


@dataclass
class Line:
    """What names a line, its values, and a note on it; `is_part`: of the line above;
    `is_total`: of all lines above."""

    names: Sequence[str]
    values: Sequence[str]
    note: str = ""
    is_part: bool = False
    is_total: bool = False


@dataclass
class WideTable:
    """`names` are the headings of what names a line, the last of which is wrapped, and the first never where there are
    several; `values` those of the values, numbers unless they are among `words`."""

    title: str
    names: Sequence[str]
    values: Sequence[str]
    words: frozenset[int] = frozenset()
    lines: list[Line] = field(default_factory=list)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.title:
            yield Text(self.title, style="bold cyan")
        widths = [self._width(at) for at in range(len(self.values))]
        needed = sum(widths) + GAP * len(widths)
        room = options.max_width - EDGES - self._names_width(NAME)
        has_notes = any(line.note for line in self.lines)
        beside = has_notes and needed + GAP + NOTE <= room
        if needed > room:
            narrow = options.max_width - EDGES - self._names_width(LEAST_NAME)
            room = narrow if needed <= narrow else room
        for shown in _parts(widths, room):
            yield self._table(shown, widths, has_notes, beside)

    def _table(self, shown: Sequence[int], widths: Sequence[int], has_notes: bool, beside: bool) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for at, heading in enumerate(self.names):
            is_last = at == len(self.names) - 1
            table.add_column(heading, no_wrap=not is_last, style="dim" if not is_last else "", overflow="fold")
        for at in shown:
            if at in self.words:
                table.add_column(self.values[at], overflow="fold")
            else:
                wrapped = Text(self.values[at], justify="right", no_wrap=False, overflow="fold")
                table.add_column(wrapped, justify="right", no_wrap=True, width=widths[at])
        if beside:
            table.add_column("", style="dim", overflow="fold")
        ends = shown[-1:] == [len(self.values) - 1] or not self.values
        for line in self.lines:
            if line.is_total:
                table.add_section()
            *first, name = line.names
            said = Text(f"  {name}" if line.is_part else name)
            if has_notes and not beside and ends and line.note:
                said.append(f"\n{line.note}", style="dim")
            values = [line.values[at] if at < len(line.values) else "" for at in shown]
            table.add_row(*first, said, *values, *([line.note] if beside else []))
        return table

    def _width(self, at: int) -> int:
        """What a column needs: a number all of itself, words and headings their longest word."""
        cells = [line.values[at] for line in self.lines if at < len(line.values)]
        whole = cell_len(self.values[at])
        longest = min(WORD, max(map(cell_len, self.values[at].split()), default=0))
        longest = max(longest, whole if whole <= WHOLE_HEADING else 0)
        if at in self.words:
            return min(NAME, max([longest, *map(cell_len, cells)]))
        return max([longest, *map(cell_len, cells)])

    def _names_width(self, most: int) -> int:
        *first, _ = ([heading, *(line.names[at] for line in self.lines)] for at, heading in enumerate(self.names))
        last = max(cell_len(line.names[-1]) for line in self.lines) if self.lines else 0
        return sum(max(map(cell_len, cells)) + GAP for cells in first) + min(most, last)


def _parts(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """The columns that stand beside each other, as many as fit; one that fits nowhere stands alone."""
    part: list[int] = []
    left = room
    for at, width in enumerate(widths):
        if part and width + GAP > left:
            yield part
            part, left = [], room
        part.append(at)
        left -= width + GAP
    if part or not widths:
        yield part
