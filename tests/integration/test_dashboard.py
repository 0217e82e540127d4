"""The screens against the SQL that they stand for: random brands, random filters, real pages and files.

Not here: a browser (test_dashboard_browser.py), what the numbers should be (test_indicators_exact.py).
"""

from __future__ import annotations

import csv
import email
import io
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, ClassVar
from urllib.parse import urlencode

import psycopg
import pytest
from asking import report
from brute.brands import question
from little_mart import role_url
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool
from starlette.applications import Starlette
from starlette.testclient import TestClient
from town import SEED, Town

from dashboard import access, digest, elements, pages, site
from dashboard.app import create
from expectations import feeds
from expectations.findings import Finding
from orchestration.assets.checks import record
from orchestration.catalogue import catalogue
from orchestration.catalogue.model import LANGUAGES
from orchestration.marts.access import READER
from orchestration.readers import targets
from orchestration.readers.ledger import WaitingBrand
from orchestration.readers.report import period_of
from orchestration.sentences import Sentence, as_json
from orchestration.settings import Settings
from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.listing import Aside
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.check_file import OneFile

pytestmark = pytest.mark.xdist_group("town")
NAMES = {"sources": "source", "channels": "channel", "roles": "role", "members": "member", "weekdays": "weekday"}
QUESTIONS = 6


class Counted(psycopg.Cursor[Any]):
    """Counts the statements of all cursors."""

    statements = 0

    def execute(self, *args: Any, **options: Any) -> Any:
        Counted.statements += 1
        return super().execute(*args, **options)


@pytest.fixture(scope="module")
def connection(town: Town) -> Iterator[psycopg.Connection[Any]]:
    with town.night.connect() as opened:
        yield opened


@pytest.fixture(scope="module")
def screens(town: Town, connection: psycopg.Connection[Any], tmp_path_factory: pytest.TempPathFactory) -> Starlette:
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path_factory.mktemp("screens"))})
    return create(settings, role_url(connection, town.night.url, READER))


@pytest.fixture(scope="module")
def client(screens: Starlette) -> Iterator[TestClient]:
    with TestClient(screens, base_url="http://127.0.0.1", headers={"origin": "http://127.0.0.1"}) as opened:
        yield opened


def asked(town: Town, connection: psycopg.Connection[Any], seed: int) -> tuple[str, dict[str, Any]]:
    """A random brand, and a question that the screens can ask: of members that are known, as of no earlier instant."""
    rng = Random(f"{SEED} screens {seed}")
    brand = rng.choice(town.brands)
    said = question(rng, brand) | {"as_of": None}
    known = {
        row[0]
        for row in connection.execute("select member_id from marts.dim_member where brand_id = %s", [brand.brand_id])
    }
    said["members"] = [member for member in said["members"] or () if member in known] or None
    return brand.brand_id, said


def address(path: str, brand: str, said: dict[str, Any], **more: str) -> str:
    query = [("brand", brand), ("lang", "en"), ("from", said["date_from"]), ("to", said["date_to"]), *more.items()]
    query += [(name, value) for key, name in NAMES.items() for value in said[key] or ()]
    query += [(name, said[name].isoformat()) for name in ("time_from", "time_to") if said[name]]
    return f"{path}?{urlencode(query)}"


def table(client: TestClient, page: str, name: str) -> list[list[str]]:
    """The rows of one of a page's tables, by its CSV file; the heading left out."""
    answer = client.get(f"{page}&{urlencode({'table': name, 'as': 'csv'})}")
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))[1:]


