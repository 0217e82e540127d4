"""What the terminal shows: progress of a run, its summary, a report as tables by area.

Not here: what is computed.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import IO, TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.console import Group as Stack
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from dashboard.tables import NUMERIC, UNITS_OF_COLUMNS
from dashboard.words import Words
from dashboard.words import load as load_words
from orchestration.assets.progress import Progress
from orchestration.cli.runs import Outcome
from orchestration.cli.wide_table import Line, WideTable
from orchestration.readers.brand import Brand
from orchestration.readers.formats import NOTHING, say, say_change, say_seconds
from orchestration.readers.ledger import COUNTS, Generation, Load
from orchestration.readers.published_history import grouped, load_name, period_name, span
from orchestration.readers.report import AS_FILTERS, WORDS, Question, Row, RowsPage, say_state
from orchestration.sources.connectors.outside_text import cleaned, is_clean
from orchestration.sources.loading.row_rules import rule_sentence

# What a run with nothing to do need not import: it should say so at once.
if TYPE_CHECKING:
    from orchestration.readers.live import Reading
    from orchestration.readers.quality import BrokenRule, Check, HeldRows
    from orchestration.sources.loading.load import LoadResult
    from orchestration.sources.loading.quarantine import BadRow, Group
    from orchestration.verification import Verdict

STAGES = {
    "load": "Loading extracts into raw",
    "audit": "Auditing extracts",
    "build": "Building with dbt, and its tests",
    "judge": "Auditing indicators",
    "publish": "Publishing into marts",
    "copy": "Copying raw to a scratch database",
    "compare": "Comparing with the rebuild",
}
PIVOT_BUCKETS = 8
# So many columns or brands are named in one place.
MOST_NAMED = 20
# Checks of what left_out names in its own words: data_quality, alerts and screens have them from there.
TOLD_APART = ("all_is_read", "brands_are_described")


class Terminal(Console):
    """Rich's console, to which what people's data say is text: no markup in names, no escape sequences to the terminal.
    Where nobody looks, it is wide enough for every table."""

    def __init__(self, file: IO[str] | None = None) -> None:
        stream = file or sys.stdout
        if isinstance(stream, io.TextIOWrapper):
            # A terminal of few characters sees an escape: a name, or a tick, must not end the run.
            stream.reconfigure(errors="backslashreplace")
        is_watched = stream.isatty()
        super().__init__(file=file, markup=False, emoji=False, highlight=False, width=None if is_watched else 120)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or is_clean(segment.text.replace("\n", "")):
                yield segment
            else:
                yield Segment("\n".join(map(cleaned, segment.text.split("\n"))), segment.style)


class RunProgress(Progress):
    """Draws a run's stages as bars. A terminal sees them move; a log file gets a line a finished stage."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Bars(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[now]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._current = ""

    def __enter__(self) -> RunProgress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def stage(self, name: str, pieces: int = 0) -> None:
        """Enter a stage, or enter it again with more pieces (another family, another stretch)."""
        if name in self._tasks:
            task = self._tasks[name]
            self._bars.update(task, total=(self._bars.tasks[task].total or 0) + pieces)
        else:
            self._tasks[name] = self._bars.add_task(STAGES[name], total=pieces or None, now="")
            if not self._console.is_terminal:
                self._console.print(f"{STAGES[name]} ...")
        if self._current and self._current != name:
            self._finish(self._current)
        self._current = name

    def piece(self, name: str) -> None:
        self._bars.update(self._tasks[self._current], advance=1, now=name[:40])

    def remark(self, what: str) -> None:
        self._console.print(Text(what, style="yellow"))

    def failed(self, what: str) -> None:
        self._console.print(Text(f"✗ {what}", style="red"))

    def done(self) -> None:
        """The run ended well: what was only estimated counts as done."""
        if self._current:
            self._finish(self._current)

    def _finish(self, name: str) -> None:
        task = self._tasks[name]
        completed = self._bars.tasks[task].completed or 1
        self._bars.update(task, total=completed, completed=completed, now="")


