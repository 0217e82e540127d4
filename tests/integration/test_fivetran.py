"""Zendesk, Intercom and Shopify as Fivetran writes them: a few rows, worked out by hand, read by the least role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from other_system import empty_database
from psycopg import sql
from psycopg.rows import dict_row

from orchestration.sources.connectors.sources_file import SourcesError, read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.check_sources import check_sources
from orchestration.sources.loading.load import load_extract
from orchestration.sources.looks import announce
from orchestration.sources.pending import pending_extracts
from orchestration.sources.systems import packages, setup

TYPES = {
    **dict.fromkeys(("public", "suspended", "test", "taxes_included", "_fivetran_active"), "boolean"),
    **dict.fromkeys(("is_history_context", "_fivetran_deleted"), "boolean"),
    **dict.fromkeys(("price_set_shop_amount", "original_total_set_shop_amount"), "float8"),
    **{
        f"total_{one}_set_shop_amount": "numeric" for one in ("price", "tax", "discounts", "shipping_price", "refunded")
    },
    **dict.fromkeys(("chat_id", "actor_id", "contact_id", "source_id", "source_author_id", "author_id"), "text"),
    # Amounts come as numeric or as floats, times with a zone or in UTC without one.
    **dict.fromkeys(("amount", "discounted_price", "total_price", "total_discounts"), "numeric"),
    **dict.fromkeys(("price", "total_tax"), "float8"),
    **dict.fromkeys(("created", "updated", "cancelled_at", "processed_at"), "timestamptz"),
    **dict.fromkeys(("created_at", "updated_at", "_fivetran_synced"), "timestamp"),
    **dict.fromkeys(("index", "chat_index"), "bigint"),
    "quantity": "bigint",
    "conversation_rating_created_at": "timestamptz",
    "conversation_rating_value": "bigint",
}
# Columns that Fivetran does not fill in these rows are null.
ZENDESK: dict[str, list[dict[str, Any]]] = {
    "brand": [{"id": 1, "name": "Lumen"}],
    "user": [
        {"id": 10, "name": "Ana Roy", "role": "agent", "updated_at": "2026-03-01 08:00"},
        {"id": 11, "name": "Ben", "role": "admin", "updated_at": "2026-03-01 08:00"},
        {"id": 20, "name": "Visitor", "role": "end-user", "suspended": True},
    ],
    "ticket": [
        # Assigned after an hour, solved, closed for good by itself, once solved anew after the visitor came back.
        {"id": 100, "brand_id": 1, "requester_id": 20, "submitter_id": 20, "assignee_id": 11, "status": "closed",
         "created_at": "2026-03-02 09:00", "updated_at": "2026-03-04 09:00", "via_channel": "email",
         "recipient": "help@lumen.example"},
        # Nobody's yet.
        {"id": 101, "brand_id": 1, "requester_id": 20, "submitter_id": 20, "status": "new",
         "created_at": "2026-03-02 10:00", "updated_at": "2026-03-02 10:00", "via_channel": "web"},
        # An agent opened it.
        {"id": 102, "brand_id": 1, "requester_id": 20, "submitter_id": 10, "status": "open",
         "created_at": "2026-03-02 11:00", "updated_at": "2026-03-02 11:00", "via_channel": "voice"},
        # Its history was not synchronised: the first public answer tells. Its brand is gone.
        {"id": 103, "brand_id": 2, "requester_id": 21, "submitter_id": 21, "status": "open",
         "created_at": "2026-03-02 12:00", "updated_at": "2026-03-02 12:00", "via_channel": "instagram_dm"},
        {"id": 104, "brand_id": 1, "requester_id": 20, "submitter_id": 20, "status": "deleted",
         "created_at": "2026-03-02 13:00", "updated_at": "2026-03-02 13:00", "via_channel": "web"},
    ],
    "ticket_comment": [
        {"id": 1, "ticket_id": 100, "user_id": 20, "created": "2026-03-02 09:00", "public": True},
        {"id": 2, "ticket_id": 100, "user_id": 10, "created": "2026-03-02 09:30", "public": False},  # a note
        {"id": 3, "ticket_id": 100, "user_id": 11, "created": "2026-03-02 10:30", "public": True},
        {"id": 4, "ticket_id": 100, "user_id": -1, "created": "2026-03-02 10:31", "public": True},  # a trigger
        {"id": 5, "ticket_id": 103, "user_id": 21, "created": "2026-03-02 12:00", "public": True},  # the requester
        {"id": 6, "ticket_id": 103, "user_id": 10, "created": "2026-03-02 12:20", "public": True},
        {"id": 7, "ticket_id": 104, "user_id": 20, "created": "2026-03-02 13:00", "public": True},  # of a deleted one
        {"id": 8, "ticket_id": 999, "user_id": 20, "created": "2026-03-02 14:00", "public": True},  # of none
    ],
    "ticket_field_history": [
        {"ticket_id": 100, "field_name": field, "updated": f"2026-03-0{at}", "user_id": user, "value": value}
        for field, at, user, value in (
            ("status", "2 09:00", 20, "new"), ("assignee_id", "2 09:00", None, None),
            ("assignee_id", "2 10:00", 11, "10"), ("status", "2 10:00", 11, "open"),
            ("assignee_id", "2 10:20", 11, "11"), ("status", "2 11:00", 11, "solved"),
            ("satisfaction_score", "2 12:00", -1, "offered"), ("satisfaction_score", "2 18:00", 20, "good"),
            ("satisfaction_score", "2 19:00", 20, "badwithcomment"), ("status", "3 08:00", 20, "open"),
            ("status", "3 08:30", 11, "on-hold"),
            ("status", "3 09:00", 11, "solved"), ("status", "4 09:00", -1, "closed"),
        )
    ],
}  # fmt: skip
CHAT: dict[str, list[dict[str, Any]]] = {
    # Two tickets came of one chat: it is the newer one's, of those that are there.
    "ticket_chat": [
        {"chat_id": chat, "ticket_id": ticket} for chat, ticket in (("a", 100), ("a", 101), ("a", 999), ("b", 998))
    ],
    "ticket_chat_event": [
        {"chat_id": chat, "chat_index": at, "created_at": f"2026-03-02 10:0{at}", "actor_id": actor, "type": kind,
         "mime_type": mime, "is_history_context": again}
        for chat, at, actor, kind, mime, again in (
            ("a", 0, "__trigger", "ChatMessage", None, None), ("a", 1, "20", "ChatMessage", None, False),
            ("a", 2, "agent:10", "ChatJoin", None, None), ("a", 3, "agent:10", "ChatMessage", None, None),
            ("a", 4, "11", "ChatFileAttachment", "image/png", None), ("a", 5, "visitor-7", "ChatMessage", None, None),
            ("a", 6, "agent:", "ChatMessage", None, None), ("a", 7, "20", "ChatMessage", None, True),
            ("b", 0, "20", "ChatMessage", None, None),
        )
    ],
}  # fmt: skip
INTERCOM: dict[str, list[dict[str, Any]]] = {
    "admin": [{"id": 10, "name": "Ana Roy"}],
    "conversation_history": [
        # Asked, assigned by a robot's rule, answered, closed, rated; an older version of it no longer stands.
        {"id": 1, "created_at": "2026-03-02 09:00", "updated_at": "2026-03-02 12:00", "source_type": "conversation",
         "source_author_id": "u1", "source_author_type": "user", "source_delivered_as": "customer_initiated",
         "conversation_rating_created_at": "2026-03-02 12:00", "conversation_rating_value": 4, "assignee_id": 10,
         "assignee_type": "admin", "_fivetran_active": True},
        {"id": 1, "created_at": "2026-03-02 09:00", "updated_at": "2026-03-02 09:30", "source_type": "conversation",
         "source_author_id": "u1", "source_author_type": "user", "_fivetran_active": False},
        # Answered without an assignment.
        {"id": 2, "created_at": "2026-03-02 10:00", "updated_at": "2026-03-02 10:00", "source_type": "email",
         "source_author_id": "u2", "source_author_type": "lead", "_fivetran_active": True},
        # Nobody's yet; a campaign; one that an admin began.
        {"id": 3, "created_at": "2026-03-02 11:00", "updated_at": "2026-03-02 11:00", "source_type": "twitter",
         "source_author_id": "u3", "source_author_type": "user", "_fivetran_active": True},
        {"id": 4, "created_at": "2026-03-02 12:00", "updated_at": "2026-03-02 12:00", "source_type": "inapp",
         "source_author_id": "10", "source_author_type": "admin", "source_delivered_as": "campaigns_initiated",
         "_fivetran_active": True},
        {"id": 5, "created_at": "2026-03-02 13:00", "updated_at": "2026-03-02 13:00", "source_type": "conversation",
         "source_author_id": "10", "source_author_type": "admin", "source_delivered_as": "admin_initiated",
         "_fivetran_active": True},
    ],
    "conversation_part_history": [
        {"id": number, "conversation_id": talk, "created_at": f"2026-03-02 {at}", "part_type": kind, "author_id": who,
         "author_type": whose, "assigned_to_id": to, "assigned_to_type": "admin" if to else None,
         "_fivetran_active": True}
        for number, talk, at, kind, who, whose, to in (
            (11, 1, "09:10", "assignment", "9", "bot", 10), (12, 1, "09:20", "comment", "9", "bot", None),
            (13, 1, "09:25", "note", "10", "admin", None), (14, 1, "09:30", "comment", "10", "admin", None),
            (15, 1, "11:00", "close", "10", "admin", None), (16, 1, "11:30", "open", "u1", "user", None),
            (17, 1, "11:40", "assign_and_reopen", "10", "admin", 10), (21, 2, "10:40", "comment", "10", "admin", None),
            (22, 2, "10:45", "comment", None, None, None),  # of a contact who was deleted
        )
    ],
    "conversation_contact_history": [
        {"conversation_id": talk, "contact_id": f"contact-{talk}", "_fivetran_active": True} for talk in (1, 4, 5)
    ],
}  # fmt: skip
SHOPIFY: dict[str, list[dict[str, Any]]] = {
    "shop": [{"id": 7, "name": "Lumen", "iana_timezone": "Europe/Paris", "currency": "EUR", "primary_locale": "fr",
              "updated_at": "2026-03-01 08:00"}],
    "order": [
        # 2 at 10 and 1 at 5, 20 % on top; shipping 6 and its 1.20.
        {"id": 500, "email": "Ada@Example.com", "customer_id": 9, "currency": "EUR", "taxes_included": False,
         "total_price": "37.20", "total_tax": "6.20", "total_discounts": "0", "created_at": "2026-03-02 09:00",
         "updated_at": "2026-03-02 09:05", "source_name": "web", "test": False},
        # At the till, tax within, nothing to ship, cancelled.
        {"id": 501, "currency": "EUR", "taxes_included": True, "total_price": "12.00", "total_tax": "2.00",
         "total_discounts": "1.00", "created_at": "2026-03-02 10:00", "updated_at": "2026-03-02 12:00",
         "cancelled_at": "2026-03-02 11:00", "source_name": "pos"},
        {"id": 502, "currency": "EUR", "total_price": "1.00", "total_tax": "0", "created_at": "2026-03-02 10:00",
         "updated_at": "2026-03-02 10:00", "source_name": "web", "test": True},
    ],
    "order_line": [
        {"id": 1, "order_id": 500, "product_id": 70, "index": 1, "price": "10.00", "quantity": 2},
        {"id": 2, "order_id": 500, "product_id": None, "index": 2, "price": "5.00", "quantity": 1},
        {"id": 3, "order_id": 501, "product_id": 70, "index": 1, "price": "12.00", "quantity": 1},
        {"id": 4, "order_id": 502, "product_id": 70, "index": 1, "price": "1.00", "quantity": 1},
        {"id": 5, "order_id": 999, "product_id": 70, "index": 1, "price": "3.00", "quantity": 1},
    ],
    "tax_line": [{"order_line_id": 1, "price": "4.00"}, {"order_line_id": 2, "price": "1.00"},
                 {"order_line_id": 3, "price": "2.00"}],
    "order_shipping_line": [{"id": 1, "order_id": 500, "discounted_price": "6.00"}],
    "order_shipping_tax_line": [{"order_shipping_line_id": 1, "price": "1.20"}],
    "transaction": [
        {"order_id": 500, "kind": "authorization", "status": "success", "gateway": "shopify_payments", "amount": "37.2",
         "processed_at": "2026-03-02 09:01"},
        {"order_id": 500, "kind": "capture", "status": "success", "gateway": "shopify_payments", "amount": "37.20",
         "processed_at": "2026-03-02 09:04"},
        {"order_id": 501, "kind": "sale", "status": "failure", "gateway": "cash", "amount": "12.00",
         "processed_at": "2026-03-02 10:01"},
        {"order_id": 500, "refund_id": 90, "kind": "refund", "status": "success", "amount": "12.00",
         "processed_at": "2026-03-05 09:00"},
        {"order_id": 500, "refund_id": 90, "kind": "refund", "status": "failure", "amount": "12.00",
         "processed_at": "2026-03-05 08:59"},
        {"order_id": 999, "refund_id": 92, "kind": "refund", "status": "success", "amount": "3.00",
         "processed_at": "2026-03-06 10:00"},
    ],
    "refund": [{"id": 90, "order_id": 500, "processed_at": "2026-03-05 09:00"},
               {"id": 91, "order_id": 500, "processed_at": "2026-03-06 09:00"},  # goods alone
               {"id": 92, "order_id": 999, "processed_at": "2026-03-06 10:00"}],  # of an order that is not there
}  # fmt: skip
# The same two orders as GraphQL tells them: amounts of lines are of all pieces, and a refund has its sum.
GRAPHQL: dict[str, list[dict[str, Any]]] = {
    "shop": [
        {"id": 6, "name": "Old", "created_at": "2020-01-01 08:00", "_fivetran_deleted": True},
        {"id": 7, "name": "Lumen", "iana_timezone": "Europe/Paris", "currency_code": "EUR",
         "primary_domain_localization_default_locale": "fr", "created_at": "2021-01-01 08:00",
         "updated_at": "2026-03-01 08:00"},
    ],
    "order": [
        {"id": 500, "email": "Ada@Example.com", "customer_id": 9, "currency_code": "EUR", "taxes_included": False,
         "total_price_set_shop_amount": "37.20", "total_tax_set_shop_amount": "6.20",
         "total_discounts_set_shop_amount": "0", "total_shipping_price_set_shop_amount": "6.00",
         "created_at": "2026-03-02 09:00", "updated_at": "2026-03-02 09:05", "source_name": "web", "test": False},
        {"id": 501, "currency_code": "EUR", "taxes_included": True, "total_price_set_shop_amount": "12.00",
         "total_tax_set_shop_amount": "2.00", "total_discounts_set_shop_amount": "1.00",
         "created_at": "2026-03-02 10:00", "updated_at": "2026-03-02 12:00", "cancelled_at": "2026-03-02 11:00",
         "source_name": "pos"},
        {"id": 503, "currency_code": "EUR", "created_at": "2026-03-02 10:00", "_fivetran_deleted": True},
    ],
    "order_line": [
        {"id": 1, "order_id": 500, "product_id": 70, "quantity": 2, "original_total_set_shop_amount": "20.00"},
        {"id": 2, "order_id": 500, "product_id": None, "quantity": 1, "original_total_set_shop_amount": "5.00"},
        {"id": 3, "order_id": 501, "product_id": 70, "quantity": 1, "original_total_set_shop_amount": "12.00"},
        {"id": 5, "order_id": 999, "product_id": 70, "quantity": 1, "original_total_set_shop_amount": "3.00"},
    ],
    "tax_line": [{"order_line_id": 1, "price_set_shop_amount": "4.00"},
                 {"order_line_id": 2, "price_set_shop_amount": "1.00"},
                 {"order_line_id": 3, "price_set_shop_amount": "2.00"}],
    "order_shipping_line": [{"id": 1, "order_id": 500}],
    "order_shipping_tax_line": [{"order_shipping_line_id": 1, "price_set_shop_amount": "1.20"}],
    "transaction": [
        {"order_id": 500, "kind": "SALE", "status": "SUCCESS", "gateway": "shopify_payments",
         "processed_at": "2026-03-02 09:04"},
        {"order_id": 501, "kind": "sale", "status": "failure", "gateway": "cash", "processed_at": "2026-03-02 10:01"},
    ],
    "refund": [
        {"id": refund, "order_id": order, "created_at": "2026-03-05 09:00", "total_refunded_set_shop_amount": amount,
         "total_refunded_set_shop_currency_code": "EUR"}
        for refund, order, amount in ((90, 500, "12.00"), (91, 500, "0"), (92, 999, "3.00"))
    ],
}  # fmt: skip
SYSTEMS = {
    "fivetran_zendesk": ZENDESK, "fivetran_zendesk_chat": ZENDESK | CHAT, "fivetran_intercom": INTERCOM,
    "fivetran_shopify": SHOPIFY,
}  # fmt: skip


@dataclass(frozen=True)
class Fivetran:
    """A database that holds both, and the URL by which the least role of each reads it."""

    url: str
    readers: dict[str, str]

    def rows(self, system: str, dataset: str) -> list[dict[str, Any]]:
        """What a package's query gives, times as they stand in UTC."""
        query = packages.package(system).datasets[dataset]["query"]
        with psycopg.connect(self.readers[system], row_factory=dict_row) as connection:
            connection.execute("set timezone = 'UTC'")
            found = connection.execute(f"select row_to_json(q) as row from ({query}\n) q".encode()).fetchall()
        return [one["row"] for one in found]


