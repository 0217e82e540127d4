"""The screens' pages and their addresses.

Here: what each page shows. Not here: how elements are drawn (elements.py), who may come in (access.py), the words.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import psycopg
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dashboard import access, pages
from dashboard.answers import Asked
from dashboard.elements import Drawn, Element, View, kind_of, notes
from dashboard.filters import FilterError
from dashboard.saved_views import ViewError
from dashboard.sign_in import SignIn, SignInError, viewer_of
from dashboard.site import FOLDER, NoBrandError, Site, Visit, language_of
from dashboard.tables import Cell, Column, Table
from dashboard.words import Words, load
from orchestration.catalogue.catalogue import Indicator
from orchestration.readers import conversation, formats, indicator, live, quality, report
from orchestration.readers.report import ReportError, say_state
from orchestration.settings import Settings
from orchestration.sources.connectors.sources_file import SourcesError

if TYPE_CHECKING:
    from dashboard.request_figures import RequestFigures

ROWS_SHOWN, ROWS_EXPORTED = 50, 50_000
# The one check that says something when it passes: what a person has accepted.
ACCEPTED = "is_accepted"
# What the lists of members are made of, of the overview of one, and of the comparison of several.
MEMBER_LISTS = ("Chat-List-1", "One-List-3")
MEMBER_CARDS = ("Chat-Card-10", "Chat-Card-21", "Chat-Card-70", "Chat-Card-73", "Chat-Card-81", "Chat-Card-80",
                "Chat-Card-8", "Amb-Card-52")  # fmt: skip
MEMBER_LINES = ("Chat-Line-3", "Chat-Line-5")


def create(settings: Settings, reader_url: str, hosts: list[str] | None = None) -> Starlette:
    """The web application. `hosts`: the names that it answers to, by default the loopback's, and the public one where
    people sign in."""
    site = Site(settings, reader_url)
    sign_in = SignIn(settings, settings.open_id) if settings.open_id else None
    figures = _request_figures(site)
    hosts = hosts or [*access.LOOPBACK, *([sign_in.host] if sign_in else [])]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        yield
        site.close()

    def page(shown: Callable[[Visit], Response]) -> Callable[[Request], Response]:
        def endpoint(request: Request) -> Response:
            with site.visit(request) as visit:
                return shown(visit)

        return endpoint

    def problem(request: Request, error: Exception) -> Response:
        return _problem(site, request, error)

    def signed_out(request: Request) -> Response:
        said = load(language_of(request))
        return site.problem(request, 200, said["signed_out_help"], "signed_out", "sign_in_again")

    handled = (SignInError, FilterError, ReportError, psycopg.Error, PoolTimeout, HTTPException, ViewError)
    application = Starlette(
        routes=[
            Route("/", lambda request: RedirectResponse(f"/overview?{request.url.query}")),
            Route("/overview", page(overview)),
            Route("/area/{area}", page(area)),
            Route("/dashboard/{name}", page(dashboard)),
            Route("/number/{ref}", page(number)),
            Route("/rows/{ref}", page(rows)),
            Route("/conversation/{conversation_id:path}", page(one_conversation)),
            Route("/members", page(members)),
            Route("/member/{member_id:path}", page(member)),
            Route("/live", page(live_page)),
            Route("/quality", page(quality_page)),
            Route("/views", _views(site), methods=["POST"]),
            *([*sign_in.routes(), Route("/signed-out", signed_out)] if sign_in else []),
            *(figures.routes() if figures else []),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ],
        middleware=[
            *(figures.middleware() if figures else []),
            Middleware(access.Headers),
            Middleware(access.OwnHosts, hosts=hosts),
            Middleware(access.OwnForms),
            *(sign_in.middleware() if sign_in else []),
        ],
        exception_handlers=dict.fromkeys(handled, problem),
        lifespan=lifespan,
    )
    application.state.site = site
    return application


def _request_figures(site: Site) -> RequestFigures | None:
    """What counts requests; None without the extra `metrics`."""
    try:
        from dashboard.request_figures import RequestFigures
    except ModuleNotFoundError as error:
        if error.name != "prometheus_client":
            raise
        return None
    return RequestFigures(site)


def _problem(site: Site, request: Request, error: Exception) -> Response:
    """What is wrong, said to a person: status 400 for questions, 404 for unknown pages, 503 without a database."""
    said = load(language_of(request))
    match error:
        case FilterError():
            allowed = ", ".join(error.allowed[:20])
            return site.problem(request, 400, said["error_filter"].format(error.value, error.name, allowed))
        case ViewError():
            return site.problem(request, 400, said["view_wrong"])
        case SignInError():
            message = said[error.phrase].format(error)
            return site.problem(request, error.status, message, "error_sign_in", "sign_in_again")
        case NoBrandError():
            return site.problem(request, 403, said["error_no_brand"].format(error))
        case ReportError() if "nothing is published" in str(error):
            return site.problem(request, 503, said["error_unpublished"])
        case ReportError():
            return site.problem(request, 400, said["error_question"].format(error))
        case HTTPException():
            return site.problem(request, error.status_code, said["error_missing"])
        case _:
            return site.problem(request, 503, said["error_database"])


# --- pages of elements ------------------------------------------------------------------------------------------------


def overview(visit: Visit) -> Response:
    """Three steps, eight headlines, two lines, and the state of the data."""
    held = visit.site.pages
    steps = {step: visit.drawn(elements) for step, elements in held.steps.items()}
    headlines, lines, funnel = visit.drawn(held.headlines), visit.drawn(held.lines), Drawn(held.funnel, visit.view)
    found = visit.ask([*headlines, *lines, funnel, *(one for some in steps.values() for one in some)])
    visit.cards_table("headlines", visit.view.words["headlines"], headlines, found)
    judged = quality.checks(visit.connection, visit.view.brand.brand_id)
    shown_funnel = visit.show(funnel, found)
    shown_funnel["title"] = visit.view.words["steps"]
    if shown_funnel["chart"]:
        shown_funnel["chart"]["title"] = visit.view.words["steps"]
    return visit.render(
        "overview.html",
        title=visit.view.words["overview"],
        funnel=shown_funnel,
        steps={step: [visit.show(one, found) for one in some] for step, some in steps.items()},
        headlines=[visit.show(one, found) for one in headlines],
        lines=[visit.show(one, found) for one in lines],
        failed=[check for check in judged if not check.passed],
        judged=len(judged),
    )


def area(visit: Visit) -> Response:
    sections = visit.site.pages.areas.get(visit.request.path_params["area"])
    if sections is None:
        raise HTTPException(404)
    title = visit.view.words.area(visit.request.path_params["area"])
    return visit.render("elements.html", title=title, sections=visit.sections(sections))


def dashboard(visit: Visit) -> Response:
    held = visit.site.pages.dashboards.get(visit.request.path_params["name"])
    if held is None:
        raise HTTPException(404)
    title = held.names[visit.view.words.language]
    return visit.render("elements.html", title=title, sections=visit.sections(held.sections))


# --- members ----------------------------------------------------------------------------------------------------------


def members(visit: Visit) -> Response:
    """The leaderboards; below them those chosen among the filters, beside each other."""
    sections = [pages.Section((Element("list", (ref,)),), word="lists") for ref in MEMBER_LISTS]
    chosen = visit.view.filters.lists.get("member") or []
    compared = None
    if len(chosen) > 1:
        drawn = [Drawn(Element("parts", (ref,), "member"), visit.view) for ref in MEMBER_CARDS]
        found = visit.ask(drawn)
        compared = visit.keep(_beside(visit.view, drawn, found, chosen))
    shown = [element for section in visit.sections(sections) for element in section["elements"]]
    return visit.render("members.html", title=visit.view.words["members"], lists=shown, compared=compared)


def _beside(view: View, drawn: list[Drawn], found: Any, chosen: Any) -> Table:
    """A row for each indicator, a column for each member."""
    words = view.words
    columns = [Column(words["indicator"]), *(Column(words.dimension("member", m, view.brand), "mixed") for m in chosen)]
    lines = []
    for one in drawn:
        ref = one.indicator.ref
        by_member = {row["bucket"][0]: row for row in found.rows(Asked(ref, ("member",))) if row["bucket"]}
        cells = [Cell(view.name(ref), href=view.filters.url(f"/number/{ref}"))]
        for name in chosen:
            value = by_member[name]["value"] if name in by_member else None
            cells.append(Cell(value, view.unit(ref), view.filters.url(f"/rows/{ref}", member=[name])))
        lines.append(cells)
    return Table("members", words["compare_members"], columns, lines)


def member(visit: Visit) -> Response:
    """One member: the same cards and lines under the filter of that member, and the roles held."""
    view = visit.view
    known = view.brand.members.get(visit.request.path_params["member_id"])
    if known is None:
        raise HTTPException(404)
    of_member = View(view.brand, _with_member(view, known.member_id), view.words, view.catalogue)
    visit.view = of_member
    kinds = {ref: kind_of(view.catalogue.indicators[ref]) for ref in (*MEMBER_CARDS, *MEMBER_LINES)}
    sections = [
        pages.Section(tuple(Element(kinds[ref], (ref,)) for ref in MEMBER_CARDS), word="figures"),
        pages.Section(tuple(Element(kinds[ref], (ref,)) for ref in MEMBER_LINES), word="charts"),
    ]
    return visit.render(
        "member.html", title=view.words["member_title"].format(known.name), sections=visit.sections(sections),
        roles=visit.keep(_roles(visit, known.member_id)),
    )  # fmt: skip


def _with_member(view: View, member_id: str) -> Any:
    return replace(view.filters, lists={**view.filters.lists, "member": [member_id]})


def _roles(visit: Visit, member_id: str) -> Table:
    words = visit.view.words
    held = report.roles_held(visit.connection, visit.view.brand.brand_id, member_id)
    columns = [Column(words["role"], "role"), Column(words["team"]), Column(words["valid_from"], "instant")]
    lines = [
        [Cell(row["role"]), Cell(row["team"]), Cell(row["valid_from"]), Cell(row["valid_to"] or words["now"])]
        for row in held
    ]
    return Table("roles", words["roles_held"], [*columns, Column(words["valid_to"], "instant")], lines)


# --- from a number down -----------------------------------------------------------------------------------------------


def rows(visit: Visit) -> Response:
    """The rows behind a number, with their sums, names and conversations."""
    view, words = visit.view, visit.view.words
    known = _indicator(visit)
    if known.kind in ("shows", "list", "live"):
        raise HTTPException(404)
    query = visit.request.query_params
    offset = int(query["offset"]) if query.get("offset", "").isdecimal() else 0
    is_file = query.get("as") in ("csv", "xlsx")
    limit = ROWS_EXPORTED if is_file else ROWS_SHOWN
    bin_name = query.get("bin") or None
    found = report.open_page(
        visit.connection, known.ref, view.filters.question([known.ref]), bin_name, 0 if is_file else offset, limit
    )
    table = visit.keep(_rows_table(view, known, found))

    def at(place: int) -> str:
        changes: dict[str, Any] = {"offset": place or None}
        return view.filters.url(visit.request.url.path, bin=bin_name, **changes)

    sums = [words.say(value, "count") for value in (found.numerator, found.denominator) if value is not None]
    return visit.render(
        "rows.html",
        title=words["rows_title"].format(known.names[words.language]),
        indicator=known, found=found, table=table, offset=offset, bin=words.value(bin_name) if bin_name else None,
        count=words.say(found.count, "count"), sums=_sums(words, known, found, view.brand.currency) if sums else None,
        earlier=at(max(offset - ROWS_SHOWN, 0)) if offset else None,
        later=at(offset + ROWS_SHOWN) if offset + ROWS_SHOWN < found.count else None,
        about=view.filters.url(f"/number/{known.ref}"),
    )  # fmt: skip


def _parts_unit(known: Indicator) -> str:
    """What the numerators of a number's rows are: its unit where something is added up, else a count."""
    return known.unit if known.unit in ("seconds", "amount", "score") else "count"


