"""The command line `causerie`: thin over the functions that Dagster calls too.

Not here: any work. Heavy imports stand inside the commands, so that --help is quick.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast, get_args

import typer

from orchestration import garbage, log_lines
from orchestration.redaction import hide
from orchestration.settings import Settings
from orchestration.sources.connectors.outside_text import cleaned

if TYPE_CHECKING:
    from orchestration.sources.accepted import Accepted

app = typer.Typer(
    help="Exact indicators of conversational commerce, from extracts to answers.\n\n"
    "Begin with `causerie run`, then `causerie report`. Settings are environment variables: CAUSERIE_HOME (state),"
    " CAUSERIE_LANDING (root of the extracts), CAUSERIE_DATABASE_URL (unset: an embedded PostgreSQL),"
    " CAUSERIE_SOURCES (the sources file), CAUSERIE_ALERT_WEBHOOK (told of failed runs and checks).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
quarantine_app = typer.Typer()
db_app = typer.Typer(help="The warehouse: an embedded PostgreSQL, or the one at CAUSERIE_DATABASE_URL.")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(db_app, name="db", no_args_is_help=True)
erase_app = typer.Typer(help="Forget a person, everywhere and for good.")
app.add_typer(erase_app, name="erase", no_args_is_help=True)


def _say_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(f"causerie {version('causerie')}")
        raise typer.Exit


@app.callback()
def of_all_commands(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """What holds for every command (its help is the application's)."""


# Rows that a terminal shows of a number; --csv gives all of them.
SHOWN_ROWS = 10_000


class Problem(Exception):
    """Something the reader of the terminal should know, in one line."""


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day: write it as 2026-03-31") from None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def hour(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time of day: write it as 09:30") from None


def instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} is not an instant: write it as 2026-03-31T18:00:00+02:00")
    return at


def language(given: str) -> str:
    """A language of the catalogue. Raises typer.BadParameter naming those there are."""
    from orchestration.catalogue.model import LANGUAGES

    if given not in LANGUAGES:
        raise typer.BadParameter(f"'{given}' is none of {', '.join(LANGUAGES)}")
    return given


@app.command()
def run(
    first: Annotated[date | None, typer.Option("--from", parser=day, metavar="DAY", help="First extract day.")] = None,
    last: Annotated[date | None, typer.Option("--to", parser=day, metavar="DAY", help="Last extract day.")] = None,
    accept: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="DATASET DAY", help="Publish this extract day whatever the entrance audits say of it."),
    ] = None,
    because: Annotated[str | None, typer.Option(help="With --accept: why. It is kept, and shown.")] = None,
) -> None:
    """Load extracts, build what they touch, audit it and publish it.

    By default every extract that is new or has changed; with --from or --to, the extracts of these days once more.
    Exit code 0: all published; 3: published without the refused extracts and the rows of brands that no extract
    describes, which are named; else nothing was published, or what was published breaks a rule of who may read what,
    which is named too.
    """
    from orchestration import warehouse
    from orchestration.cli import console, runs
    from orchestration.readers.ledger import newest_generation

    if first and last and first > last:
        raise Problem(f"--from {first} comes after --to {last}")
    accepted = _accepted(accept, because)
    settings = Settings.from_environment()
    log = runs.log_file(settings)
    with runs.quiet(log) as terminal, os.fdopen(os.dup(terminal), "w") as stream:
        out = console.Terminal(stream)
        with console.RunProgress(out) as progress:
            outcome = runs.run(settings, first, last, progress, accepted)
            if not outcome.failures:
                progress.done()
        if outcome.nothing_to_do:
            with warehouse.connect(warehouse.url(settings)) as connection:
                out.print(*console.left_out(outcome), console.nothing_new(newest_generation(connection)), sep="\n")
        else:
            out.print(console.summary(outcome))
        if outcome.failures:
            out.print(f"Everything that was said: {log}")
    raise typer.Exit(outcome.exit_code)


def _accepted(accept: tuple[str, str] | None, because: str | None) -> Accepted | None:
    """What --accept and --because say together."""
    from orchestration.sources.accepted import Accepted
    from orchestration.sources.contract import DATASETS

    if accept is None:
        if because:
            raise Problem("--because says why something is accepted: wanted --accept DATASET DAY too")
        return None
    if accept[0] not in DATASETS:
        raise Problem(f"unknown dataset {accept[0]!r}; known: {', '.join(DATASETS)}")
    if not (because or "").strip():
        raise Problem("--accept wants a reason: --because TEXT")
    return Accepted(accept[0], day(accept[1]), cleaned(str(because).strip()))


@app.command()
def demo(
    days: Annotated[int, typer.Option(help="How many days of extracts are made up.", min=1, max=3660)] = 60,
    seed: Annotated[int, typer.Option(help="Another number is another brand.")] = 1,
) -> None:
    """Try the platform on a made-up brand: extracts up to yesterday, loaded, audited, published, reported.

    Extracts that lie in the landing already are left alone, and loaded. A second call finds nothing new.
    """
    from datetime import UTC

    settings = Settings.from_environment()
    settings.make_home()
    if "://" not in settings.landing and not any(Path(settings.landing).glob("*")):
        first = datetime.now(UTC).date() - timedelta(days)
        _command("simulate", settings.landing, "--days", str(days), "--seed", str(seed), "--from", str(first))
    done = _command("run")
    if done not in (0, 3):
        raise typer.Exit(done)
    _command("report")
    print(
        "Where to look next:",
        "  causerie report --breakdown source     the same, by where conversations come from",
        "  causerie report --help                 other days, filters, breakdowns, a comparison",
        "  causerie db psql --as reader           the published tables, in the schema marts",
        "  causerie dashboard                     the screens: http://127.0.0.1:3001",
        "  causerie dev                           runs, assets and checks in the browser: http://127.0.0.1:3000;",
        "                                         the nightly schedule and the sensor for new extracts are off here:",
        "                                         switch them on under Automation, or by CAUSERIE_AUTOMATION=on",
        sep="\n",
    )