def summary(outcome: Outcome) -> RenderableType:
    """What became of the rows, which extracts were refused, and what readers see now."""
    parts: list[RenderableType] = []
    if outcome.loads:
        parts.append(_loads(outcome.loads))
    for load in outcome.refused:
        parts.append(Text(f"Refused: {load.dataset} of {load.extract_day}: {load.reason}", style="red"))
    rejected = sum(load.counts["rejected"] for load in outcome.loads if load.outcome != "refused")
    if rejected:
        parts.append(Text(f"{rejected:,} bad rows wait in quarantine: causerie quarantine list", style="yellow"))
    parts += left_out(outcome)
    parts += [
        Text(f"Odd: {check.table_name} {check.name}: {check.observed} (expected {check.expected})", style="yellow")
        for check in outcome.warnings
        if check.name not in TOLD_APART
    ]
    if outcome.failures:
        parts += [Text(f"Failed: {line}", style="red") for line in outcome.failures]
    if outcome.published:
        parts.append(_published(outcome.published))
    elif outcome.failures:
        parts.append(Text("Nothing was published; readers keep what they had.", style="bold red"))
    else:
        parts.append(Text("Nothing changed for readers: no new publication."))
    return Stack(*parts)


def _named(names: Sequence[str]) -> str:
    """The first few of many names, and how many more there are."""
    return ", ".join(names[:MOST_NAMED]) + f" and {len(names) - MOST_NAMED} more" * (len(names) > MOST_NAMED)


def left_out(outcome: Outcome) -> list[RenderableType]:
    """What lies in the sources and is in no number: columns, places, rows of brands that nobody describes."""
    parts: list[RenderableType] = []
    for dataset, some in _grouped(outcome.loads, lambda load: load.dataset):
        if ignored := sorted({name for load in some for name in load.unknown_columns}):
            parts.append(Text(f"Ignored columns of {dataset}, which the contract does not have: {_named(ignored)}"))
    for aside in outcome.asides:
        parts.append(Text(f"Not read: {aside.place}: {aside.reason}", style="red" if aside.is_failure else "yellow"))
    for brand in outcome.waiting[:MOST_NAMED]:
        rows = ", ".join(f"{dataset} {number:,}" for dataset, number in brand.rows.items())
        who = f"{sum(brand.rows.values()):,} rows of the brand '{cleaned(brand.brand_id)}'"
        parts.append(Text(f"Waiting: {who}, which no extract of brands describes: {rows}", style="red"))
    if others := outcome.waiting[MOST_NAMED:]:
        who = f"{sum(sum(brand.rows.values()) for brand in others):,} rows of {len(others):,} brands more"
        parts.append(Text(f"Waiting: {who}, which no extract of brands describes", style="red"))
    return parts


def nothing_new(generation: Generation | None) -> str:
    if generation is None:
        return "Nothing to do: the sources show no extracts, and nothing is published yet."
    return f"Nothing new: every extract is loaded and published ({_through(generation)})."


def _through(generation: Generation) -> str:
    through = generation.data_through
    newest = (
        f"complete through {(through - timedelta(days=1)).date()}"
        if isinstance(through, datetime)
        else "no day complete"
    )
    return f"generation {generation.number}, {newest}"


def _loads(loads: Sequence[Load]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False, collapse_padding=True)
    table.add_column("dataset", footer="all", no_wrap=True)
    table.add_column("days", justify="right", footer=f"{len({load.extract_day for load in loads}):,}")
    # Of erased people's rows only where there are any.
    shown = [name for name in COUNTS if name != "erased" or any(load.counts[name] for load in loads)]
    for name in shown:
        total = sum(load.counts[name] for load in loads)
        heading = name.removeprefix("rows_").replace("duplicates", "duplicate")
        table.add_column(heading, justify="right", footer=f"{total:,}")
    for dataset, some in _grouped(loads, lambda load: load.dataset):
        sums = [sum(load.counts[name] for load in some) for name in shown]
        table.add_row(dataset, f"{len(some):,}", *(f"{number:,}" for number in sums))
    return table


def _published(generation: Generation) -> Text:
    counts = generation.tables.values()
    rows = ", ".join(f"{sum(count[kind] for count in counts):,} {kind}" for kind in ("inserted", "updated", "deleted"))
    return Text(f"Published {_through(generation)}: rows {rows} in {len(counts)} tables.", style="green")


