"""The brute force itself, held against cases worked out by hand and against the laws that any right answer obeys.

Here: small histories whose figures a reader can check. Not here: the product.
"""

import json
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from brute import agrees, answer
from brute.brands import Brand, brand, brands, question, questions
from brute.clock import day_begins
from brute.facts import Facts, Rows, winning
from brute.landing import known_until, read, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import simulator

PARIS = ZoneInfo("Europe/Paris")
SUNDAY, MONDAY, TUESDAY = date(2025, 6, 1), date(2025, 6, 2), date(2025, 6, 3)
LONG_AFTER = datetime(2030, 1, 1, tzinfo=UTC)

# The stability of sections 1 to 8, read from the tables of the indicators.
FLUCTUATING = {
    "Wlst-Card-2", "Chat-Card-12", "Chat-Card-38", "Chat-Card-50", "Chat-Card-60", "Chat-Card-72", "Chat-Card-73",
    "Chat-Card-86", "Pers-Card-2", "Pers-Card-3", "Pers-Card-4", "Pers-Card-5", "Pers-Card-12", "Reco-Card-3",
    "Reco-Card-4", "Reco-Card-5", "Jour-Card-5",
    "One-Card-10", "One-Card-24", "One-Card-30", "One-Card-31", "One-Card-40", "One-Donut-1",
    "Shop-Card-1", "Shop-Card-2", "Shop-Card-3", "Cust-Card-1",
    "Cust-Card-2", "Cust-Card-3", "Engt-Funnel-2", "Engt-Funnel-3", "Engt-Funnel-4", "Engt-Funnel-5", "Engt-Funnel-6",
    "Agnt-Card-2", "Ads-Funnel-2", "Ads-Funnel-3", "Ads-Funnel-4", "Ads-Funnel-5", "Ads-Funnel-6",
}  # fmt: skip


def at(day: date, clock: str) -> datetime:
    """A local instant of Paris."""
    return datetime.combine(day, time.fromisoformat(clock), PARIS)


class History:
    """Rows written down one by one; what a case does not mention has a harmless value."""

    def __init__(self, zone: str = "Europe/Paris", window_days: int | None = None) -> None:
        self.rows: Rows = {}
        self.number = 0
        self._add(
            "brands", timezone=zone, attribution_window_days=window_days, working_hours=None,
            updated_at=at(SUNDAY, "00:00"),
        )  # fmt: skip

    def _add(self, dataset: str, **columns: Any) -> None:
        self.rows.setdefault(dataset, []).append({"brand_id": "b", **columns})

    def new_id(self) -> str:
        self.number += 1
        return f"{self.number:03d}"

    def member(self, member_id: str, role: int, since: datetime) -> None:
        self._add("members", member_id=member_id, role=role, team=None, updated_at=since)

    def conversation(self, requested_at: datetime, **columns: Any) -> str:
        defaults = {
            "conversation_id": self.new_id(), "visitor_id": "v", "kind": "customer", "source": "direct",
            "cancelled_at": None, "handled_at": None, "member_id": "m", "is_blocked": False, "medium": "text",
            "channel": "web",
            "initiated_by": "visitor", "page_url": None, "ad_id": None, "ad_payload": None,
        }  # fmt: skip
        row = defaults | {"requested_at": requested_at, "updated_at": requested_at} | columns
        self._add("conversations", **row)
        return str(row["conversation_id"])

    def message(self, conversation: str, side: str, sent_at: datetime, **columns: Any) -> None:
        row = {"message_id": self.new_id(), "sender_id": None, "is_automatic": False, "content_type": "text"} | columns
        self._add("messages", conversation_id=conversation, sender_type=side, sent_at=sent_at, **row)

    def order(self, ordered_at: datetime, **columns: Any) -> None:
        row = {
            "order_id": self.new_id(), "visitor_id": "v", "customer_id": None, "conversation_id": None,
            "channel": "web", "origin": "other", "checked_out_at": None, "paid_at": None,
            "cancelled_at": None, "gross_amount": 100, "tax_amount": 15, "shipping_amount": 10,
        } | columns  # fmt: skip
        self._add("orders", ordered_at=ordered_at, updated_at=ordered_at, **row)

    def rating(self, conversation: str, requested_at: datetime, **columns: Any) -> None:
        row = {
            "rating_id": self.new_id(), "member_id": None, "given_at": None, "score": None, "status": "pending",
        } | columns  # fmt: skip
        self._add("ratings", conversation_id=conversation, requested_at=requested_at, updated_at=requested_at, **row)

    def hook(self, event_type: str, occurred_at: datetime, visitor: str | None = "v", hook_id: str = "h") -> None:
        self._add(
            "hook_events", event_id=self.new_id(), member_id="m", visitor_id=visitor, occurred_at=occurred_at,
            event_type=event_type, hook_id=hook_id,
        )  # fmt: skip

    def widget(self, event_type: str, occurred_at: datetime, session: str = "s", visitor: str = "v") -> None:
        self._add(
            "widget_events", event_id=self.new_id(), session_id=session, visitor_id=visitor, occurred_at=occurred_at,
            event_type=event_type, ad_id=None, ad_payload=None,
        )  # fmt: skip

    def activity(self, occurred_at: datetime) -> None:
        self._add("member_activity", event_id=self.new_id(), member_id="m", occurred_at=occurred_at)

    def value(self, ref: str, day: date = MONDAY, to: date | None = None, bin: str | None = None, **asked: Any) -> Any:
        asked = {"known_until": LONG_AFTER} | asked
        return answer(self.rows, "b", day, to or day, **asked)[ref, bin][0]