def _command(*arguments: str) -> int:
    """Run another command of ours in a process of its own, and return its exit code."""
    import subprocess

    return subprocess.run([sys.executable, "-m", "orchestration.cli.main", *arguments], check=False).returncode


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of the web interface, on 127.0.0.1.")] = 3000) -> None:
    """Open Dagster for one person: runs, assets and checks in the browser. For a server, see docs/deployment.md."""
    from orchestration import warehouse
    from orchestration.automation import instance

    settings = Settings.from_environment()
    home = instance.prepare(settings)
    warehouse.url(settings)
    if not settings.is_automatic:
        print(
            "The nightly schedule and the sensor for new extracts are off: switch them on under Automation,"
            " or by CAUSERIE_AUTOMATION=on."
        )
    programs = Path(sys.executable).parent
    os.environ |= {"DAGSTER_HOME": str(home), "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    sys.stdout.flush()
    os.execv(
        programs / "dagster",
        ["dagster", "dev", "--host", "127.0.0.1", "--port", str(port),
         "--workspace", str(settings.project / "workspace.yaml")],
    )  # fmt: skip


@app.command()
def report(
    brand: Annotated[str | None, typer.Argument(help="Which brand; may be left out where there is only one.")] = None,
    first: Annotated[
        date | None,
        typer.Argument(parser=day, metavar="[FROM]", help="First day, local to the brand.", show_default="30 days"),
    ] = None,
    last: Annotated[
        date | None,
        typer.Argument(parser=day, metavar="[TO]", help="Last day, included.", show_default="the last one published"),
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only this source; may be given again.")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="Only this channel; may be given again.")] = None,
    inbox: Annotated[
        list[str] | None, typer.Option(help="Only conversations of this inbox; may be given again.")
    ] = None,
    conversation_channel: Annotated[
        list[str] | None, typer.Option(help="Only conversations by this channel; may be given again.")
    ] = None,
    role: Annotated[
        list[int] | None, typer.Option(help="Only members of this role, 0 to 6; may be given again.")
    ] = None,
    member: Annotated[list[str] | None, typer.Option(help="Only this member; may be given again.")] = None,
    time_from: Annotated[time | None, typer.Option(parser=hour, metavar="HH:MM", help="From this local time.")] = None,
    time_to: Annotated[time | None, typer.Option(parser=hour, metavar="HH:MM", help="Before this local time.")] = None,
    weekday: Annotated[list[int] | None, typer.Option(help="Only this weekday, 1 Monday to 7 Sunday.")] = None,
    breakdown: Annotated[
        list[str] | None,
        typer.Option(help="day, week, month, hour, source, inbox, member, role, channel, ad ...; up to two."),
    ] = None,
    compare_previous: Annotated[bool, typer.Option("--compare-previous", help="Beside the period before.")] = False,
    as_of: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="INSTANT", help="As it was known at this instant.")
    ] = None,
    ref: Annotated[list[str] | None, typer.Option(help="Only this indicator; may be given again.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Plain numbers, for programs.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Plain numbers, for spreadsheets.")] = False,
    lang: Annotated[str, typer.Option(parser=language, metavar="LANGUAGE", help="en, fr or es.")] = "en",
) -> None:
    """The indicators of a brand and a period, exact for every combination of filters."""
    import json

    from orchestration import warehouse
    from orchestration.catalogue import catalogue
    from orchestration.cli import console
    from orchestration.readers import brand as brands
    from orchestration.readers import report as reports

    known = catalogue.load()
    settings = Settings.from_environment()
    with warehouse.connect(warehouse.url(settings)) as connection:
        if brand and _is_day(brand):
            # Days without a brand: each argument means what the one after it is named for.
            first, last, brand = day(brand), first, None
        brand = brand or reports.only_brand(connection)
        if first is None:
            first, last = reports.last_days(connection)
        drawn = [
            known.indicators[one] for one in ref or () if one in known.indicators and known.indicators[one].presents
        ]
        ref = [one for one in ref if one not in {i.ref for i in drawn}] if ref else None
        question = reports.Question(
            brand, first, last or first, source, channel, role, member, time_from, time_to, weekday, breakdown or [],
            compare_previous, as_of, ref, inbox, conversation_channel,
        )  # fmt: skip
        rows = reports.ask(connection, question) if ref is None or ref else []
        charts = [(i, [(s, reports.ask(connection, reports.shown(question, s))) for s in i.presents]) for i in drawn]
        rows += [row for _, parts in charts for _, some in parts for row in some] if as_json or as_csv else []
        if as_json:
            print(json.dumps(reports.as_json(question, rows), ensure_ascii=False))
            return
        if as_csv:
            print(reports.as_csv(reports.with_names(rows, lang)), end="")
            return
        about = brands.about(connection, brand, {})

    if rows or not charts:
        _console().print(console.report(question, rows, about, known.indicators, known.areas, lang))
    for indicator, parts in charts:
        _console().print(console.charted(indicator, parts, about, known.indicators, lang))


