"""Tables of the terminal: whatever stands in them, no line is wider than the terminal and no number is cut."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from orchestration.cli.wide_table import Line, WideTable

HEADINGS = ["Nov 20", "Montant des ventes attribuées", "Adviser 1 de la Rochefoucauld-Montmorency", "Note", "évolution"]
NUMBERS = ["0", "–", "24 min 15 s", "KWD 12,345,678.900", "186.2 %"]


def shown(table: WideTable, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue().splitlines()


@settings(deadline=None)
@given(
    width=st.integers(60, 200),
    headings=st.lists(st.sampled_from(HEADINGS), min_size=1, max_size=12),
    note=st.sampled_from(["", "99 % settled"]),
    data=st.data(),
)
def test_numbers_stay_whole(width: int, headings: list[str], note: str, data: st.DataObject) -> None:
    lines = [
        Line(
            [f"Chat-Card-{number}", "Durchschnittliche Zeit bis zum Dialog"],
            [data.draw(st.sampled_from(NUMBERS)) for _ in headings],
            note,
        )
        for number in range(3)
    ]
    found = shown(WideTable("title", ["ref", "indicator"], headings, lines=lines), width)
    assert max(map(cell_len, found)) <= width
    for line in lines:
        text = "\n".join(row for row in found if line.names[0] in row)
        assert [value for value in line.values if value not in text] == []
    assert "…" not in "".join(found)


def test_what_does_not_fit_follows_below() -> None:
    table = WideTable("", ["member"], ["sales", "amount"], lines=[Line(["m"], ["1" * 15, "2" * 15], "final")])
    assert len([line for line in shown(table, 60) if line.startswith(" m ")]) == 1
    apart = shown(table, 25)
    assert [line.split()[1][0] for line in apart if line.startswith(" m ")] == ["1", "2"]
    assert "final" in apart[-2], "beneath the name where there is no room beside the numbers"