@pytest.fixture(scope="module")
def fivetran(server: str) -> Iterator[Fivetran]:
    url = urlsplit(server)._replace(path="/of_fivetran").geturl()
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("drop database if exists of_fivetran with (force)")
        admin.execute("create database of_fivetran")
        readers: dict[str, str] = {}
        with psycopg.connect(url, autocommit=True) as made:
            made.execute("set timezone = 'UTC'")
            for name, tables in SYSTEMS.items():
                system, role = packages.package(name), f"reads_{name}"
                made.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(system.schema)))
                for table, columns in system.reads.items():
                    if name == "fivetran_zendesk_chat" and table in ZENDESK:
                        continue  # they are there
                    fill(made, sql.Identifier(system.schema, table), columns, tables[table])
                admin.execute(f"drop role if exists {role}".encode())
                for statement in setup.grants(system, role).replace("'...'", "'r'").splitlines():
                    made.execute(statement.encode())
                parts = urlsplit(url)
                readers[name] = parts._replace(netloc=f"{role}:r@{parts.hostname}:{parts.port}", query="").geturl()
        yield Fivetran(url, readers)
        admin.execute("drop database of_fivetran with (force)")
        for name in readers:
            admin.execute(f"drop role reads_{name}".encode())


def fill(made: psycopg.Connection[Any], table: sql.Identifier, columns: Any, rows: list[dict[str, Any]]) -> None:
    kinds = [TYPES.get(one, "bigint" if one == "id" or one.endswith("_id") else "text") for one in columns]
    declared = [sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(k)) for c, k in zip(columns, kinds, strict=True)]
    made.execute(sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(declared)))
    for row in rows:
        told = {"_fivetran_synced": "2026-03-10 00:00", **row} if "_fivetran_synced" in columns else row
        assert set(told) <= set(columns)
        made.execute(
            sql.SQL("insert into {} ({}) values ({})").format(
                table,
                sql.SQL(", ").join(map(sql.Identifier, told)),
                sql.SQL(", ").join(sql.Placeholder() * len(told)),
            ),
            list(told.values()),
        )