@app.command()
def rows(
    ref: Annotated[str, typer.Argument(help="The indicator, such as Chat-Card-12.")],
    brand: Annotated[str, typer.Argument(help="Which brand.")],
    first: Annotated[date, typer.Argument(parser=day, metavar="FROM", help="First day, local to the brand.")],
    last: Annotated[date, typer.Argument(parser=day, metavar="TO", help="Last day, included.")],
    source: Annotated[list[str] | None, typer.Option(help="Only this source; may be given again.")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="Only this channel; may be given again.")] = None,
    inbox: Annotated[
        list[str] | None, typer.Option(help="Only conversations of this inbox; may be given again.")
    ] = None,
    conversation_channel: Annotated[
        list[str] | None, typer.Option(help="Only conversations by this channel; may be given again.")
    ] = None,
    role: Annotated[list[int] | None, typer.Option(help="Only members of this role; may be given again.")] = None,
    member: Annotated[list[str] | None, typer.Option(help="Only this member; may be given again.")] = None,
    time_from: Annotated[time | None, typer.Option(parser=hour, metavar="HH:MM", help="From this local time.")] = None,
    time_to: Annotated[time | None, typer.Option(parser=hour, metavar="HH:MM", help="Before this local time.")] = None,
    weekday: Annotated[list[int] | None, typer.Option(help="Only this weekday, 1 Monday to 7 Sunday.")] = None,
    breakdown: Annotated[list[str] | None, typer.Option(help="As in `report`; up to two.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="INSTANT", help="As it was known at this instant.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Plain rows, for spreadsheets.")] = False,
    lang: Annotated[str, typer.Option(parser=language, metavar="LANGUAGE", help="en, fr or es.")] = "en",
) -> None:
    """The rows behind one number: what was counted, and what each adds. Of a list (One-List-1), its lines."""
    from orchestration import warehouse
    from orchestration.catalogue import catalogue
    from orchestration.cli import console
    from orchestration.readers import brand as brands
    from orchestration.readers import report as reports

    question = reports.Question(
        brand, first, last, source, channel, role, member, time_from, time_to, weekday, breakdown or [], False, as_of,
        inboxes=inbox, conversation_channels=conversation_channel,
    )  # fmt: skip
    known = catalogue.load()
    with warehouse.connect(warehouse.url(Settings.from_environment())) as connection:
        is_list = ref in {i.ref for i in known.lists}
        about = brands.about(connection, brand, {})
        if as_csv and not is_list:
            page = reports.open_page(connection, ref, question, None, 0, None)
            print(reports.as_csv(reports.rows_with_names(page.rows, ref, about, lang)), end="")
        elif as_csv:
            print(reports.as_csv(reports.lines(connection, ref, question)), end="")
        elif is_list:
            lines = reports.lines(connection, ref, question)
            _console().print(console.listed(ref, lines, known.indicators, about.currency, lang))
        else:
            page = reports.open_page(connection, ref, question, None, 0, SHOWN_ROWS)
            _console().print(console.opened(ref, page, about, known.indicators, lang))


@app.command()
def verify(brand: Annotated[str | None, typer.Argument(help="Only this brand.")] = None) -> None:
    """Hold everything published against all laws and against a full rebuild from raw, in a scratch database.

    Takes as long as building everything anew; readers are not disturbed. Exit code 0: no difference; 1: differences,
    which are named by table, key and column.
    """
    from orchestration import verification, warehouse
    from orchestration.assets import resources
    from orchestration.cli import console, runs

    settings = Settings.from_environment()
    warehouse.wait_until_ready(warehouse.url(settings), resources.CONNECT_TIMEOUT_SECONDS)
    with (
        runs.quiet(settings.home / "logs" / "verify.log") as terminal,
        os.fdopen(os.dup(terminal), "w") as stream,
    ):
        out = console.Terminal(stream)
        turn = resources.writing(settings, verification.RUN_ID, out.print)
        with turn as opened, console.RunProgress(out) as progress:
            found = verification.verify(settings, opened.url, brand, progress)
            progress.done()
        out.print(console.verdicts(found))
    raise typer.Exit(0 if all(verdict.passed for verdict in found) else 1)


@app.command()
def quality(
    brand: Annotated[str | None, typer.Argument(help="Which brand; not needed where there is one.")] = None,
    lang: Annotated[str, typer.Option(parser=language, metavar="LANGUAGE", help="en, fr or es.")] = "en",
) -> None:
    """How far a brand's data can be trusted: how fresh they are, what checks found, what is refused or waits."""
    from orchestration import warehouse
    from orchestration.cli import console
    from orchestration.readers import brand as brands
    from orchestration.readers import quality as state
    from orchestration.readers import report as reports

    with warehouse.connect(warehouse.url(Settings.from_environment())) as connection:
        about = brands.about(connection, brand or reports.only_brand(connection), {})
        checks, held = state.checks(connection, about.brand_id), state.held_rows(connection, about.brand_id)
        broken = state.broken_rules(connection, about.brand_id)
    _console().print(console.quality(about, checks, held, broken, lang))


@app.command()
def history(
    ref: Annotated[str, typer.Argument(help="The indicator, such as Chat-Card-12.")],
    brand: Annotated[str, typer.Argument(help="Which brand.")],
    period: Annotated[str, typer.Argument(help="2026, 2026-Q2, 2026-05, 2026-W21 or 2026-05-03.")],
    source: Annotated[str | None, typer.Option(help="Of this source.")] = None,
    channel: Annotated[str | None, typer.Option(help="Of this channel.")] = None,
    role: Annotated[str | None, typer.Option(help="Of members of this role.")] = None,
    member: Annotated[str | None, typer.Option(help="Of this member (months and longer).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Plain numbers, for programs.")] = False,
) -> None:
    """The life of one published number: each value since its period was over, why it moved, which loads brought it."""
    import json

    from orchestration import warehouse
    from orchestration.readers import published_history
    from orchestration.readers import report as reports

    asked = {"source": source, "channel": channel, "role": role, "member": member}
    given = [(name, value) for name, value in asked.items() if value is not None] or [("all", "all")]
    if len(given) > 1:
        raise Problem(f"one of --{' and --'.join(name for name, _ in given)} at a time")
    grain, start = published_history.period(period)
    with warehouse.connect(warehouse.url(Settings.from_environment())) as connection:
        rows = published_history.life(connection, ref, brand, grain, start, *given[0])
        _, currency = reports.brand_line(connection, brand)
    if as_json:
        print(json.dumps(published_history.as_json(rows), ensure_ascii=False))
        return

    from orchestration.catalogue import catalogue
    from orchestration.cli import console

    known = catalogue.load().indicators.get(ref)
    of = "" if given == [("all", "all")] else f", {given[0][0]} {given[0][1]}"
    title = f"{ref}  {known.names['en'] if known else ''}  {brand}, {published_history.period_name(grain, start)}{of}"
    _console().print(console.life(title, rows, known.unit if known else "count", currency))


@app.command()
def restatements(
    since: Annotated[date, typer.Option(parser=day, metavar="DAY", help="Publications from this day (UTC) on.")],
    brand: Annotated[str | None, typer.Option(help="Only this brand.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every value, for programs.")] = False,
) -> None:
    """Which published numbers have moved, why, and which loads brought it."""
    import json
    from datetime import UTC

    from orchestration import warehouse
    from orchestration.readers import published_history as moves

    with warehouse.connect(warehouse.url(Settings.from_environment())) as connection:
        rows = moves.moved(connection, datetime.combine(since, time(), UTC), brand)
    if as_json:
        print(json.dumps(moves.as_json(rows), ensure_ascii=False))
        return

    from orchestration.catalogue import catalogue
    from orchestration.cli import console

    known = catalogue.load().indicators
    _console().print(console.moved(rows, str(since), lambda ref: known[ref].unit if ref in known else "count"))


@app.command()
def docs(
    serve: Annotated[bool, typer.Option("--serve", help="Show the site on 127.0.0.1 until stopped.")] = False,
    port: Annotated[int, typer.Option(help="Port of --serve.")] = 8080,
) -> None:
    """Write the documentation of the published tables and of what they are made from (dbt docs)."""
    import subprocess

    from orchestration import warehouse
    from orchestration.marts import dbt_ready

    settings = Settings.from_environment()
    folder = settings.home / "docs"
    where = ["--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.dbt_project)]
    where += ["--target", "marts", "--target-path", str(folder), "--log-path", str(settings.home / "logs")]
    environment = warehouse.dbt_environment(warehouse.url(settings))
    dbt = dbt_ready.dbt_executable()
    made = subprocess.run([dbt, "--quiet", "docs", "generate", "--static", *where], env=environment, check=False)
    if made.returncode:
        raise typer.Exit(made.returncode)
    print(f"{folder / 'static_index.html'}")
    if serve:
        shown = subprocess.run(
            [dbt, "docs", "serve", "--host", "127.0.0.1", "--port", str(port), "--no-browser", *where],
            env=environment,
            check=False,
        )
        raise typer.Exit(shown.returncode)


@app.command()
def check(
    file: Annotated[
        str | None, typer.Argument(help="A file as it would be landed, or its URL; left out: every source.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Which dataset of the contract it holds.")] = None,
    extract_day: Annotated[
        date | None, typer.Option("--day", parser=day, metavar="DAY", help="Of which extract day; by default today.")
    ] = None,
) -> None:
    """Judge a file before it is landed, or all that the sources have: what loading would come to, and why bad rows are
    bad. Nothing is kept.

    The sources file applies. Exit code 0: every row is good; 3: some are bad, or some extract is refused; 1: a file is
    refused whole, or the sources file can't be followed.
    """
    from orchestration import warehouse
    from orchestration.cli import console
    from orchestration.sources import extract_days
    from orchestration.sources.connectors.mapping import Naming
    from orchestration.sources.contract import DATASETS
    from orchestration.sources.loading.check_file import check_file
    from orchestration.sources.loading.upgrade import migrate

    settings = Settings.from_environment()
    if file is None:
        if dataset or extract_day:
            raise Problem("--dataset and --day are of a file; without one every source is judged")
        _check_sources(settings)
    if dataset is None or dataset not in DATASETS:
        raise Problem(f"unknown dataset {dataset!r}: say --dataset; known: {', '.join(DATASETS)}")
    naming = getattr(extract_days.sources_of(settings).get(dataset), "naming", Naming())
    with warehouse.connect(warehouse.url(settings)) as connection:
        migrate(connection)
        result, bad = check_file(connection, DATASETS[dataset], file, extract_day or extract_days.today(), naming)
    out = _console()
    out.print(console.verdict(result, bad))
    raise typer.Exit(1 if result.outcome == "refused" else 3 if bad else 0)


def _check_sources(settings: Settings) -> NoReturn:
    from orchestration import warehouse
    from orchestration.cli import systems
    from orchestration.sources import extract_days
    from orchestration.sources.loading.check_sources import check_sources
    from orchestration.sources.loading.upgrade import migrate

    out = _console()
    sources = extract_days.sources_of(settings)
    good, feeds = True, set[str]()
    with warehouse.connect(warehouse.url(settings)) as connection:
        migrate(connection)
        for one in check_sources(connection, sources, extract_days.today()):
            systems.judged(out, one)
            good = good and one.is_good
            feeds.update(one.feeds)
    out.print(systems.unknown(sources, feeds))
    raise typer.Exit(0 if good else 3)


@app.command()
def init(
    name: Annotated[str, typer.Argument(metavar="SYSTEM", help="A packaged system, such as chatwoot.")],
    url_env: Annotated[
        str | None, typer.Option(help="The environment variable that holds the URL of its database.")
    ] = None,
    root: Annotated[
        str | None, typer.Option(help="Of a system of files: their folder, or a pattern in it (exports/orders*.csv).")
    ] = None,
    settings_told: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="[BRAND.]SETTING=VALUE", help="What no row says, such as currency=EUR."),
    ] = None,
    currency: Annotated[str | None, typer.Option(help="The same as --set currency=...")] = None,
    at_once: Annotated[bool, typer.Option("--run", help="Load, publish and report, right away.")] = False,
) -> None:
    """Connect a system that people already have: writes the sources file that reads it into CAUSERIE_HOME.

    Shows what was found, which columns a role must be granted, and which indicators the system can tell.
    """
    from orchestration.cli import systems

    told = [*(settings_told or []), *([f"currency={currency}"] if currency else [])]
    systems.init(_console(), Settings.from_environment(), name, url_env, root, told)
    if at_once:
        try:
            run()
        except typer.Exit as ended:
            if ended.exit_code not in (0, 3):
                raise
        for brand in _brands():
            report(brand)


