"""The simulator keeps the source contract, is deterministic, and shows every kind of fact that indicators look at.

Here: a small validator written from the contract's text, apart from the loader's. Not here: what the facts add up to.
"""

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import simulator

Rows = dict[str, list[tuple[date, dict[str, Any]]]]

ENTITIES = {"brands", "members", "identities", "conversations", "calls", "ratings", "orders", "order_lines",
            "experiences", "journeys", "journey_runs"}  # fmt: skip
# Columns of each dataset after brand_id; `?` = may be null, `:` names the enumeration or the type.
CONTRACT = {
    "brands": "name timezone currency locale attribution_window_days?:int working_hours?:json updated_at",
    "members": "member_id first_name? last_name? role:int team? updated_at",
    "conversations": "conversation_id visitor_id? kind:customer|internal source:waiting_list|direct|hook|phygital "
    "channel:web|store|direct|app|email|whatsapp|instagram "
    "medium:text|video initiated_by:visitor|member requested_at cancelled_at? handled_at? "
    "member_id? is_blocked:bool page_url? ad_id? ad_payload? inbox? labels?:list handled_basis?:recorded updated_at",
    "messages": "message_id conversation_id sender_type:visitor|member|bot|system sender_id? sent_at is_automatic:bool "
    "content_type:list:text|photo|video|product|connect_invite|email_request|email_provided|phygital_marker|other",
    "conversation_events": "event_id conversation_id occurred_at "
    "event_type:assigned|handed_off|closed|reopened|snoozed|other actor_type?:visitor|member|bot|system member_id?",
    "identities": "system external_id visitor_id updated_at",
    "calls": "call_id conversation_id initiated_by:visitor|member requested_at answered_at? ended_at? updated_at",
    "ratings": "rating_id conversation_id member_id? requested_at given_at? score?:int comment? "
    "status:pending|submitted|dismissed updated_at",
    "member_activity": "event_id member_id occurred_at action:focus|click|scroll|pointer|other",
    "widget_events": "event_id session_id visitor_id occurred_at event_type:impression|open|close|click|"
    "notification_click|list_members|view_member|request_waiting_list|request_direct|cancel_request|send_message|other "
    "widget_version? page_url? ad_id? ad_payload?",
    "site_events": "event_id session_id visitor_id occurred_at event_type:page_view|product_view|add_to_cart|"
    "remove_from_cart|checkout_start|checkout_complete|personalisation_shown|goal_converted|recommendation_shown|"
    "recommendation_click page_url? product_id? quantity?:int experience_id? goal_id? revenue?:money ad_id? "
    "ad_payload?",
    "hook_events": "event_id member_id visitor_id? occurred_at event_type:trigger|display|click|dismiss hook_id "
    "conversation_id?",
    "orders": "order_id visitor_id? customer_id? conversation_id? member_id? channel:web|store|direct|app "
    "origin:conversation|publication|import|other ordered_at checked_out_at? paid_at? cancelled_at? "
    "payment_method:card|cash_on_delivery|transfer|other currency gross_amount:money tax_amount:money "
    "shipping_amount:money discount_amount:money identity_system? identity_id? updated_at",
    "refunds": "refund_id order_id refunded_at amount:money currency",
    "order_lines": "order_id line_number:int product_id quantity:int unit_amount:money updated_at",
    "experiences": "experience_id name kind:experience|ab_test started_at ended_at? updated_at",
    "journeys": "journey_id name started_at ended_at? updated_at",
    "journey_runs": "run_id journey_id visitor_id started_at completed_at? cancelled_at? goal_converted_at? updated_at",
    "journey_notifications": "notification_id run_id channel:email|push|sms|whatsapp|web|other sent_at",
}
ORDERED = {
    "conversations": [("requested_at", "handled_at"), ("requested_at", "cancelled_at")],
    "calls": [("requested_at", "answered_at"), ("answered_at", "ended_at")],
    "ratings": [("requested_at", "given_at")],
}


def read(directory: Path) -> Rows:
    """Every row with the day of its extract; empty CSV fields and absent JSON values are null."""
    rows: Rows = defaultdict(list)
    for path in sorted(directory.glob("*/*/*")):
        if path.name.endswith(".parquet"):
            found = pq.read_table(path).to_pylist()
        elif path.name.endswith(".csv.gz"):
            with gzip.open(path, "rt", newline="") as lines:
                found = [{name: value or None for name, value in row.items()} for row in csv.DictReader(lines)]
        else:
            with gzip.open(path, "rt") as lines:
                found = [json.loads(line) for line in lines]
        rows[path.parts[-3]] += [(date.fromisoformat(path.parts[-2]), row) for row in found]
    return rows


def instant(value: Any) -> datetime:
    parsed = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    assert parsed.tzinfo is not None, f"{value} has no offset"
    return parsed.astimezone(UTC)