def _grouped(items: Iterable[Any], key: Callable[[Any], str]) -> list[tuple[str, list[Any]]]:
    return [(name, list(some)) for name, some in groupby(sorted(items, key=key), key=key)]


# --- bad rows ---------------------------------------------------------------------------------------------------------


def quarantine_groups(groups: Sequence[Group]) -> RenderableType:
    if not groups:
        return Text("The quarantine is empty.")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("dataset", "extract", "column"):
        table.add_column(heading, no_wrap=True)
    table.add_column("rule")
    table.add_column("rows", justify="right")
    for group in groups:
        rule = rule_sentence(group.rule)
        table.add_row(group.dataset, str(group.extract_day), group.column_name or "", rule, f"{group.rows:,}")
    return Stack(table, Text("causerie quarantine show names files and lines; export writes the rows to a file."))


def quarantine_rows(rows: Sequence[BadRow]) -> RenderableType:
    if not rows:
        return Text("No such row is in quarantine.")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("dataset", "extract"):
        table.add_column(heading, no_wrap=True)
    for heading in ("file:line", "column"):
        table.add_column(heading, overflow="fold")
    table.add_column("value", overflow="fold", max_width=32)
    table.add_column("rule")
    for row in rows:
        value = Text(NOTHING if row.value is None else repr(row.value)[1:-1])
        place = f"{row.file}:{row.line}"
        rule = rule_sentence(row.rule)
        table.add_row(row.dataset, str(row.extract_day), place, row.column_name or "", value, rule)
    return table


def verdict(result: LoadResult, bad: Sequence[BadRow]) -> RenderableType:
    """What a file would come to: taken, taken without its bad rows, or refused."""
    if result.outcome == "refused":
        return Text(f"Refused: {result.reason}", style="red")
    counts = result.counts
    said = ", ".join(f"{getattr(counts, name):,} {name}" for name in ("read", "loaded", "duplicates", "superseded"))
    parts: list[RenderableType] = [
        Text(f"{result.dataset}: {said}, {counts.waiting:,} waiting for their brand, {counts.rejected:,} rejected")
    ]
    if result.unknown_columns:
        parts.append(Text(f"Ignored, unknown to the contract: {_named(result.unknown_columns)}", style="yellow"))
    parts += [Text(f"Noted: {number:,} x {what}", style="yellow") for what, number in result.warnings.items()]
    if bad:
        parts.append(quarantine_rows(bad[:50]))
    parts.append(Text("Every row is good.", style="green") if not bad else Text(f"{len(bad):,} bad rows.", style="red"))
    return Stack(*parts)


# --- the report -------------------------------------------------------------------------------------------------------


def report(
    question: Question, rows: Sequence[Row], brand: Brand, indicators: Any, areas: Any, language: str = "en"
) -> RenderableType:
    """One table an area, in the catalogue's order."""
    period = load_words(language).span(question.first, question.last)
    title = Text(f"{brand.name} ({question.brand}), {period}", style="bold")
    filters = _filters(question)
    parts: list[RenderableType] = [title, *([Text(filters, style="dim")] if filters else [])]
    order = {ref: number for number, ref in enumerate(indicators)}
    by_area: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: order.get(row["ref"], len(order))):
        area = indicators[row["ref"]].area if row["ref"] in indicators else "other"
        by_area.setdefault(area, []).append(row)
    for area, some in by_area.items():
        heading = areas.get(area, {}).get(language, area)
        parts.append(_area(heading, some, question, brand, indicators, language))
    return Stack(*parts)