@app.command()
def land(
    name: Annotated[str, typer.Argument(metavar="SYSTEM", help="A packaged system that is read over REST: shopify.")],
    first: Annotated[
        date | None, typer.Argument(parser=day, metavar="[FROM]", help="First day, UTC; left out: where it ended.")
    ] = None,
    last: Annotated[
        date | None, typer.Argument(parser=day, metavar="[TO]", help="Last day, included; left out: yesterday.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Where to put the files; left out: CAUSERIE_HOME/landed/SYSTEM.")
    ] = None,
) -> None:
    """Read a system's REST interface into files, a folder a day, which `causerie init SYSTEM --root` then connects.

    Secrets come from the environment alone (docs/systems.md). Days that were landed stay as they are. Exit code 1: the
    interface can't be read, and nothing new is there.
    """
    from orchestration.cli import systems
    from orchestration.sources import extract_days

    settings = Settings.from_environment()
    yesterday = extract_days.today() - timedelta(days=1)
    systems.land(_console(), name, root or settings.home / "landed" / name, first, last or yesterday, yesterday)


def _brands() -> list[str]:
    from orchestration import warehouse

    with warehouse.connect(warehouse.url(Settings.from_environment())) as connection:
        return [row[0] for row in connection.execute("select brand_id from marts.dim_brand order by 1")]


