"""Law 7: what makes a row bad, and that nothing else does; the five formats; hostile values; own names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from landing_of import DAY, Raw, brand, conversation, message, order, write

from orchestration.sentences import Sentence
from orchestration.sources.connectors.mapping import Naming
from orchestration.sources.loading.load import Counts

FORMATS = ["jsonl", "jsonl.gz", "csv", "csv.gz", "parquet"]


@pytest.fixture
def raw(connection: psycopg.Connection[Any], tmp_path: Path) -> Raw:
    raw = Raw(connection, tmp_path)
    raw.take("brands", [brand()], date(2026, 3, 1))
    return raw


CALL = {
    "brand_id": "acme", "call_id": "k", "conversation_id": "c", "initiated_by": "visitor",
    "requested_at": "2026-03-10T09:00:00Z", "updated_at": "2026-03-10T09:00:00Z",
}  # fmt: skip
RATING = {
    "brand_id": "acme", "rating_id": "r", "conversation_id": "c", "requested_at": "2026-03-10T09:00:00Z",
    "status": "pending", "updated_at": "2026-03-10T09:00:00Z",
}  # fmt: skip
JOURNEY = {
    "brand_id": "acme", "journey_id": "j", "name": "n", "started_at": "2026-03-10T09:00:00Z",
    "updated_at": "2026-03-10T09:00:00Z",
}  # fmt: skip
LINE = {
    "brand_id": "acme", "order_id": "o", "line_number": 1, "product_id": "p", "quantity": 1, "unit_amount": "1",
    "updated_at": "2026-03-10T09:00:00Z",
}  # fmt: skip
REFUND = {
    "brand_id": "acme", "refund_id": "f", "order_id": "o", "refunded_at": "2026-03-10T09:00:00Z", "amount": "1.50",
    "currency": "EUR",
}  # fmt: skip
EVENT = {
    "brand_id": "acme", "event_id": "e", "conversation_id": "c", "occurred_at": "2026-03-10T09:00:00Z",
    "event_type": "closed",
}  # fmt: skip
IDENTITY = {
    "brand_id": "acme", "system": "shopify", "external_id": "7", "visitor_id": "v",
    "updated_at": "2026-03-10T09:00:00Z",
}  # fmt: skip
SITE_EVENT = {
    "brand_id": "acme", "event_id": "e", "session_id": "s", "visitor_id": "v", "occurred_at": "2026-03-10T09:00:00Z",
    "event_type": "page_view",
}  # fmt: skip

BAD = [
    ("messages", message(1, sent_at="2026-03-10T09:00:00"), "offset", "sent_at"),
    ("messages", message(1, sent_at="now"), "type", "sent_at"),
    ("messages", message(1, sent_at="infinity"), "type", "sent_at"),
    ("messages", message(1, sent_at="2026-03-10"), "type", "sent_at"),
    ("messages", message(1, sent_at="2026-02-30T00:00:00Z"), "type", "sent_at"),
    ("messages", message(1, sent_at="1970-01-01T00:00:00Z"), "too_early", "sent_at"),
    ("messages", message(1, sent_at="2026-03-12T00:00:00.000001Z"), "too_late", "sent_at"),
    ("messages", message(1, sent_at="2036-03-10T00:00:00Z"), "too_late", "sent_at"),
    ("messages", message(1, sent_at=1_773_000_000), "type", "sent_at"),
    ("messages", message(1, is_automatic="1"), "type", "is_automatic"),
    ("messages", message(1, is_automatic=None), "required", "is_automatic"),
    ("messages", message(1, sender_type="Visitor"), "values", "sender_type"),
    ("messages", message(1, message_id={"id": 1}), "type", "message_id"),
    ("messages", message(1, message_id="nul\0"), "nul", "message_id"),
    ("messages", message(1, message_id="half \ud83d"), "encoding", "message_id"),
    ("messages", message(1, brand_id=None), "required", "brand_id"),
    ("conversations", conversation(1, visitor_id=None), "required", "visitor_id"),
    ("conversations", conversation(1, handled_at="2026-03-10T08:59:59Z"), "order", "handled_at"),
    ("conversations", conversation(1, cancelled_at="2026-03-10T08:59:59Z"), "order", "cancelled_at"),
    ("conversations", conversation(1, updated_at="2026-03-13T00:00:00Z"), "too_late", "updated_at"),
    ("calls", {**CALL, "answered_at": "2026-03-10T08:00:00Z"}, "order", "answered_at"),
    ("calls", {**CALL, "answered_at": "2026-03-10T10:00:00Z", "ended_at": "2026-03-10T09:30:00Z"}, "order", "ended_at"),
    ("ratings", {**RATING, "given_at": "2026-03-10T08:00:00Z"}, "order", "given_at"),
    ("ratings", {**RATING, "score": 0}, "range", "score"),
    ("ratings", {**RATING, "score": "5.0"}, "type", "score"),
    ("order_lines", {**LINE, "quantity": 0}, "range", "quantity"),
    ("order_lines", {**LINE, "quantity": 2**63}, "type", "quantity"),
    ("orders", order(1, currency="USD"), "brand_currency", "currency"),
    ("orders", order(1, currency="eur"), "type", "currency"),
    ("orders", order(1, gross_amount="NaN"), "type", "gross_amount"),
    ("orders", order(1, gross_amount=float("nan")), "type", "gross_amount"),
    ("orders", order(1, gross_amount="1e400"), "range", "gross_amount"),
    ("orders", order(1, gross_amount="1,5"), "decimal_comma", "gross_amount"),
    ("orders", order(1, gross_amount="-80.00"), "negative", "gross_amount"),
    ("orders", order(1, discount_amount="-0.01"), "negative", "discount_amount"),
    ("orders", order(1, identity_system="email", identity_id="ann@example.org"), "plain_email", "identity_id"),
    ("order_lines", {**LINE, "unit_amount": "-1"}, "negative", "unit_amount"),
    ("site_events", {**SITE_EVENT, "revenue": "-1.5e1"}, "negative", "revenue"),
    ("refunds", {**REFUND, "amount": "0"}, "range", "amount"),
    ("refunds", {**REFUND, "amount": "-1"}, "range", "amount"),
    ("refunds", {**REFUND, "currency": "USD"}, "brand_currency", "currency"),
    ("refunds", {**REFUND, "refunded_at": "2026-03-13T09:00:00Z"}, "too_late", "refunded_at"),
    ("identities", {**IDENTITY, "external_id": "Ann@Example.org"}, "plain_email", "external_id"),
    ("conversation_events", {**EVENT, "event_type": "resolved"}, "values", "event_type"),
    ("conversation_events", {**EVENT, "actor_type": "robot"}, "values", "actor_type"),
    ("conversations", conversation(1, channel="fax"), "values", "channel"),
    ("conversations", conversation(1, handled_basis="guessed"), "values", "handled_basis"),
    ("conversations", conversation(1, labels=["a", {"b": 1}]), "type", "labels"),
    ("conversations", conversation(1, labels=["a\0"]), "nul", "labels"),
    ("messages", message(1, content_type=[]), "required", "content_type"),
    ("messages", message(1, content_type=["photo", "sticker"]), "values", "content_type"),
    ("messages", message(1, content_type="photo|"), "values", "content_type"),
    ("messages", message(1, content_type=["photo", None]), "type", "content_type"),
    ("brands", brand(timezone="Mars/Olympus"), "type", "timezone"),
    ("brands", brand(working_hours={"8": []}), "type", "working_hours"),
    ("brands", brand(working_hours={"1": [["09:00"]]}), "type", "working_hours"),
    ("brands", brand(working_hours={"closed": ["2026-02-30"]}), "type", "working_hours"),
    (
        "members",
        {"brand_id": "acme", "member_id": "m", "role": 7, "updated_at": "2026-03-10T09:00:00Z"},
        "range",
        "role",
    ),
]
GOOD = [
    ("messages", message(1, sent_at="2026-03-12T00:00:00Z")),
    ("messages", message(1, sent_at="2000-01-01T00:00:00Z")),
    ("messages", message(1, sent_at="2026-03-10T09:00:00.1234567+0530", is_automatic="TRUE")),
    ("messages", message(1, sent_at="2026-03-11T23:59:59.9999999Z")),
    ("messages", message(1, message_id="x" * 128, conversation_id="é" * 128)),
    ("messages", message(12, message_id=12)),
    ("conversations", conversation(1, kind="internal", visitor_id=None)),
    ("conversations", conversation(1, handled_at="2026-03-10T09:00:00Z", cancelled_at="2026-03-10T09:00:00Z")),
    # Neither an event's time nor updated_at: its odd time is the row's own affair.
    ("conversations", conversation(1, handled_at="2036-03-10T09:00:00Z")),
    ("calls", {**CALL, "ended_at": "2026-03-10T08:00:00Z"}),
    ("orders", order(1, paid_at="2026-03-09T00:00:00Z")),
    ("journeys", {**JOURNEY, "ended_at": "2030-01-01T00:00:00Z"}),
    ("site_events", {**SITE_EVENT, "quantity": 2**53 + 1, "revenue": "1.5e1"}),
    ("orders", order(1, gross_amount="-0.00")),
    ("refunds", REFUND),
    ("identities", IDENTITY),
    ("conversation_events", EVENT),
    *(("conversations", conversation(1, channel=channel)) for channel in ("email", "whatsapp", "x", "phone")),
    ("brands", brand(working_hours={"1": [["09:00", "24:00"]], "closed": ["2026-12-25"],
                                    "teams": {"night": {"7": [["00:00", "05:30"]]}}})),
    ("brands", brand(brand_id="empty hours", working_hours={})),
]  # fmt: skip


@pytest.mark.parametrize(("dataset", "row", "rule", "column"), BAD)
def test_bad(raw: Raw, dataset: str, row: dict[str, Any], rule: str, column: str) -> None:
    result = raw.take(dataset, [row])
    assert result.counts == Counts(read=1, rejected=1)
    assert raw.all("select rule, column_name from raw.quarantine") == [(rule, column)]


def test_good(raw: Raw) -> None:
    for dataset, row in GOOD:
        assert raw.take(dataset, [row]).counts == Counts(read=1, loaded=1), (dataset, row)
    assert raw.all("select count(*) from raw.quarantine") == [(0,)]


@pytest.mark.parametrize("ending", FORMATS)
def test_a_time_of_seven_digits_is_cut_and_not_rounded_into_the_next_day(raw: Raw, ending: str) -> None:
    last = "2026-03-10T23:59:59.9999999Z"
    rows = [message(1, sent_at=last), message(2)]
    raw.take("messages", rows, name=f"a.{ending}")
    raw.take("messages", [*rows, message(3, sent_at="?")], name=f"a.{ending}")
    if ending == "parquet":
        (raw.landing / "messages" / str(DAY) / "a.parquet").unlink()
        path = raw.landing / "messages" / str(DAY) / "b.parquet"
        columns: dict[str, Any] = {name: [value] for name, value in message(1).items()}
        columns["sent_at"] = pa.array([1_773_187_199_999_999_999], pa.timestamp("ns", "UTC"))
        pq.write_table(pa.table(columns), path)
        raw.load("messages")
    found = raw.all("select distinct sent_at from raw.messages where message_id = 'm1'")
    assert found == [(datetime(2026, 3, 10, 23, 59, 59, 999999, tzinfo=UTC),)]


def test_a_good_row_is_the_same_beside_a_bad_one(raw: Raw) -> None:
    """A bad value makes the extract travel as text; what its good rows mean must not depend on that."""
    good = message(1, sent_at="2026-03-10T09:00:00.123456+02:00", is_automatic="True")
    raw.take("messages", [good])
    alone = raw.all("select m::text from (select sent_at, is_automatic, content_hash from raw.messages) m")
    raw.take("messages", [good, message(2, sent_at="?")])
    assert raw.all("select m::text from (select sent_at, is_automatic, content_hash from raw.messages) m") == alone


def test_odd_orders_of_times_are_warned_of(raw: Raw) -> None:
    result = raw.take("orders", [order(1, paid_at="2026-03-09T00:00:00Z"), order(2)])
    assert result.warnings == {"paid_at before ordered_at": 1}
    assert raw.all("select warnings from raw.load where dataset = 'orders'") == [({"paid_at before ordered_at": 1},)]


def test_two_rows_of_one_event_are_warned_of_and_copies_are_not(raw: Raw) -> None:
    """An event is written once: where two rows tell it otherwise, its id may be unique only within something else."""
    assert raw.take("messages", [message(1), message(1)]).warnings == {}
    contradicting = [message(1), message(1), message(2), message(2, conversation_id="c9")]
    warned = raw.take("messages", contradicting, DAY + timedelta(days=1)).warnings
    assert warned == {Sentence("odd_contradiction", column="conversation_id", key="message_id"): 1}
    late = [message(3), message(3, sent_at="2026-03-10T09:30:00Z")]
    warned = raw.take("messages", late, DAY + timedelta(days=2)).warnings
    assert warned == {Sentence("odd_several", key="message_id"): 1}


# Formats


@pytest.mark.parametrize("ending", FORMATS)
def test_five_formats_say_the_same(raw: Raw, ending: str) -> None:
    rows = [message(1, sender_id=None), message(2, conversation_id="NA", sender_id="0012", is_automatic=True)]
    assert raw.take("messages", rows, name=f"part-0.{ending}").counts == Counts(2, 2)
    assert raw.all(
        "select message_id, conversation_id, sender_id, is_automatic, sent_at from raw.messages order by 1"
    ) == [
        ("m1", "c0", None, False, datetime(2026, 3, 10, 9, tzinfo=UTC)),
        ("m2", "NA", "0012", True, datetime(2026, 3, 10, 9, tzinfo=UTC)),
    ]


@pytest.mark.parametrize("ending", FORMATS)
def test_lists_have_one_form_in_every_format(raw: Raw, ending: str) -> None:
    """Sorted and distinct, so that neither order nor repetition makes another row."""
    several: Any = "video|photo|video" if "csv" in ending else ["video", "photo", "video"]
    labels: Any = "b 2|a" if "csv" in ending else ["b 2", "a"]
    one: Any = "text" if ending != "parquet" else ["text"]
    none: Any = None if ending == "parquet" else "" if "csv" in ending else []
    rows = [message(1, content_type=several), message(2, content_type=one)]
    assert raw.take("messages", rows, name=f"part-0.{ending}").counts == Counts(2, 2)
    again = raw.take("messages", [message(1, content_type=["photo", "video"])], DAY + timedelta(days=1))
    assert again.counts == Counts(1, duplicates=1)
    told = [conversation(1, labels=labels), conversation(2, labels=none)]
    assert raw.take("conversations", told, name=f"part-0.{ending}").counts == Counts(2, 2)
    assert raw.all("select message_id, content_type from raw.messages order by extract_day, 1") == [
        ("m1", "photo|video"), ("m2", "text"), ("m1", "photo|video"),
    ]  # fmt: skip
    assert raw.all("select labels from raw.conversations order by conversation_id") == [("a|b 2",), (None,)]
    profiled = "select null_count, value_counts from raw.profile where column_name = 'content_type' order by load_id"
    assert raw.all(profiled) == [(0, {"photo": 1, "text": 1, "video": 1}), (0, {"photo": 1, "video": 1})]


def test_a_plain_address_is_not_kept(raw: Raw) -> None:
    raw.take("identities", [{**IDENTITY, "external_id": "ann@example.org"}])
    raw.take("orders", [order(1, identity_system="email", identity_id="ann@example.org"), order(2, currency="USD",
             identity_system="shopify", identity_id="7")])  # fmt: skip
    assert "example.org" not in str(raw.all("select * from raw.quarantine"))
    # What waits for another reason comes back whole.
    raw.take("brands", [brand(currency="USD", updated_at="2026-03-02T00:00:00Z")])
    assert raw.all("select identity_system, identity_id from raw.orders") == [("shopify", "7")]


def test_typed_parquet(raw: Raw) -> None:
    instant = datetime(2026, 3, 10, 9, 0, 0, 123456, tzinfo=UTC)
    columns: dict[str, Any] = {name: [value] for name, value in order(1).items()}
    columns["ordered_at"] = pa.array([instant], pa.timestamp("us", "Europe/Paris"))
    columns["paid_at"] = pa.array([1_773_133_200_123_456_789], pa.timestamp("ns", "UTC"))
    columns["gross_amount"] = pa.array([Decimal("12345678901234567.89")], pa.decimal128(30, 2))
    columns["tax_amount"] = pa.array([3])
    columns["channel"] = pa.array(["web"]).dictionary_encode()
    path = raw.landing / "orders" / DAY.isoformat() / "part-0.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(columns), path)
    assert raw.load("orders").counts == Counts(1, 1)
    found = raw.all(
        "select ordered_at, gross_amount::text, tax_amount::text, channel, extract(us from paid_at) from raw.orders"
    )
    assert found[0][:4] == (instant, "12345678901234567.89", "3", "web")


def test_a_parquet_time_without_a_zone_is_bad(raw: Raw) -> None:
    rows = [message(1, sent_at=datetime(2026, 3, 10, 9))]
    assert raw.take("messages", rows, name="part-0.parquet").rejected == {"offset": 1}


def test_json_numbers_keep_their_digits(raw: Raw) -> None:
    path = raw.land("orders", [order(1)])
    text = path.read_text().replace('"gross_amount": "10.00"', '"gross_amount": 12345678901234567.1234567890123456789')
    path.write_text(text)
    assert raw.load("orders").counts == Counts(1, 1)
    assert raw.all("select gross_amount::text from raw.orders") == [("12345678901234567.1234567890123456789",)]


HOSTILE = [
    "NA", "NULL", "null", "0012", "9007199254740993", "1e400", "NaN", "-0.00", "👩‍🚀", "é\u0301", "=1+1", "a\r\nb",
    '"quoted"', "comma, inside", "\\N", "\ttab ", " ", "{}", "true", "\u2028", "\x01", "x" * 1_000_000,
]  # fmt: skip


@pytest.mark.fault(
    14,
    "hostile values: NA, 0012, 2^53+1, 1e400, -0.00, emoji, NUL, a megabyte, a CSV formula, CRLF; in 5 formats",
    "text stays the text that it was; a NUL, which PostgreSQL can't hold, waits in quarantine",
)
@pytest.mark.parametrize("ending", FORMATS)
def test_text_stays_text(raw: Raw, ending: str, figure: Callable[[str], None]) -> None:
    rows = [conversation(number, ad_payload=value) for number, value in enumerate(HOSTILE)]
    assert raw.take("conversations", rows, name=f"part-0.{ending}").counts == Counts(len(HOSTILE), len(HOSTILE))
    kept = dict(raw.all("select conversation_id, ad_payload from raw.conversations"))
    assert [number for number, value in enumerate(HOSTILE) if kept[f"c{number}"] != value] == []
    figure(f"differences 0 in {len(HOSTILE) * len(FORMATS)} values")


@pytest.mark.parametrize("ending", FORMATS)
def test_a_nul_goes_to_quarantine(raw: Raw, ending: str) -> None:
    rows = [message(1, sender_id="a\0b"), message(2)]
    assert raw.take("messages", rows, name=f"part-0.{ending}").counts == Counts(2, 1, rejected=1)
    assert raw.all("select line, rule, column_name from raw.quarantine")[0][1:] == ("nul", "sender_id")


def test_bytes_that_are_no_utf8_spoil_their_own_row_alone(raw: Raw) -> None:
    for name in ("part-0.csv", "part-0.jsonl"):
        path = raw.land("messages", [message(1, sender_id="ZED"), message(2)], name=name)
        path.write_bytes(path.read_bytes().replace(b"ZED", b"\xff"))
        assert raw.load("messages").counts == Counts(2, 1, rejected=1), name
        assert raw.all("select rule, column_name from raw.quarantine") == [("encoding", "sender_id")]
        path.unlink()


def test_csv_lines_are_numbered_as_an_editor_shows_them(raw: Raw) -> None:
    path = raw.land(
        "conversations", [conversation(1, ad_payload="two\nlines"), conversation(2, kind="?")], name="a.csv"
    )
    path.write_text(path.read_text() + "too,few\n")
    assert raw.load("conversations").counts == Counts(read=3, loaded=1, rejected=2)
    assert raw.all("select line, rule from raw.quarantine order by 1") == [(4, "values"), (5, "line")]


def test_an_unclosed_quote_at_the_end_refuses(raw: Raw) -> None:
    path = raw.land("messages", [message(1)], name="a.csv")
    path.write_text(path.read_text() + '"acme,m2,never closed\n')
    assert raw.load("messages").outcome == "refused"


def test_a_byte_order_mark_is_no_part_of_the_first_name(raw: Raw) -> None:
    path = raw.land("messages", [message(1)], name="a.csv")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert raw.load("messages").counts == Counts(1, 1)


# Own names


@pytest.mark.parametrize("ending", FORMATS)
def test_own_names_and_enumerations(raw: Raw, ending: str) -> None:
    raw.naming["messages"] = Naming(
        {"id": "message_id", "auto": "is_automatic"},
        {"sender_type": {"agent": "member"}, "is_automatic": {"1": "true", "0": "false"}},
    )
    own = [
        {
            "id" if name == "message_id" else "auto" if name == "is_automatic" else name: value
            for name, value in row.items()
        }
        for row in (message(1, sender_type="agent", is_automatic="1"), message(2, is_automatic="0"))
    ]
    assert raw.take("messages", own, name=f"part-0.{ending}").counts == Counts(2, 2)
    assert raw.all("select message_id, sender_type, is_automatic from raw.messages order by 1") == [
        ("m1", "member", True), ("m2", "visitor", False)]  # fmt: skip


def test_a_new_word_of_an_enumeration_waits(raw: Raw) -> None:
    rows = [message(number, content_type="sticker" if number == 5 else "text") for number in range(30)]
    result = raw.take("messages", rows)
    assert result.counts == Counts(30, 29, rejected=1)
    profile = raw.all(
        "select value_counts, rejected from raw.profile where column_name = 'content_type' and load_id = %s",
        result.load_id,
    )
    assert profile == [({"text": 29}, {"values": 1})]


def test_any_place_that_fsspec_reaches(raw: Raw, tmp_path: Path) -> None:
    import fsspec

    from orchestration.sources.connectors.files import FilesSource
    from orchestration.sources.contract import DATASETS
    from orchestration.sources.loading.load import load_extract

    write(tmp_path / "one.jsonl.gz", [message(1)])
    system = fsspec.filesystem("memory")
    system.pipe(f"/lake/messages/{DAY}/part-0.jsonl.gz", (tmp_path / "one.jsonl.gz").read_bytes())
    source = FilesSource(DATASETS["messages"], "memory://lake")
    assert list(source.days(DAY)) == [DAY]
    assert load_extract(raw.connection, DATASETS["messages"], DAY, source).counts == Counts(1, 1)
    system.rm("/lake", recursive=True)
