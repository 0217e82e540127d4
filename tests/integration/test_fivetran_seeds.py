"""The packaged Fivetran systems on Fivetran's own test rows: each row passes or is named, and amounts and counts are
those of SQL on its tables. Skipped without the rows (fivetran_seeds.py says how to have them)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fivetran_seeds
import psycopg
import pytest
import yaml
from other_system import empty_database

from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.check_sources import Judged, check_sources
from orchestration.sources.loading.load import load_extract
from orchestration.sources.looks import announce
from orchestration.sources.pending import pending_extracts
from orchestration.sources.systems import packages, setup

TODAY = date(2026, 11, 1)
# What each dataset must have read or left out, by SQL on the tables.
ROWS = {
    "fivetran_zendesk": {
        "brands": "select count(*) from (select id from brand union select brand_id from ticket) b",
        "members": """select count(*) from "user", (select id from brand union select brand_id from ticket) b
                       where role in ('agent', 'admin')""",
        "conversations": "select count(*) from ticket where status <> 'deleted'",
        "messages": """select count(*) from ticket_comment
                        where public and ticket_id not in (select id from ticket where status = 'deleted')""",
        "ratings": """select count(distinct ticket_id) from ticket_field_history where field_name = 'satisfaction_score'
                       and ticket_id not in (select id from ticket where status = 'deleted')""",
        # Every status here is of a new or open ticket, or puts it on hold or solves it.
        "conversation_events": """select count(*) filter (where field_name = 'assignee_id' or value in ('on-hold'))
                       + count(distinct (ticket_id, updated)) filter (where value = 'solved' and field_name = 'status')
                                    from ticket_field_history where field_name in ('assignee_id', 'status')""",
    },
    "fivetran_intercom": {
        "brands": "select 1",
        "members": "select count(*) from admin",
        "conversations": "select count(*) from conversation_history where _fivetran_active",
        "messages": """select (select count(*) from conversation_history where _fivetran_active)
                    + (select count(*) from conversation_part_history
                                   where _fivetran_active and part_type = 'comment')""",
        "conversation_events": """select count(*) from conversation_part_history
                                   where _fivetran_active and (part_type = 'close' or assigned_to_type = 'admin')""",
        "ratings": "select count(conversation_rating_created_at) from conversation_history where _fivetran_active",
    },
    "fivetran_shopify": {
        "brands": "select count(*) from shop",
        "orders": """select count(*) from "order" where not test""",
        "order_lines": "select count(*) from order_line",
        "refunds": "select count(*) from refund",
    },
}


ROWS["fivetran_shopify_graphql"] = {
    "brands": "select 1",
    "orders": """select count(*) from "order" where not test and not _fivetran_deleted""",
    "order_lines": """select count(*) from order_line
                       where order_id not in (select id from "order" where test or _fivetran_deleted)""",
    "refunds": """select count(*) from refund
                   where order_id not in (select id from "order" where test or _fivetran_deleted)""",
}
# A line of each chat, comments of no ticket beside them.
ROWS["fivetran_zendesk_chat"] = ROWS["fivetran_zendesk"] | {
    "messages": f"""select ({ROWS["fivetran_zendesk"]["messages"]})
                         + (select count(*) from ticket_chat_event where type = 'ChatMessage')"""
}


@pytest.fixture(params=ROWS)
def seeded(request: pytest.FixtureRequest, server: str) -> Iterator[tuple[str, str]]:
    """A packaged system, and the URL of a database that holds Fivetran's rows of it."""
    name = request.param
    vendor, _, part = name.removeprefix("fivetran_").partition("_")
    if not fivetran_seeds.are_there(vendor):
        pytest.skip(f"CAUSERIE_TEST_FIVETRAN_PACKAGES names no folder with dbt_{vendor}")
    schema = packages.package(name).schema
    with empty_database(server) as url:
        with psycopg.connect(url, autocommit=True) as made:
            fivetran_seeds.fill(made, vendor, schema, "gql_" if part == "graphql" else "")
            place = urlsplit(url).path.removeprefix("/")
            made.execute(f"alter database {place} set search_path = {schema}".encode())
        yield name, url