@app.command()
def reconcile(
    name: Annotated[str, typer.Argument(metavar="SYSTEM", help="A packaged system that the sources file names.")],
    first: Annotated[date, typer.Argument(parser=day, metavar="FROM", help="First day, local to the brand.")],
    last: Annotated[date, typer.Argument(parser=day, metavar="TO", help="Last day, included.")],
    brand: Annotated[str | None, typer.Option(help="Only this brand.")] = None,
) -> None:
    """A system's own figures beside ours: by what rules each counts, and what the difference is made of, with ids.

    Exit code 0: all is explained; 3: something is not.
    """
    from orchestration import warehouse
    from orchestration.cli import systems
    from orchestration.sources.connectors.database import Database
    from orchestration.sources.connectors.sources_file import read_file
    from orchestration.sources.systems.reconcile import reconcile as hold

    settings = Settings.from_environment()
    package = systems.system(name)
    systems.days(first, last)
    words = read_file(settings.sources_file, settings.landing).document.systems.get(name)
    if words is None:
        raise Problem(f"{settings.sources_file} connects no {package.title}")
    out, explained = _console(), True
    with warehouse.connect(warehouse.url(settings)) as connection:
        for number, told in words.brands.items():
            known = told.get("brand_id", f"{name}-{number}")
            if brand in (None, known):
                out.print(f"\n{known}, {first} to {last}\n")
                database = Database(package.title, words.url, words.url_env)
                figures = hold(connection, package, database, number, known, first, last)
                systems.reconciled(out, package, figures)
                explained = explained and not any(one.left for one in figures if not one.is_average)
    raise typer.Exit(0 if explained else 3)


Dataset = Annotated[str | None, typer.Option(metavar="NAME", help="Only this dataset.")]
ExtractDay = Annotated[date | None, typer.Option("--day", parser=day, metavar="DAY", help="Only this extract day.")]


@quarantine_app.callback(invoke_without_command=True)
def quarantine(context: typer.Context) -> None:
    """Bad rows, which wait here until their extract is replaced by a better one. By itself: the same as `list`."""
    if context.invoked_subcommand is None:
        list_()


@quarantine_app.command("list")
def list_(dataset: Dataset = None, extract_day: ExtractDay = None) -> None:
    """How many rows break which rule, by extract."""
    from orchestration.cli import console
    from orchestration.sources.loading import quarantine as waiting

    with _raw() as connection:
        _console().print(console.quarantine_groups(waiting.groups(connection, dataset, extract_day)))


@quarantine_app.command()
def show(
    dataset: Dataset = None,
    extract_day: ExtractDay = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows at most.")] = 50,
) -> None:
    """The rows: file, line, rule, and the value at fault."""
    from orchestration.cli import console
    from orchestration.sources.loading import quarantine as waiting

    with _raw() as connection:
        _console().print(console.quarantine_rows(list(waiting.bad_rows(connection, dataset, extract_day, limit))))


@quarantine_app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to: .csv, or JSON Lines by any other ending.")],
    dataset: Dataset = None,
    extract_day: ExtractDay = None,
) -> None:
    """Write the rows with their contract columns to a file, for whoever mends the source."""
    from orchestration.sources.loading import quarantine as waiting

    with _raw() as connection:
        number = waiting.export(waiting.bad_rows(connection, dataset, extract_day), file)
    print(f"{number:,} rows written to {file}")


@contextmanager
def _raw() -> Iterator[Any]:
    """A connection to a warehouse in which the schema raw is there."""
    from orchestration import warehouse
    from orchestration.sources.loading.upgrade import migrate

    with warehouse.connect(warehouse.url(Settings.from_environment())) as connection:
        migrate(connection)
        yield connection


def _console() -> Any:
    from orchestration.cli import console

    return console.Terminal()