def check(dataset: str, row: dict[str, Any]) -> datetime:
    """Assert that the contract holds for one row; gives the time that decides its extract."""
    assert list(row) == ["brand_id", *(word.partition(":")[0].rstrip("?") for word in CONTRACT[dataset].split())]
    kinds: dict[str, Callable[[Any], Any]] = {"int": int, "json": dict, "money": Decimal, "bool": bool}
    for word in CONTRACT[dataset].split():
        name, _, kind = word.partition(":")
        value = row[name.rstrip("?")]
        if value is None:
            assert name.endswith("?"), f"{dataset}.{name} is null"
        elif kind.startswith("list"):
            assert value == sorted(set(value))
            assert kind == "list" or set(value) <= set(kind.removeprefix("list:").split("|"))
        elif kind in kinds:
            assert not isinstance(value, float)
            kinds[kind](value)
        elif kind:
            assert value in kind.split("|"), f"{dataset}.{name}: {value}"
        elif name.rstrip("?").endswith("_at"):
            assert instant(value).year >= 2000
        else:
            assert isinstance(value, str)
            assert value or name.endswith("?")
    for earlier, later in ORDERED.get(dataset, []):
        if row[later] is not None and row[earlier] is not None:
            assert instant(row[earlier]) <= instant(row[later])
    if dataset == "members":
        assert 0 <= row["role"] <= 6
    if dataset == "ratings" and row["score"] is not None:
        assert 1 <= row["score"] <= 5
    if dataset == "order_lines":
        assert int(row["quantity"]) > 0
    if dataset == "orders":
        assert row["currency"] == "EUR"
    if dataset == "conversations" and row["visitor_id"] is None:
        assert row["kind"] == "internal"
    if dataset == "refunds":
        assert Decimal(row["amount"]) > 0
    if dataset in ("identities", "orders"):
        assert "@" not in str(row)
    named = ("sent_at", "refunded_at", "occurred_at")
    moment = "updated_at" if dataset in ENTITIES else next(name for name in named if name in row)
    return instant(row[moment])


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("landing")
    simulator.write(directory, days=33, seed=7, conversations_per_day=40)
    return directory


@pytest.fixture(scope="module")
def rows(landing: Path) -> Rows:
    return read(landing)


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.glob("*/*/*")}


def test_every_row_keeps_the_contract_and_lies_in_the_extract_of_its_day_or_later(rows: Rows) -> None:
    assert set(rows) == set(CONTRACT)
    for dataset, found in rows.items():
        for day, row in found:
            assert check(dataset, row).date() <= day


def test_the_same_arguments_give_the_same_bytes_and_leave_files_alone(tmp_path: Path) -> None:
    first = simulator.write(tmp_path, days=4, seed=3, conversations_per_day=10)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*/*")}
    again = simulator.write(tmp_path, days=4, seed=3, conversations_per_day=10)
    assert (again.files_written, again.files_unchanged) == (0, first.files_written)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*/*")} == before


def test_another_seed_gives_another_history(tmp_path: Path) -> None:
    for seed in (3, 4):
        simulator.write(tmp_path / str(seed), days=2, seed=seed, conversations_per_day=10)
    assert contents(tmp_path / "3") != contents(tmp_path / "4")


def test_a_longer_simulation_begins_like_a_shorter_one(tmp_path: Path) -> None:
    simulator.write(tmp_path / "short", days=5, seed=3, conversations_per_day=10)
    simulator.write(tmp_path / "long", days=9, seed=3, conversations_per_day=10)
    short, long = contents(tmp_path / "short"), contents(tmp_path / "long")
    assert short.items() <= long.items()
    assert len(long) > len(short)


def test_the_start_can_be_chosen_and_otherwise_is_the_documented_one(tmp_path: Path) -> None:
    assert simulator.write(tmp_path, 1, 1, 5).first_day == simulator.DEFAULT_START
    summary = simulator.write(tmp_path / "other", 2, 1, 5, start=date(2024, 10, 26))
    assert (summary.first_day, summary.last_day) == (date(2024, 10, 26), date(2024, 10, 27))
    with pytest.raises(ValueError, match="at least 1"):
        simulator.write(tmp_path, 0, 1)


def test_every_enumerated_value_is_seen(rows: Rows) -> None:
    for dataset, columns in CONTRACT.items():
        for word in columns.split():
            name, _, kind = word.partition(":")
            if "|" in kind:
                values = [row[name.rstrip("?")] for _, row in rows[dataset]]
                seen = {word for value in values for word in (value if kind.startswith("list:") else [value])}
                assert seen == set(kind.removeprefix("list:").split("|")), f"{dataset}.{name}"
    assert {row["role"] for _, row in rows["members"]} == set(range(7))
    assert {row["status"] for _, row in rows["ratings"] if row["score"]} == {"submitted", "dismissed"}


def test_members_are_promoted_and_come_in_teams(rows: Rows) -> None:
    roles = defaultdict(set)
    for _, row in rows["members"]:
        roles[row["member_id"]].add(row["role"])
    assert len(roles) == 8
    assert any(len(held) > 1 for held in roles.values())
    assert len({row["team"] for _, row in rows["members"]}) > 1