def opened(ref: str, found: RowsPage, brand: Brand, indicators: Any, language: str = "en") -> RenderableType:
    """The rows behind one number and their sums, in words: local times, members by name."""
    words, units = load_words(language), indicators[ref].unit
    unit = units if units in ("seconds", "amount", "score") else "count"
    has = {name: any(row[name] for row in found.rows) for name in ("bucket", "bin", "member_id", "denominator")}
    kinds = list(dict.fromkeys(words[f"entity_{row['entity']}"] for row in found.rows))
    # Of one kind alone, which is nearly always so, the heading says which.
    names = [words["instant"], *([words["what"], words["id"]] if len(kinds) > 1 else kinds or [words["id"]])]
    told = {"bucket": words["by_dimension"], "bin": words["class"], "member_id": words["member"]}
    headings = [heading for name, heading in told.items() if has[name]]
    sums = [words["adds"], *([words["of"]] if has["denominator"] else [])]
    table = WideTable(
        f"{ref}  {indicators[ref].names[language]}", names, headings + sums, frozenset(range(len(headings)))
    )
    for row in found.rows:
        named = [words.instant(row["anchor"], brand.timezone)]
        named += [words[f"entity_{row['entity']}"]] if len(kinds) > 1 else []
        cells = [" ".join(words.value(value) for value in row["bucket"])] if has["bucket"] else []
        cells += [words.value(row["bin"] or "")] if has["bin"] else []
        cells += (
            [words.dimension("member", row["member_id"], brand) if row["member_id"] else ""] if has["member_id"] else []
        )
        cells += ["" if row["numerator"] is None else words.say(row["numerator"], unit, brand.currency)]
        cells += (
            ["" if row["denominator"] is None else words.say(row["denominator"], "count")] if has["denominator"] else []
        )
        table.lines.append(Line([*named, row["entity_id"]], cells))
    total = [words.say(found.numerator, unit, brand.currency)] if found.numerator is not None else [""]
    total += [words.say(found.denominator, "count")] if has["denominator"] else []
    table.lines.append(
        Line([WORDS[language]["total"], *[""] * (len(names) - 1)], [*[""] * len(headings), *total], is_total=True)
    )
    if found.count > len(found.rows):
        shown = words["first_rows"].format(len(found.rows), words.say(found.count, "count"))
        return Stack(table, Text(shown, style="dim"))
    return table


BAR = {1: 40, 2: 18, 3: 10}
BLOCKS = "▁▂▃▄▅▆▇█"


def charted(
    indicator: Any, answers: Sequence[tuple[Any, Sequence[Row]]], brand: Brand, indicators: Any, language: str = "en"
) -> RenderableType:
    """A line or a bar chart in plain characters: a row for each period or hour with a bar for each series; where it is
    told apart by a second breakdown, a row for each of its values with the way there. `answers`: each part that the
    chart shows, and its rows."""
    words = load_words(language)
    title = Text(f"{indicator.ref}  {indicator.names[language]}", style="bold cyan")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    first = answers[0][0].breakdown[0]
    if len(answers[0][0].breakdown) > 1:
        table.add_column(words[f"by_{answers[0][0].breakdown[1]}_head"], overflow="fold")
        table.add_column(words[f"by_{first}"], no_wrap=True)
        table.add_column(words["value"], justify="right", no_wrap=True)
        for shown, rows in answers:
            buckets = sorted({row["bucket"][0] for row in rows if row["bucket"]})
            for second in sorted({row["bucket"][1] for row in rows if row["bucket"]}):
                values = {
                    row["bucket"][0]: row["value"] for row in rows if row["bucket"] and row["bucket"][1] == second
                }
                last = next((values[b] for b in reversed(buckets) if values.get(b) is not None), None)
                name = words.dimension(shown.breakdown[1], second, brand)
                unit = indicators[shown.ref].unit
                way = _blocks([values.get(bucket) for bucket in buckets])
                table.add_row(name, way, words.say(last, unit, brand.currency))
        return Stack(title, table)
    table.add_column(words[f"by_{first}_head"], no_wrap=True)
    width = BAR.get(len(answers), 0)
    highest = [max((row["value"] or 0 for row in rows if row["bucket"]), default=0) for _, rows in answers]
    for shown, _ in answers:
        name = indicators[shown.ref].names[language]
        table.add_column(name + (f" ({', '.join(map(words.value, shown.sources))})" if shown.sources else ""))
    by_bucket = [{row["bucket"][0]: row["value"] for row in rows if row["bucket"]} for _, rows in answers]
    for bucket in dict.fromkeys(bucket for values in by_bucket for bucket in values):
        cells = [words.dimension(first, bucket, brand)]
        for (shown, _), values, most in zip(answers, by_bucket, highest, strict=True):
            value = values.get(bucket)
            bar = "█" * round(float(value or 0) / float(most) * width) if most else ""
            cells.append(f"{words.say(value, indicators[shown.ref].unit, brand.currency):>8} {bar}".rstrip())
        table.add_row(*cells)
    return Stack(title, table)


