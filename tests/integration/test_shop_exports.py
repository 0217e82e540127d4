"""Shopify's and WooCommerce's exports of orders as packaged systems: found, connected, and every row of them taken."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from rich.console import Console

from orchestration.cli import systems
from orchestration.settings import Settings
from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.sources_file import SourcesError, read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.extract_days import today
from orchestration.sources.loading.check_sources import check_sources
from orchestration.sources.loading.load import Counts, load_extract

CASE = next(
    (found for folder in Path(__file__).parents if (found := folder / "shared/cases/shop_exports").exists()),
    Path("none"),
)
# The second order is of a draft, paid in no way yet, its product without an SKU; the third was paid in two ways.
SHOPIFY = """\
Name,Email,Financial Status,Paid at,Currency,Shipping,Taxes,Total,Discount Amount,Created at,Lineitem quantity,\
Lineitem name,Lineitem price,Lineitem sku,Cancelled at,Payment Method,Source
#1,Ada@example.com,paid,2026-03-09 10:15:00 -0400,USD,6.00,3.29,56.29,5.00,2026-03-09 10:14:00 -0400,2,Fern,16.00,F,,\
Shopify Payments,web
#1,Ada@example.com,,,,,,,,2026-03-09 10:14:00 -0400,1,Tote,20.00,T,,,
#2,bo@example.com,pending,,USD,0.00,0.00,25.00,0.00,2026-03-10 09:00:00 -0400,1,Mug,25.00,,,,shopify_draft_order
#3,,voided,2026-03-11 09:00:00 -0400,USD,0.00,0.00,9.00,0.00,2026-03-11 09:00:00 -0400,1,Mug,9.00,M,\
2026-03-11 10:00:00 -0400,Klarna + Gift Card,580111
"""
WOO = """\
order_id,order_date,paid_date,status,shipping_total,shipping_tax_total,tax_total,discount_total,order_total,\
order_currency,payment_method,customer_id,customer_email
7,2026-03-29 01:30:00,2026-03-29 03:30:00,completed,6.00,1.20,9.40,5.00,56.40,EUR,stripe,7,ada@example.com
8,2026-03-30 09:00:00,,wc-on-hold,0.00,0.00,4.17,0.00,25.00,EUR,klarna,0,bo@example.com
9,2026-03-30 10:00:00,,trash,0.00,0.00,4.17,0.00,25.00,EUR,cod,0,bo@example.com
"""
UNSAID = ("name=Lumen", "timezone=Europe/Paris", "locale=fr")


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`causerie init` of a system of files; the sources file that it writes, and what it says."""
    monkeypatch.setenv("CAUSERIE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CAUSERIE_HASH_KEY", raising=False)

    def connected(system: str, root: Path | str, *told: str) -> tuple[Path, str]:
        out = Console(record=True, width=200)
        file = systems.init(out, Settings.from_environment(), system, None, str(root), [*UNSAID, *told])
        return file, out.export_text()

    return connected