# The brand clock


def test_a_day_begins_at_its_first_instant() -> None:
    havana, azores, apia = ZoneInfo("America/Havana"), ZoneInfo("Atlantic/Azores"), ZoneInfo("Pacific/Apia")
    assert day_begins(PARIS, date(2025, 3, 30)) == datetime(2025, 3, 29, 23, tzinfo=UTC)
    assert day_begins(PARIS, date(2025, 3, 31)) == datetime(2025, 3, 30, 22, tzinfo=UTC)
    assert day_begins(ZoneInfo("Asia/Kathmandu"), date(2025, 1, 1)) == datetime(2024, 12, 31, 18, 15, tzinfo=UTC)
    # Midnight twice: the first one, at -04:00, is the beginning; the day has 25 hours.
    assert day_begins(havana, date(2024, 11, 3)) == datetime(2024, 11, 3, 4, tzinfo=UTC)
    assert day_begins(havana, date(2024, 11, 4)) == datetime(2024, 11, 4, 5, tzinfo=UTC)
    assert day_begins(azores, date(2024, 10, 27)) == datetime(2024, 10, 27, 0, tzinfo=UTC)
    # No midnight: 01:00 at -04:00 is the first instant of a day of 23 hours.
    assert day_begins(havana, date(2025, 3, 9)) == datetime(2025, 3, 9, 5, tzinfo=UTC)
    assert day_begins(havana, date(2025, 3, 10)) == datetime(2025, 3, 10, 4, tzinfo=UTC)
    # A date that never was is an empty period.
    assert day_begins(apia, date(2011, 12, 30)) == day_begins(apia, date(2011, 12, 31))


def test_the_end_of_a_period_is_out_and_its_beginning_in() -> None:
    history = History()
    for clock in (at(MONDAY, "00:00"), at(TUESDAY, "00:00")):
        history.conversation(clock)
    history.conversation(at(MONDAY, "00:00") - timedelta(microseconds=1))
    assert [history.value("Chat-Card-0", day) for day in (SUNDAY, MONDAY, TUESDAY)] == [1, 1, 1]


def test_a_slot_over_midnight_takes_the_weekday_of_each_instant() -> None:
    history = History()
    for instant in (at(MONDAY, "22:00"), at(MONDAY, "23:30"), at(TUESDAY, "00:30"), at(TUESDAY, "01:00")):
        history.conversation(instant)
    night: dict[str, Any] = {"time_from": time(23), "time_to": time(1)}
    assert history.value("Chat-Card-0", MONDAY, TUESDAY, **night) == 2
    assert history.value("Chat-Card-0", MONDAY, TUESDAY, **night, weekdays=[1]) == 1
    assert history.value("Chat-Card-0", MONDAY, TUESDAY, time_from=time(23)) == 1
    assert history.value("Chat-Card-0", MONDAY, TUESDAY, time_to=time(1)) == 1
    with pytest.raises(ValueError, match="empty slot"):
        history.value("Chat-Card-0", time_from=time(9), time_to=time(9))


