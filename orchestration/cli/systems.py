"""The commands about where data come from: `init` connects a packaged system, `check` judges all sources, `reconcile`
holds a system's own figures beside ours.

Not here: the work (sources/systems, sources/loading/check_sources.py).
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestration.settings import SOURCES, Settings

if TYPE_CHECKING:
    from orchestration.sources.loading.check_sources import Judged
    from orchestration.sources.systems.packages import Package
    from orchestration.sources.systems.reconcile import Figure
    from orchestration.sources.systems.setup import Found

SHOWN_IDS = 12


class SystemProblem(ValueError):
    """What stands in the way of connecting a system, in one line."""


def system(name: str) -> Package:
    """A packaged system. Raises SystemProblem naming those there are."""
    from orchestration.sources.systems import packages

    try:
        return packages.package(name)
    except KeyError:
        known = ", ".join(packages.names())
        raise SystemProblem(f"unknown system {name!r}; packaged: {known}") from None


def init(
    out: Console, settings: Settings, name: str, url_env: str | None, root: str | None, told: Sequence[str]
) -> Path:
    """Look into a system's database (`url_env`) or files (`root`), write the sources file that reads it, and say what
    it can and can't tell.

    `told` are settings of brands that no row says: `currency=EUR` for all, `1.currency=EUR` for one. Raises
    SystemProblem, and Refusal where the system can't be read.
    """
    from orchestration.sources.systems import setup

    package = system(name)
    file = settings.home / SOURCES
    if file.exists():
        raise SystemProblem(f"{file} is there already: take it away, or write the system into it (docs/systems.md)")
    address = _address(package, url_env, root)
    if "root" in address:
        found = setup.look_into_files(package, address["root"])
    else:
        found = setup.look_into(package, None, url_env)
    out.print(_about(package, found))
    brands = _settings(found, told)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(setup.sources_words(package, address, brands))
    out.print(f"\nWritten: {file}\n")
    if package.connector == "sql":
        out.print("What it needs to read, for an administrator of that database to grant:\n")
        out.print(Text(setup.grants(package, f"causerie_reads_{package.name}")), soft_wrap=True)
        out.print()
    out.print(coverage(package))
    return file


def _address(package: Package, url_env: str | None, root: str | None) -> dict[str, str]:
    """Where a system is, as its sources file says it: files by a place that does not depend on where we stand."""
    if package.connector == "files":
        if url_env or not root:
            raise SystemProblem(f"{package.title} comes as files: say --root, the folder or the URL where they are")
        return {"root": root if "://" in root else str(Path(root).resolve())}
    if root or not url_env:
        raise SystemProblem(f"{package.title} is a database: say --url-env, the variable that holds its URL")
    return {"url_env": url_env}


def _settings(found: Found, told: Sequence[str]) -> dict[str, dict[str, str]]:
    """The settings of each brand that no row says, from what was told or else asked."""
    import typer

    brands: dict[str, dict[str, str]] = {number: {} for number in found.brands}
    for one in told:
        name, _, value = one.partition("=")
        number, _, setting = name.rpartition(".")
        if not value or setting not in ("brand_id", *found.unsaid) or (number and number not in brands):
            allowed = ", ".join(("brand_id", *found.unsaid))
            raise SystemProblem(f"{one!r} sets nothing; wanted SETTING=VALUE or BRAND.SETTING=VALUE, of {allowed}")
        for brand in [number] if number else brands:
            brands[brand][setting] = value
    for number, settings in brands.items():
        for setting in found.unsaid:
            if setting in settings:
                continue
            if not sys.stdin.isatty():
                raise SystemProblem(
                    f"no row says the {setting} of brand {number}: say --set {number}.{setting}=..., or --set"
                    f" {setting}=... for all brands"
                )
            settings[setting] = typer.prompt(f"{setting} of {found.brands[number].get('name', number)} ({number})")
    return brands


def _about(package: Package, found: Found) -> Table:
    title = package.title
    if found.version:
        title += f", schema {found.version}"
    if found.version not in (None, *package.versions):
        title += f" (not tried; tried with {', '.join(package.versions)})"
    shown = Table(title=title, title_justify="left", box=None)
    for heading in ("brand", "name", "time zone", *found.parts):
        shown.add_column(heading)
    for number, brand in found.brands.items():
        parts = [", ".join(of_brand.get(number, [])) for of_brand in found.parts.values()]
        told = (str(brand.get(name) or "") for name in ("name", "timezone"))
        shown.add_row(f"{package.name}-{number}", *told, *parts)
    return shown


def coverage(package: Package) -> Table:
    """Which indicators a system can tell."""
    shown = Table(title=f"What {package.title} can tell", title_justify="left", box=None)
    for heading in ("indicators", "told", "why"):
        shown.add_column(heading)
    colours = {"exact": "green", "good": "green", "upper bound": "yellow", "missing": "red"}
    for one in package.coverage:
        shown.add_row(one.group, Text(one.is_told, style=colours[one.is_told]), one.why)
    return shown


def judged(out: Console, one: Judged) -> None:
    """What checking a dataset's source came to."""
    counts = one.result.counts
    if one.result.outcome == "refused":
        out.print(Text(f"✗ {one.dataset}: refused: {one.result.reason}", style="red"))
    else:
        style = "green" if one.is_good else "yellow"
        waiting = f", {counts.waiting:,} of unknown brands" if counts.waiting else ""
        out.print(
            Text(f"{'✓' if one.is_good else '!'} {one.dataset}: {counts.read:,} rows read{waiting},"
                 f" {counts.rejected:,} bad", style=style)
        )  # fmt: skip
    from orchestration.sources.loading.row_rules import rule_sentence

    for fault in one.faults:
        out.print(Text(f"    {fault.rows:,} x {fault.column_name or 'row'}: {rule_sentence(fault.rule)}", style="red"))
    for what, number in one.result.warnings.items():
        out.print(Text(f"    {number:,} x {what}", style="yellow"))
    for refused in one.refused:
        out.print(Text(f"    {refused}", style="red"))
    for row in one.examples:
        told = ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)
        out.print(Text(f"    {told}", style="dim"))