def _sums(words: Any, known: Indicator, found: report.RowsPage, currency: str) -> str:
    above = words.say(found.numerator, _parts_unit(known), currency)
    if found.denominator is None:
        return str(words["rows_sum_one"].format(above))
    return str(words["rows_sum"].format(above, words.say(found.denominator, "count")))


def _rows_table(view: View, known: Indicator, found: report.RowsPage) -> Table:
    words, unit = view.words, _parts_unit(known)
    optional = ("bin", "denominator", "member_id", "visitor_id", "conversation_id", "basis")
    has = {name: any(row.get(name) is not None for row in found.rows) for name in optional}
    columns = [Column(words["instant"], "instant"), Column(words["what"]), Column(words["id"])]
    columns += [Column(words["visitor"])] if has["visitor_id"] else []
    columns += [Column(words["member"])] if has["member_id"] else []
    columns += [Column(words["class"])] if has["bin"] else []
    columns += [Column(words["entity_conversation"])] if has["conversation_id"] else []
    columns += [Column(words["adds"], unit)]
    columns += [Column(words["of"], "count")] if has["denominator"] else []
    columns += [Column(words["basis"])] if has["basis"] else []
    lines = []
    for row in found.rows:
        of = row["conversation_id"] and view.filters.url(f"/conversation/{row['conversation_id']}")
        cells = [Cell(row["anchor"]), Cell(words[f"entity_{row['entity']}"]), Cell(row["entity_id"])]
        cells += [Cell(row["visitor_id"])] if has["visitor_id"] else []
        if has["member_id"]:
            name = row["member_id"] and words.dimension("member", row["member_id"], view.brand)
            cells.append(Cell(name, href=name and view.filters.url(f"/member/{row['member_id']}")))
        cells += [Cell(words.value(row["bin"]) if row["bin"] else None)] if has["bin"] else []
        cells += [Cell(row["conversation_id"], href=of)] if has["conversation_id"] else []
        cells += [Cell(row["numerator"])]
        cells += [Cell(row["denominator"])] if has["denominator"] else []
        cells += [Cell(words.value(row["basis"]) if row["basis"] else None)] if has["basis"] else []
        lines.append(cells)
    return Table("rows", known.names[words.language], columns, lines)