# The worked examples of the guards


def test_requests_of_sunday_that_become_dialogues_on_monday() -> None:
    history = History()
    for day, count in ((SUNDAY, 5), (MONDAY, 10)):
        for _ in range(count):
            one = history.conversation(at(day, "10:00"))
            history.message(one, "visitor", at(day, "10:00"))
            history.message(one, "member", at(MONDAY, "15:00"))
    assert [history.value("Chat-Card-11", day) for day in (SUNDAY, MONDAY)] == [0, Fraction(3, 2)]
    assert [history.value("Chat-Card-12", day) for day in (SUNDAY, MONDAY)] == [1, 1]
    assert history.value("Chat-Card-11", TUESDAY) is None


def test_five_created_and_fifteen_handled_on_monday() -> None:
    history = History()
    for day, count in ((SUNDAY, 10), (MONDAY, 5)):
        for _ in range(count):
            history.conversation(at(day, "10:00"), source="waiting_list", handled_at=at(MONDAY, "12:00"))
    assert history.value("Wlst-Card-12") == 3
    assert history.value("Wlst-Card-11", SUNDAY) == 10
    assert history.value("Wlst-Card-13") == 2 * 3600


# The waiting list, and messages that count from the start


def test_a_question_left_while_waiting_counts_at_the_handling() -> None:
    history = History()
    one = history.conversation(at(SUNDAY, "20:00"), source="waiting_list", handled_at=at(MONDAY, "09:00"))
    history.message(one, "visitor", at(SUNDAY, "20:01"))
    history.message(one, "member", at(MONDAY, "09:00"))
    assert history.value("Wlst-Card-2", SUNDAY) == 1
    assert history.value("Chat-Card-1", SUNDAY) == 0
    assert history.value("Chat-Card-14") == 0
    assert history.value("Chat-Card-16") == 13 * 3600
    assert history.value("Chat-Card-8", SUNDAY) is None
    assert history.value("Chat-Card-8") == 1, "by plain sent_at the member's message followed"
    # A turn goes by plain sent_at too.
    assert history.value("Chat-Card-60", SUNDAY) == 0


def test_a_request_cancelled_and_then_handled_counts_in_both() -> None:
    history = History()
    history.conversation(
        at(MONDAY, "09:00"), source="waiting_list", cancelled_at=at(MONDAY, "09:10"), handled_at=at(MONDAY, "09:30")
    )
    history.conversation(at(MONDAY, "09:00"), source="waiting_list", cancelled_at=at(TUESDAY, "09:10"))
    found = {ref: history.value(f"Wlst-Card-{ref}") for ref in (1, 2, 3, 10, 11)}
    # Nobody has written anything of this brand: whether one of them asked a question is not known.
    assert found == {1: 2, 2: None, 3: 1, 10: 1, 11: 1}
    assert history.value("Chat-Bar-10", bin="30 min-1 day") == 1
    assert history.value("Chat-Bar-10", bin="10-30 min") == 0


def test_a_message_after_the_handling_is_none_while_waiting_except_before_it_was_known() -> None:
    history = History()
    one = history.conversation(at(MONDAY, "09:00"), source="waiting_list", handled_at=at(MONDAY, "10:00"))
    history.message(one, "visitor", at(MONDAY, "10:00"))
    assert history.value("Wlst-Card-2") == 0


def test_the_member_of_a_waiting_request_is_known_by_the_end_of_the_period() -> None:
    history = History()
    history.conversation(at(SUNDAY, "20:00"), source="waiting_list", handled_at=at(MONDAY, "00:00"))
    history.conversation(at(SUNDAY, "20:00"), source="waiting_list", handled_at=at(SUNDAY, "23:59"))
    assert history.value("Chat-Card-0", SUNDAY) == 2
    assert history.value("Chat-Card-0", SUNDAY, members=["m"]) == 1
    assert history.value("Chat-Card-0", SUNDAY, MONDAY, members=["m"]) == 2
    # Nobody has written: whether they became dialogues is not known.
    assert answer(history.rows, "b", SUNDAY, SUNDAY, members=["m"])["Chat-Card-12", None] == (None, None, None)