def written(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


def loaded(connection: psycopg.Connection[Any], file: Path) -> dict[str, Counts]:
    counts: dict[str, Counts] = {}
    for name, source in read_sources(file, "unused").items():
        for day in source.days(today()):
            result = load_extract(connection, DATASETS[name], day, source)
            assert result.outcome == "loaded", result
            counts[name] = counts.get(name, Counts()) + result.counts
    return counts


def rows(connection: psycopg.Connection[Any], asked: str) -> list[tuple[Any, ...]]:
    connection.execute("set timezone = 'UTC'")
    found = connection.execute(asked.encode()).fetchall()
    connection.commit()
    return found


def test_a_shopify_export_is_connected_by_one_command(
    connect: Any, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    file, told = connect("shopify_export", written(tmp_path / "in", "orders_export.csv", SHOPIFY))
    assert "Shopify (order export)" in told and "create role" not in told
    assert yaml.safe_load(file.read_text()) == {
        "systems": {
            "shopify_export": {
                "root": str(tmp_path / "in"),
                "brands": {1: {"name": "Lumen", "timezone": "Europe/Paris", "locale": "fr"}},
            }
        }
    }
    # Without a key to hash by no address is read.
    assert loaded(connection, file) == {"brands": Counts(1, 1), "orders": Counts(3, 3), "order_lines": Counts(4, 4)}
    assert rows(connection, "select brand_id, name, timezone, currency from raw.brands") == [
        ("shopify_export-1", "Lumen", "Europe/Paris", "USD")
    ]
    assert rows(
        connection,
        "select order_id, channel, payment_method, ordered_at::text, cancelled_at is not null, identity_id"
        " from raw.orders order by 1",
    ) == [
        ("#1", "web", "card", "2026-03-09 14:14:00+00", False, None),
        ("#2", "direct", "other", "2026-03-10 13:00:00+00", False, None),
        ("#3", "web", "other", "2026-03-11 13:00:00+00", True, None),
    ]
    assert rows(connection, "select order_id, line_number, product_id, product_name from raw.order_lines order by 1, 2"
                ) == [("#1", 1, "F", "Fern"), ("#1", 2, "T", "Tote"), ("#2", 1, "no SKU", "Mug"), ("#3", 1, "M", "Mug")
    ]  # fmt: skip


def test_a_woocommerce_export_is_read_on_the_clock_of_its_shop(
    connect: Any, connection: psycopg.Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = connect("woocommerce_export", written(tmp_path / "in", "orders.csv", WOO), "brand_id=lumen")
    monkeypatch.setenv("CAUSERIE_HASH_KEY", "a secret of sixteen")
    assert loaded(connection, file) == {"brands": Counts(1, 1), "orders": Counts(2, 2)}
    bo = hmac.new(b"a secret of sixteen", b"bo@example.com", "sha256").hexdigest()
    # 29 March begins an hour before midnight in UTC, and its clock leaves out the hour from 2 to 3.
    assert rows(
        connection,
        "select order_id, payment_method, ordered_at::text, paid_at::text, customer_id from raw.orders order by 1",
    ) == [
        ("7", "card", "2026-03-29 00:30:00+00", "2026-03-29 01:30:00+00", "7"),
        ("8", "other", "2026-03-30 07:00:00+00", None, None),
    ]
    assert rows(connection, "select brand_id, identity_system, identity_id from raw.orders where order_id = '8'") == [
        ("lumen", "email_sha256", bo)
    ]


def test_a_pattern_names_the_files_of_one_system_among_others(
    connect: Any, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    folder = written(written(tmp_path / "in", "orders_export_1.csv", SHOPIFY), "woo.csv", WOO)
    with pytest.raises(Refusal, match=r"woo\.csv: brands lacks the required columns currency, updated_at"):
        connect("shopify_export", folder)
    file, _ = connect("shopify_export", folder / "orders_export*.csv")
    assert loaded(connection, file)["orders"] == Counts(3, 3)


def test_what_is_missing_is_said(connect: Any, tmp_path: Path) -> None:
    folder = written(tmp_path / "in", "orders.csv", SHOPIFY.replace("Financial Status", "Status"))
    with pytest.raises(Refusal, match="there is no column Financial Status"):
        connect("shopify_export", folder)
    with pytest.raises(Refusal, match="holds no file that is read"):
        connect("shopify_export", written(tmp_path / "none", "orders.txt", SHOPIFY))
    with pytest.raises(systems.SystemProblem, match="comes as files: say --root"):
        connect("shopify_export", "")
    with pytest.raises(systems.SystemProblem, match="is a database: say --url-env"):
        connect("chatwoot", folder)


def test_a_shop_is_a_line_beside_a_chat(tmp_path: Path) -> None:
    file = tmp_path / "sources.yml"
    chat = "systems:\n  chatwoot: {url_env: CHATWOOT_URL, brands: {1: {currency: EUR}}}\n"
    file.write_text(chat + "  shopify_export: {root: exports, brands: {1: {brand_id: chatwoot-1}}}\n")
    assert {"brands", "messages", "orders", "order_lines"} <= set(read_sources(file, "unused"))
    file.write_text(
        chat + "  shopify_export: {brands: {1: {}, 2: {}}}\n  woocommerce_export: {root: e, brands: {1: {}}}\n"
    )
    with pytest.raises(SourcesError) as told:
        read_sources(file, "unused")
    for fault in (
        "root is missing: the folder, or the URL, where its files are",
        "wanted one brand, whose files these are; found 2",
        "shopify_export-1, shopify_export-2 is no brand of chatwoot, which says what brands there are",
        "timezone is missing: the times in its files are on the shop's clock",
        "orders comes from shopify_export too; wanted one",
    ):
        assert fault in str(told.value)


@pytest.mark.skipif(not CASE.exists(), reason="the exports of the case are not beside the repository")
@pytest.mark.parametrize(
    ("system", "name", "read"),
    [
        ("shopify_export", "orders_export.csv", {"brands": 1, "orders": 3, "order_lines": 4}),
        ("woocommerce_export", "woo.csv", {"brands": 1, "orders": 3}),
    ],
)
def test_the_exports_of_the_case(
    connect: Any, connection: psycopg.Connection[Any], system: str, name: str, read: dict[str, int]
) -> None:
    file, _ = connect(system, CASE / name)
    judged = list(check_sources(connection, read_sources(file, "unused"), today()))
    assert all(one.is_good for one in judged), judged
    assert {one.dataset: one.result.counts.loaded for one in judged} == read