@pytest.fixture
def sources(seeded: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sources file by which all that the system says to have is connected."""
    name, url = seeded
    monkeypatch.setenv("CAUSERIE_HASH_KEY", "0123456789abcdef")
    monkeypatch.setenv("SEEDED_URL", url)
    package = packages.package(name)
    brands = {number: dict(package.unsaid) for number in setup.look_into(package, None, "SEEDED_URL").brands}
    file = tmp_path / "sources.yml"
    file.write_text(yaml.safe_dump({"systems": {name: {"url_env": "SEEDED_URL", "brands": brands}}}))
    return file


def asked(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


def left_out(one: Judged) -> int:
    return sum(number for why, number in one.result.warnings.items() if why.startswith("left out: "))


def test_every_row_of_fivetrans_own_passes_or_is_named(
    seeded: tuple[str, str], sources: Path, connection: psycopg.Connection[Any]
) -> None:
    name, url = seeded
    judged = {one.dataset: one for one in check_sources(connection, read_sources(sources, "unused"), TODAY)}
    assert all(one.result.outcome == "loaded" for one in judged.values()), judged
    assert {dataset: one.result.counts.read + left_out(one) for dataset, one in judged.items()} == {
        dataset: asked(url, query) for dataset, query in ROWS[name].items()
    }
    faults = [(one.dataset, fault.rule, fault.rows) for one in judged.values() for fault in one.faults]
    # Some orders of the rows are in another currency than their shop.
    assert faults == [("orders", "brand_currency", FOREIGN[name])] * (name in FOREIGN)


FOREIGN = {"fivetran_shopify": 3, "fivetran_shopify_graphql": 4}
FIGURES: dict[str, list[tuple[str, str]]] = {
    "fivetran_zendesk": [
        ("select count(*), count(handled_at) from raw.conversations",
         """select count(*), count(distinct h.ticket_id) from ticket t
              left join ticket_field_history h on h.ticket_id = t.id and h.field_name = 'assignee_id'
             where t.status <> 'deleted'"""),
        ("select count(*) from raw.conversation_events where event_type = 'closed'",
         """select count(distinct (ticket_id, updated)) from ticket_field_history h join ticket t on t.id = h.ticket_id
             where field_name = 'status' and value = 'solved' and t.status <> 'deleted'"""),
        ("select count(*) from raw.conversation_events where event_type = 'snoozed'",
         "select count(*) from ticket_field_history where field_name = 'status' and value = 'on-hold'"),
        ("select min(requested_at), max(requested_at) from raw.conversations",
         """select min(created_at at time zone 'UTC'), max(created_at at time zone 'UTC')
              from ticket where status <> 'deleted'"""),
    ],
    "fivetran_intercom": [
        ("select count(*), count(distinct visitor_id) from raw.conversations",
         "select count(distinct id), count(distinct source_author_id) from conversation_history"),
        ("select count(*), min(occurred_at) from raw.conversation_events where event_type = 'closed'",
         """select count(*), min(created_at at time zone 'UTC') from conversation_part_history
             where part_type = 'close'"""),
    ],
    "fivetran_shopify": [
        ("select count(*), sum(gross_amount), sum(tax_amount), sum(discount_amount) from raw.orders",
         """select count(*), sum(total_price::numeric), sum(total_tax::numeric), sum(total_discounts::numeric)
              from "order" where not test and currency = (select currency from shop)"""),
        ("select sum(quantity), sum(quantity * unit_amount) from raw.order_lines",
         "select sum(quantity), sum(quantity * price::numeric) from order_line"),
    ],
}  # fmt: skip
FIGURES["fivetran_shopify_graphql"] = [
    ("select count(*), sum((\"row\" ->> 'gross_amount')::numeric) from raw.quarantine where dataset = 'orders'",
     """select count(*), sum(total_price_set_shop_amount::numeric) from "order"
         where not test and not _fivetran_deleted"""),
]  # fmt: skip
FIGURES["fivetran_zendesk_chat"] = [
    *FIGURES["fivetran_zendesk"],
    ("select count(*), count(distinct conversation_id) from raw.messages",
     """select count(*), count(distinct c.ticket_id) from ticket_chat_event e join ticket_chat c using (chat_id)
          join ticket t on t.id = c.ticket_id where e.type = 'ChatMessage' and t.status <> 'deleted'"""),
]  # fmt: skip


def test_what_raw_holds_is_what_sql_finds_in_fivetrans_tables(
    seeded: tuple[str, str], sources: Path, connection: psycopg.Connection[Any]
) -> None:
    name, url = seeded
    read = read_sources(sources, "unused")
    extracts = [(one.dataset, one.day) for one in pending_extracts(connection, read, TODAY)]
    announce(read, extracts)
    for dataset, day in sorted(extracts, key=lambda one: list(DATASETS).index(one[0])):
        assert load_extract(connection, DATASETS[dataset], day, read[dataset]).outcome == "loaded"
    for ours, theirs in FIGURES[name]:
        row = connection.execute(ours.encode()).fetchone()
        assert row is not None
        found = row[0] if len(row) == 1 else row
        assert found == asked(url, theirs), ours
    connection.commit()
    assert pending_extracts(connection, read, TODAY) == []