# Dialogues


def test_what_was_written_in_the_period_splits_the_new_conversations() -> None:
    history = History()
    history.conversation(at(MONDAY, "09:00"))
    for sides in (["visitor"], ["member"], ["visitor", "member"]):
        one = history.conversation(at(MONDAY, "09:00"))
        for side in sides:
            history.message(one, side, at(MONDAY, "09:05"))
        history.message(one, "bot", at(MONDAY, "09:06"))
        history.message(one, "member", at(MONDAY, "09:07"), is_automatic=True)
        history.message(one, "member", at(TUESDAY, "00:00"))
    assert [history.value(f"Chat-Card-{ref}") for ref in (1, 2, 3, 4, 10)] == [4, 1, 1, 1, 1]
    history.conversation(at(MONDAY, "09:00"), kind="internal", visitor_id=None)
    assert history.value("Chat-Card-1") == 4


def test_the_phygital_marker_is_the_visitors_message_but_opens_no_turn() -> None:
    history = History()
    one = history.conversation(at(SUNDAY, "09:00"), source="phygital")
    history.message(one, "system", at(SUNDAY, "09:00"), is_automatic=True, content_type="phygital_marker")
    assert history.value("Chat-Card-3", SUNDAY) == 1
    assert history.value("Chat-Card-60", SUNDAY) is None
    history.message(one, "member", at(MONDAY, "09:00"))
    assert history.value("Chat-Card-10") == 1
    assert history.value("Chat-Card-14") == 86_400


def test_active_dialogues_and_their_authors() -> None:
    history = History()
    for author in ("m", "n", None):
        one = history.conversation(at(SUNDAY, "09:00"))
        history.message(one, "visitor", at(SUNDAY, "09:00"))
        history.message(one, "member", at(MONDAY, "09:00"), sender_id=author)
        history.message(one, "member", at(MONDAY, "10:00"), sender_id=author, content_type="photo")
    assert history.value("Chat-Card-20", SUNDAY) == 0, "not established before the end of Sunday"
    assert history.value("Chat-Card-20") == 3
    assert history.value("Chat-Card-21", members=["n"]) == 1
    assert history.value("Chat-Card-20", members=["n"]) == 0
    # m wrote in two (an author not given is the conversation's member), n in one.
    assert history.value("Chat-Card-22") == Fraction(3, 2)
    assert history.value("Amb-Card-23") == Fraction(3, 2)
    assert history.value("Chat-Card-31") == 3
    assert history.value("Chat-Card-33") == 0


def test_a_promotion_changes_no_past_figure() -> None:
    history = History()
    history.member("m", 1, at(SUNDAY, "12:00"))
    history.member("m", 2, at(MONDAY, "12:00"))
    for instant in (at(SUNDAY, "09:00"), at(MONDAY, "11:59"), at(MONDAY, "12:00")):
        one = history.conversation(instant)
        history.message(one, "visitor", instant)
        history.message(one, "member", instant)
    assert history.value("Chat-Card-0", SUNDAY, roles=[1]) == 1, "before the first known version, that version's"
    assert [history.value("Chat-Card-0", roles=[role]) for role in (1, 2)] == [1, 1]
    assert [history.value("Chat-Card-21", roles=[role]) for role in (1, 2)] == [1, 1]


