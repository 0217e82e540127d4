"""REST interfaces landed as files: page by page, past limits, day by day; and what the files come to."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from rest_interfaces import Answer, Asked, Interface, serve
from rich.console import Console

from orchestration.cli import systems
from orchestration.settings import Settings
from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import Counts, load_extract
from orchestration.sources.systems import packages
from orchestration.sources.systems.land import land

FIRST, LAST = date(2026, 3, 9), date(2026, 3, 11)
TOKEN = "shpat_nobody_may_see_this"
BOUNDS = ("updated_at_min", "updated_at_max")


def order(number: int, updated: str, **told: Any) -> dict[str, Any]:
    amount = {"shop_money": {"amount": "2.00", "currency_code": "EUR"}}
    return {
        "id": number, "email": "ada@example.com", "note": "a secret of hers",
        "customer": {"id": 70, "first_name": "Ada"}, "source_name": "web",
        "payment_gateway_names": ["shopify_payments"], "created_at": "2026-03-09T10:00:00+01:00",
        "processed_at": "2026-03-09T10:01:00+01:00", "cancelled_at": None, "updated_at": updated, "currency": "EUR",
        "financial_status": "paid", "total_price": "12.00", "total_tax": "2.00", "total_discounts": "0.00",
        "total_shipping_price_set": amount, "test": False, "refunds": [],
        "line_items": [{"id": 9, "product_id": 5, "title": "Fern", "quantity": 1, "price": "10.00"}], **told,
    }  # fmt: skip


REFUNDS = [
    {"id": 80, "order_id": 2, "processed_at": "2026-03-10T09:00:00Z", "transactions": [
        {"id": 81, "kind": "refund", "status": "success", "amount": "4.00", "currency": "EUR"},
        {"id": 82, "kind": "refund", "status": "failure", "amount": "4.00", "currency": "EUR"}]},
    {"id": 90, "order_id": 2, "processed_at": "2026-03-10T09:30:00Z", "transactions": []},
]  # fmt: skip
LINES = [{"id": 9, "product_id": 5, "title": "Fern", "quantity": 1, "price": "8.00"},
         {"id": 10, "product_id": None, "title": "Gift wrap", "quantity": 1, "price": "2.00"}]  # fmt: skip
ORDERS = [
    order(1, "2026-03-09T09:05:00+00:00"),
    order(2, "2026-03-10T00:30:00+01:00", refunds=REFUNDS, financial_status="partially_refunded"),  # 9 March, in UTC
    order(3, "2026-03-11T12:00:00Z", financial_status="pending", payment_gateway_names=[], line_items=LINES),
    order(4, "2026-03-11T13:00:00Z", test=True),
    order(5, "2026-03-12T00:00:00+00:00"),  # while the others were read
]


@pytest.fixture
def shopify(monkeypatch: pytest.MonkeyPatch) -> Iterator[Interface]:
    """Two orders a page; the next page stands in a header, and no other page may be asked for by it."""

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("x-shopify-access-token") != TOKEN:
            return Answer({"errors": "[API] Invalid API key or access token"}, 401)
        if asked.path == "/admin/api/2025-01/shop.json":
            return Answer({"shop": {"id": 7, "name": "Lumen", "iana_timezone": "Europe/Paris", "currency": "EUR",
                                    "primary_locale": "fr", "updated_at": "2026-03-01T08:00:00Z"}})  # fmt: skip
        assert asked.path == "/admin/api/2025-01/orders.json"
        assert set(asked.query) in ({"page_info", "limit"}, {"status", "limit", "order", *BOUNDS})
        told = asked.query.get("page_info") or "|".join(("0", *(asked.query[name] for name in BOUNDS)))
        page, first, last = told.split("|")
        after = 2 * int(page) + 2
        within = [one for one in ORDERS if first <= one["updated_at"] <= last]
        link = f'<{interface.url}{asked.path}?limit=250&page_info={quote(f"{after // 2}|{first}|{last}")}>; rel="next"'
        return Answer({"orders": within[after - 2 : after]}, headers={"Link": link} if len(within) > after else {})

    with serve(answer) as interface:
        monkeypatch.setenv("SHOPIFY_URL", interface.url)
        monkeypatch.setenv("SHOPIFY_TOKEN", TOKEN)
        yield interface


def files(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_a_shop_is_landed_page_by_page_and_connected(
    shopify: Interface, connection: psycopg.Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAUSERIE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CAUSERIE_HASH_KEY", raising=False)
    shopify.busy = 2
    root = tmp_path / "landed"
    out = Console(record=True, width=200)
    systems.land(out, "shopify", root, FIRST, LAST, LAST)
    assert "Landed: 2026-03-09 to 2026-03-11" in out.export_text()
    assert [asked.path.rpartition("/")[2] for asked in shopify.asked] == ["shop.json"] * 3 + ["orders.json"] * 3
    bounds = {name: shopify.asked[3].query[name] for name in BOUNDS}
    assert bounds == {"updated_at_min": "2026-03-09T00:00:00+00:00", "updated_at_max": "2026-03-12T00:00:00+00:00"}
    written = files(root)
    assert not any(word in told for told in written.values() for word in (b"secret", b"Ada", TOKEN.encode()))
    assert all(
        (root / name / f"2026-03-{day:02d}/_SUCCESS").exists() for name in ("orders", "refunds") for day in (9, 10)
    )

    # Nothing is asked for twice, and what was put together of several days is that of each.
    systems.land(out, "shopify", root, None, LAST, LAST)
    assert files(root) == written and len(shopify.asked) == 6

    file = systems.init(out, Settings.from_environment(), "shopify", None, str(root), [])
    counts: dict[str, Counts] = {}
    noted: dict[str, int] = {}
    for name, source in read_sources(file, "unused").items():
        for day in source.days(LAST):
            result = load_extract(connection, DATASETS[name], day, source)
            assert result.outcome == "loaded", result
            counts[name] = counts.get(name, Counts()) + result.counts
            noted |= result.warnings
    assert counts == {
        "brands": Counts(1, 1), "orders": Counts(3, 3), "order_lines": Counts(4, 4), "refunds": Counts(1, 1),
    }  # fmt: skip
    assert noted == {"left out: nothing in transactions": 1}
    connection.execute("set timezone = 'UTC'")
    assert connection.execute(
        "select order_id, extract_day::text, customer_id, channel, payment_method, ordered_at::text, paid_at is null,"
        " gross_amount::text, shipping_amount::text from raw.orders order by 1"
    ).fetchall() == [
        ("1", "2026-03-09", "70", "web", "card", "2026-03-09 09:00:00+00", False, "12.00", "2.00"),
        ("2", "2026-03-09", "70", "web", "card", "2026-03-09 09:00:00+00", False, "12.00", "2.00"),
        ("3", "2026-03-11", "70", "web", "other", "2026-03-09 09:00:00+00", True, "12.00", "2.00"),
    ]
    assert connection.execute(
        "select line_number, product_id, unit_amount::text from raw.order_lines where order_id = '3' order by 1"
    ).fetchall() == [(1, "5", "8.00"), (2, "10", "2.00")]
    assert connection.execute(
        "select refund_id, order_id, refunded_at::text, amount::text from raw.refunds"
    ).fetchall() == [("81", "2", "2026-03-10 09:00:00+00", "4.00")]


def test_a_landing_that_fails_shows_nothing_and_no_secret(
    shopify: Interface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, root = packages.package("shopify"), tmp_path / "landed"
    with pytest.raises(Refusal, match=r"nothing was landed in .* yet: say the first day"):
        land(package, root, None, LAST)
    monkeypatch.setenv("SHOPIFY_TOKEN", "shpat_another")
    with pytest.raises(Refusal, match="shop can't be read: the interface answers 401") as refused:
        land(package, root, FIRST, LAST)
    assert "shpat" not in str(refused.value) and files(root) == {}
    monkeypatch.delenv("SHOPIFY_TOKEN")
    with pytest.raises(Refusal, match="the environment variable SHOPIFY_TOKEN is not set"):
        land(package, root, FIRST, LAST)
    with pytest.raises(Refusal, match="is not read over REST"):
        land(packages.package("chatwoot"), root, FIRST, LAST)


def test_a_day_that_a_dead_landing_showed_in_part_is_landed_anew(shopify: Interface, tmp_path: Path) -> None:
    package, root = packages.package("shopify"), tmp_path / "landed"
    land(package, root, FIRST, LAST)
    whole = files(root)
    (root / "orders/2026-03-11").rename(root / "orders/.landing-dead")
    assert land(package, root, FIRST, LAST).days == (LAST,)
    assert files(root) == whole
    assert [asked.query["updated_at_min"] for asked in shopify.asked if BOUNDS[0] in asked.query] == [
        "2026-03-09T00:00:00+00:00", "2026-03-11T00:00:00+00:00"]  # fmt: skip


def test_without_dlt_the_package_is_named(shopify: Interface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "dlt"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "dlt", None)
    with pytest.raises(Refusal, match=r"landing needs dlt: pip install causerie\[land\]"):
        land(packages.package("shopify"), tmp_path, FIRST, LAST)


TICKETS = [
    {"id": 100, "generated_timestamp": 1773050400, "via": {"channel": "email"}, "requester_id": 20, "submitter_id": 20,
     "assignee_id": 10, "status": "solved", "recipient": "help@lumen.example", "subject": "a secret of his",
     "created_at": "2026-03-09T09:00:00Z", "updated_at": "2026-03-09T10:00:00Z",
     "metric_set": {"initially_assigned_at": "2026-03-09T09:30:00Z"}},
    # An agent opened it.
    {"id": 101, "generated_timestamp": 1773223200, "via": {"channel": "api"}, "requester_id": 20, "submitter_id": 10,
     "assignee_id": 11, "status": "open", "recipient": None, "created_at": "2026-03-11T09:00:00Z",
     "updated_at": "2026-03-11T10:00:00Z", "metric_set": {"initially_assigned_at": "2026-03-11T09:00:00Z"}},
    {"id": 102, "generated_timestamp": 1773223201, "via": {"channel": "web"}, "requester_id": 20, "submitter_id": 20,
     "assignee_id": None, "status": "deleted", "recipient": None, "created_at": "2026-03-11T09:00:00Z",
     "updated_at": "2026-03-11T10:00:00Z", "metric_set": {}},
]  # fmt: skip
COMMENTS = {
    100: [{"id": 1, "author_id": 20, "public": True, "created_at": "2026-03-09T09:00:00Z", "body": "a secret of his"},
          {"id": 2, "author_id": 10, "public": False, "created_at": "2026-03-09T09:31:00Z", "body": "a secret note"},
          {"id": 3, "author_id": 10, "public": True, "created_at": "2026-03-09T09:40:00Z", "body": "a secret"}],
    101: [{"id": 4, "author_id": 10, "public": True, "created_at": "2026-03-11T09:00:00Z", "body": "a secret"}],
    102: [{"id": 5, "author_id": 20, "public": True, "created_at": "2026-03-11T09:00:00Z", "body": "a secret"}],
}  # fmt: skip


# Assigned by its agent, solved, taken up again by who had asked, put on hold, solved, then closed by Zendesk itself.
def audit(number: int, clock: str, author: int, *events: tuple[int, str, Any, Any]) -> dict[str, Any]:
    changes = [
        {"id": event, "type": "Change", "field_name": name, "previous_value": before, "value": value}
        for event, name, before, value in events
    ]
    at = f"2026-03-09T{clock}:00Z"
    return {"id": number, "ticket_id": 100, "author_id": author, "created_at": at, "events": changes}


AUDITS = {
    100: [
        {**audit(900, "09:00", 20), "events": [
            {"id": 1, "type": "Comment", "author_id": 20, "public": True, "body": "a secret of his"},
            {"id": 21, "type": "Create", "field_name": "status", "value": "new"},
            {"id": 22, "type": "Create", "field_name": "assignee_id", "value": None}]},
        audit(901, "09:30", 10, (23, "assignee_id", None, "10"), (24, "status", "new", "open")),
        audit(902, "09:40", 10, (25, "status", "open", "solved"), (26, "tags", [], ["vip"])),
        audit(903, "09:45", 20, (27, "status", "solved", "open")),
        audit(904, "09:46", 10, (28, "status", "open", "hold")),
        audit(905, "09:47", 10, (29, "status", "hold", "solved")),
        audit(906, "09:50", -1, (30, "status", "solved", "closed")),
    ],
    101: [], 102: [],
}  # fmt: skip
# Offered long ago and answered now; offered now; of another day; never offered.
SURVEYS = [
    {"id": number, "ticket_id": ticket, "assignee_id": 10, "score": score, "comment": "a secret",
     "created_at": f"2026-{made}T08:00:00Z", "updated_at": f"2026-{changed}T08:00:00Z"}
    for number, ticket, score, made, changed in (
        (70, 90, "good", "02-20", "03-10"), (71, 100, "offered", "03-10", "03-10"),
        (72, 91, "bad", "02-20", "03-08"), (73, 101, "unoffered", "03-11", "03-11"),
    )
]  # fmt: skip
USERS = [
    {"id": 10, "name": "Ana Roy", "role": "agent", "email": "ana@lumen.example", "updated_at": "2026-03-01T08:00:00Z"},
    {"id": 11, "name": "Ben", "role": "admin", "email": "ben@lumen.example", "updated_at": "2026-03-01T08:00:00Z"},
]


def zendesk(asked: Asked) -> Answer:
    """Cursors: of lists until there is no more, of tickets without an end; both two a page."""
    if asked.headers.get("authorization") != f"Basic {b64encode(f'me@lumen.example/token:{TOKEN}'.encode()).decode()}":
        return Answer({"error": "Couldn't authenticate you"}, 401)
    path = asked.path.removeprefix("/api/v2/")
    if path == "incremental/tickets/cursor.json":
        assert asked.query["include"] == "metric_sets" and asked.query["start_time"] == "1773014400"
        at = int(asked.query.get("cursor", "0"))
        page = TICKETS[at : at + 2]
        return Answer({"tickets": page, "after_cursor": str(at + len(page)), "end_of_stream": at + 2 >= len(TICKETS)})
    name, rows = {
        "brands.json": ("brands", [{"id": 1, "name": "Lumen", "default": True, "updated_at": "2026-03-01T08:00:00Z"},
                                   {"id": 2, "name": "Gone", "default": False, "updated_at": "2026-03-01T08:00:00Z"}]),
        "users.json": ("users", USERS),
        **{f"tickets/{ticket}/comments.json": ("comments", some) for ticket, some in COMMENTS.items()},
        **{f"tickets/{ticket}/audits.json": ("audits", some) for ticket, some in AUDITS.items()},
        "satisfaction_ratings.json": ("satisfaction_ratings", SURVEYS),
    }[path]  # fmt: skip
    assert name != "satisfaction_ratings" or asked.query["start_time"] == "1765065600"
    at = int(asked.query.get("page[after]", "0"))
    meta = {"has_more": at + 2 < len(rows), "after_cursor": str(at + 2)}
    return Answer({name: rows[at : at + 2], "meta": meta})


SEARCHED = {"conversations": [{"type": "conversation", "id": str(number)} for number in (1, 2, 3)]}
PARTS = [
    ("11", "09:05", "assignment", "bot", "9", {"type": "admin", "id": "10"}),
    ("12", "09:06", "comment", "bot", "9", None), ("13", "09:07", "note", "admin", "10", None),
    ("14", "09:10", "comment", "admin", "10", None), ("15", "09:20", "close", "admin", "10", None),
    ("16", "09:21", "assign_and_reopen", "admin", "10", {"type": "admin", "id": "11"}),
    ("17", "09:22", "assignment", "admin", "10", {"type": "team", "id": "5"}),
]  # fmt: skip


def seconds(clock: str) -> int:
    return int(datetime.fromisoformat(f"2026-03-09T{clock}:00Z").timestamp())


def conversation(number: int, author: str, delivered: str, **told: Any) -> dict[str, Any]:
    return {
        "type": "conversation", "id": str(number), "created_at": seconds("09:00"), "updated_at": seconds("09:30"),
        "admin_assignee_id": 10, "contacts": {"contacts": [{"type": "contact", "id": f"c{number}"}]},
        "source": {"type": "conversation", "id": "1", "delivered_as": delivered, "body": "a secret",
                   "author": {"type": author, "id": "u1" if author == "user" else "10", "name": "Ada"}},
        "statistics": {"first_admin_reply_at": None}, "conversation_rating": None,
        "conversation_parts": {"type": "conversation_part.list", "conversation_parts": []}, **told,
    }  # fmt: skip


def intercom(asked: Asked) -> Answer:
    """A search whose cursor goes into the body, and each conversation by itself."""
    if asked.headers.get("authorization") != f"Bearer {TOKEN}" or asked.headers.get("intercom-version") != "2.11":
        return Answer({"type": "error.list"}, 401)
    parts = [
        {"type": "conversation_part", "id": number, "created_at": seconds(at), "part_type": kind, "body": "a secret",
         "author": {"type": who, "id": whose, "name": "Ada"}, "assigned_to": to}
        for number, at, kind, who, whose, to in PARTS
    ]  # fmt: skip
    rating = {
        "rating": 4,
        "remark": "a secret",
        "created_at": seconds("09:25"),
        "teammate": {"type": "admin", "id": 10},
    }
    if asked.path == "/conversations/search":
        bounds = [(one["operator"], one["value"]) for one in asked.body["query"]["value"]]
        assert bounds == [(">", 1773014399), ("<", 1773273600)]
        at = int(asked.body["pagination"].get("starting_after", 0))
        more = {"next": {"starting_after": str(at + 2)}} if at + 2 < 3 else {}
        return Answer({"conversations": SEARCHED["conversations"][at : at + 2], "pages": more})
    return Answer(
        {
            "/me": {"type": "admin", "app": {"name": "Lumen", "timezone": "Europe/Paris"}},
            "/admins": {"admins": [{"id": "10", "name": "Ana Roy", "email": "ana@lumen.example"}]},
            "/conversations/1": conversation(1, "user", "customer_initiated", conversation_rating=rating,
                                             statistics={"first_admin_reply_at": seconds("09:10")},
                                             conversation_parts={"conversation_parts": parts}),
            "/conversations/2": conversation(2, "admin", "admin_initiated"),
            "/conversations/3": conversation(3, "admin", "campaigns_initiated"),
        }[asked.path]
    )  # fmt: skip


def taken(
    connection: psycopg.Connection[Any], system: str, root: Path, told: list[str], answer: Any, **secrets: str
) -> tuple[dict[str, Counts], Interface]:
    """What a system comes to that is landed from a server, connected and loaded."""
    with serve(answer) as interface, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            f"{system.upper()}_URL": interface.url,
            f"{system.upper()}_TOKEN": TOKEN,
            **secrets,
        }.items():
            patch.setenv(name, value)
        patch.setenv("CAUSERIE_HOME", str(root.parent / "home"))
        interface.busy = 1
        land(packages.package(system), root, FIRST, LAST)
        assert not any(word in held for held in files(root).values() for word in (b"secret", b"ana@", TOKEN.encode()))
        file = systems.init(Console(quiet=True), Settings.from_environment(), system, None, str(root), told)
    counts: dict[str, Counts] = {}
    for name, source in read_sources(file, "unused").items():
        for day in source.days(LAST):
            result = load_extract(connection, DATASETS[name], day, source)
            assert result.outcome in ("loaded", "unchanged"), result
            counts[name] = counts.get(name, Counts()) + result.counts
    connection.execute("set timezone = 'UTC'")
    return counts, interface


def test_tickets_and_their_comments_are_landed(connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    unsaid = ["timezone=Europe/Paris", "locale=fr", "currency=EUR"]
    email = {"ZENDESK_EMAIL": "me@lumen.example"}
    counts, _ = taken(connection, "zendesk", tmp_path / "landed", unsaid, zendesk, **email)
    assert counts == {
        "brands": Counts(1, 1), "members": Counts(2, 2), "conversations": Counts(2, 2), "messages": Counts(3, 3),
        "conversation_events": Counts(5, 5), "ratings": Counts(2, 2),
    }  # fmt: skip
    assert connection.execute(
        "select conversation_id, extract_day::text, source, initiated_by, channel, inbox, handled_at::text, member_id"
        " from raw.conversations order by 1"
    ).fetchall() == [
        ("100", "2026-03-09", "waiting_list", "visitor", "email", "help@lumen.example", "2026-03-09 09:30:00+00", "10"),
        ("101", "2026-03-11", "direct", "member", "other", None, None, "10"),
    ]
    assert connection.execute(
        "select message_id, conversation_id, sender_type, sender_id from raw.messages order by 1"
    ).fetchall() == [("1", "100", "visitor", None), ("3", "100", "member", "10"), ("4", "101", "member", "10")]
    assert connection.execute(
        "select event_id, event_type, actor_type, member_id, to_char(occurred_at, 'HH24:MI')"
        " from raw.conversation_events order by 1"
    ).fetchall() == [
        ("23", "assigned", "member", "10", "09:30"), ("25", "closed", "member", "10", "09:40"),
        ("27", "reopened", "visitor", None, "09:45"), ("28", "snoozed", "member", "10", "09:46"),
        ("29", "closed", "member", "10", "09:47"),
    ]  # fmt: skip
    assert connection.execute(
        "select rating_id, status, score, requested_at::text, given_at::text from raw.ratings order by 1"
    ).fetchall() == [
        ("100", "pending", None, "2026-03-10 08:00:00+00", None),
        ("90", "submitted", 5, "2026-02-20 08:00:00+00", "2026-03-10 08:00:00+00"),
    ]


def test_who_may_not_read_surveys_lands_the_rest(connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    def forbidding(asked: Asked) -> Answer:
        return Answer({"error": "Forbidden"}, 403) if "satisfaction" in asked.path else zendesk(asked)

    unsaid = ["timezone=Europe/Paris", "locale=fr", "currency=EUR"]
    email = {"ZENDESK_EMAIL": "me@lumen.example"}
    counts, _ = taken(connection, "zendesk", tmp_path / "landed", unsaid, forbidding, **email)
    assert counts["conversation_events"] == Counts(5, 5) and counts["ratings"] == Counts()


def test_conversations_and_their_parts_are_landed(connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    counts, _ = taken(connection, "intercom", tmp_path / "landed", ["locale=fr", "currency=EUR"], intercom)
    assert counts == {
        "brands": Counts(1, 1), "members": Counts(1, 1), "conversations": Counts(3, 3), "messages": Counts(5, 5),
        "conversation_events": Counts(4, 4), "ratings": Counts(1, 1),
    }  # fmt: skip
    assert connection.execute(
        "select conversation_id, visitor_id, source, initiated_by, handled_at::text, handled_basis, member_id"
        " from raw.conversations order by 1"
    ).fetchall() == [
        ("1", "c1", "waiting_list", "visitor", "2026-03-09 09:10:00+00", "first_reply", "10"),
        ("2", "c2", "direct", "member", None, None, "10"),
        ("3", "c3", "hook", "member", None, None, "10"),
    ]
    assert connection.execute(
        "select message_id, sender_type, sender_id, is_automatic from raw.messages order by 1"
    ).fetchall() == [
        ("12", "bot", None, True), ("14", "member", "10", False), ("source-1", "visitor", None, False),
        ("source-2", "member", "10", False), ("source-3", "system", None, True),
    ]  # fmt: skip
    assert connection.execute(
        "select event_id, event_type, member_id from raw.conversation_events order by 1"
    ).fetchall() == [
        ("11", "assigned", "10"), ("15", "closed", "10"), ("16", "reopened", "10"), ("16-assigned", "assigned", "11"),
    ]  # fmt: skip
    assert connection.execute("select score, status, given_at::text from raw.ratings").fetchall() == [
        (4, "submitted", "2026-03-09 09:25:00+00")
    ]