def number(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def filters(said: dict[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in (*NAMES, "time_from", "time_to")}


@pytest.mark.parametrize("seed", range(QUESTIONS))
def test_cards_say_what_the_report_answers(
    town: Town, connection: psycopg.Connection[Any], client: TestClient, seed: int
) -> None:
    brand, said = asked(town, connection, seed)
    first, last = said["date_from"], said["date_to"]
    area = Random(seed).choice(list(pages.load().areas))
    section = pages.load().areas[area][0]
    refs = [one.refs[0] for one in section.elements if one.kind == "card"]
    assert refs, f"{area} has no card"
    now = {a.ref: a for a in report(connection, brand, first, last, refs=refs, **filters(said))}
    days = (last - first).days + 1
    before_span = first - timedelta(days=days), first - timedelta(days=1)
    before = {a.ref: a for a in report(connection, brand, *before_span, refs=refs, **filters(said))}
    shown = table(client, address(f"/area/{area}", brand, said), "cards-0")
    assert [(number(value), number(earlier)) for _, value, earlier in shown] == [
        (now[ref].value, before[ref].value) for ref in refs
    ]


@pytest.mark.parametrize("grain", ["day", "week", "month"])
@pytest.mark.parametrize("seed", range(QUESTIONS, QUESTIONS + 2))
def test_lines_say_what_the_report_answers_by_day(
    town: Town, connection: psycopg.Connection[Any], client: TestClient, seed: int, grain: str
) -> None:
    brand, said = asked(town, connection, seed)
    span = said["date_from"], said["date_to"]
    refs = ["Chat-Card-20", "Chat-Card-10"]
    told = report(connection, brand, *span, refs=refs, breakdown=[grain], **filters(said))
    wanted = {(a.bucket[0], a.ref): a.value for a in told if a.bucket}
    shown = table(client, address("/area/conversations", brand, said, grain=grain), "Chat-Line-3")
    starts = sorted({start for start, _ in wanted})
    assert [[number(cell) for cell in row[1:]] for row in shown] == [
        [wanted[start, ref] for ref in refs] for start in starts
    ]


def test_whole_past_days_come_from_the_periods_and_say_the_same(
    town: Town, connection: psycopg.Connection[Any], client: TestClient
) -> None:
    for brand in town.brands[:5]:
        first = brand.around - timedelta(days=3)
        said = question(Random(1), brand) | dict.fromkeys((*NAMES, "time_from", "time_to"))
        said |= {"date_from": first, "date_to": first + timedelta(days=9)}
        refs = ["Chat-Card-11", "Chat-Card-12"]
        told = report(connection, brand.brand_id, first, first + timedelta(days=9), refs=refs, breakdown=["day"])
        wanted = {(a.bucket[0], a.ref): a.value for a in told if a.bucket}
        shown = table(client, address("/area/conversations", brand.brand_id, said), "Chat-Line-5")
        days = [(first + timedelta(days=n)).isoformat() for n in range(10)]
        assert [[number(cell) for cell in row[1:]] for row in shown] == [[wanted[d, ref] for ref in refs] for d in days]


def test_histograms_and_the_rows_behind_a_class(
    town: Town, connection: psycopg.Connection[Any], client: TestClient
) -> None:
    brand, said = asked(town, connection, 77)
    said |= {"date_from": said["date_from"] - timedelta(days=30), "sources": None, "members": None, "roles": None}
    told = report(connection, brand, said["date_from"], said["date_to"], refs=["Chat-Bar-11"], **filters(said))
    page = address("/area/conversations", brand, said)
    shown = table(client, page, "Chat-Bar-11")
    assert [number(row[1]) for row in shown] == [answer.value for answer in told]
    for answer in told:
        rows = table(client, address("/rows/Chat-Bar-11", brand, said, bin=str(answer.bin)), "rows")
        assert len(rows) == answer.value


@pytest.mark.parametrize("ref", ["Chat-Card-12", "Chat-Card-80", "Chat-Card-60", "One-Card-24", "Engt-Card-2"])
def test_rows_give_their_number_back(
    town: Town, connection: psycopg.Connection[Any], client: TestClient, ref: str
) -> None:
    brand, said = asked(town, connection, 5)
    said |= dict.fromkeys((*NAMES, "time_from", "time_to"))
    said["date_from"] -= timedelta(days=60)
    answer = report(connection, brand, said["date_from"], said["date_to"], refs=[ref])[0]
    answer_page = client.get(f"{address(f'/rows/{ref}', brand, said)}&table=rows&as=csv")
    lines = list(csv.DictReader(io.StringIO(answer_page.content.decode("utf-8-sig"))))
    added = sum((Decimal(line["Adds"]) for line in lines if line["Adds"]), Decimal(0))
    assert added == (answer.numerator or 0)


def test_every_page_in_every_language(town: Town, client: TestClient) -> None:
    brand = town.brands[0].brand_id
    held = pages.load()
    paths = ["overview", "members", "quality", *(f"area/{area}" for area in held.areas)]
    paths += [f"dashboard/{name}" for name in held.dashboards]
    # Each page in one of them, each of them on many pages: what a language lacks, no page can show (words.py).
    for number, path in enumerate([*paths, "overview", "overview"]):
        language = LANGUAGES[number % len(LANGUAGES)]
        answer = client.get(f"/{path}?brand={brand}&lang={language}")
        assert answer.status_code == 200, (path, language)
        assert f'<html lang="{language}">' in answer.text
        # It may be asked for by that name; a reader is told it in words.
        assert "(none)" not in answer.text.replace('value="(none)"', "")


def test_findings_and_refusals_are_told_in_the_readers_language(
    town: Town, client: TestClient, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """Guards and a reader of files that met real offenders; and what an earlier version wrote, as text alone."""
    file = tmp_path / "part-0.jsonl"
    file.write_text('{"brand_id": "b", "message_id', encoding="utf-8")
    with pytest.raises(Refusal) as refused:
        list(OneFile(DATASETS["messages"], str(file)).read(date(2026, 3, 1)).batches)
    reason = refused.value.reason
    record(
        connection,
        "words",
        [
            *feeds.judge_freshness(date(2026, 3, 10), datetime(2026, 3, 14, 9, tzinfo=UTC)),
            *feeds.judge_places([Aside("mesages", Sentence("aside_misspelt", name="messages"))]),
            *feeds.judge_waiting([WaitingBrand("ghost", {"messages": 1234})]),
            Finding("access", "marts", True, False, "a grant to somebody", "each brand reads its own rows only"),
        ],
    )
    connection.execute(
        "insert into marts.load_ledger (brand_id, load_id, dataset, extract_day, outcome, reason, sentence, started_at)"
        " values ('', -1, 'messages', '2026-03-02', 'refused', %s, %s, now()),"
        "  ('', -2, 'messages', '2026-03-01', 'refused', 'as it was written', null, now())",
        [str(reason), Jsonb(as_json(reason))],
    )
    connection.commit()
    told: dict[str, list[list[str]]] = {}
    try:
        page = f"/quality?brand={town.brands[0].brand_id}"
        for language in LANGUAGES:
            told[language] = [
                [
                    cell
                    for line in csv.reader(io.StringIO(file.content.decode("utf-8-sig")), delimiter=mark)
                    for cell in line
                ]
                for name in ("checks", "quarantine")
                for file in [client.get(f"{page}&lang={language}&table={name}&as=csv")]
                for mark in ["," if language == "en" else ";"]
            ]
    finally:
        connection.execute("delete from marts.data_quality where run_id = 'words'")
        connection.execute("delete from marts.load_ledger where load_id < 0")
        connection.commit()
    wanted = {
        "en": ("the newest complete extract day is Mar 10, 2026", "the extract day Mar 13, 2026 complete",
               "mesages: no dataset is called so: messages?", "ghost: messages 1,234 rows",
               "part-0.jsonl: line 1, the last, is cut off: the file is not whole"),
        "fr": ("le dernier jour d'extrait complet est le 10 mars 2026", "le jour d'extrait 13 mars 2026 complet",
               "mesages : aucune donnée ne s'appelle ainsi : messages ?", "ghost : messages 1\u202f234 lignes",
               "part-0.jsonl : ligne 1, la dernière, est coupée : le fichier n'est pas entier"),
        "es": ("el último día de extracto completo es el 10 mar 2026", "el día de extracto 13 mar 2026 completo",
               "mesages: ningunos datos se llaman así: ¿messages?", "ghost: messages 1.234 filas",
               "part-0.jsonl: línea 1, la última, está cortada: el archivo no está entero"),
    }  # fmt: skip
    for language in LANGUAGES:
        checks, refusals = told[language]
        assert set(wanted[language][:4]) - set(checks) == set(), language
        assert any(cell.endswith(wanted[language][4]) for cell in refusals), language
        assert {"a grant to somebody", "each brand reads its own rows only"} <= set(checks)
        assert "as it was written" in refusals


def test_every_indicator_has_its_page(town: Town, client: TestClient) -> None:
    brand = town.brands[1].brand_id
    for ref, indicator in catalogue.load().indicators.items():
        answer = client.get(f"/number/{ref}?brand={brand}&lang=fr")
        assert answer.status_code == 200, ref
        assert ref in answer.text
        if elements.kind_of(indicator) == "card":
            assert "marts.kpi_report" in answer.text


def test_a_page_asks_at_most_three_statements(town: Town, screens: Starlette, client: TestClient) -> None:
    brand = town.brands[2].brand_id
    of_screens = screens.state.site
    with counting(of_screens):
        for path in ("area/conversations", "dashboard/one_to_one", "area/widget"):
            Counted.statements = 0
            assert client.get(f"/{path}?brand={brand}&source=direct").status_code == 200
            assert 1 <= Counted.statements <= 3, path
            Counted.statements = 0
            assert client.get(f"/{path}?brand={brand}&source=direct").status_code == 200
            assert Counted.statements == 1, f"{path} asked again"


@contextmanager
def counting(of_screens: site.Site) -> Iterator[None]:
    """The screens' connections count their statements meanwhile."""
    before = of_screens.pool
    with ConnectionPool(before.conninfo, min_size=1, open=True, kwargs={"cursor_factory": Counted}) as counted:
        of_screens.pool = counted
        try:
            yield
        finally:
            of_screens.pool = before


def test_its_connections_read_only_and_as_a_reader(screens: Starlette) -> None:
    with screens.state.site.pool.connection() as connection:
        row = connection.execute(
            "select current_user, session_user, current_setting('transaction_read_only'), rolsuper"
            " from pg_roles where rolname = session_user"
        ).fetchone()
        assert row == (READER, READER, "on", False)


def test_a_question_that_means_nothing_says_what_is_allowed(town: Town, client: TestClient) -> None:
    answer = client.get(f"/overview?brand={town.brands[0].brand_id}&source=doorbell&lang=fr")
    assert answer.status_code == 400
    assert "doorbell" in answer.text
    assert "waiting_list" in answer.text
    assert client.get("/overview?brand=nobody").status_code == 400
    assert client.get("/area/nothing").status_code == 404
    assert client.get("/rows/Chat-Line-3").status_code == 404


def test_a_database_that_does_not_answer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "WAIT_SECONDS", 1)
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path)})
    with TestClient(create(settings, "postgresql://127.0.0.1:9/none"), base_url="http://127.0.0.1") as client:
        answer = client.get("/overview?lang=es")
    assert answer.status_code == 503
    assert "La base de datos no responde" in answer.text


