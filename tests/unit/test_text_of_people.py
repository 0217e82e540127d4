"""What people's data say is text: to the terminal, and to whoever opens a file in a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import pytest
from rich.table import Table

from orchestration.cli.console import RunProgress, Terminal, quarantine_rows
from orchestration.readers.report import as_csv
from orchestration.sources.loading import quarantine
from orchestration.sources.loading.quarantine import BadRow

NAMES = ["a[/]b", "[bold red]loud[/bold red]", "[link=http://evil.example]x[/link]", ":smile:", "[", "[/]"]
ESCAPES = ["\x1b[2Jgone", "\x1b]0;title\x07", "a\rb", "a\x08b", "\x9b31mred", "\u202egnp.exe"]
FORMULAS = [
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1+1",
    "\uff20x",
    '=HYPERLINK("http://evil.example")',
]


def shown(*cells: str) -> str:
    written = io.StringIO()
    table = Table(title=cells[0])
    table.add_column("name", no_wrap=True)
    for cell in cells:
        table.add_row(cell)
    Terminal(written).print(table, cells[0])
    return written.getvalue()


def test_markup_in_names_is_shown_as_it_stands() -> None:
    printed = shown(*NAMES)
    assert all(name in printed for name in NAMES)
    written = io.StringIO()
    with RunProgress(Terminal(written)) as progress:
        progress.remark(NAMES[0])
    assert written.getvalue() == f"{NAMES[0]}\n"


@pytest.mark.parametrize("name", ESCAPES)
def test_no_escape_reaches_the_terminal(name: str) -> None:
    printed = shown(name)
    assert not any(character in printed for character in "\x1b\x07\x08\r\x9b\u202e")


def test_a_terminal_of_few_characters_ends_nothing() -> None:
    written = io.BytesIO()
    terminal = io.TextIOWrapper(written, encoding="ascii")
    Terminal(terminal).print("✗ Çağla")
    terminal.flush()
    assert written.getvalue().decode() == "\\u2717 \\xc7a\\u011fla\n"


def test_no_cell_of_a_file_is_a_formula(tmp_path: Path) -> None:
    rows = list(csv.reader(io.StringIO(as_csv([{"name": text, "value": -1.5} for text in FORMULAS]), newline="")))
    assert [row[0] for row in rows[1:]] == [f"'{text}" for text in FORMULAS]
    assert {row[1] for row in rows[1:]} == {"-1.5"}  # a number is a number
    bad = [BadRow(*_bad(text)) for text in FORMULAS]
    quarantine.export(bad, tmp_path / "bad.csv")
    cells = [cell for row in csv.reader((tmp_path / "bad.csv").open(newline="")) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20")) for cell in cells)
    # Who mends the source gets every value as it was, in the other format.
    quarantine.export(bad, tmp_path / "bad.jsonl")
    assert '"value": "=1+1"' in (tmp_path / "bad.jsonl").read_text()
    Terminal(io.StringIO()).print(quarantine_rows([BadRow(*_bad(name)) for name in NAMES]))


def _bad(text: str) -> list[object]:
    values: dict[str, object] = {"extract_day": date(2026, 3, 1), "line": 1, "row": {"name": text}, "value": text}
    return [values.get(name, text) for name in BadRow.__annotations__]