def test_turns_are_answered_within_24_hours_exactly() -> None:
    history = History()
    for patience in (timedelta(hours=24), timedelta(hours=24, microseconds=1)):
        one = history.conversation(at(MONDAY, "09:00"))
        history.message(one, "visitor", at(MONDAY, "09:00"))
        history.message(one, "visitor", at(MONDAY, "20:00"))
        history.message(one, "member", at(MONDAY, "09:00") + patience)
    waiting = history.conversation(at(MONDAY, "09:00"), source="waiting_list", member_id=None)
    history.message(waiting, "visitor", at(MONDAY, "09:00"))
    assert answer(history.rows, "b", MONDAY, MONDAY, known_until=LONG_AFTER)["Chat-Card-60", None][1:] == (2, 3)
    day_later = at(TUESDAY, "09:00")
    assert history.value("Chat-Card-60", as_of=day_later - timedelta(microseconds=1)) is None
    assert history.value("Chat-Card-60", as_of=day_later) == 1, "the reply at that very instant is not known yet"
    assert history.value("Chat-Card-60", as_of=day_later + timedelta(microseconds=1)) == Fraction(2, 3)
    assert history.value("Chat-Card-60", known_until=day_later) == Fraction(2, 3), "K hides nothing"
    assert history.value("Chat-Card-60", known_until=day_later - timedelta(seconds=1)) is None


def test_messages_of_one_instant_go_by_their_ids() -> None:
    history = History()
    one = history.conversation(at(MONDAY, "09:00"))
    history.message(one, "member", at(MONDAY, "09:00"), message_id="a")
    history.message(one, "visitor", at(MONDAY, "09:00"), message_id="b")
    assert history.value("Chat-Card-60") == 1
    history.message(one, "member", at(MONDAY, "09:00"), message_id="c")
    assert history.value("Chat-Card-60") == 0
    assert history.value("Chat-Card-8") == 0, "nothing was sent after the question"


def test_an_email_is_provided_after_the_request() -> None:
    history = History()
    one = history.conversation(at(MONDAY, "09:00"))
    history.message(one, "visitor", at(MONDAY, "09:00"), content_type="email_provided")
    history.message(one, "member", at(MONDAY, "09:00"), content_type="email_request")
    assert [history.value(f"Chat-Card-{ref}") for ref in (37, 38)] == [1, 0]
    history.message(one, "visitor", at(TUESDAY, "09:00"), content_type="email_provided")
    assert history.value("Chat-Card-38") == 1
    assert history.value("Chat-Card-38", as_of=at(TUESDAY, "09:00")) == 0


def test_blocked_conversations_stand_at_their_last_message() -> None:
    history = History()
    one = history.conversation(at(SUNDAY, "09:00"), is_blocked=True)
    history.message(one, "visitor", at(SUNDAY, "09:00"))
    history.message(one, "visitor", at(MONDAY, "09:00"))
    assert [history.value("Chat-Card-50", day) for day in (SUNDAY, MONDAY)] == [0, 1]
    assert history.value("Chat-Card-50", SUNDAY, as_of=at(MONDAY, "00:00")) == 1


def test_lengths_run_to_the_last_message_in_the_period() -> None:
    history = History()
    one = history.conversation(at(MONDAY, "09:00"))
    for side, sent_at in (("visitor", at(MONDAY, "09:00")), ("member", at(MONDAY, "09:02"))):
        history.message(one, side, sent_at)
    history.message(one, "member", at(TUESDAY, "09:00"))
    assert history.value("Chat-Card-18") == 120
    assert history.value("Chat-Bar-50", bin="2-5 min") == 1
    assert history.value("Chat-Card-18", MONDAY, TUESDAY) == 86_400
    assert history.value("Chat-Bar-50", MONDAY, TUESDAY, bin="1-7 days") == 1
    assert history.value("Chat-Donut-2", bin="direct") == 1
    assert history.value("Chat-Donut-2", bin="hook") == 0


def test_the_median_of_an_even_number_is_the_mean_of_the_middle_two() -> None:
    history = History()
    for seconds in (1, 2, 4, 100):
        one = history.conversation(at(MONDAY, "09:00"))
        history.message(one, "visitor", at(MONDAY, "09:00"))
        history.message(one, "member", at(MONDAY, "09:00") + timedelta(seconds=seconds))
    assert answer(history.rows, "b", MONDAY, MONDAY)["Chat-Card-15", None] == (3, None, 4)
    assert answer(history.rows, "b", MONDAY, MONDAY)["Chat-Card-14", None] == (Fraction(107, 4), 107, 4)


# Hooks, sales, ratings, activity, visits