def told(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row[name] for name in names) for row in rows), key=str)


def test_a_ticket_is_handled_when_it_is_first_assigned(fivetran: Fivetran) -> None:
    rows = fivetran.rows("fivetran_zendesk", "conversations")
    assert told(rows, "conversation_id", "source", "channel", "handled_at", "handled_basis", "member_id") == [
        (100, "waiting_list", "email", "2026-03-02T10:00:00+00:00", None, "10"),
        (101, "waiting_list", "web", None, None, None),
        (102, "direct", "phone", None, None, "10"),
        (103, "waiting_list", "instagram", "2026-03-02T12:20:00+00:00", "first_reply", "10"),
    ]


def test_comments_ratings_and_changes_of_status(fivetran: Fivetran) -> None:
    messages = fivetran.rows("fivetran_zendesk", "messages")
    assert told(messages, "message_id", "sender_type", "sender_id", "is_automatic") == [
        ("1", "visitor", None, False), ("3", "member", "11", False), ("4", "system", None, True),
        ("5", "visitor", None, False), ("6", "member", "10", False), ("8", "visitor", None, False),
    ]  # fmt: skip
    ratings = fivetran.rows("fivetran_zendesk", "ratings")
    assert told(ratings, "rating_id", "requested_at", "given_at", "score", "status") == [
        (100, "2026-03-02T12:00:00+00:00", "2026-03-02T18:00:00+00:00", 1, "submitted")
    ]
    events = fivetran.rows("fivetran_zendesk", "conversation_events")
    assert told(events, "occurred_at", "event_type", "actor_type", "member_id") == [
        ("2026-03-02T10:00:00+00:00", "assigned", "member", "10"),
        ("2026-03-02T10:20:00+00:00", "assigned", "member", "11"),
        ("2026-03-02T11:00:00+00:00", "closed", "member", "11"),
        ("2026-03-03T08:00:00+00:00", "reopened", "visitor", None),
        ("2026-03-03T08:30:00+00:00", "snoozed", "member", "11"),
        ("2026-03-03T09:00:00+00:00", "closed", "member", "11"),
    ]