@app.command()
def simulate(
    directory: Annotated[
        Path | None, typer.Argument(help="Folder to write extracts into, one folder a dataset and day.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="How many days.")] = 60,
    seed: Annotated[int, typer.Option(help="Same seed, same brand, to the byte.")] = 1,
    conversations_per_day: Annotated[int, typer.Option(min=1, help="How busy the brand is.")] = 120,
    first: Annotated[date | None, typer.Option("--from", parser=day, metavar="DAY", help="First day.")] = None,
    live: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Play a day into this PostgreSQL instead, as its chat database."),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.1, help="With --live: how many times as fast as time a day given by --from runs.")
    ] = 60,
    into: Annotated[
        tuple[str, str] | None,
        typer.Option("--system", metavar="chatwoot URL", help="Write it into the database of such a system instead."),
    ] = None,
) -> None:
    """Write the extracts of a made-up brand, for trying the platform without data of one's own.

    With --live it plays today into a chat database as it would happen, from now on and in real time; or, with --from,
    that day from its midnight and faster (read it by `causerie live --clock data`). With --system it becomes one more
    account of a Chatwoot, whose tables are made where they are missing; then `causerie init chatwoot` connects it.
    """
    if sum(where is not None for where in (directory, live, into)) != 1:
        raise Problem(
            "wanted a folder for extracts, --live with the URL of a chat database, or --system chatwoot with a URL"
        )
    if into is not None:
        _simulate_system(*into, days, seed, conversations_per_day, first)
        return
    if live is not None:
        _play(live, first, seed, conversations_per_day, speed if first else 1)
        return
    assert directory is not None
    import simulator

    done = simulator.write(directory, days, seed, conversations_per_day, first)
    rows = sum(done.rows.values())
    print(
        f"{rows:,} rows of {len(done.rows)} datasets, {done.first_day} to {done.last_day}, in {directory}"
        f" ({done.files_written:,} files written, {done.files_unchanged:,} already there)"
    )


def _simulate_system(
    system: str, url: str, days: int, seed: int, conversations_per_day: int, first: date | None
) -> None:
    from simulator import chatwoot

    if system != "chatwoot":
        raise Problem(f"--system {system!r} is unknown; allowed: chatwoot")
    written = chatwoot.write(url, days, seed, conversations_per_day, first)
    print(
        f"{written['conversations']:,} conversations with {written['messages']:,} messages are account"
        f" {written['accounts']} of that Chatwoot; connect it by causerie init chatwoot"
    )


def _play(url: str, day: date | None, seed: int, conversations_per_day: int, speed: float) -> None:
    from simulator import chat

    def tell(at: datetime, written: int) -> None:
        print(f"\r{at:%Y-%m-%d %H:%M:%S} UTC, {written:,} changes written", end="", flush=True)

    print("Playing; stop with Ctrl-C.")
    try:
        chat.play_day(url, day, seed, conversations_per_day, speed, tell)
    finally:
        print()


@app.command()
def live(
    brand: Annotated[str, typer.Argument(help="Which brand.")],
    role: Annotated[
        list[int] | None, typer.Option(help="Only members of this role, 0 to 6; may be given again.")
    ] = None,
    member: Annotated[list[str] | None, typer.Option(help="Only this member; may be given again.")] = None,
    every: Annotated[float, typer.Option(min=1, help="Seconds between readings.")] = 5,
    at: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="INSTANT", help="As of this instant instead of now.")
    ] = None,
    clock: Annotated[
        str | None, typer.Option(help="What now is: `database`, its clock, or `data`, its newest fact.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One reading, in plain numbers.")] = False,
    once: Annotated[bool, typer.Option("--once", help="One reading, as a table.")] = False,
    lang: Annotated[str, typer.Option(help="en, fr or es.")] = "en",
) -> None:
    """Today so far and this moment, from the chat database at CAUSERIE_LIVE_URL; refreshes itself until stopped.

    Without that database, from the rows loaded last, saying how old they are. Never from the published marts.
    """
    import json

    from orchestration.catalogue import catalogue
    from orchestration.cli import console
    from orchestration.readers import live as readings

    if clock not in (None, "database", "data"):
        raise typer.BadParameter(f"{clock!r} is none of database, data", param_hint="--clock")
    settings = Settings.from_environment()
    asked = readings.Asked(
        brand, tuple(member) if member else None, tuple(role) if role else None, at, cast(readings.Clock | None, clock)
    )
    if as_json:
        print(json.dumps(readings.as_json(readings.reading(settings, asked)), ensure_ascii=False))
        return
    known, words = catalogue.load().indicators, language(lang)

    def screen() -> Any:
        return console.live(readings.reading(settings, asked), known, words)

    if once:
        _console().print(screen())
        return

    import time

    from rich.live import Live

    with Live(screen(), console=_console(), auto_refresh=False, screen=sys.stdout.isatty()) as shown:
        while True:
            time.sleep(every)
            try:
                shown.update(screen(), refresh=True)
            except readings.LiveError as error:
                # The chat database may be back at the next reading; until then the screen says why it stands still.
                shown.update(f"{datetime.now():%H:%M:%S} {error}", refresh=True)