def test_hooks_are_pairs_of_hook_and_visitor() -> None:
    history = History()
    history.hook("display", at(SUNDAY, "09:00"))
    assert history.value("Hook-Card-3", SUNDAY) is None, "none was ever triggered"
    history.hook("trigger", at(MONDAY, "08:00"), visitor=None)
    for visitor in ("v", "v", "w", None, None):
        history.hook("display", at(MONDAY, "09:00"), visitor)
    history.hook("click", at(MONDAY, "10:00"))
    found = [history.value(f"Hook-Card-{ref}") for ref in (2, 3, 4, 5, 10)]
    assert found == [1, 1, 4, 1, Fraction(1, 4)]
    assert history.value("Hook-Card-3", TUESDAY) == 0
    assert history.value("Hook-Card-3", SUNDAY) is None


def dialogue(history: History, instant: datetime, **columns: Any) -> str:
    one = history.conversation(instant, **columns)
    history.message(one, "visitor", instant)
    history.message(one, "member", instant)
    return one


def test_credit_by_name_or_by_window() -> None:
    history = History(window_days=1)
    one = dialogue(history, at(MONDAY, "09:00"))
    silent = history.conversation(at(MONDAY, "09:00"))
    history.order(at(MONDAY, "09:00"), conversation_id=one, cancelled_at=at(TUESDAY, "08:00"))
    history.order(at(MONDAY, "09:00"))  # not established before that very instant
    history.order(at(TUESDAY, "09:00"))  # the end of the window is in
    history.order(at(TUESDAY, "09:00") + timedelta(microseconds=1))
    history.order(at(MONDAY, "12:00"), conversation_id=silent)
    history.order(at(MONDAY, "12:00"), origin="publication")
    history.order(at(MONDAY, "12:00"), visitor_id="somebody else")
    assert history.value("Chat-Card-81") == 1
    assert history.value("Chat-Card-80") == 90
    assert history.value("Chat-Card-81", TUESDAY) == 1
    assert history.value("Chat-Bar-51", TUESDAY, bin="1-7 days") == 1
    assert history.value("Sale-Card-9", TUESDAY) == 1
    assert history.value("Sale-Card-10", TUESDAY) == 90
    assert history.value("Chat-Card-86") == 1
    assert history.value("Chat-Card-85", channels=["store"]) == 0


def test_of_two_dialogues_the_more_recent_is_credited_and_ties_go_to_the_greatest_id() -> None:
    history = History()
    dialogue(history, at(MONDAY, "09:00"), source="hook", conversation_id="z")
    dialogue(history, at(MONDAY, "09:01"), source="direct", conversation_id="b")
    dialogue(history, at(MONDAY, "09:01"), source="phygital", conversation_id="a")
    history.order(at(MONDAY, "12:00"))
    assert [history.value("Chat-Card-81", sources=[one]) for one in ("hook", "direct", "phygital")] == [0, 1, 0]


def test_ratings_are_dated_by_their_request() -> None:
    history = History()
    one = history.conversation(at(MONDAY, "09:00"))
    history.rating(one, at(MONDAY, "10:00"), given_at=at(TUESDAY, "10:00"), score=4)
    history.rating(one, at(MONDAY, "11:00"), member_id="n")
    assert [history.value(f"Chat-Card-{ref}") for ref in (70, 71, 72, 73)] == [1, 2, 1, 4]
    assert [history.value("Chat-Card-71", members=[member]) for member in ("m", "n")] == [1, 1]
    assert history.value("Chat-Card-72", as_of=at(TUESDAY, "10:00")) == 0


def test_activity_counts_the_time_since_the_previous_event() -> None:
    history = History()
    for clock in ("23:58", "23:59"):
        history.activity(at(SUNDAY, clock))
    for clock in ("00:01", "00:06", "00:10:59"):
        history.activity(at(MONDAY, clock))
    assert history.value("Amb-Card-52", SUNDAY) == 60 + 60
    assert history.value("Amb-Card-52") == 120 + 60 + 299
    assert history.value("Amb-Card-52", TUESDAY) == 0