def _blocks(values: Sequence[Any]) -> str:
    """A character for each value, taller the greater it is; a space where there is none."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    step = (high - low) or 1
    return "".join(" " if value is None else BLOCKS[round((float(value) - low) / step * 7)] for value in values)


def listed(ref: str, lines: Sequence[Row], indicators: Any, currency: str, language: str = "en") -> RenderableType:
    """A list as a table: each line's entity, then its columns by their names."""
    name, listing = indicators[ref].names[language], indicators[ref].listing
    words = load_words(language)
    headings = [(indicators[c.ref].names if c.ref else c.names)[language] for c in listing.columns]
    of_members = frozenset(at for at, column in enumerate(listing.columns) if column.member)
    table = WideTable(f"{ref}  {name}", [words[f"entity_{listing.entity}"]], headings, of_members)
    for line in lines:
        cells = [
            _cell(words, c, line[c.name], indicators[c.ref].unit if c.ref else None, currency) for c in listing.columns
        ]
        table.lines.append(Line([str(line[listing.entity])], cells))
    return table


def _cell(words: Words, column: Any, value: Any, unit: str | None, currency: str) -> str:
    if value is None:
        return NOTHING
    if column.member == "role":
        return words.role(value)
    unit = unit or UNITS_OF_COLUMNS.get(column.name)
    return words.say(value, unit, currency) if unit in NUMERIC else str(value)


def _filters(question: Question) -> str:
    said = []
    for name in (*AS_FILTERS, "as_of"):
        value = getattr(question, name)
        if value is not None:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            said.append(f"{name.replace('_', ' ')}: {shown}")
    return "; ".join(said)


def _area(
    heading: str, rows: Sequence[Row], question: Question, brand: Brand, indicators: Any, language: str
) -> WideTable:
    words, told = load_words(language), WORDS[language]
    buckets = list(dict.fromkeys(tuple(row["bucket"] or ()) for row in rows))
    named = [bucket for bucket in buckets if bucket]

    def bucket_names(bucket: Sequence[str]) -> list[str]:
        return [words.dimension(by, value, brand) for by, value in zip(question.breakdown, bucket, strict=False)]

    pivots = len(question.breakdown) == 1 and len(named) <= PIVOT_BUCKETS and not question.compare_previous
    if pivots:
        values = [bucket_names(bucket)[0] if bucket else told["total"] for bucket in buckets]
        table = WideTable(heading, ["ref", told["indicator"]], values)
    else:
        values = [words[f"by_{by}_head"] for by in question.breakdown] + [told["value"]]
        values += [told["before"], told["change"]] if question.compare_previous else []
        table = WideTable(heading, ["ref", told["indicator"]], values, frozenset(range(len(question.breakdown))))

    for (ref, bin_), some in _by_line(rows):
        unit = indicators[ref].unit if ref in indicators else "count"
        name = indicators[ref].names[language] if ref in indicators else ref
        if bin_ and bin_ == _first_bin(rows, ref):
            table.lines.append(Line([ref, name], []))
        names = ["", words.value(bin_)] if bin_ else [ref, name]
        if pivots:
            by_bucket = {tuple(row["bucket"] or ()): row for row in some}
            cells = [
                say(by_bucket[b]["value"], unit, brand.currency, language) if b in by_bucket else NOTHING
                for b in buckets
            ]
            table.lines.append(Line(names, cells, say_state(some[0], language), is_part=bool(bin_)))
            continue
        for row in some:
            # The total stands beside the buckets with empty names.
            by = [*bucket_names(row["bucket"] or ()), *[""] * len(question.breakdown)][: len(question.breakdown)]
            before = (
                [
                    say(row["previous_value"], unit, brand.currency, language),
                    say_change(row["value"], row["previous_value"], unit, language),
                ]
                if question.compare_previous
                else []
            )
            value = say(row["value"], unit, brand.currency, language)
            table.lines.append(Line(names, [*by, value, *before], say_state(row, language), is_part=bool(bin_)))
    return table