def one_conversation(visit: Visit) -> Response:
    """A conversation's life, an instant a line."""
    view, words = visit.view, visit.view.words
    conversation_id = visit.request.path_params["conversation_id"]
    found = conversation.conversation(visit.connection, view.brand.brand_id, conversation_id)
    if found is None:
        return visit.site.problem(visit.request, 404, words["error_unknown_row"].format(conversation_id))
    columns = [Column(words["instant"], "instant"), Column(words["after"], "seconds"), Column(words["event"]),
               Column(words["member"]), Column(words["detail"])]  # fmt: skip
    lines = []
    for one in found.life:
        name = words.dimension("member", one.member_id, view.brand) if one.member_id else None
        detail = words.value(one.detail) if one.detail else None
        if one.amount is not None:
            detail = f"{one.entity_id}, {words.say(Decimal(str(one.amount)), 'amount', view.brand.currency)}"
        after = Decimal(str((one.at - found.requested_at).total_seconds()))
        href = one.member_id and view.filters.url(f"/member/{one.member_id}")
        lines.append(
            [Cell(one.at), Cell(after), Cell(words[f"event_{one.event}"]), Cell(name, href=href), Cell(detail)]
        )
    said = {
        "visitor": found.visitor_id,
        "member": words.dimension("member", found.member_id, view.brand) if found.member_id else None,
        "source": words.value(found.source),
        "channel": words.value(found.channel) if found.channel else None,
        "by_inbox_head": found.inbox,
        "medium": words.value(found.medium) if found.medium else None,
        "page_url": found.page_url,
    }
    return visit.render(
        "conversation.html", title=words["conversation_title"].format(conversation_id), found=found,
        facts={words[name]: value for name, value in said.items() if value},
        table=visit.keep(Table("life", words["timeline"], columns, lines)),
    )  # fmt: skip