@app.command()
def dashboard(
    host: Annotated[
        str, typer.Option(help="Address to listen on; without a login this machine's own only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 3001,
) -> None:
    """Serve the screens until stopped: overview, every subject and dashboard, members, live, data quality.

    Reads by a login that may only read: one of the embedded server's own, or CAUSERIE_READER_URL. With
    CAUSERIE_OIDC_ISSUER people sign in, and see the brands that the provider's claim names.
    """
    import uvicorn

    from dashboard import access
    from dashboard.app import create
    from orchestration.marts.login import reader_url, viewers_url

    settings = Settings.from_environment()
    if settings.open_id is None:
        access.check_address(host)
    application = create(settings, viewers_url(settings) if settings.open_id else reader_url(settings))
    print(
        f"The screens are at http://{'[' + host + ']' if ':' in host else host}:{port} (stop with Ctrl-C)", flush=True
    )
    # Log lines are ours to form (log_lines.py). A connection that is left open outlives what a proxy keeps of its own,
    # or a click would meet one that is just being closed.
    uvicorn.run(
        application, host=host, port=port, log_level="warning", log_config=None, server_header=False,
        timeout_keep_alive=75,
    )  # fmt: skip


@app.command()
def metrics(
    file: Annotated[Path | None, typer.Option("--to", help="Write them to this file, whole or not at all.")] = None,
) -> None:
    """Print figures for Prometheus: what is published, loads and rows by dataset, checks, the newest run's steps.

    With --to, for the textfile collector of node_exporter. The screens have figures of their own under /metrics.
    """
    try:
        import prometheus_client
    except ModuleNotFoundError as error:
        raise Problem(
            "the package `prometheus-client` is missing: install causerie with its extra, causerie[metrics]"
        ) from error
    import psycopg

    from orchestration.automation import instance
    from orchestration.automation.run_figures import NewestRun
    from orchestration.marts import login
    from orchestration.readers.published_figures import Published

    settings = Settings.from_environment()
    url = login.reader_url(settings)
    figures = prometheus_client.CollectorRegistry()
    figures.register(Published(lambda: psycopg.connect(url, options="-c default_transaction_read_only=on")))
    with instance.opened(settings) as opened:
        figures.register(NewestRun(opened))
        if file:
            prometheus_client.write_to_textfile(str(file), figures)
            # Another user's collector reads it.
            file.chmod(0o644)
        else:
            print(prometheus_client.generate_latest(figures).decode(), end="")


@app.command()
def mcp(
    brand: Annotated[str | None, typer.Option(help="Only this brand, under a login that sees no other.")] = None,
) -> None:
    """Serve an assistant, over the Model Context Protocol on standard input and output, until it hangs up.

    It lists indicators, asks for reports, opens the rows behind a number, explains it; its login may only read.
    """
    from orchestration.marts import login

    try:
        from orchestration.readers import assistants
    except ModuleNotFoundError as error:
        raise Problem("the package `mcp` is missing: install causerie with its extra, causerie[mcp]") from error
    settings = Settings.from_environment()
    url = login.grant(settings, "brand", brand).url if brand else login.reader_url(settings)
    assistants.server(url).run("stdio")


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="Where to; it must not be there yet.")]) -> None:
    """Write the whole installation into one file: data, roles, policies, grants, Dagster's history.

    Runs and readers go on meanwhile. The file is as secret as what is in it; extracts and settings are not.
    """
    from orchestration.cli import backups

    written = backups.backup(Settings.from_environment(), file)
    print(f"{written}: {written.stat().st_size / 2**20:,.1f} MB")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `causerie backup` wrote.")],
    verified: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Hold it against all laws and a rebuild.")
    ] = True,
) -> None:
    """Make the installation of a backup again, in an empty CAUSERIE_HOME and database; then `causerie verify`."""
    from orchestration.cli import backups

    for remark in backups.restore(Settings.from_environment(), file):
        print(remark, file=sys.stderr)
    print(f"{file} is restored.")
    if verified:
        verify()


@erase_app.command()
def visitor(
    brand: Annotated[str, typer.Argument(help="Which brand.")],
    visitor_id: Annotated[str, typer.Argument(metavar="ID", help="The visitor, as the extracts name it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: what is erased does not come back.")] = False,
) -> None:
    """Erase a person: every row of it in raw, quarantine, marts and the ledgers, and each that comes again.

    Numbers that it moved are published anew, as corrected data. A keyed hash stays, by CAUSERIE_HASH_KEY. Extracts in
    the landing folder are yours to clean: whatever of it they bring is left out.
    """
    from orchestration.cli import console, erasures, runs

    if not yes:
        typer.confirm(f"Erase visitor {visitor_id!r} of {brand!r}, for good?", abort=True)
    settings = Settings.from_environment()
    with runs.quiet(runs.log_file(settings)):
        outcome = erasures.erase_visitor(settings, brand, visitor_id)
    by_table = "; ".join(f"{table} {number:,}" for table, number in outcome.erased.rows.items())
    print(f"Erased {sum(outcome.erased.rows.values()):,} rows ({by_table or 'there were none'}).")
    _console().print(console.summary(outcome.run))
    if outcome.left:
        print(f"It still stands in {', '.join(outcome.left)}: give the command again")
    raise typer.Exit(outcome.run.exit_code or int(bool(outcome.left)))


@app.command()
def grant(
    role: Annotated[
        str, typer.Argument(help="reader, analyst (may also create tables of its own), brand or viewers (screens).")
    ],
    brand: Annotated[str | None, typer.Option(help="Which brand, for a login of the kind brand.")] = None,
    new_password: Annotated[bool, typer.Option("--new-password", help="The one of before shall not do.")] = False,
) -> None:
    """Give a login that may read marts, and print how it connects. By itself it may see and take no more than its kind.

    reader: every brand. analyst: every brand, and a schema of its own and temporary tables to write in. brand: one.
    viewers: none by itself, and each brand's role by becoming it: what the screens read by once people sign in to them.
    """
    from orchestration.marts import login

    if role not in get_args(login.Kind):
        raise typer.BadParameter(f"{role!r} is none of {', '.join(get_args(login.Kind))}", param_hint="ROLE")
    given = login.grant(Settings.from_environment(), cast(login.Kind, role), brand, new_password)
    # An analyst's own schema has the name of the role.
    beside = f"writes in the schema {given.role}" if role == "analyst" else "no other schema"
    print(f"{given.role}: reads marts{f' of {brand}' if brand else ''}, and {beside}.")
    print(f'  psql "{given.url}"')
    print(f"A BI tool asks for the password too: it is the last field of {given.passfile}, which only you may read.")


