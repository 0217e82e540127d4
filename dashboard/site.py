"""One visit of a page: a reader's connection that sees one publication, the view that the URL asks for, and the page.

Not here: what each page shows (app.py), who may come in (access.py).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
import psycopg
from psycopg import IsolationLevel
from psycopg_pool import ConnectionPool, PoolTimeout
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dashboard import answers, filters, pages, tables, words
from dashboard.answers import Answers, Kept
from dashboard.elements import Drawn, Element, View
from dashboard.saved_views import SavedViews
from dashboard.sign_in import Viewer, viewer_of
from dashboard.tables import Table
from orchestration.catalogue import catalogue
from orchestration.catalogue.model import LANGUAGES
from orchestration.readers import brand as brands
from orchestration.readers import brand_roles
from orchestration.readers.brand import Brand
from orchestration.readers.brand_roles import BrandRole
from orchestration.readers.report import ReportError
from orchestration.settings import Settings

FOLDER = Path(__file__).parent
CONNECTIONS = 4
WAIT_SECONDS = 15
# How long the roles of brands are taken to be those that they were, and how long also where one is asked for in vain.
ROLES_SECONDS, ROLES_SECONDS_AT_LEAST = 60, 5
NOT_OF_A_VIEW = ("table", "as", "offset", "bin", "fragment")


def pool(url: str) -> ConnectionPool[psycopg.Connection[Any]]:
    """Connections of a reader's login. Each visit is one read-only transaction, and so sees one publication."""

    def configure(connection: psycopg.Connection[Any]) -> None:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True

    return ConnectionPool(
        url, min_size=0, max_size=CONNECTIONS, timeout=WAIT_SECONDS, configure=configure, open=True,
        check=ConnectionPool.check_connection,
        kwargs={"application_name": "causerie screens", "options": "-c timezone=UTC -c jit=off"},
    )  # fmt: skip


class NoBrandError(ReportError):
    """Somebody who has signed in may see no brand that is published; the message names the person."""