def number(visit: Visit) -> Response:
    """A number's page: what it means, how settled it gets, what moved, by dimension, and its SQL."""
    view, words = visit.view, visit.view.words
    known = _indicator(visit)
    elements = [Element(kind_of(known), (known.ref,))] if kind_of(known) != "live" else []
    by = [name for name in known.dimensions if name in (*known.filters, *known.breakdowns)]
    parts = [Element("parts", (known.ref,), name) for name in by] if elements and kind_of(known) == "card" else []
    trend = [Element("line", (known.ref,))] if kind_of(known) == "card" and "dates" not in known.ignores else []
    drawn = visit.drawn(elements)
    drawn_trend, drawn_parts = visit.drawn(trend), visit.drawn(parts)
    found = visit.ask([*drawn, *drawn_trend, *drawn_parts])
    settling = indicator.settling(visit.connection, view.brand.brand_id, known.ref)
    moves = indicator.moves(visit.connection, view.brand.brand_id, known.ref)
    total = found.total(Asked(known.ref)) if elements else None
    return visit.render(
        "number.html",
        title=known.names[words.language],
        indicator=known,
        elements=[visit.show(one, found) for one in drawn],
        trend=[visit.show(one, found) for one in drawn_trend],
        parts=[visit.show(one, found) for one in drawn_parts],
        formula=_formula(view, known),
        anchor=_anchor(view, known),
        settling=_settling(visit, known, settling),
        moves=visit.keep(_moves(view, known, moves)),
        notes=notes(total, known, view),
        takes=", ".join([words["takes_time"], *(words[f"by_{name}_head"].lower() for name in known.filters)]),
        sql=report.as_sql(view.filters.question([known.ref])),
    )


