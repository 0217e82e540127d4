"""The numbers of every drawing and list as a table: for the page, as CSV and as a workbook.

Not here: what they say (elements.py), the page's HTML (templates/).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from orchestration.sources.connectors.outside_text import sheet_text

NUMERIC = ("count", "ratio", "seconds", "amount", "score")
# Columns of lists that are no indicators and yet have a unit.
UNITS_OF_COLUMNS = {
    "text": "count", "video": "count", "total": "count", "influenced_orders": "count", "influenced_sales": "amount",
    "score": "count", "role": "role", "date": "date",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A value, with the unit where it is not its column's, the page it leads to, and what it sorts by."""

    value: Any
    unit: str | None = None
    href: str | None = None
    sort: str | None = None


@dataclass(frozen=True)
class Column:
    """A column's heading in the reader's language, and what its values are: a unit of the catalogue, `text`, `date`,
    `instant`, or `mixed` where each cell says."""

    name: str
    unit: str = "text"

    @property
    def is_number(self) -> bool:
        return self.unit in (*NUMERIC, "mixed")


@dataclass(frozen=True)
class Table:
    """A titled table; `name` is what the address of its export calls it."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


def as_csv(table: Table, language: str, timezone: str) -> bytes:
    """As spreadsheets of that language open it: semicolons and decimal commas in French and Spanish.

    Durations are seconds, rates shares of 1, instants local; text that would be a formula is quoted by an apostrophe.
    """
    text = io.StringIO()
    comma = language != "en"
    writer = csv.writer(text, delimiter=";" if comma else ",", lineterminator="\r\n")
    writer.writerow([sheet_text(column.name) for column in table.columns])
    for row in table.rows:
        writer.writerow([_csv_value(cell.value, timezone, comma) for cell in row])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _csv_value(value: Any, timezone: str, comma: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal | int | float):
        said = f"{Decimal(str(value)):f}"
        said = said.rstrip("0").rstrip(".") if "." in said else said
        return said.replace(".", ",") if comma else said
    if isinstance(value, datetime):
        return f"{value.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M:%S}"
    return value.isoformat() if isinstance(value, date) else sheet_text(str(value))


def as_workbook(table: Table, currency: str, timezone: str) -> bytes:
    """An XLSX workbook with one sheet: numbers as numbers in the form of their unit, durations as times."""
    import xlsxwriter  # for whoever downloads one: a run imports these tables for their words

    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        forms = {
            "count": "#,##0.##", "ratio": "0.0%", "seconds": "[h]:mm:ss", "score": "0.00",
            "amount": f'#,##0.00 "{currency}"', "date": "yyyy-mm-dd", "instant": "yyyy-mm-dd hh:mm:ss",
        }  # fmt: skip
        formats = {unit: book.add_format({"num_format": form}) for unit, form in forms.items()}
        sheet = book.add_worksheet(_sheet_name(table.title))
        bold = book.add_format({"bold": True, "text_wrap": True})
        for place, column in enumerate(table.columns):
            sheet.write_string(0, place, column.name, bold)
            sheet.set_column(place, place, 24 if place == 0 else 18)
        sheet.freeze_panes(1, 1)
        for line, row in enumerate(table.rows, start=1):
            for place, (cell, column) in enumerate(zip(row, table.columns, strict=True)):
                unit = cell.unit or column.unit
                match cell.value:
                    case None:
                        continue
                    case Decimal() | int() | float():
                        value = float(cell.value) / 86_400 if unit == "seconds" else float(cell.value)
                        sheet.write_number(line, place, value, formats.get(unit))
                    case datetime():
                        local = cell.value.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
                        sheet.write_datetime(line, place, local, formats["instant"])
                    case date():
                        sheet.write_datetime(line, place, datetime(*cell.value.timetuple()[:3]), formats["date"])
                    case _:
                        sheet.write_string(line, place, str(cell.value))
    return held.getvalue()


def _sheet_name(title: str) -> str:
    """At most 31 characters, without those that Excel refuses."""
    return "".join("-" if sign in "[]:*?/\\" else sign for sign in title)[:31].strip("'") or "-"