def _by_line(rows: Sequence[Row]) -> list[tuple[tuple[str, str | None], list[Row]]]:
    lines: dict[tuple[str, str | None], list[Row]] = {}
    for row in rows:
        lines.setdefault((row["ref"], row["bin"]), []).append(row)
    return list(lines.items())


def _first_bin(rows: Sequence[Row], ref: str) -> str | None:
    return next((row["bin"] for row in rows if row["ref"] == ref and row["bin"]), None)


# --- how far the data can be trusted ----------------------------------------------------------------------------------


def quality(
    brand: Brand, checks: Sequence[Check], held: Sequence[HeldRows], broken: Sequence[BrokenRule], language: str = "en"
) -> RenderableType:
    """What the screens' page of quality says, but for what is as it should be."""
    words = load_words(language)
    through = words["data_through"].format(words.day(brand.last_day))
    published = words["published"].format(words.instant(brand.published_at, brand.timezone))
    failed = [check for check in checks if not check.passed]
    parts: list[RenderableType] = [
        Text(f"{brand.name} ({brand.brand_id})", style="bold"),
        Text(f"{through}, {published}."),
        Text(words.checks_state(len(failed), len(checks)), style="yellow" if failed or not checks else "green"),
    ]
    colon = words["colon"]
    for check in failed:
        name = f"{words.dataset(check.table_name)}, {words.check(check.check_name, check.table_name)}"
        observed = words.told(check.observed_sentence, check.observed)
        expected = f"{words['expected']}{colon}{words.told(check.expected_sentence, check.expected)}"
        parts.append(Text(f"✗ {name}{colon}{observed} ({expected})", style="red" if check.severity == "error" else ""))
    for one in held:
        counts = [(one.rejected, words["rows_rejected"]), (one.waiting, words["rows_waiting"])]
        said = [f"{heading}{colon}{words.say(number, 'count')}" for number, heading in counts if number]
        said += [words.told(reason["sentence"], reason["text"]) for reason in one.reasons]
        parts.append(Text(f"{words.dataset(one.dataset)}, {words.day(one.extract_day)}{colon}{'; '.join(said)}"))
    if not held:
        parts.append(Text(words["quarantine_none"]))
    if broken:
        names, values = [words["extract"], words["dataset"]], [words["rule"], words["column"], words["rows"]]
        table = WideTable(words["broken_rules"], names, values, frozenset((0, 1)))
        for rule in broken:
            cells = [words.rule(rule.rule), rule.column_name or "", words.say(rule.rows, "count")]
            table.lines.append(Line([words.day(rule.extract_day), words.dataset(rule.dataset)], cells))
        parts.append(table)
    return Stack(*parts)


# --- live -------------------------------------------------------------------------------------------------------------

LIVE_WORDS = {
    "en": {"member": "member", "active": "last active", "read": "read at {}", "old": "newest loaded rows, {} old"},
    "fr": {"member": "membre", "active": "dernière activité", "read": "lu à {}",
           "old": "dernières lignes chargées, vieilles de {}"},
    "es": {"member": "miembro", "active": "última actividad", "read": "leído a las {}",
           "old": "últimas filas cargadas, de hace {}"},
}  # fmt: skip