def _indicator(visit: Visit) -> Indicator:
    known = visit.view.catalogue.indicators.get(visit.request.path_params["ref"])
    if known is None:
        raise HTTPException(404)
    return known


def _formula(view: View, known: Indicator) -> str | None:
    """In words: what is counted, and of a rate what it is divided by; each part by the indicator that it is, where one
    of the catalogue is just that part."""
    words = view.words

    def part(measure: Any) -> str:
        for one in view.catalogue.computed:
            alone = one.numerator if one.kind == "count" and not one.bins else None
            if alone and one.ref != known.ref and (alone.of, alone.where, alone.value) == (
                measure.of, measure.where, measure.value,
            ):  # fmt: skip
                return f"{one.names[words.language]} ({one.ref})"
        return words[f"entity_{view.catalogue.relations[measure.of].entity}"].lower()

    if known.median:
        return words["formula_median"].format(part(known.median))
    if known.numerator is None:
        return None
    if known.bins:
        return words["formula_bins"].format(part(known.numerator))
    if known.denominator is None:
        return words["formula_sum" if known.numerator.value else "formula_count"].format(part(known.numerator))
    if known.numerator.value and known.numerator.of == known.denominator.of and not known.denominator.value:
        return words["formula_average"].format(part(known.denominator))
    if known.numerator.of == known.denominator.of and not known.denominator.where:
        return words["formula_share"].format(part(known.denominator))
    return words["formula_ratio"].format(part(known.numerator), part(known.denominator))


def _anchor(view: View, known: Indicator) -> str | None:
    """The instant by which it counts, as marts call it."""
    parts = [m for m in (known.numerator, known.denominator, known.median) if m]
    anchors = {view.catalogue.relations[part.of].anchor.removeprefix("f.") for part in parts} - {""}
    if not anchors:
        return None
    return anchors.pop() if len(anchors) == 1 else view.words["several_instants"]


def _settling(visit: Visit, known: Indicator, settling: list[indicator.Settled]) -> dict[str, Any] | None:
    """The settling curve as a line with its numbers."""
    if not settling:
        return None
    words = visit.view.words
    columns = [Column(words["settling_days"], "count"), Column(words["settling_share"], "ratio"),
               Column(words["settling_lowest"], "ratio"), Column(words["settling_highest"], "ratio"),
               Column(words["settling_seen"], "count")]  # fmt: skip
    lines = [
        [Cell(s.days_after_end), Cell(s.settled_share), Cell(s.lowest_share), Cell(s.highest_share),
         Cell(s.periods_seen)] for s in settling
    ]  # fmt: skip
    table = visit.keep(Table("settling", words["settling"], columns, lines))
    series = [
        {
            "name": column.name,
            "values": [None if row[place].value is None else float(row[place].value) for row in lines],
            "says": [words.say(row[place].value, "ratio") for row in lines],
            "links": [None for _ in lines],
        }
        for place, column in list(enumerate(columns))[1:4]
    ]
    chart = {"kind": "line", "title": table.title, "unit": "ratio", "name": table.name, "series": series,
             "labels": [words.say(row[0].value, "count") for row in lines]}  # fmt: skip
    return {"kind": "line", "title": table.title, "table": table, "chart": chart, "notes": [], "ref": known.ref,
            "is_number": False, "about": None}  # fmt: skip


def _moves(view: View, known: Indicator, moves: list[indicator.Move]) -> Table:
    words = view.words
    columns = [Column(words["period"]), Column(words["class"]), Column(words["before"], known.unit),
               Column(words["value"], known.unit), Column(words["cause"]), Column(words["published_head"], "instant"),
               Column(words["generation"], "count")]  # fmt: skip
    lines = [
        [Cell(_period(words, m.grain, m.period_start)), Cell(words.value(m.bin) or None), Cell(m.previous_value),
         Cell(m.value), Cell(words.value(m.cause)), Cell(m.published_at), Cell(m.generation)]
        for m in moves
    ]  # fmt: skip
    return Table("history", words["history"], columns, lines)


