"""What pages are made of: cards, funnels, lines, bars, histograms, donuts and lists, each from catalogue entries.

Here: how each indicator is drawn, what must be asked for it, and its numbers as a table. Not here: which page shows
which (pages.py), asking (answers.py), or how it looks (templates/, static/).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from dashboard.answers import Answers, Asked
from dashboard.filters import Filters
from dashboard.tables import UNITS_OF_COLUMNS, Cell, Column, Table
from dashboard.words import Words
from orchestration.catalogue.catalogue import Catalogue, Indicator
from orchestration.readers.brand import Brand
from orchestration.readers.report import Row, period_of

KINDS = ("card", "funnel", "line", "hours", "histogram", "donut", "list", "parts", "live")


def kind_of(indicator: Indicator) -> str:
    """How the catalogue's entry is drawn."""
    if indicator.kind == "live" or indicator.stability == "live":
        return "live"
    if indicator.kind == "list":
        return "list"
    if indicator.kind == "shows":
        return "hours" if any("hour" in shown.breakdown for shown in indicator.shows) else "line"
    if indicator.bins:
        return "donut" if indicator.bins_by else "histogram"
    return "funnel" if "-Funnel-" in indicator.ref else "card"


@dataclass(frozen=True)
class Element:
    """A place on a page: the kind of drawing and the indicators in it; `by` is the dimension of a drawing by parts."""

    kind: str
    refs: tuple[str, ...]
    by: str | None = None

    @property
    def name(self) -> str:
        """Its name within a page, as in the address of its table."""
        return "-".join(filter(None, (self.refs[0], self.by, "line" if self.is_trend else None)))

    @property
    def is_trend(self) -> bool:
        """A line of an indicator that is a card elsewhere."""
        return self.kind == "line" and "-Line-" not in self.refs[0]


@dataclass(frozen=True)
class View:
    """Who looks at what: the brand, the filters, the words of the language, and the catalogue."""

    brand: Brand
    filters: Filters
    words: Words
    catalogue: Catalogue

    def unit(self, ref: str) -> str:
        return self.catalogue.indicators[ref].unit

    def name(self, ref: str) -> str:
        return self.catalogue.indicators[ref].names[self.words.language]


