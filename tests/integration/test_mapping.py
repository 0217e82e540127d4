"""Flat exports of shops, mapped by words alone: several lines an order, times of a clock, amounts with a comma."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from landing_of import Raw, brand

from orchestration.settings import PROJECT
from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import Counts, LoadResult, load_extract

DAY = date(2026, 3, 12)
SHOPIFY = """\
Name,Email,Financial Status,Paid at,Currency,Shipping,Taxes,Total,Discount Amount,Created at,Lineitem quantity,\
Lineitem price,Lineitem sku,Lineitem name,Cancelled at,Payment Method,Source
#1,a@example.com,paid,2026-03-09 10:15:00 -0400,EUR,6.00,3.29,56.29,5.00,2026-03-09 10:14:00 -0400,2,16.00,F,Frame,,\
Shopify Payments,web
#1,a@example.com,,,,,,,,2026-03-09 10:14:00 -0400,1,20.00,T,Table,,,
#2,b@example.com,paid,,EUR,0.00,0.00,25.00,0.00,2026-03-10 09:00:00 +0100,1,25.00,M,,,Cash on Delivery (COD),pos
#3,c@example.com,void,,EUR,0.00,0.00,9.00,0.00,2026-03-10 09:00:00 +0100,1,9.00,M,,,Shopify Payments,web
"""
TILL = """\
Nummer;Datum;Summe;Steuer;Käse
T1;29.03.2026 01:30;1.234,56;197,1142;ja
T2;25.10.2026 02:30;12,00;1,905;nein
"""


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path) -> Raw:
    raw = Raw(connection, tmp_path / "landing")
    raw.take("brands", [brand(brand_id="lumen")], date(2026, 3, 1))
    return raw


def write(file: Path, text: str, day: date = DAY, encoding: str = "utf-8") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode(encoding))
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()
    os.utime(file, (noon, noon))


def take(raw: Raw, words: str, folder: Path) -> dict[str, LoadResult]:
    file = folder / "sources.yml"
    file.write_text(words)
    return {
        name: load_extract(raw.connection, DATASETS[name], day, source)
        for name, source in read_sources(file, "unused").items()
        for day in source.days(date(2027, 1, 1))
    }


def test_an_order_over_several_lines_is_one_order_and_its_lines(
    raw: Raw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "exports/shopify/orders.csv", SHOPIFY)
    write(tmp_path / "exports/shopify/orders.csv.part", "half")
    words = (PROJECT / "docs/sources/shopify_orders.yml").read_text()
    assert len([line for line in words.splitlines() if not line.startswith("#")]) <= 25
    words = words.replace("exports/shopify", str(tmp_path / "exports/shopify")).replace("refunded, ", "")
    monkeypatch.setenv("CAUSERIE_HASH_KEY", "k")
    taken = take(raw, words, tmp_path)
    assert taken["orders"].counts == Counts(2, 2) and taken["order_lines"].counts == Counts(3, 3)
    assert raw.all("select order_id, extract_day, channel, payment_method, gross_amount::text,"
                   " (ordered_at at time zone 'UTC')::text, paid_at is null from raw.orders order by 1") == [
        ("#1", DAY, "web", "card", "56.29", "2026-03-09 14:14:00", False),
        ("#2", DAY, "store", "cash_on_delivery", "25.00", "2026-03-10 08:00:00", True)]  # fmt: skip
    assert raw.all("select order_id, line_number, product_id, product_name, quantity, unit_amount::text"
                   " from raw.order_lines order by 1, 2") == [
        ("#1", 1, "F", "Frame", 2, "16.00"), ("#1", 2, "T", "Table", 1, "20.00"),
        ("#2", 1, "M", None, 1, "25.00")]  # fmt: skip


def test_an_export_that_is_written_again_is_the_extract_of_its_new_day(
    raw: Raw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAUSERIE_HASH_KEY", "k")
    words = (PROJECT / "docs/sources/shopify_orders.yml").read_text().replace("exports/shopify", str(tmp_path / "e"))
    write(tmp_path / "e/orders.csv", SHOPIFY)
    take(raw, words, tmp_path)
    write(tmp_path / "e/orders.csv", SHOPIFY.replace("56.29", "66.29"), date(2026, 3, 13))
    take(raw, words, tmp_path)
    assert raw.all("select extract_day::text, gross_amount::text from raw.orders where order_id = '#1' order by 1") == [
        ("2026-03-12", "56.29"), ("2026-03-13", "66.29")]  # fmt: skip


def test_empty_words_and_reasons_tell_which_rows_are_meant(raw: Raw, tmp_path: Path) -> None:
    write(tmp_path / "t/a.csv", "no,shop,why\n1,x,\n2,,\n3,y,\n4,x,a draft\n")
    taken = take(raw, f"""