def test_a_visit_is_a_session_on_a_day_on_which_it_opened() -> None:
    history = History()
    history.widget("request_direct", at(MONDAY, "08:00"))
    history.widget("open", at(MONDAY, "23:00"))
    history.widget("open", at(TUESDAY, "00:10"))
    history.widget("impression", at(MONDAY, "10:00"), session="t")
    assert [history.value(f"Wget-Card-{ref}") for ref in ("01", "02", "03", "04", "18", "05")] == [1, 1, 1, 1, 1, 0]
    assert [history.value(f"Wget-Card-{ref}", TUESDAY) for ref in ("01", "03")] == [1, 0]
    assert history.value("Wget-Card-01", time_to=time(12)) == 0


# Winners and extracts


def test_the_newest_row_wins_then_the_latest_extract() -> None:
    def row(blocked: bool, updated: str, day: date) -> dict[str, Any]:
        columns = {"brand_id": "b", "conversation_id": "c", "is_blocked": blocked}
        return columns | {"updated_at": at(MONDAY, updated), "extract_day": day}

    assert winning("conversations", [row(True, "10:00", MONDAY), row(False, "09:00", TUESDAY)])[0]["is_blocked"]
    assert winning("conversations", [row(False, "09:00", MONDAY), row(True, "09:00", TUESDAY)])[0]["is_blocked"]
    assert len(winning("conversations", [row(True, "09:00", MONDAY), row(True, "09:00", MONDAY)])) == 1
    with pytest.raises(ValueError, match="equal age"):
        winning("conversations", [row(True, "09:00", MONDAY), row(False, "09:00", MONDAY)])


def test_extracts_hold_every_row_without_the_day_they_came(tmp_path: Path) -> None:
    rows = brand(Random(1)).rows
    paths = write(tmp_path, rows)
    lines = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    assert len(lines) == sum(map(len, rows.values()))
    assert not any("extract_day" in line for line in lines)
    assert {name: sorted(map(repr, found)) for name, found in read(tmp_path).items()} == {
        name: sorted(repr({**row, "extract_day": row["extract_day"]}) for row in found) for name, found in rows.items()
    }
    assert known_until(rows).date() == max(date.fromisoformat(path.parts[-2]) for path in paths) + timedelta(days=1)


def test_figures_agree_but_for_the_rounding_of_a_division() -> None:
    assert agrees(Fraction(1, 3), 0.333333333333333333)
    assert not agrees(Fraction(1, 3), 0.3333)
    assert agrees(None, None)
    assert not agrees(0, None)


# Laws that hold for any history


def test_simulated_and_read_back_extracts_are_answered(tmp_path: Path) -> None:
    simulator.write(tmp_path, days=5, seed=1, conversations_per_day=25)
    facts = Facts(read(tmp_path), "maison-lumen")
    figures = answer(facts, "maison-lumen", date(2025, 3, 1), date(2025, 3, 5))
    for ref in ("Wlst-Card-13", "Hook-Card-10", "Chat-Card-12", "Chat-Card-73", "Chat-Card-82", "Wget-Card-04"):
        assert figures[ref, None][0], ref
    with pytest.raises(ValueError, match="no brand 'nobody'"):
        Facts(read(tmp_path), "nobody")


def test_a_question_is_seldom_empty() -> None:
    busy = 0
    for seed in range(40):
        rng = Random(seed)
        one = brand(rng)
        busy += any(value for value, _, _ in answer(one.rows, one.brand_id, **question(rng, one)).values())
    assert busy > 30


SLOW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@SLOW
@given(st.data())
def test_fixed_indicators_are_the_same_ever_after(data: st.DataObject) -> None:
    one: Brand = data.draw(brands())
    asked = data.draw(questions(one))
    end = day_begins(one.zone, asked["date_to"] + timedelta(days=1))
    at_the_end = answer(one.rows, one.brand_id, **asked | {"as_of": end})
    later = answer(one.rows, one.brand_id, **asked | {"as_of": None}, known_until=known_until(one.rows))
    for key, figure in at_the_end.items():
        if key[0] not in FLUCTUATING:
            assert later[key] == figure, key