class Site:
    """What all visits share."""

    def __init__(self, settings: Settings, reader_url: str) -> None:
        self.settings = settings
        self.pool = pool(reader_url)
        self.kept = Kept()
        self.pages = pages.load()
        self._brands: dict[tuple[int, str], Brand] = {}
        self._roles: dict[str, BrandRole] = {}
        self._roles_read = float("-inf")
        self._lock = Lock()
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER / "templates"), undefined=jinja2.StrictUndefined, autoescape=True,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip

    def close(self) -> None:
        self.pool.close()

    @contextmanager
    def visit(self, request: Request) -> Iterator[Visit]:
        """Raises FilterError, ReportError, and psycopg's errors where the database does not answer."""
        language = language_of(request)
        viewer, named = viewer_of(request), request.query_params.get("brand") or None
        with self.pool.connection() as connection:
            own = self._become(connection, viewer, named) if viewer else {}
            brand = self._brand(connection, named)
            if viewer:
                brand = replace(brand, brands=own)
            view = View(
                brand, filters.read(request.query_params.multi_items(), brand, language), words.load(language),
                catalogue.load(),
            )  # fmt: skip
            yield Visit(self, request, connection, view)

    def views(self, viewer: Viewer | None) -> SavedViews:
        """The views that somebody has named; without logins, those of everybody."""
        folder = self.settings.home / "dashboard"
        if viewer is None:
            return SavedViews(folder / "views.json")
        return SavedViews(folder / f"views-{hashlib.sha256(viewer.subject.encode()).hexdigest()[:32]}.json")

    def _become(self, connection: psycopg.Connection[Any], viewer: Viewer, named: str | None) -> dict[str, str]:
        """See what the named brand's role sees, or that of the viewer's first one, for this visit. Returns the names of
        the viewer's brands by id. Raises ReportError: a brand of others is as unknown as one that nobody has."""
        roles = self._reachable(connection, named)
        own = {brand_id: role for brand_id, role in sorted(roles.items()) if viewer.may_see(brand_id)}
        if named is not None and named not in own:
            raise ReportError(f"unknown brand {named!r}")
        if not own:
            raise NoBrandError(viewer.name)
        brand_roles.become(connection, own[named or next(iter(own))].role)
        return {brand_id: role.name for brand_id, role in own.items()}

    def _reachable(self, connection: psycopg.Connection[Any], named: str | None) -> dict[str, BrandRole]:
        """The roles of all brands, read anew once a minute and where a brand is named that is not among them."""
        with self._lock:
            known, age = self._roles, time.monotonic() - self._roles_read
        if age < ROLES_SECONDS and (named is None or named in known or age < ROLES_SECONDS_AT_LEAST):
            return known
        fresh = brand_roles.reachable(connection)
        with self._lock:
            self._roles, self._roles_read = fresh, time.monotonic()
        return fresh

    def _brand(self, connection: psycopg.Connection[Any], brand_id: str | None) -> Brand:
        found = brands.about(connection, brand_id, self._brands)
        with self._lock:
            if (found.generation, found.brand_id) not in self._brands:
                # What older publications showed is nobody's to ask for any more.
                self._brands = {key: kept for key, kept in self._brands.items() if key[0] == found.generation}
                self._brands[found.generation, found.brand_id] = found
        return found

    def page(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        return HTMLResponse(self.templates.get_template(template).render(**context), status)

    def problem(
        self, request: Request, status: int, message: str, title: str = "error", onward: str = "back"
    ) -> HTMLResponse:
        """A page that says what is wrong, for a person, where no brand may be known; `title` and `onward` are keys of
        the words over the message and of the way on from it."""
        said = words.load(language_of(request))
        return self.page(
            "problem.html", status, t=said, message=message, title=said[title], onward=said[onward],
            languages=LANGUAGES,
        )  # fmt: skip


def language_of(request: Request) -> str:
    """The language that the address names, else the first of the browser's that there is, else English."""
    named = request.query_params.get("lang")
    if named and named in LANGUAGES:
        return named
    for wanted in request.headers.get("accept-language", "").split(","):
        if (language := wanted.split(";")[0].strip()[:2].lower()) in LANGUAGES:
            return language
    return LANGUAGES[0]


@dataclass
class Visit:
    """A request with its view."""

    site: Site
    request: Request
    connection: psycopg.Connection[Any]
    view: View
    tables: list[Table] = field(default_factory=list)

    def drawn(self, elements: Iterable[Element]) -> list[Drawn]:
        return [Drawn(element, self.view) for element in elements]

    def ask(self, drawn: Iterable[Drawn]) -> Answers:
        """The answers to all that these elements need: one statement for numbers, one for lists."""
        drawn = list(drawn)
        asked = dict.fromkeys(one for element in drawn for one in element.asks())
        lists = dict.fromkeys(element.indicator.ref for element in drawn if element.element.kind == "list")
        return answers.ask(self.connection, self.site.kept, self.view.brand, self.view.filters, asked, lists)

    def show(self, drawn: Drawn, found: Answers) -> dict[str, Any]:
        """An element for the templates: its card, or its chart and table."""
        if drawn.element.kind == "card":
            return {"kind": "card", **drawn.card(found)}
        table = self.keep(drawn.table(found))
        return {
            "kind": drawn.element.kind, "title": drawn.title, "table": table, "chart": drawn.chart(table),
            "notes": drawn.notes(found), "ref": drawn.indicator.ref, "is_number": drawn.element.kind != "funnel",
            "about": self.view.filters.url(f"/number/{drawn.indicator.ref}"),
        }  # fmt: skip

    def sections(self, sections: Sequence[pages.Section]) -> list[dict[str, Any]]:
        """Sections of elements, asked together."""
        drawn = [self.drawn(section.elements) for section in sections]
        found = self.ask(element for some in drawn for element in some)
        shown = []
        for number, (section, some) in enumerate(zip(sections, drawn, strict=True)):
            language = self.view.words.language
            title = section.names[language] if section.names else self.view.words[section.word or "figures"]
            cards = [element for element in some if element.element.kind == "card"]
            if cards:
                self.cards_table(f"cards-{number}", title, cards, found)
            shown.append({"title": title, "cards": f"cards-{number}" if cards else None,
                          "elements": [self.show(element, found) for element in some]})  # fmt: skip
        return shown

    def cards_table(self, name: str, title: str, cards: Sequence[Drawn], found: Answers) -> Table:
        """The cards of a section as one table."""
        each = [card.table(found) for card in cards]
        return self.keep(Table(name, title, each[0].columns, [table.rows[0] for table in each]))

    def keep(self, table: Table) -> Table:
        """A table that the page shows and gives as a file."""
        self.tables.append(table)
        return table

    def export(self, table: str, form: str) -> str:
        """The address of one of this page's tables as a file."""
        said = [(name, value) for name, value in self.request.query_params.multi_items() if name not in ("table", "as")]
        return f"{quote(self.request.url.path)}?{urlencode([*said, ('table', table), ('as', form)])}"

    def render(self, template: str, **context: Any) -> Response:
        """The page, or the one of its tables that the address asks for as a file."""
        form, name = self.request.query_params.get("as"), self.request.query_params.get("table")
        if form in ("csv", "xlsx") and name:
            return self._file(name, form)
        view, viewer = self.view, viewer_of(self.request)
        path = self.request.url.path
        return self.site.page(
            template, t=view.words, view=view, visit=self, brand=view.brand, filters=view.filters, path=path,
            pages=self.site.pages, languages=LANGUAGES, choices=filters.known_lists(view.brand),
            presets=filters.PRESETS, comparisons=filters.COMPARISONS, grains=filters.GRAINS,
            saved=self.site.views(viewer).all(), viewer=viewer, here=f"{path}?{urlencode(self.own_pairs())}",
            is_stale=filters.is_stale(view.brand), **context,
        )  # fmt: skip

    def in_language(self, language: str) -> str:
        """This page's query in another language."""
        return urlencode([(n, v) for n, v in self.own_pairs() if n != "lang"] + [("lang", language)])

    def own_pairs(self) -> list[tuple[str, str]]:
        """The query of this page as a view of it is saved."""
        return [(n, v) for n, v in self.request.query_params.multi_items() if n not in NOT_OF_A_VIEW]

    def _file(self, name: str, form: str) -> Response:
        table = next((table for table in self.tables if table.name == name), None)
        if table is None:
            return self.site.problem(self.request, 404, self.view.words["error_unknown_row"].format(name))
        brand = self.view.brand
        if form == "csv":
            content, kind = tables.as_csv(table, self.view.words.language, brand.timezone), "text/csv; charset=utf-8"
        else:
            content = tables.as_workbook(table, brand.currency, brand.timezone)
            kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        first, last = self.view.filters.span
        file = f"{brand.brand_id}-{table.name}-{first}-{last}.{form}"
        safe = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "_" for sign in file)
        return Response(content, media_type=kind, headers={"content-disposition": f'attachment; filename="{safe}"'})


__all__ = ["NoBrandError", "PoolTimeout", "Site", "Visit", "language_of"]
