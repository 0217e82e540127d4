"""A chat and a shop that know one person by the same address: the order is credited to the dialogue, whichever of the
two the platform hears of first."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from asking import report
from night import Night
from other_system import empty_database

from orchestration.assets.ingestion import by_dataset
from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import load_extracts
from orchestration.sources.looks import announce
from orchestration.sources.pending import pending_extracts
from simulator.chatwoot import create_tables

FIRST, LAST = date(2026, 3, 9), date(2026, 3, 29)
# Ada's first order follows her dialogue, her second one by three weeks; Bo's address the chat does not know yet; Cy
# ordered before he wrote; nobody ever heard of Di.
ORDERS = (
    ("#1", "ada@example.com", "10.00", "2026-03-10 15:00:00 +0100"),
    ("#2", "bo@example.com", "20.00", "2026-03-10 15:00:00 +0100"),
    ("#3", "cy@example.com", "40.00", "2026-03-09 09:00:00 +0100"),
    ("#4", "di@example.com", "80.00", "2026-03-10 15:00:00 +0100"),
    ("#5", "ada@example.com", "160.00", "2026-03-29 15:00:00 +0200"),
)
# Three people ask at 10:00 in Paris and are answered five minutes later.
CHAT = """
insert into accounts (name, created_at, updated_at) values ('Lumen', '2026-03-01', '2026-03-01');
insert into inboxes (channel_id, account_id, name, channel_type, timezone, created_at, updated_at)
values (1, 1, 'Site', 'Channel::WebWidget', 'Europe/Paris', '2026-03-01', '2026-03-01');
insert into users (name, created_at, updated_at) values ('Ana Roy', '2026-03-01', '2026-03-01');
insert into account_users (account_id, user_id, created_at, updated_at) values (1, 1, '2026-03-01', '2026-03-01');
insert into contacts (account_id, email, created_at, updated_at)
select 1, email, '2026-03-09 09:00', '2026-03-09 09:00'
  from unnest(array[' Ada@Example.com', null, 'cy@example.com']) email;
insert into conversations (account_id, inbox_id, contact_id, display_id, created_at, updated_at)
select 1, 1, n, n, '2026-03-09 09:00', '2026-03-09 09:05' from generate_series(1, 3) n;
insert into messages (account_id, inbox_id, conversation_id, message_type, sender_type, sender_id, created_at,
                      updated_at)
select 1, 1, n, kind, case kind when 0 then 'Contact' else 'User' end, case kind when 0 then n else 1 end,
       timestamp '2026-03-09 09:00' + kind * interval '5 minutes', '2026-03-09 09:05'
  from generate_series(1, 3) n, generate_series(0, 1) kind
"""


@pytest.fixture
def chat(server: str) -> Iterator[str]:
    with empty_database(server) as url:
        with psycopg.connect(url) as connection:
            create_tables(connection)
            connection.execute(CHAT.encode())
        yield url


def run(night: Night, today: date) -> None:
    """What `causerie run` does on a day."""
    sources = read_sources(night.sources_file, "unused")
    with night.connect() as connection:
        extracts = [(one.dataset, one.day) for one in pending_extracts(connection, sources, today)]
        announce(sources, extracts)
        for name, days in by_dataset(extracts).items():
            for result in load_extracts(connection, DATASETS[name], days, sources[name]):
                assert result.outcome != "refused" and not result.counts.rejected, result
    night.publish()


def credited(night: Night) -> dict[str, Any]:
    """Sales credited to dialogues and their amount, and all orders."""
    with night.connect() as connection:
        rows = report(connection, "chatwoot-1", FIRST, LAST)
    wanted = {"Chat-Card-80", "Chat-Card-81", "Shop-Card-1"}
    return {row.ref: row.value for row in rows if row.ref in wanted and row.bin is None}


def test_an_address_that_both_know_credits_the_order(
    chat: str, new_night: Callable[[], Night], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAUSERIE_HASH_KEY", "a secret of sixteen")
    monkeypatch.setenv("CHATWOOT_URL", chat)
    export = tmp_path / "orders_export.csv"
    with export.open("w") as file:
        for name, email, total, at in ORDERS:
            order = {
                "Name": name, "Email": email, "Total": total, "Created at": at, "Paid at": "2026-03-30 09:00:00 +0200",
                "Financial Status": "paid", "Currency": "EUR", "Shipping": "0.00", "Taxes": "0.00",
                "Discount Amount": "0.00", "Payment Method": "Shopify Payments", "Source": "web",
                "Lineitem quantity": 1, "Lineitem sku": "F", "Lineitem price": total,
            }  # fmt: skip
            rows = csv.DictWriter(file, order)
            if not file.tell():
                rows.writeheader()
            rows.writerow(order)
    noon = datetime(2026, 3, 30, 12, tzinfo=UTC).timestamp()
    os.utime(export, (noon, noon))
    night = new_night()
    night.sources_file = tmp_path / "sources.yml"
    night.sources_file.write_text(
        "systems:\n  chatwoot: {url_env: CHATWOOT_URL, brands: {1: {currency: EUR}}}\n"
        f"  shopify_export: {{root: {export}, brands: {{1: {{brand_id: chatwoot-1}}}}}}\n"
    )
    run(night, date(2026, 4, 1))
    assert credited(night) == {"Chat-Card-80": Decimal(10), "Chat-Card-81": 1, "Shop-Card-1": 5}
    with night.connect() as connection:
        seen = connection.execute("select external_id from raw.identities union select identity_id from raw.orders")
        assert all(len(told) == 64 and "@" not in told for (told,) in seen)

    # Bo leaves an address in April: what was sold in March is his dialogue's all the same.
    with psycopg.connect(chat) as connection:
        connection.execute("update contacts set email = 'BO@example.com', updated_at = '2026-04-02 09:00' where id = 2")
    run(night, date(2026, 4, 3))
    assert credited(night) == {"Chat-Card-80": Decimal(30), "Chat-Card-81": 2, "Shop-Card-1": 5}