def _period(words: Words, grain: str, start: date) -> str:
    """A period of a grain as people name it."""
    match grain:
        case "day":
            return words.day(start)
        case "week":
            return f"{words['by_week_head']} {words.day(start)}"
        case "month":
            return words.dimension("month", start.isoformat())
        case "quarter":
            return f"{start.year} Q{(start.month + 2) // 3}"
        case _:
            return str(start.year)


# --- live and quality -------------------------------------------------------------------------------------------------


def live_page(visit: Visit) -> Response:
    """This moment and today so far; the fragment is what the page fetches anew."""
    view, words = visit.view, visit.view.words
    chosen = view.filters.lists
    asked = live.Asked(
        view.brand.brand_id,
        tuple(chosen["member"]) if chosen.get("member") else None,
        tuple(chosen["role"]) if chosen.get("role") else None,
    )
    context: dict[str, Any] = {"reading": None, "failure": None, "cards": {}, "table": None}
    try:
        reading = live.reading(visit.site.settings, asked)
    except (live.LiveError, SourcesError) as error:
        context["failure"] = words["live_failed"].format(error)
    else:
        context |= {"reading": reading, "cards": _live_cards(view, reading)}
        context["table"] = visit.keep(_live_members(view, reading))
        local = words.instant(reading.read_at, reading.timezone, seconds=True)
        context["read"] = words["live_read"].format(local)
        is_chat = reading.origin == "chat database"
        context["origin"] = (
            words["live_fresh"] if is_chat else words["live_old"].format(words.seconds(reading.age_seconds()))
        )
    template = "live_reading.html" if visit.request.query_params.get("fragment") else "live.html"
    fragment = view.filters.url("/live", fragment="1")
    return visit.render(template, title=words["live"], fragment=fragment, **context)


def _live_cards(view: View, reading: live.Reading) -> dict[str, list[dict[str, str]]]:
    known = view.catalogue.indicators
    cards: dict[str, list[dict[str, str]]] = {"live_moment": [], "live_today": []}
    for ref, value in reading.figures.items():
        said = view.words.say(value, known[ref].unit, reading.currency)
        where = "live_moment" if ref.startswith("Live-") else "live_today"
        card = {"name": view.name(ref), "value": said, "ref": ref, "about": view.filters.url(f"/number/{ref}")}
        card["state"] = say_state({"missing": reading.missing.get(ref)}, view.words.language)
        cards[where].append(card)
    return cards


def _live_members(view: View, reading: live.Reading) -> Table:
    words = view.words
    columns = [Column(words["member"]), Column(words["last_active"], "instant")]
    columns += [Column(view.name(ref), view.unit(ref)) for ref in live.LIST]
    lines = [
        [Cell(one.name or one.member_id, href=view.filters.url(f"/member/{one.member_id}")), Cell(one.last_active_at),
         *(Cell(one.figures[ref]) for ref in live.LIST)]
        for one in reading.members
    ]  # fmt: skip
    return Table("live-members", view.name("Day-List-1"), columns, lines)


def quality_page(visit: Visit) -> Response:
    """Freshness, feeds, checks, quarantine, and what moved."""
    brand, words = visit.view.brand, visit.view.words
    judged = quality.checks(visit.connection, brand.brand_id)
    failed = [check for check in judged if not check.passed]
    checks = visit.keep(_checks(visit, judged))
    return visit.render(
        "quality.html",
        title=words["quality"],
        judged=judged,
        failed=failed,
        # Those that did not pass come first; the file has all of them.
        failing=replace(checks, rows=checks.rows[: len(failed)]),
        passing=replace(checks, rows=checks.rows[len(failed) :]),
        feeds=visit.keep(_feeds(visit)),
        held=visit.keep(_held(visit)),
        broken=visit.keep(_broken(visit)),
        moved=visit.keep(_moved(visit)),
    )