datasets:
  members:
    root: {tmp_path}/t
    layout: flat
    left_out: why
    where: {{shop: [x, ""]}}
    columns: {{no: member_id, shop: brand_id}}
    values: {{brand_id: {{x: lumen}}}}
    set: {{role: "0", updated_at: 2026-03-09T10:00:00Z}}
""", tmp_path)  # fmt: skip
    assert taken["members"].counts == Counts(2, 1, rejected=1)
    assert taken["members"].warnings == {"left out: a draft": 1}
    assert raw.all("select member_id from raw.members") == [("1",)]
    assert raw.all("select column_name from raw.quarantine") == [("brand_id",)]


def test_times_of_a_clock_amounts_with_a_comma_and_another_encoding(raw: Raw, tmp_path: Path) -> None:
    write(tmp_path / "till/till_2026-10-26.csv", TILL, encoding="latin-1")
    words = (PROJECT / "docs/sources/chat_database.yml").read_text().replace("exports/till", str(tmp_path / "till"))
    orders = words[words.index("  orders:") : words.index("live:")]
    taken = take(raw, "datasets:\n" + orders.replace("Summe: gross", "Käse: customer_id, Summe: gross"), tmp_path)
    assert taken["orders"].counts == Counts(2, 2)
    # On 25 October clocks go back at 3:00, so that they show 2:30 twice: the first is meant.
    assert raw.all("select order_id, extract_day::text, (ordered_at at time zone 'UTC')::text, gross_amount::text,"
                   " tax_amount::text, customer_id from raw.orders order by 1") == [
        ("T1", "2026-10-26", "2026-03-29 00:30:00", "1234.56", "197.11", "ja"),
        ("T2", "2026-10-26", "2026-10-25 00:30:00", "12.00", "1.90", "nein")]  # fmt: skip


def test_a_file_without_a_date_in_its_name_is_refused_by_its_name(raw: Raw, tmp_path: Path) -> None:
    write(tmp_path / "till/till.csv", TILL)
    words = (PROJECT / "docs/sources/chat_database.yml").read_text().replace("exports/till", str(tmp_path / "till"))
    orders = words[words.index("  orders:") : words.index("live:")]
    taken = take(raw, "datasets:\n" + orders, tmp_path)
    assert taken["orders"].outcome == "refused" and "till.csv: no date in its name" in str(taken["orders"].reason)


def test_a_keyed_hash_stands_for_an_address(raw: Raw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "e/orders.csv", SHOPIFY)
    words = (PROJECT / "docs/sources/shopify_orders.yml").read_text().replace("exports/shopify", str(tmp_path / "e"))
    monkeypatch.delenv("CAUSERIE_HASH_KEY", raising=False)
    assert "CAUSERIE_HASH_KEY" in str(take(raw, words, tmp_path)["orders"].reason)
    monkeypatch.setenv("CAUSERIE_HASH_KEY", "k")
    take(raw, words, tmp_path)
    assert raw.all("select identity_id from raw.orders where order_id = '#1'") == [
        # printf %s a@example.com | openssl dgst -sha256 -hmac k
        ("a05c70e82e83107984638ae2c85658806bab3e71fd1147a54ef7e2a85a64b446",)]  # fmt: skip
    assert "example.com" not in str(raw.state())


def test_words_hold_for_json_lines_and_parquet_too(raw: Raw, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {"no": number, "kind": kind, "at": "2026-03-09T10:00:00", "sum": amount}
        for number, kind, amount in ((1, "sale", 10.005), (1, "sale", 3.0), (2, "gift", 4.0), (3, "sale", 1.115))
    ]
    folder = tmp_path / "orders"
    words = f"""
datasets:
  orders:
    root: {tmp_path}
    rows: first per no
    where: {{kind: sale}}
    columns: {{no: order_id, at: [ordered_at, updated_at], sum: gross_amount}}
    set: {{brand_id: lumen, origin: other, channel: web, payment_method: card, currency: EUR, tax_amount: 0,
          shipping_amount: 0, discount_amount: 0}}
    timezone: UTC
    round: {{gross_amount: 2}}
"""
    for day, write_rows in (
        ("2026-03-10", lambda path: path.with_suffix(".jsonl.gz").write_bytes(
            gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))),
        ("2026-03-11", lambda path: pq.write_table(pa.Table.from_pylist(rows), path.with_suffix(".parquet"))),
    ):  # fmt: skip
        (folder / day).mkdir(parents=True)
        write_rows(folder / day / "part-0")
        taken = take(raw, words, tmp_path)
        assert taken["orders"].outcome == "loaded", taken
        # A double is never exactly 10.005 or 1.115: what it was written as is rounded, half to even.
        assert raw.all("select order_id, gross_amount::text from raw.orders where extract_day = "
                       f"'{day}' order by 1") == [("1", "10.00"), ("3", "1.12")]  # fmt: skip