def test_nothing_is_published_yet(database: str, tmp_path: Path) -> None:
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path)})
    with TestClient(create(settings, database), base_url="http://127.0.0.1") as client:
        answer = client.get("/overview?lang=en")
    assert answer.status_code == 503
    assert "causerie run" in answer.text


def test_security_headers_and_names(client: TestClient) -> None:
    answer = client.get("/quality")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/quality", headers={"host": "evil.example"}).status_code == 421
    for text in (answer.text, client.get("/overview").text):
        assert " style=" not in text
        assert "<script>" not in text
        assert not any(f" on{event}=" in text for event in ("click", "load", "change", "submit"))


def test_only_its_own_forms_change_something(client: TestClient) -> None:
    said = {"name": "Mondays", "address": "/overview?weekday=1"}
    refused = client.post("/views", data=said, headers={"origin": "http://evil.example"})
    assert refused.status_code == 403
    assert client.post("/views", data=said, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert "Mondays" not in client.get("/overview").text


def test_views_are_saved_by_name_and_forgotten(client: TestClient) -> None:
    said = {"name": "  Mondays <b>", "address": "/overview?weekday=1"}
    kept = client.post("/views", data=said, follow_redirects=False)
    assert kept.status_code == 303
    assert kept.headers["location"] == "/overview?weekday=1"
    shown = client.get("/overview").text
    assert "Mondays &lt;b&gt;" in shown
    assert client.post("/views", data={"name": "x", "address": "//evil.example"}).status_code == 400
    assert client.post("/views", data={"name": "y" * 61, "address": "/overview"}).status_code == 400
    client.post("/views", data={"forget": "Mondays <b>", "address": "/overview"})
    assert "Mondays" not in client.get("/overview").text


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "shop.example"])
def test_other_addresses_need_a_login(host: str) -> None:
    with pytest.raises(access.AccessError, match="without a login"):
        access.check_address(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.5"])
def test_this_machine_needs_none(host: str) -> None:
    access.check_address(host)


class MailServer(socketserver.StreamRequestHandler):
    """As little of a mail server as a client needs; keeps what it was sent."""

    mails: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                said = iter(lambda: self.rfile.readline(), b".\r\n")
                MailServer.mails.append(b"".join(said).decode())
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")
            if verb == b"QUIT":
                return


def test_a_week_is_mailed(town: Town, connection: psycopg.Connection[Any]) -> None:
    brand = town.brands[0]
    week = period_of("week", brand.around)
    told = digest.of_week(connection, brand.brand_id, "es", week)
    answer = report(connection, brand.brand_id, *week, refs=["Chat-Card-0"])[0]
    assert f"Solicitudes nuevas: {answer.value}" in told.text
    assert "<script" not in told.html
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"smtp://127.0.0.1:{server.server_address[1]}"
        digest.send(told, digest.Mailbox("a@shop.example", ("b@shop.example", "c@shop.example"), url))
        with pytest.raises(digest.MailError, match="no encryption"):
            digest.send(told, digest.Mailbox("a@shop.example", ("b@shop.example",), url.replace("//", "//a:secret@")))
        server.shutdown()
    (mail,) = MailServer.mails
    read = email.message_from_string(mail)
    assert {part.get_content_type() for part in read.walk()} >= {"text/plain", "text/html"}
    assert read["To"] == "b@shop.example, c@shop.example"


def test_a_target_that_was_missed_is_told_once(town: Town, connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    file = tmp_path / "targets.yml"
    file.write_text("targets: [{ref: Chat-Card-0, period: week, at_least: 1000000}, {ref: Chat-Card-0, period: week, "
                    "at_least: 0}]", encoding="utf-8")  # fmt: skip
    found = targets.missed(connection, targets.read_targets(file))
    over = {
        row[0]
        for row in connection.execute(
            "select distinct brand_id from marts.kpi_published where ref = 'Chat-Card-0' and grain = 'week'"
        )
    }
    assert {one.brand for one in found} == over
    assert len(found) == len(over)
    assert "wanted at least 1,000,000" in str(found[0])


def test_a_mailbox_that_lacks_something_is_refused() -> None:
    assert digest.Mailbox.from_environment({}) is None
    for given in ({"CAUSERIE_SMTP_URL": "http://x"}, {"CAUSERIE_SMTP_URL": "smtp://x:25"}):
        with pytest.raises(digest.MailError, match="CAUSERIE_"):
            digest.Mailbox.from_environment(given)


def test_a_workbook_opens_and_text_is_no_formula() -> None:
    from dashboard.tables import Cell, Column, Table, as_csv, as_workbook

    columns = [Column("=Name"), Column("Value", "amount"), Column("Day", "date")]
    lines = [[Cell("=1+1"), Cell(Decimal("1.5")), Cell(date(2026, 3, 1))], [Cell(None), Cell(None), Cell(None)]]
    held = Table("t", "A title: with [signs]", columns, lines)
    assert as_csv(held, "en", "UTC").decode("utf-8-sig") == "'=Name,Value,Day\r\n'=1+1,1.5,2026-03-01\r\n,,\r\n"
    assert as_csv(held, "fr", "UTC").decode("utf-8-sig").splitlines()[1] == "'=1+1;1,5;2026-03-01"
    assert as_workbook(held, "EUR", "UTC")[:2] == b"PK"