def test_what_is_said_in_a_chat_is_told_line_by_line_beside_comments(fivetran: Fivetran) -> None:
    rows = fivetran.rows("fivetran_zendesk_chat", "messages")
    comments = fivetran.rows("fivetran_zendesk", "messages")
    assert [row for row in rows if not row["message_id"].startswith("chat-")] == comments
    lines = [row for row in rows if row not in comments]
    assert told(lines, "sent_at", "conversation_id", "sender_type", "sender_id", "is_automatic", "content_type") == [
        ("2026-03-02T10:00:00+00:00", 101, "system", None, True, "text"),
        ("2026-03-02T10:00:00+00:00", 998, "visitor", None, False, "text"),
        ("2026-03-02T10:01:00+00:00", 101, "visitor", None, False, "text"),
        ("2026-03-02T10:03:00+00:00", 101, "member", "10", False, "text"),
        ("2026-03-02T10:04:00+00:00", 101, "member", "11", False, "photo"),
        ("2026-03-02T10:05:00+00:00", 101, "visitor", None, False, "text"),
        ("2026-03-02T10:06:00+00:00", 101, "system", None, True, "text"),
    ]
    assert told(lines, "left_out")[-1] == (None,) and len({row["message_id"] for row in lines}) == 7
    assert [row["left_out"] for row in lines if row["conversation_id"] == 998] == [
        "a line of a chat whose ticket is not there"
    ]
    assert fivetran.rows("fivetran_zendesk_chat", "conversations") == fivetran.rows("fivetran_zendesk", "conversations")