def live(found: Reading, indicators: Any, language: str = "en") -> RenderableType:
    """The live cards, and the members of today below them; instants on the brand's clock."""
    words, zone = LIVE_WORDS[language], ZoneInfo(found.timezone)
    when = f"{found.local_date} {words['read'].format(f'{found.read_at.astimezone(zone):%H:%M:%S}')} ({found.timezone})"
    title = Text(f"{found.brand}, {when}", style="bold")
    if found.origin == "loaded rows":
        title.append(f"  {words['old'].format(say_seconds(found.age_seconds(), language))}", style="yellow")
    cards = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=False)
    cards.add_column(style="dim", no_wrap=True)
    cards.add_column()
    cards.add_column(justify="right", no_wrap=True)
    cards.add_column(style="dim")
    for ref, value in found.figures.items():
        said = say(value, indicators[ref].unit, found.currency, language)
        state = say_state({"missing": found.missing.get(ref)}, language)
        cards.add_row(ref, indicators[ref].names[language], said, state)
    parts: list[RenderableType] = [title, cards]
    if found.members:
        headings = [words["active"], *(indicators[ref].names[language] for ref in found.members[0].figures)]
        table = WideTable("", [words["member"]], headings)
        for one in found.members:
            seen = f"{one.last_active_at.astimezone(zone):%H:%M:%S}" if one.last_active_at else NOTHING
            figures = (say(value, indicators[ref].unit, found.currency, language) for ref, value in one.figures.items())
            table.lines.append(Line([one.name or one.member_id], [seen, *figures]))
        parts.append(table)
    return Stack(*parts)


# --- verification -----------------------------------------------------------------------------------------------------


def verdicts(found: Sequence[Verdict]) -> RenderableType:
    """What each comparison came to, and the first differences of those that found any."""
    parts: list[RenderableType] = []
    for one in found:
        if one.passed:
            parts.append(Text(f"✓ {one.name}: {one.looked_at}", style="green"))
            continue
        parts.append(Text(f"✗ {one.name}: {one.looked_at}, {one.differences:,} differences", style="red"))
        parts += [Text(f"    {line}") for line in one.named]
        if one.differences > len(one.named):
            parts.append(Text(f"    and {one.differences - len(one.named):,} more", style="dim"))
    wrong = sum(not one.passed for one in found)
    last = (
        f"{wrong} of {len(found)} comparisons found differences."
        if wrong
        else "Everything published is as it should be."
    )
    parts.append(Text(last, style="bold red" if wrong else "bold green"))
    return Stack(*parts)


# --- the life of published numbers ------------------------------------------------------------------------------------

SHOWN_CHANGES = 12


def life(title: str, rows: Sequence[Row], unit: str, currency: str) -> WideTable:
    """Every value that one number has had, why it moved, and the loads behind it."""
    with_bins = any(row["bin"] for row in rows)
    headings = ["generation", *(["class"] if with_bins else []), "value", "before", "cause", "brought by"]
    words = frozenset(at for at, heading in enumerate(headings) if heading in ("class", "cause", "brought by"))
    table = WideTable(title, ["published"], headings, words)
    for row in rows:
        cells = [
            str(row["generation"]),
            *([row["bin"]] if with_bins else []),
            say(row["value"], unit, currency),
            "" if row["cause"] == "first" else say(row["previous_value"], unit, currency),
            row["cause"],
            "; ".join(map(load_name, row["loads"])),
        ]
        table.lines.append(Line([f"{row['published_at']:%Y-%m-%d %H:%M}"], cells))
    return table


def moved(rows: Sequence[Row], since: str, units: Callable[[str], str]) -> RenderableType:
    """What moved together, why, and by which loads; of each, the first few totals."""
    if not rows:
        return Text(f"No published number has moved since {since}.")
    parts: list[RenderableType] = []
    for (generation, brand, cause, _), some in grouped(rows).items():
        refs = len({row["ref"] for row in some})
        parts.append(
            Text(
                f"{brand}, generation {generation} of {some[0]['published_at']:%Y-%m-%d %H:%M}: {cause};"
                f" {len(some):,} values of {refs:,} indicators, {span(some)}",
                style="bold",
            )
        )
        parts += [Text(f"  brought by {load_name(load)}") for load in some[0]["loads"]]
        totals = [row for row in some if row["dimension"] == "all"]
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
        for row in totals[:SHOWN_CHANGES]:
            before, now = (say(row[name], units(row["ref"])) for name in ("previous_value", "value"))
            where = " ".join(filter(None, (period_name(row["grain"], row["period_start"]), row["bin"])))
            table.add_row(row["ref"], where, f"{before} -> {now}")
        if totals:
            parts.append(table)
        if len(totals) > SHOWN_CHANGES:
            parts.append(
                Text(f"    and {len(totals) - SHOWN_CHANGES:,} more totals: --json has every value", style="dim")
            )
    return Stack(*parts)