@app.command()
def digest(
    brand: Annotated[str, typer.Argument(help="Which brand.")],
    week: Annotated[str | None, typer.Option(metavar="WEEK", help="2026-W21; by default the newest whole one.")] = None,
    file: Annotated[
        Path | None, typer.Option("--to", help="Write it to this file instead: .eml, .html or .txt.")
    ] = None,
    lang: Annotated[
        str | None, typer.Option(parser=language, metavar="LANGUAGE", help="en, fr or es; by default the brand's.")
    ] = None,
) -> None:
    """Mail a brand's week: its headlines beside the week before, and the state of the data.

    Sent by CAUSERIE_SMTP_URL from CAUSERIE_DIGEST_FROM to CAUSERIE_DIGEST_TO; without these, printed as text.
    """
    import psycopg

    from dashboard import digest as digests
    from orchestration.marts.login import reader_url
    from orchestration.readers import published_history
    from orchestration.readers.report import period_of

    span = None
    if week:
        grain, start = published_history.period(week)
        if grain != "week":
            raise Problem(f"{week!r} is no week: write it as 2026-W21")
        span = period_of("week", start)
    mailbox = None if file else digests.Mailbox.from_environment()
    with psycopg.connect(reader_url(Settings.from_environment()), options="-c timezone=UTC") as connection:
        told = digests.of_week(connection, brand, lang, span)
    if file:
        content = {".html": told.html, ".txt": told.text}.get(file.suffix)
        if content is None:
            content = digests.as_mail(told, "causerie@localhost", ()).as_string()
        file.write_text(content, encoding="utf-8")
        print(f"{told.subject}: written to {file}")
    elif mailbox:
        digests.send(told, mailbox)
        print(f"{told.subject}: sent to {', '.join(mailbox.receivers)}")
    else:
        print(told.text)


@db_app.command()
def start() -> None:
    """Start the embedded PostgreSQL; it stays up until `causerie db stop`."""
    from orchestration import warehouse

    settings = Settings.from_environment()
    if settings.database_url:
        raise Problem("CAUSERIE_DATABASE_URL names a server of its own: there is no embedded one to start")
    was_running = warehouse.is_running(settings)
    address = warehouse.start(settings)
    print(f"PostgreSQL {'was up already' if was_running else 'is up'}: {address}")


@db_app.command()
def stop() -> None:
    """Stop the embedded PostgreSQL."""
    from orchestration import warehouse

    print("PostgreSQL is down" if warehouse.stop(Settings.from_environment()) else "PostgreSQL was not up")


As = Annotated[
    str | None, typer.Option("--as", metavar="reader|analyst", help="Not the administrator, but one who may only read.")
]


def _address(as_: str | None) -> str:
    from orchestration.marts import login

    settings = Settings.from_environment()
    if as_ is None:
        print(
            "causerie: this is the administrator's login, who may change and delete everything; to read:"
            " --as reader, or `causerie grant`",
            file=sys.stderr,
        )
        return login.administrators_url(settings)
    if as_ not in ("reader", "analyst"):
        raise typer.BadParameter(f"{as_!r} is none of reader, analyst", param_hint="--as")
    return login.grant(settings, cast(login.Kind, as_)).url


@db_app.command()
def url(as_: As = None) -> None:
    """Print the administrator's libpq URL, for any client on this machine, or with --as a reader's.

    Starts the embedded server if need be. The password stands in a file that the URL names.
    """
    print(_address(as_))


@db_app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context, as_: As = None) -> None:
    """Open psql on the warehouse, as its administrator, or with --as as a reader.

    What follows is psql's, for example: causerie db psql --as reader -c "select 1".
    """
    from orchestration import warehouse

    address = _address(as_)
    program = warehouse.program("psql")
    sys.stdout.flush()
    os.execv(program, [program, address, *context.args])


def main() -> None:
    """Run a command; what goes wrong is one line on standard error, its details in CAUSERIE_HOME/logs."""
    # Extracts are people's data: whatever is written is its owner's alone, be the folder as open as it may.
    os.umask(0o077)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        log_lines.configure()
        with garbage.left_alone():
            app()
    except KeyboardInterrupt:
        sys.exit("causerie: interrupted")
    except Exception as error:
        print(f"causerie: {_in_one_line(error)}", file=sys.stderr)
        sys.exit(1)


def _home() -> Path:
    """CAUSERIE_HOME, also where another setting can't be read."""
    return Settings.from_environment({"CAUSERIE_HOME": os.environ.get("CAUSERIE_HOME", "")}).home


def _in_one_line(error: Exception) -> str:
    import psycopg

    from dashboard.access import AccessError
    from dashboard.digest import MailError
    from orchestration.cli.backups import BackupError
    from orchestration.marts.transaction import Hindered
    from orchestration.readers.live import LiveError
    from orchestration.readers.report import ReportError
    from orchestration.sources.connectors.extract import Refusal
    from orchestration.warehouse import WarehouseError
    from orchestration.warehouse.locks import LockTimeout

    if isinstance(error, psycopg.OperationalError):
        return f"the warehouse does not answer: {hide(' '.join(str(error).split()))}"
    told = WarehouseError | LiveError | AccessError | MailError | BackupError | LockTimeout | Hindered
    if isinstance(error, told):
        return hide(str(error))
    if isinstance(error, Problem | Refusal | ReportError | psycopg.Error | OSError | ValueError):
        return hide(" ".join(str(error).split()))
    log = _home() / "logs" / "last-error.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(hide("".join(traceback.format_exception(error))))
    return f"unexpected {type(error).__name__}: {hide(' '.join(str(error).split()))[:500]} (details in {log})"


if __name__ == "__main__":
    main()