@SLOW
@given(st.data())
def test_what_may_only_grow_never_falls(data: st.DataObject) -> None:
    one: Brand = data.draw(brands())
    asked = data.draw(questions(one)) | {"members": None, "roles": None}
    end = day_begins(one.zone, asked["date_to"] + timedelta(days=1))
    grown: dict[str, Any] = {}
    for days in (0, 1, 3, 30, 300):
        figures = answer(one.rows, one.brand_id, **asked | {"as_of": end + timedelta(days=days)})
        for ref in ("Wlst-Card-2", "Chat-Card-12", "Chat-Card-38", "Chat-Card-72", "Chat-Card-86"):
            numerator = figures[ref, None][1]
            # Not known until a dataset tells of it, and from then on.
            assert numerator is not None or ref not in grown
            if numerator is None:
                continue
            assert numerator >= grown.get(ref, 0), ref
            grown[ref] = numerator


@SLOW
@given(st.data())
def test_identities(data: st.DataObject) -> None:
    one: Brand = data.draw(brands())
    asked = data.draw(questions(one))
    figures = answer(one.rows, one.brand_id, asked["date_from"], asked["date_to"], known_until=known_until(one.rows))

    def value(ref: str) -> Any:
        return figures[ref, None][0]

    def bins(ref: str) -> Any:
        values = [figure[0] for (name, bin), figure in figures.items() if name == ref and bin]
        return None if None in values else sum(values)

    def known(*numbers: Any) -> bool:
        """Whether there is anything to hold against each other."""
        return None not in numbers

    handled = figures["Wlst-Card-13", None][2]
    assert not known(value("Wlst-Card-1"), handled) or value("Wlst-Card-1") == value("Wlst-Card-11") + handled
    # Without a slot, both sides having written in P is having been established in P, which is the donut.
    kinds = [*(value(f"Chat-Card-{ref}") for ref in (2, 3, 4)), bins("Chat-Donut-2")]
    assert not known(*kinds) or sum(kinds) == value("Chat-Card-1")
    for low, high in ((10, 20), (21, 20), (38, 37), (37, 20), (70, 71), (72, 71)):
        part, whole = value(f"Chat-Card-{low}"), value(f"Chat-Card-{high}")
        assert not known(part, whole) or part <= whole
    assert bins("Chat-Donut-1") == value("Chat-Card-1")
    assert bins("Chat-Bar-10") == value("Wlst-Card-10")
    assert bins("Chat-Bar-11") == bins("Chat-Bar-12") == value("Chat-Card-10")
    assert bins("Chat-Bar-50") == bins("Chat-Donut-2") == figures["Chat-Card-18", None][2]
    assert bins("Chat-Bar-51") == value("Chat-Card-81")
    others = answer(
        one.rows, one.brand_id, asked["date_from"], asked["date_to"], sources=("direct", "hook", "phygital")
    )
    for same in (("Chat-Card-0", "Chat-Card-1"), ("Chat-Card-14", "Chat-Card-16"), ("Chat-Card-15", "Chat-Card-17")):
        assert others[same[0], None] == others[same[1], None]
    for ref in ("Chat-Card-8", "Chat-Card-12", "Chat-Card-60", "Chat-Card-86"):
        assert value(ref) is None or 0 <= value(ref) <= 1


def test_what_no_dataset_has_told_of_yet_is_unknown_and_not_zero() -> None:
    history = History()
    one = history.conversation(at(SUNDAY, "09:00"))
    history.message(one, "visitor", at(MONDAY, "09:00"))
    assert history.value("Chat-Card-0", SUNDAY) == 1
    assert history.value("Chat-Card-20", SUNDAY) is None
    assert history.value("Chat-Card-20") == history.value("Chat-Card-20", TUESDAY) == 0
    assert history.value("Chat-Card-80", TUESDAY) is None
    # A fluctuating one looks on while it settles; of an instant before the first message it knows no more.
    settles = {"settling": {"Chat-Card-12": 7}}
    assert answer(history.rows, "b", SUNDAY, SUNDAY, **settles)["Chat-Card-12", None] == (0, 0, 1)
    early = answer(history.rows, "b", SUNDAY, SUNDAY, as_of=at(MONDAY, "09:00"), **settles)
    assert early["Chat-Card-12", None] == (None, None, None)