def test_an_intercom_conversation_is_handled_when_it_is_first_assigned(fivetran: Fivetran) -> None:
    rows = fivetran.rows("fivetran_intercom", "conversations")
    names = ("conversation_id", "source", "channel", "visitor_id", "handled_at", "handled_basis", "member_id")
    assert told(rows, *names) == [
        (1, "waiting_list", "web", "contact-1", "2026-03-02T09:10:00+00:00", None, "10"),
        (2, "waiting_list", "email", "u2", "2026-03-02T10:40:00+00:00", "first_reply", "10"),
        (3, "waiting_list", "x", "u3", None, None, None),
        (4, "hook", "web", "contact-4", None, None, "10"),
        (5, "direct", "web", "contact-5", None, None, "10"),
    ]
    messages = fivetran.rows("fivetran_intercom", "messages")
    assert told(messages, "message_id", "sender_type", "sender_id", "is_automatic") == [
        ("12", "bot", None, True), ("14", "member", "10", False), ("21", "member", "10", False),
        ("22", "bot", None, None),
        ("source-1", "visitor", None, False), ("source-2", "visitor", None, False),
        ("source-3", "visitor", None, False), ("source-4", "system", None, True), ("source-5", "member", "10", False),
    ]  # fmt: skip
    ratings = fivetran.rows("fivetran_intercom", "ratings")
    assert told(ratings, "rating_id", "score", "status") == [(1, 4, "submitted")]
    events = fivetran.rows("fivetran_intercom", "conversation_events")
    assert told(events, "event_id", "event_type", "actor_type", "member_id") == [
        ("11", "assigned", "bot", "10"), ("15", "closed", "member", "10"), ("16", "reopened", "visitor", None),
        ("17", "reopened", "member", "10"), ("17-assigned", "assigned", "member", "10"),
    ]  # fmt: skip