def test_requests_meet_every_fate(rows: Rows) -> None:
    final = {row["conversation_id"]: row for _, row in sorted(rows["conversations"], key=lambda pair: pair[0])}
    waiting = [row for row in final.values() if row["source"] == "waiting_list"]
    fates = {(row["cancelled_at"] is not None, row["handled_at"] is not None) for row in waiting}
    assert fates == {(False, False), (False, True), (True, False), (True, True)}
    assert all((row["member_id"] is None) == (row["handled_at"] is None) for row in waiting)
    assert any(row["is_blocked"] for row in final.values())
    assert any(row["kind"] == "internal" for row in final.values())

    written = defaultdict(set)
    early = set()
    for _, row in rows["messages"]:
        if row["sender_type"] in ("visitor", "member") and not row["is_automatic"]:
            written[row["conversation_id"]].add(row["sender_type"])
            request = final.get(row["conversation_id"])
            if request and request["handled_at"] and row["sent_at"] < instant(request["handled_at"]):
                early.add(request["source"])
    started = [written[row["conversation_id"]] for row in waiting if row["handled_at"]]
    assert {"visitor", "member"} in started
    assert set() in started
    assert {"visitor"} in started
    assert "waiting_list" in early, "questions are left while waiting"
    assert {"member"} in written.values(), "members write first, in vain"


def test_changes_arrive_in_later_extracts(rows: Rows) -> None:
    for dataset, key in (("conversations", "conversation_id"), ("ratings", "rating_id"), ("orders", "order_id")):
        days = defaultdict(set)
        for day, row in rows[dataset]:
            days[row[key]].add(day)
        assert any(len(found) > 1 for found in days.values()), dataset


def test_orders_are_paid_late_never_or_cancelled_and_credited_in_every_way(rows: Rows) -> None:
    orders = {row["order_id"]: row for _, row in sorted(rows["orders"], key=lambda pair: pair[0])}.values()
    paid = [row for row in orders if row["paid_at"]]
    assert any(instant(row["paid_at"]) - instant(row["ordered_at"]) > timedelta(days=1) for row in paid)
    assert any(row["paid_at"] is None for row in orders)
    assert any(row["cancelled_at"] for row in orders)
    assert any(row["conversation_id"] for row in orders)
    assert any(row["customer_id"] is None and row["visitor_id"] is None for row in orders)
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for key, line in {(row["order_id"], row["line_number"]): row for _, row in rows["order_lines"]}.items():
        amounts[key[0]] += int(line["quantity"]) * Decimal(line["unit_amount"])
    for row in orders:
        expected = amounts[row["order_id"]] - Decimal(row["discount_amount"]) + Decimal(row["shipping_amount"])
        assert Decimal(row["gross_amount"]) == expected


def test_a_few_rows_are_sent_again_or_late(rows: Rows) -> None:
    def plain(dataset: str) -> list[str]:
        return [repr(sorted(row.items())) for _, row in rows[dataset]]

    again = sum(len(plain(dataset)) - len(set(plain(dataset))) for dataset in rows)
    late = sum(row["sent_at"].date() < day for day, row in rows["messages"])
    total = sum(map(len, rows.values()))
    assert 0 < again < total / 100
    assert 0 < late < len(rows["messages"]) / 100


def test_campaigns_are_shown_while_they_are_live(rows: Rows) -> None:
    lives = {
        row[key]: (instant(row["started_at"]), instant(row["ended_at"]) if row["ended_at"] else None)
        for dataset, key in (("experiences", "experience_id"), ("journeys", "journey_id"))
        for _, row in rows[dataset]
    }
    # A goal may be reached when its experience is over.
    shown = [
        (row["experience_id"], instant(row["occurred_at"]))
        for _, row in rows["site_events"]
        if row["event_type"] == "personalisation_shown"
    ]
    entered = [(row["journey_id"], instant(row["started_at"])) for _, row in rows["journey_runs"]]
    assert len(shown) > 100 and len(entered) > 100
    for campaign, at in shown + entered:
        begun, ended = lives[campaign]
        # A page may take a moment, a pause an hour, from choosing an experience to showing it.
        assert begun <= at and (ended is None or at < ended + timedelta(hours=6)), (campaign, at)


def test_recommendations_are_followed_by_some_and_sell(rows: Rows) -> None:
    """Of those shown one, some click it, and some buy it, be it on another day."""
    seen: dict[str, dict[tuple[str, str], datetime]] = defaultdict(dict)
    for _, row in sorted(rows["site_events"], key=lambda pair: instant(pair[1]["occurred_at"])):
        if row["product_id"]:
            seen[row["event_type"]].setdefault((row["visitor_id"], row["product_id"]), instant(row["occurred_at"]))
    shown, clicked = seen["recommendation_shown"], seen["recommendation_click"]
    assert clicked.keys() <= shown.keys()
    assert 0.1 < len(clicked) / len(shown) < 0.4
    orders = {row["order_id"]: row for _, row in rows["orders"]}
    bought = {
        (orders[line["order_id"]]["visitor_id"], line["product_id"]): instant(orders[line["order_id"]]["ordered_at"])
        for _, line in rows["order_lines"]
    }
    delays = [bought[key] - shown[key] for key in bought.keys() & shown.keys() if bought[key] > shown[key]]
    assert delays and 0.005 < len(delays) / len(shown) < 0.1
    assert any(delay > timedelta(days=1) for delay in delays)
