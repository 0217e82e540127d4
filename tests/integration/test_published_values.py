"""The life of published numbers: a shop in Paris over a few nights, whose numbers move for one reason after another.

Here: each cause, and the law that there must be one. Not here: many faults at once (tests/faults/test_late_data.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from brute.facts import Row
from brute.landing import write
from night import Night
from small_days import HARMLESS

from expectations import publishing, stability
from orchestration.catalogue import catalogue
from orchestration.catalogue.catalogue import CATALOGUE_FILE
from orchestration.marts.publication import PublicationError
from orchestration.readers import published_history
from orchestration.sources.pending import pending_extracts

PARIS = ZoneInfo("Europe/Paris")
# A rating asked for is answered later; no number of a small day reads the rest.
ASKED = {"member_id": None, "given_at": None, "score": None, "comment": None, "status": "pending"}


def at(day: int, clock: str) -> datetime:
    """A clock time in Paris of a day of June 2025."""
    return datetime.fromisoformat(f"2025-06-{day:02} {clock}").replace(tzinfo=PARIS)


class Shop:
    """Extracts of one brand, delivered day by day, and the nights that publish them."""

    def __init__(self, night: Night) -> None:
        self.night = night

    def deliver(self, dataset: str, day: int, *rows: Row) -> None:
        """An extract of June, in place of what it was before."""
        self.night.landing.joinpath(dataset).mkdir(exist_ok=True)
        filled = [{"brand_id": "shop", **HARMLESS.get(dataset, {}), **row} for row in rows]
        write(self.night.landing, {dataset: [{**row, "extract_day": date(2025, 6, day)} for row in filled]})

    def publish(self) -> int:
        """Load what is new or changed and publish it; the generation."""
        with self.night.connect() as connection:
            pending = [(one.dataset, one.day) for one in pending_extracts(connection, self.night.sources, date.max)]
        return self.night.run(pending).generation

    def rows(self, statement: str, *values: Any) -> list[Any]:
        with self.night.connect() as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def load_of(self, dataset: str, day: int) -> int:
        """The newest load of an extract."""
        ((load_id,),) = self.rows(
            "select max(load_id) from marts.load_ledger where dataset = %s and extract_day = %s",
            dataset,
            date(2025, 6, day),
        )
        return int(load_id)

    def life(self, ref: str, day: int, dimension: str = "all", value: str = "all") -> list[tuple[Any, ...]]:
        """What was published of a day of June: generation, value, value before, cause, loads."""
        return self.rows(
            "select generation, value, previous_value, cause, loads from marts.kpi_published where ref = %s"
            " and grain = 'day' and period_start = %s and dimension = %s and dimension_value = %s order by generation",
            ref,
            date(2025, 6, day),
            dimension,
            value,
        )

    def moved(self, generation: int) -> set[tuple[str, date]]:
        """Causes and days of what a generation changed, first values left out."""
        rows = self.rows(
            "select distinct cause, period_start from marts.kpi_published"
            " where generation = %s and grain = 'day' and cause <> 'first'",
            generation,
        )
        return {(cause, day) for cause, day in rows}


def conversation(name: str, day: int, clock: str, **other: Any) -> Row:
    return {"conversation_id": name, "requested_at": at(day, clock), "updated_at": at(day, clock), **other}


def message(name: str, conversation_id: str, day: int, clock: str, sender: str = "visitor") -> Row:
    return {"message_id": name, "conversation_id": conversation_id, "sent_at": at(day, clock), "sender_type": sender}


@pytest.fixture(scope="module")
def shop(new_night: Callable[[], Night]) -> Shop:
    """Four days: the 2nd has two requests, of which one is a dialogue with a rating asked for; then one each day."""
    shop = Shop(new_night())
    shop.deliver("brands", 2, {"timezone": "Europe/Paris", "updated_at": at(1, "12:00")})
    shop.deliver("members", 2, {"member_id": "ana", "role": 1, "updated_at": at(1, "12:00")})
    shop.deliver("conversations", 2, conversation("a", 2, "10:00", member_id="ana"), conversation("b", 2, "11:00"))
    shop.deliver("messages", 2, message("1", "a", 2, "10:01"), message("2", "a", 2, "10:02", "member"))
    shop.deliver(
        "ratings",
        2,
        {
            "rating_id": "r",
            "conversation_id": "a",
            "requested_at": at(2, "12:00"),
            "updated_at": at(2, "12:00"),
            **ASKED,
        },
    )
    shop.deliver("conversations", 3, conversation("c", 3, "09:00"))
    # Half past midnight of the 4th in Paris is the evening of the 3rd in New York.
    shop.deliver("conversations", 4, conversation("d", 4, "00:30"), conversation("e", 4, "15:00"))
    assert shop.publish() == 1
    return shop


def test_the_first_value_is_recorded_once_the_period_is_over(shop: Shop) -> None:
    assert shop.life("Chat-Card-0", 2) == [(1, 2, None, "first", [])]
    assert shop.life("Chat-Card-72", 2) == [(1, 0, None, "first", [])]
    assert shop.life("Chat-Card-14", 3) == [(1, None, None, "first", [])], "nothing to average is a value too"
    assert shop.life("Chat-Card-0", 2, "source", "direct") == [(1, 2, None, "first", [])]
    # Data reach to 02:00 of the 5th in Paris: that day, the week and the month are not over.
    assert shop.rows("select distinct grain, period_start from marts.kpi_published order by 1, 2") == [
        ("day", date(2025, 6, day)) for day in (2, 3, 4)
    ]


def test_each_number_moves_for_its_own_reason(shop: Shop) -> None:
    # In time: the rating of the 2nd is answered on the 5th.
    given = {"given_at": at(5, "08:00"), "score": 4, "status": "submitted", "updated_at": at(5, "08:00")}
    shop.deliver(
        "ratings", 5, {"rating_id": "r", "conversation_id": "a", "requested_at": at(2, "12:00"), **ASKED, **given}
    )
    # Late: a request of the 3rd, from a hook, comes with the extract of the 5th.
    shop.deliver("conversations", 5, conversation("late", 3, "10:00", source="hook"), conversation("f", 5, "09:00"))
    # Corrected: the extract of the 4th comes again without one of its requests.
    shop.deliver("conversations", 4, conversation("d", 4, "00:30"))
    assert shop.publish() == 2
    assert shop.life("Chat-Card-72", 2)[1:] == [(2, 1, 0, "fluctuating", [])]
    assert shop.life("Chat-Card-73", 2)[1:] == [(2, 4, None, "fluctuating", [])]
    late, corrected = shop.load_of("conversations", 5), shop.load_of("conversations", 4)
    assert shop.life("Chat-Card-0", 3)[1:] == [(2, 2, 1, "late data", [late])]
    assert shop.life("Chat-Card-0", 3, "source", "hook") == [(2, 1, None, "late data", [late])], "a new row, no first"
    assert shop.life("Chat-Card-0", 4)[1:] == [(2, 1, 2, "corrected data", [corrected])]
    assert shop.life("Chat-Card-12", 3)[1:] == [], "0 of 2 instead of 0 of 1 is the same value"
    assert shop.life("Chat-Card-0", 5) == [(2, 1, None, "first", [])]
    assert shop.moved(2) == {
        ("fluctuating", date(2025, 6, 2)),
        ("late data", date(2025, 6, 3)),
        ("corrected data", date(2025, 6, 4)),
    }


def test_roles_and_definitions_move_what_they_are_about(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # What came late was a mistake, and goes: its row of the hook has nothing any more.
    shop.deliver("conversations", 5, conversation("f", 5, "09:00"))
    # Ana had another role from nine o'clock of the 2nd on, we hear on the 6th.
    shop.deliver("members", 6, {"member_id": "ana", "role": 2, "updated_at": at(2, "09:00")})
    # Chat-Card-1 shall count conversations with a member only: of the two of the 2nd, Ana's.
    document = yaml.safe_load(CATALOGUE_FILE.read_text("utf-8"))
    (starts,) = (entry for entry in document["indicators"] if entry["ref"] == "Chat-Card-1")
    starts["numerator"] = {"of": "start", "where": "f.member_id is not null"}
    file = tmp_path / "kpi_catalogue.yml"
    file.write_text(yaml.safe_dump(document), "utf-8")
    changed = catalogue.load(file)
    monkeypatch.setattr(catalogue, "load", lambda: changed)
    assert shop.publish() == 3
    load, members = shop.load_of("conversations", 5), shop.load_of("members", 6)
    assert shop.life("Chat-Card-0", 3)[2:] == [(3, 1, 2, "corrected data", [load])]
    assert shop.life("Chat-Card-0", 3, "source", "hook")[1:] == [(3, None, 1, "corrected data", [load])]
    assert shop.life("Chat-Card-1", 2)[1:] == [(3, 1, 2, "definition", [])]
    assert shop.life("Chat-Card-0", 2)[1:] == [], "whoever answered, it was two requests"
    assert shop.life("Chat-Card-0", 2, "role", "1")[1:] == [(3, None, 1, "settings", [members])]
    assert shop.life("Chat-Card-0", 2, "role", "2") == [(3, 1, None, "settings", [members])]


def test_another_zone_is_a_setting(shop: Shop) -> None:
    """Half past midnight of the 4th in Paris is the evening of the 3rd in New York."""
    shop.deliver("brands", 6, {"timezone": "America/New_York", "updated_at": at(6, "12:00")})
    assert shop.publish() == 4
    brands = shop.load_of("brands", 6)
    assert shop.life("Chat-Card-0", 3)[3:] == [(4, 2, 1, "settings", [brands])]
    assert shop.life("Chat-Card-0", 4)[2:] == [(4, 0, 1, "settings", [brands])]
    assert shop.life("Chat-Card-1", 2)[2:] == [(4, 2, 1, "definition", [])], "the definition of before is back"
    assert {cause for cause, _ in shop.moved(4)} == {"settings", "definition"}


def test_the_last_recorded_value_is_the_published_one(shop: Shop) -> None:
    differing = shop.rows(
        """
        with last as (
            select distinct on (brand_id, grain, period_start, dimension, dimension_value, ref, bin) *
            from marts.kpi_published
            order by brand_id, grain, period_start, dimension, dimension_value, ref, bin, generation desc
        )
        select * from last left join marts.kpi_period as k
            using (brand_id, grain, period_start, dimension, dimension_value, ref, bin)
        where last.value is distinct from k.value
        """
    )
    assert differing == []


def test_a_number_and_its_loads_are_shown(shop: Shop) -> None:
    with shop.night.connect() as connection:
        rows = published_history.life(connection, "Chat-Card-0", "shop", *published_history.period("2025-06-03"))
        since = published_history.moved(connection, datetime(2000, 1, 1, tzinfo=UTC))
        with pytest.raises(published_history.ReportError, match=r"unknown ref 'Chat-Card-99'; known: .*Chat-Card-0"):
            published_history.life(connection, "Chat-Card-99", "shop", "day", date(2025, 6, 3))
        with pytest.raises(published_history.ReportError, match=r"2025-06-30.*recorded: 2025-06-02 to 2025-06-0"):
            published_history.life(connection, "Chat-Card-0", "shop", "day", date(2025, 6, 30))
    assert [(row["value"], row["cause"]) for row in rows] == [
        (1, "first"), (2, "late data"), (1, "corrected data"), (2, "settings"),
    ]  # fmt: skip
    assert published_history.load_name(rows[1]["loads"][0]) == "conversations of 2025-06-05 (part-0.jsonl)"
    json.dumps(published_history.as_json(since))
    assert {row["cause"] for row in since} == {"fluctuating", "late data", "corrected data", "settings", "definition"}


def test_a_change_without_a_cause_is_an_error_and_stays_unpublished(shop: Shop) -> None:
    with shop.night.connect() as connection:
        connection.execute(
            "update marts.kpi_period set value = 7 where grain = 'day' and period_start = '2025-06-02'"
            " and dimension = 'all' and ref = 'Chat-Card-0'"
        )
        # What comes out as it was states nothing anew.
        connection.execute("update marts.fct_conversation set page_url = 'another' where conversation_id = 'a'")
        connection.execute(
            "insert into raw.touched (brand_id, entity, entity_id, load_id, since)"
            " select 'shop', 'conversation', 'a', max(load_id), 'infinity' from raw.load"
        )
    with pytest.raises(PublicationError, match=r"Chat-Card-0  of shop, day 2025-06-02 .all.: 7 published, 2 now"):
        shop.night.publish()
    with shop.night.connect() as connection:
        (finding,) = publishing.judge_changes(connection)
        assert (finding.brand, finding.passed, finding.is_error) == ("shop", False, True)
        assert finding.offenders == (
            {"brand": "shop", "indicator": "Chat-Card-0", "unexplained": 1, "period": "day 2025-06-02 all all",
             "published": "7", "now": "2"},
        )  # fmt: skip
        connection.execute(
            "update build.int_kpi_answered set value = 9 where grain = 'day' and period_start = '2025-06-02'"
            " and dimension = 'all' and ref = 'Chat-Card-10'"
        )
        (broken,) = stability.judge_stability(connection, {"Chat-Card-0", "Chat-Card-10"})
        assert broken.offenders == (
            {"brand": "shop", "indicator": "Chat-Card-10", "moved": 1, "period": "day 2025-06-02 all all",
             "at_its_end": "1", "now": "9"},
        )  # fmt: skip
        assert broken.brand == "shop" and "Chat-Card-10" in broken.observed
        connection.rollback()


@pytest.mark.parametrize(
    ("text", "grain", "start"),
    [
        ("2026", "year", date(2026, 1, 1)),
        ("2026-Q2", "quarter", date(2026, 4, 1)),
        ("2026-05", "month", date(2026, 5, 1)),
        ("2026-W01", "week", date(2025, 12, 29)),
        ("2026-05-03", "day", date(2026, 5, 3)),
    ],
)
def test_periods_as_people_write_them(text: str, grain: str, start: date) -> None:
    assert published_history.period(text) == (grain, start)
    assert published_history.period_name(grain, start) == text


@pytest.mark.parametrize("text", ["2026-13", "2026-W54", "2026-Q5", "may", ""])
def test_other_periods_are_refused(text: str) -> None:
    with pytest.raises(published_history.ReportError, match="write a year"):
        published_history.period(text)