def test_every_row_of_an_intercom_is_good(
    fivetran: Fivetran, connection: psycopg.Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIVETRAN_INTERCOM_URL", fivetran.readers["fivetran_intercom"])
    file = tmp_path / "sources.yml"
    file.write_text(
        "systems: {fivetran_intercom: {url_env: FIVETRAN_INTERCOM_URL, brands:"
        " {workspace: {name: Lumen, timezone: Europe/Paris, locale: fr, currency: EUR}}}}"
    )
    judged = {one.dataset: one for one in check_sources(connection, read_sources(file, "unused"), date(2026, 3, 20))}
    assert all(one.is_good for one in judged.values()), judged
    assert {name: one.result.counts.loaded for name, one in judged.items()} == {
        "brands": 1, "members": 1, "conversations": 5, "messages": 8, "conversation_events": 5, "ratings": 1,
    }  # fmt: skip
    assert judged["messages"].result.warnings == {"left out: words of nobody": 1}


def test_amounts_hold_tax_once_and_refunds_what_was_given_back(fivetran: Fivetran) -> None:
    orders = fivetran.rows("fivetran_shopify", "orders")
    assert told(orders, "order_id", "channel", "gross_amount", "tax_amount", "shipping_amount", "discount_amount") == [
        (500, "web", 37.20, 5.00, 7.20, 0), (501, "store", 12.00, 2.00, 0, 1.00)
    ]  # fmt: skip
    assert told(orders, "order_id", "paid_at", "payment_method") == [
        (500, "2026-03-02T09:04:00+00:00", "card"), (501, None, "other")
    ]  # fmt: skip
    lines = fivetran.rows("fivetran_shopify", "order_lines")
    assert told(lines, "order_id", "line_number", "product_id", "quantity", "unit_amount") == [
        (500, 1, 70, 2, 12.00), (500, 2, 2, 1, 6.00), (501, 1, 70, 1, 12.00), (999, 1, 70, 1, 3.00)
    ]  # fmt: skip
    refunds = fivetran.rows("fivetran_shopify", "refunds")
    assert told(refunds, "refund_id", "order_id", "amount", "currency") == [
        (90, 500, 12.00, "EUR"), (91, 500, None, "EUR"), (92, 999, 3.00, None)
    ]  # fmt: skip


def test_orders_by_graphql_are_those_of_the_other_interface(
    fivetran: Fivetran,
    server: str,
    connection: psycopg.Connection[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = packages.package("fivetran_shopify_graphql")
    with empty_database(server) as url:
        with psycopg.connect(url, autocommit=True) as made:
            made.execute("set timezone = 'UTC'")
            made.execute("create schema shopify")
            made.execute(
                sql.SQL("alter database {} set search_path = shopify").format(sql.Identifier(made.info.dbname))
            )
            for table, columns in system.reads.items():
                fill(made, sql.Identifier("shopify", table), columns, GRAPHQL[table])
        graphql = Fivetran(url, {system.name: url})
        amounts = ("gross_amount", "tax_amount", "shipping_amount", "discount_amount")
        times = ("ordered_at", "paid_at", "cancelled_at", "updated_at")
        orders = ("shop_id", "order_id", "channel", "customer_id", *amounts, *times, "payment_method")
        lines = ("order_id", "line_number", "product_id", "quantity", "unit_amount", "updated_at")
        for dataset, names in (("orders", orders), ("order_lines", lines)):
            ours = [row for row in graphql.rows(system.name, dataset) if not row.get("left_out")]
            theirs = [row for row in fivetran.rows("fivetran_shopify", dataset) if not row.get("left_out")]
            assert told(ours, *names) == told(theirs, *names)
        monkeypatch.setenv("GRAPHQL_URL", url)
        monkeypatch.setenv("CAUSERIE_HASH_KEY", "0123456789abcdef")
        assert setup.look_into(system, None, "GRAPHQL_URL").brands.keys() == {"7"}
        file = tmp_path / "sources.yml"
        file.write_text(f"systems: {{{system.name}: {{url_env: GRAPHQL_URL, brands: {{7: {{}}}}}}}}")
        judged = {
            one.dataset: one for one in check_sources(connection, read_sources(file, "unused"), date(2026, 3, 20))
        }
    assert all(one.is_good for one in judged.values()), judged
    assert {name: one.result.counts.loaded for name, one in judged.items()} == {
        "brands": 1, "orders": 2, "refunds": 1, "order_lines": 3,
    }  # fmt: skip
    assert judged["refunds"].result.warnings == {
        "left out: a refund of an order that is not there": 1,
        "left out: a refund that gave no money back": 1,
    }


@pytest.fixture
def both(fivetran: Fivetran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAUSERIE_HASH_KEY", "0123456789abcdef")
    for name, reader in fivetran.readers.items():
        monkeypatch.setenv(f"{name.upper()}_URL", reader)
    file = tmp_path / "sources.yml"
    words = "{brand_id: lumen, timezone: Europe/Paris, locale: fr, currency: EUR}"
    file.write_text(
        f"systems:\n  fivetran_zendesk: {{url_env: FIVETRAN_ZENDESK_URL, brands: {{1: {words},"
        f" 2: {words.replace('lumen', 'gone')}}}}}\n"
        "  fivetran_shopify: {url_env: FIVETRAN_SHOPIFY_URL, brands: {7: {brand_id: lumen}}}\n"
    )
    return file


def test_a_desk_and_a_shop_are_one_brand_and_what_has_nothing_to_belong_to_is_counted(
    both: Path, connection: psycopg.Connection[Any]
) -> None:
    judged = {one.dataset: one for one in check_sources(connection, read_sources(both, "unused"), date(2026, 3, 20))}
    assert all(one.is_good for one in judged.values()), judged
    # A comment without its ticket is of no brand; without its order, a line has no time and a refund no currency.
    assert {name: dict(one.result.warnings) for name, one in judged.items() if one.result.warnings} == {
        "messages": {"left out: a comment of a ticket that is not there": 1},
        "refunds": {
            "left out: a refund of an order that is not there": 1,
            "left out: a refund without a transaction that gave money back": 1,
        },
        "order_lines": {"left out: a line of an order that is not there": 1},
    }
    assert {name: one.result.counts.loaded for name, one in judged.items()} == {
        "brands": 2, "members": 4, "conversations": 4, "messages": 5, "conversation_events": 6, "ratings": 1,
        "orders": 2, "refunds": 1, "order_lines": 3,
    }  # fmt: skip
    assert {row["brand_id"] for row in judged["brands"].examples} == {"lumen", "gone"}
    ada = next(row for row in judged["orders"].examples if row["order_id"] == "500")
    assert len(ada["identity_id"]) == 64 and ada["brand_id"] == "lumen"


def test_what_was_left_out_comes_when_what_it_belongs_to_does(
    both: Path, fivetran: Fivetran, connection: psycopg.Connection[Any]
) -> None:
    read = read_sources(both, "unused")

    def run() -> list[str]:
        """What `causerie run` loads: the messages, and the lines of orders, that stand after it."""
        extracts = [(one.dataset, one.day) for one in pending_extracts(connection, read, date(2026, 3, 20))]
        announce(read, extracts)
        for dataset, day in sorted(extracts, key=lambda one: list(DATASETS).index(one[0])):
            assert load_extract(connection, DATASETS[dataset], day, read[dataset]).outcome == "loaded"
        rows = connection.execute(
            "select 'message ' || message_id from raw.messages where conversation_id = '999'"
            " union all select 'line ' || product_id from raw.order_lines where order_id = '999'"
            " union all select 'refund ' || refund_id from raw.refunds where order_id = '999' order by 1"
        ).fetchall()
        connection.commit()
        return [row[0] for row in rows]

    assert run() == []
    with psycopg.connect(fivetran.url, autocommit=True) as other:
        other.execute(
            "insert into zendesk.ticket (id, brand_id, requester_id, submitter_id, status, created_at, updated_at,"
            " via_channel, _fivetran_synced) values (999, 1, 20, 20, 'open', '2026-03-02 14:00', '2026-03-02 14:00',"
            " 'web', '2026-03-11 00:00');"
            'insert into shopify."order" (id, currency, total_price, total_tax, created_at, updated_at, source_name,'
            " _fivetran_synced) values (999, 'EUR', 3, 0, '2026-03-02 10:00', '2026-03-02 10:00', 'web',"
            " '2026-03-11 00:00')"
        )
        try:
            assert run() == ["line 70", "message 8", "refund 92"]
        finally:
            other.execute('delete from zendesk.ticket where id = 999; delete from shopify."order" where id = 999')
    # What is gone goes; a refund of an order that is there no more is not looked for.
    assert run() == ["refund 92"]


def test_two_systems_may_not_bring_one_dataset(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both.write_text(both.read_text() + "  chatwoot: {url_env: X, brands: {1: {currency: EUR}}}\n")
    with pytest.raises(SourcesError, match="messages comes from fivetran_zendesk too"):
        read_sources(both, "unused")


def test_what_the_least_role_does_not_need_it_may_not_read(fivetran: Fivetran) -> None:
    with psycopg.connect(fivetran.url, autocommit=True) as admin:
        admin.execute("alter table zendesk.ticket_comment add column body text")
    with (
        psycopg.connect(fivetran.readers["fivetran_zendesk"]) as reader,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        reader.execute("select body from ticket_comment")