def reconciled(out: Console, package: Package, figures: Sequence[Figure]) -> None:
    """Our figures beside the system's, and why they differ."""

    def said(value: float | None) -> str:
        return "-" if value is None else f"{value:,.1f}".removesuffix(".0")

    for one in figures:
        out.print(Text(f"{one.name}: {one.ref} {said(one.ours)}, {package.title} {said(one.theirs)}", style="bold"))
        out.print(Text(f"    {package.title} counts {one.rule}", style="dim"))
        for cause in one.causes:
            more = f" and {len(cause.ids) - SHOWN_IDS:,} more" if len(cause.ids) > SHOWN_IDS else ""
            number = f"{cause.adds:+,.0f}" if cause.adds else f"{len(cause.ids):,}"
            out.print(Text(f"    {number} {cause.why}: {', '.join(cause.ids[:SHOWN_IDS])}{more}"))
        if not one.is_average:
            left = one.left
            out.print(Text("    all explained" if not left else f"    {left:+,.0f} not explained",
                           style="red" if left else "green"))  # fmt: skip


def unknown(connected: Collection[str], feeds: Collection[str]) -> Table:
    """Which indicators are not known, by the dataset that no source brings, or that tells nothing of what they need."""
    from orchestration.catalogue import catalogue
    from orchestration.sources.contract import DATASETS

    shown = Table(title="Unknown, and not 0, for want of", title_justify="left", box=None)
    for heading in ("dataset", "is", "indicators"):
        shown.add_column(heading)
    lacking = catalogue.load().unknown_without(feeds)
    for name in (name for name in DATASETS if name in lacking):
        is_empty = "without such events" if name in feeds else "without a row"
        shown.add_row(name, is_empty if name in connected else "not connected", _shortened(lacking[name]))
    return shown


def _shortened(refs: Sequence[str]) -> str:
    """`Sale-Card-1, -2, Shop-Card-1`: a beginning that is the same stands once."""
    told, before = [], ""
    for ref in refs:
        beginning, _, number = ref.rpartition("-")
        told.append(f"-{number}" if beginning == before else ref)
        before = beginning
    return ", ".join(told)


def land(out: Console, name: str, root: Path, first: date | None, last: date, yesterday: date) -> None:
    """Land the days of a system, and say what came. Raises SystemProblem, and Refusal where it can't be read."""
    from orchestration.sources.systems import land

    package = system(name)
    days(first or last, last)
    if last > yesterday:
        raise SystemProblem(f"{last} is not over yet, in UTC; the last day to land is {yesterday}")
    landed = land.land(package, root, first, last)
    counts: dict[str, int] = {}
    for (dataset, _), count in sorted(landed.rows.items()):
        counts[dataset] = counts.get(dataset, 0) + count
    for dataset, count in counts.items():
        out.print(f"{dataset}: {count:,}")
    if landed.days:
        out.print(f"Landed: {landed.days[0]} to {landed.days[-1]}, in {root}")
    if landed.standing:
        out.print(f"{len(landed.standing):,} days were there already, and stay as they are")
    if not landed.days and not landed.standing:
        out.print(f"Nothing to land: all days up to {last} are there")


def days(first: date, last: date) -> None:
    if first > last:
        raise SystemProblem(f"the first day {first} comes after the last {last}")