def _feeds(visit: Visit) -> Table:
    words = visit.view.words
    columns = [Column(words["dataset"]), Column(words["newest_day"], "date"), Column(words["days_loaded"], "count"),
               Column(words["rows_loaded"], "count"), Column(words["rows_rejected"], "count"),
               Column(words["rows_waiting"], "count")]  # fmt: skip
    lines = [
        [Cell(words.dataset(f.dataset)), Cell(f.last_day), Cell(f.days), Cell(f.rows_loaded), Cell(f.rejected),
         Cell(f.waiting)]
        for f in quality.feeds(visit.connection, visit.view.brand.brand_id)
    ]  # fmt: skip
    return Table("feeds", words["feeds"], columns, lines)


def _held(visit: Visit) -> Table:
    words = visit.view.words
    columns = [Column(words["dataset"]), Column(words["extract"], "date"), Column(words["rows_rejected"], "count"),
               Column(words["rows_waiting"], "count"), Column(words["detail"])]  # fmt: skip
    lines = [
        [Cell(words.dataset(h.dataset)), Cell(h.extract_day), Cell(h.rejected), Cell(h.waiting),
         Cell("; ".join(words.told(one["sentence"], one["text"]) for one in h.reasons))]
        for h in quality.held_rows(visit.connection, visit.view.brand.brand_id)
    ]  # fmt: skip
    return Table("quarantine", words["quarantine"], columns, lines)


def _broken(visit: Visit) -> Table:
    words = visit.view.words
    columns = [Column(words["dataset"]), Column(words["extract"], "date"), Column(words["rule"]),
               Column(words["column"]), Column(words["rows"], "count"), Column(words["first_lines"])]  # fmt: skip
    lines = [
        [Cell(words.dataset(b.dataset)), Cell(b.extract_day), Cell(words.rule(b.rule)), Cell(b.column_name),
         Cell(b.rows), Cell(", ".join(b.first_lines))]
        for b in quality.broken_rules(visit.connection, visit.view.brand.brand_id)
    ]  # fmt: skip
    return Table("broken-rules", words["broken_rules"], columns, lines)


def _checks(visit: Visit, judged: list[quality.Check]) -> Table:
    words = visit.view.words
    columns = [Column(words["dataset"]), Column(words["check"]), Column(words["result"]), Column(words["observed"]),
               Column(words["expected"]), Column(words["checked_at"], "instant")]  # fmt: skip

    def result(check: quality.Check) -> str:
        if check.passed is None:
            return words["not_judged"]
        return words["passed" if check.passed else "warned" if check.severity == "warn" else "failed"]

    def observed(check: quality.Check) -> str | None:
        if check.passed and check.check_name != ACCEPTED:
            return words["as_expected"]
        return words.told(check.observed_sentence, check.observed)

    lines = [
        [Cell(words.dataset(c.table_name)), Cell(words.check(c.check_name, c.table_name)), Cell(result(c)),
         Cell(observed(c)), Cell(words.told(c.expected_sentence, c.expected)), Cell(c.checked_at)]
        for c in judged
    ]  # fmt: skip
    return Table("checks", words["checks"], columns, lines)


def _moved(visit: Visit) -> Table:
    words = visit.view.words
    columns = [Column(words["published_head"], "instant"), Column(words["generation"], "count"), Column(words["cause"]),
               Column(words["values_moved"], "count"), Column(words["indicators_moved"], "count"),
               Column(words["first_period"], "date"), Column(words["last_period"], "date")]  # fmt: skip
    lines = [
        [Cell(m.published_at), Cell(m.generation), Cell(words.value(m.cause)), Cell(m.moved), Cell(m.indicators),
         Cell(m.first_period), Cell(m.last_period)]
        for m in quality.moved(visit.connection, visit.view.brand.brand_id)
    ]  # fmt: skip
    return Table("moved", words["restatements"], columns, lines)


# --- saved views ------------------------------------------------------------------------------------------------------


def _views(site: Site) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        """Keeps or forgets a view, then goes back to it."""
        said = dict(parse_qsl((await request.body()).decode(errors="replace")))
        if forgotten := said.get("forget"):
            site.views(viewer_of(request)).forget(forgotten)
        else:
            site.views(viewer_of(request)).save(said.get("name", ""), said.get("address", ""))
        back = said.get("address", "/overview")
        is_own = back.startswith("/") and not back.startswith(("//", "/\\"))
        return RedirectResponse(back if is_own else "/overview", status_code=303)

    return endpoint


__all__ = ["create", "formats"]