class Drawn:
    """An element under a view: what it asks, then what it shows."""

    def __init__(self, element: Element, view: View) -> None:
        self.element, self.view = element, view
        self.indicator = view.catalogue.indicators[element.refs[0]]

    @property
    def title(self) -> str:
        if self.element.kind == "funnel":
            return self.view.words["funnel"] + self.view.words["colon"] + self.view.words.area(self.indicator.area)
        name = self.view.name(self.element.refs[0])
        if self.element.by:
            return f"{name}, {self.view.words['by_' + self.element.by]}"
        return f"{name}, {self.view.words['by_' + self.grain]}" if self.element.is_trend else name

    @property
    def grain(self) -> str:
        return self.view.filters.shown_grain

    @cached_property
    def series(self) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...] | None], ...]:
        """What the element shows: reference, breakdown and sources of its own, of each part."""
        element, grain = self.element, self.grain
        if element.kind in ("line", "hours") and not element.is_trend:
            return tuple(
                (
                    shown.ref,
                    tuple(grain if part == "day" else part for part in shown.breakdown),
                    shown.sources or None,
                )
                for shown in self.indicator.shows
            )
        if element.kind == "line":
            return tuple((ref, (grain,), None) for ref in element.refs)
        if element.kind == "parts":
            return tuple((ref, (element.by or "",), None) for ref in element.refs)
        return tuple((ref, (), None) for ref in element.refs)

    def asks(self) -> Iterator[Asked]:
        """The answers that it needs."""
        if self.element.kind in ("list", "live"):
            return
        for ref, breakdown, sources in self.series:
            yield Asked(ref, breakdown, sources)
        if self.element.kind == "card":
            ref = self.element.refs[0]
            if self.view.filters.before:
                yield Asked(ref, (), None, is_before=True)
            if not {"dates"} & set(self.indicator.ignores):
                yield Asked(ref, (self.grain,), None)

    # --- cards ------------------------------------------------------------------------------------------------------

    def card(self, answers: Answers) -> dict[str, Any]:
        """One number, its change and its way there."""
        view, words, ref = self.view, self.view.words, self.element.refs[0]
        row = answers.total(Asked(ref))
        before = answers.total(Asked(ref, is_before=True)) if view.filters.before else None
        value, earlier = (found["value"] if found else None for found in (row, before))
        moved = None if value is None or earlier is None else (value > earlier) - (value < earlier)
        good = self.indicator.good
        trend = [found["value"] for found in self._by_time(answers, Asked(ref, (self.grain,)))]
        return {
            "ref": ref,
            "name": view.name(ref),
            "value": words.say(value, self.indicator.unit, view.brand.currency),
            "before": words.say(earlier, self.indicator.unit, view.brand.currency) if before else None,
            "change": words.change(value, earlier, self.indicator.unit) if moved is not None else None,
            "direction": {1: "up", -1: "down"}.get(moved or 0, "same"),
            "is_good": None if not moved or good not in ("up", "down") else (moved > 0) == (good == "up"),
            "trend": trend,
            "notes": notes(row, self.indicator, view),
            "href": view.filters.url(f"/rows/{ref}"),
            "about": view.filters.url(f"/number/{ref}"),
        }

    def _by_time(self, answers: Answers, asked: Asked) -> list[Row]:
        """An answer's rows in the order of time, one for each period asked."""
        rows = {tuple(row["bucket"]): row for row in answers.rows(asked) if row["bin"] is None}
        nothing: Row = {"value": None, "is_final": None, "settled_share": None, "ignored_filters": []}
        return [rows.get((start,), nothing | {"bucket": [start]}) for start in self.starts()]

    def starts(self) -> list[str]:
        """The first local day of each period of the grain, cut to the days asked, as buckets are named."""
        first, last = self.view.filters.span
        found, day = [], first
        while day <= last:
            found.append(day.isoformat())
            day = period_of(self.grain, day)[1] + timedelta(days=1)
        return found

    # --- charts and their tables ------------------------------------------------------------------------------------

    def table(self, answers: Answers) -> Table:
        """The element's numbers, each with the way to the rows behind it."""
        kind = self.element.kind
        if kind == "list":
            return self._list(answers)
        if kind in ("histogram", "donut"):
            return self._bins(answers)
        if kind == "funnel":
            return self._funnel(answers)
        if kind == "card":
            return self._cards(answers)
        return self._buckets(answers)

    def _cards(self, answers: Answers) -> Table:
        return self._one_row_each(answers, self.element.refs, with_before=self.view.filters.before is not None)

    def _funnel(self, answers: Answers) -> Table:
        return self._one_row_each(answers, self.element.refs, with_before=False)

    def _one_row_each(self, answers: Answers, refs: Iterable[str], with_before: bool) -> Table:
        view, words = self.view, self.view.words
        columns = [Column(words["indicator"]), Column(words["value"], unit="mixed")]
        columns += [Column(words["before"], unit="mixed")] if with_before else []
        rows = []
        for ref in refs:
            found = [answers.total(Asked(ref))]
            found += [answers.total(Asked(ref, is_before=True))] if with_before else []
            cells = [Cell(view.name(ref), href=view.filters.url(f"/number/{ref}"))]
            cells += [
                Cell(row["value"] if row else None, unit=view.unit(ref), href=view.filters.url(f"/rows/{ref}"))
                for row in found
            ]
            rows.append(cells)
        return Table(self.element.name, self.title, columns, rows)

    def _bins(self, answers: Answers) -> Table:
        view, words, ref = self.view, self.view.words, self.element.refs[0]
        rows_by_bin = {row["bin"]: row for row in answers.rows(Asked(ref)) if row["bin"]}
        # A donut's classes are the values of a column, which an expression of the catalogue names: f.source, f.score.
        by = self.indicator.bins_by
        columns = [Column(words[f"by_{by.rpartition('.')[2]}_head"] if by else words["class"])]
        columns += [Column(view.name(ref), unit=self.indicator.unit)]
        rows = []
        for one in self.indicator.bins:
            found = rows_by_bin.get(one.name)
            href = view.filters.url(f"/rows/{ref}", bin=one.name)
            rows.append([Cell(words.value(one.name)), Cell(found["value"] if found else None, href=href)])
        return Table(self.element.name, self.title, columns, rows)

    def _buckets(self, answers: Answers) -> Table:
        """A row for each period, hour or part; a column for each series, or for each value of a second one."""
        view, words = self.view, self.view.words
        breakdown = self.series[0][1]
        heads = self._heads(answers)
        columns = [Column(words[f"by_{breakdown[0]}_head"])]
        found: list[dict[tuple[str, ...], Row]] = []
        sources: list[tuple[str, tuple[str, ...] | None, str | None]] = []
        for ref, parts, own in self.series:
            rows = {tuple(row["bucket"]): row for row in answers.rows(Asked(ref, parts, own)) if row["bin"] is None}
            for second in sorted({bucket[1] for bucket in rows if len(bucket) > 1}) if len(parts) > 1 else [None]:
                name = view.name(ref) if second is None else words.dimension(parts[1], second, view.brand)
                if own:
                    name += f" ({', '.join(words.value(source) for source in own)})"
                columns.append(Column(name, unit=view.unit(ref)))
                found.append(rows)
                sources.append((ref, own, second))
        lines = []
        for head in heads:
            cells = [Cell(words.dimension(breakdown[0], head, view.brand), sort=head)]
            for rows, (ref, own, second) in zip(found, sources, strict=True):
                row = rows.get((head,) if second is None else (head, second))
                values = [head] if second is None else [head, second]
                changes = view.filters.bucket(breakdown[: len(values)], values)
                if own:
                    changes["source"] = list(own)
                href = view.filters.url(f"/rows/{ref}", **changes) if breakdown[0] != "ad_payload" else None
                cells.append(Cell(row["value"] if row else None, href=href))
            lines.append(cells)
        return Table(self.element.name, self.title, columns, lines)

    def _heads(self, answers: Answers) -> list[str]:
        first = self.series[0][1][0]
        if first in ("day", "week", "month"):
            return self.starts()
        if first == "hour":
            return [str(hour) for hour in range(24)]
        met = (row["bucket"][0] for ref, parts, own in self.series for row in answers.rows(Asked(ref, parts, own))
               if row["bucket"])  # fmt: skip
        return sorted(dict.fromkeys(met))

    def _list(self, answers: Answers) -> Table:
        view, words, listing = self.view, self.view.words, self.indicator.listing
        assert listing is not None
        columns = [Column(words[f"entity_{listing.entity}"])]
        for column in listing.columns:
            name = view.name(column.ref) if column.ref else (column.names or {})[words.language]
            unit = view.unit(column.ref) if column.ref else UNITS_OF_COLUMNS.get(column.name, "text")
            columns.append(Column(name, unit=unit))
        rows = []
        for line in answers.lines(self.indicator.ref):
            cells = [self._entity(listing.entity, line["entity_id"])]
            for column in listing.columns:
                value = line["item"].get(column.name)
                if column.name == "date" and value:
                    value = date.fromisoformat(value)
                href = None
                if column.ref and listing.entity == "member":
                    href = view.filters.url(f"/rows/{column.ref}", member=[line["entity_id"]])
                cells.append(Cell(Decimal(str(value)) if isinstance(value, float | int) else value, href=href))
            rows.append(cells)
        return Table(self.element.name, self.title, columns, rows)

    def _entity(self, entity: str, entity_id: str) -> Cell:
        href = self.view.filters.url(f"/member/{entity_id}") if entity == "member" else None
        return Cell(entity_id, href=href)

    def chart(self, table: Table) -> dict[str, Any] | None:
        """What static/dashboard.js draws: labels, and the values of each series with their words and their links."""
        if self.element.kind not in ("line", "hours", "histogram", "donut", "funnel", "parts"):
            return None
        words, currency = self.view.words, self.view.brand.currency
        unit = table.columns[1].unit if len(table.columns) > 1 else "count"
        series = []
        for place, column in enumerate(table.columns[1:], start=1):
            cells = [row[place] for row in table.rows]
            series.append(
                {
                    "name": column.name,
                    "values": [None if cell.value is None else float(cell.value) for cell in cells],
                    "says": [words.say(cell.value, cell.unit or column.unit, currency) for cell in cells],
                    "links": [cell.href for cell in cells],
                }
            )
        kind = {"hours": "bar", "parts": "bar", "histogram": "bar"}.get(self.element.kind, self.element.kind)
        if unit == "mixed":
            unit = self.indicator.unit
        labels = [str(words.cell(row[0], table.columns[0], currency)) for row in table.rows]
        return {"kind": kind, "title": self.title, "unit": unit, "labels": labels, "series": series, "name": table.name}

    def notes(self, answers: Answers) -> list[dict[str, str]]:
        """What a reader should know of the element: what is ignored and what may still move."""
        said: dict[str, dict[str, str]] = {}
        for asked in self.asks():
            if asked.is_before:
                continue
            for row in answers.rows(asked)[-1:]:
                for note in notes(row, self.view.catalogue.indicators[asked.ref], self.view):
                    if note["kind"] == "ignored":
                        said.setdefault(note["text"], note)
        return list(said.values())


def notes(row: Row | None, indicator: Indicator, view: View) -> list[dict[str, str]]:
    """What should be known beside a number: not connected, how settled, which filters it ignores."""
    words = view.words
    said: list[dict[str, str]] = []
    if row is None:
        return said
    missing = row.get("missing") or []
    if missing:
        names = ", ".join(words.dataset(name) for name in missing)
        said.append({"kind": "missing", "text": words["not_connected_note"].format(names)})
    elif row["value"] is None:
        said.append({"kind": "empty", "text": words["nothing_to_measure"]})
    if row.get("settled_share") is not None and not row.get("is_final"):
        share = words.say(row["settled_share"], "ratio")
        phrase = "falls" if round(row["settled_share"], 3) > 1 else "settled"
        said.append({"kind": "moving", "text": words[phrase].format(share)})
    elif row.get("is_final") is False:
        said.append({"kind": "moving", "text": words["moves"]})
    ignored = [words["filter_" + name] for name in row.get("ignored_filters") or []]
    if ignored:
        said.append({"kind": "ignored", "text": words["ignores"].format(", ".join(ignored))})
    return said
