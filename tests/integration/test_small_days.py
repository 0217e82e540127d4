"""Days small enough to be worked out by hand: sections 1 to 4, 6 to 8 and 10, and the borders of the clock.

Each line can be recomputed from the few rows of tests/fixtures/small_days; the brute force must read them alike.
Not here: random brands (test_indicators_exact.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from asking import report
from brute import agrees, answer
from brute.landing import known_until
from night import Night
from small_days import rows

from orchestration.catalogue import catalogue

pytestmark = pytest.mark.xdist_group("small_days")

SUNDAY, MONDAY, TUESDAY = date(2025, 6, 1), date(2025, 6, 2), date(2025, 6, 3)
WORKED_OUT = (
    "waiting_list", "hook", "conversations", "ratings_and_sales", "shop", "customers", "engagement", "agents", "ads",
    "one_to_one", "personalisation", "recommendations", "journeys", "desk",
)  # fmt: skip


def paris(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), ZoneInfo("Europe/Paris"))


@dataclass(frozen=True)
class Line:
    """What one indicator says of a day (or period) of a brand."""

    brand: str
    ref: str
    value: float | Fraction | None
    day: date
    to: date | None = None
    bin: str | None = None
    asked: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        asked = "".join(f" {name}={value}" for name, value in self.asked.items())
        until = f"..{self.to}" if self.to else ""
        return f"{self.brand} {self.ref}{f' [{self.bin}]' if self.bin else ''} {self.day}{until}{asked}"


def monday(ref: str, value: float | Fraction | None, bin_: str | None = None, **asked: Any) -> Line:
    return Line("paris", ref, value, MONDAY, bin=bin_, asked=asked)


def bins(ref: str, filled: dict[str, int]) -> list[Line]:
    """Every bin of a chart on Monday: those named, and 0 for the others."""
    names = [one.name for one in catalogue.load().indicators[ref].bins]
    return [monday(ref, filled.get(name, 0), name) for name in [*names, *(filled.keys() - set(names))]]


def met(ref: str, value: float | Fraction | None, day: date = MONDAY, to: date | None = None, **asked: Any) -> Line:
    return Line("one_to_one", ref, value, day, to, asked=asked)


def desk(ref: str, value: float | Fraction | None, day: date = MONDAY, **asked: Any) -> Line:
    return Line("desk", ref, value, day, asked=asked)


AT_THE_END: dict[str, Any] = {"as_of": paris(TUESDAY, "00:00")}

WAITING_LIST = [
    monday("Wlst-Card-1", 4),  # w1 w2 w3 w4; w5 was asked for on Sunday
    Line("paris", "Wlst-Card-1", 1, SUNDAY),  # w5
    monday("Wlst-Card-2", 3),  # w1 w4, and w3 since Tuesday 07:00, still waiting then
    monday("Wlst-Card-2", 2, **AT_THE_END),  # w1 w4
    monday("Wlst-Card-3", 1),  # w2, although handled afterwards
    monday("Wlst-Card-10", 3),  # w1 w2 w5, the latter at 00:00 exactly
    monday("Wlst-Card-10", 2, members=["ana"]),  # w1 w5
    monday("Wlst-Card-10", 1, roles=[2]),  # w2
    Line("paris", "Wlst-Card-10", 0, SUNDAY),
    monday("Wlst-Card-11", 2),  # w3 w4
    monday("Wlst-Card-11", 1, as_of=paris(MONDAY, "10:30")),  # w2: handled at 10:30 is not handled before 10:30
    monday("Wlst-Card-11", 0, as_of=paris(MONDAY, "10:30:01")),
    monday("Wlst-Card-12", 0.75),  # 3 / 4
    monday("Wlst-Card-12", 0.75, members=["ana"]),  # takes no member
    monday("Wlst-Card-13", 929.5),  # (59 of w1 + 1800 of w2) / 2
    monday("Wlst-Card-14", 929.5),
    *bins("Chat-Bar-10", {"<1 min": 1, "10-30 min": 1, "30 min-1 day": 1}),  # 59 s, w5's 600 s, 1800 s
]

DESK = [
    desk("Desk-Card-1", 4642.5),  # 300 of q1, 3570 of q3, 14400 of q6, 300 of q7
    desk("Desk-Card-1", None, SUNDAY),  # q6 is answered as Monday begins
    desk("Desk-Card-1", 300, members=["ana"]),  # q1 q7
    desk("Desk-Card-1", 8985, roles=[2]),  # Ben's q3 q6
    desk("Desk-Card-1", 8985, members=["ben"]),
    desk("Desk-Card-1", 14400, members=["ben"], as_of=paris(MONDAY, "12:30")),  # q3's author is not known before 13:00
    desk("Desk-Card-2", 1935),  # between 300 and 3570
    desk("Desk-Card-3", 6),  # q1 twice, q2 q4 q6 q7; neither the internal i1 nor what nobody knows
    desk("Desk-Card-3", 1, SUNDAY),  # q6
    desk("Desk-Card-4", 5),
    desk("Desk-Card-4", 2, members=["ben"]),  # q2 q6
    desk("Desk-Card-5", 1875),  # (3600 + 1800 + 1800 + 300) / 4
    desk("Desk-Card-5", Fraction(14_399_999_999, 1_000_000), SUNDAY),
    desk("Desk-Card-6", 1800),
    desk("Desk-Card-7", 2),  # q1 q6
    desk("Desk-Card-8", 0.5),  # q4, and q7, whose answer came at that instant and not before
    desk("Desk-Card-8", 1, SUNDAY),
    desk("Desk-Card-9", 1),  # q4
    desk("Desk-Card-9", 0, as_of=paris(MONDAY, "14:00")),  # although handed over at 13:59, before the request
    desk("Desk-Card-9", 1, as_of=paris(MONDAY, "14:00:01")),
    desk("Chat-Card-81", 2),  # o1 by q1; o2, by the identity of its buyer, by q2
    desk("Sale-Card-11", 3),  # two of o1, one of o2
    desk("Sale-Card-12", 32),
    desk("Sale-Card-12", 25, sources=["direct"], members=["ana"]),
    desk("Sale-Card-11", 0, as_of=paris(MONDAY, "11:00")),  # o2's of 10:00 counts from its order on
    desk("Sale-Card-12", 7, as_of=paris(MONDAY, "11:00:01")),
    desk("Sale-Card-9", 1),  # o1
    desk("Sale-Card-9", None, as_of=paris(MONDAY, "09:30")),  # no order is known yet
    desk("Shop-Card-4", 5),
    desk("Shop-Card-4", 4, channels=["web"]),  # not the unknown order's
    desk("Shop-Card-5", 36),
    desk("Shop-Card-5", 7, as_of=paris(MONDAY, "10:30")),
    desk("Chat-Card-30", 1),  # q2: one message, a product and a photo
    desk("Chat-Card-31", 1),
    desk("Chat-Card-33", 1),  # q1
    # q1 came in by support, q2 by sales, the others by none that is told; q1 by e-mail, the others on the site
    desk("Chat-Card-0", 1, inboxes=["support"]),
    desk("Chat-Card-0", 4, inboxes=["(none)"]),  # q3 q4 q5 q7
    desk("Chat-Card-0", 0, inboxes=["nowhere"]),
    desk("Chat-Card-0", 5, conversation_channels=["web"]),
    desk("Chat-Card-0", 1, inboxes=["support", "sales"], conversation_channels=["web"]),  # q2
    desk("Wlst-Card-1", 1, inboxes=["(none)"]),  # q3
    desk("Wlst-Card-1", 0, inboxes=["sales"]),
    desk("Wlst-Card-10", 0, conversation_channels=["email"]),
    Line("desk", "Chat-Donut-1", 1, MONDAY, bin="direct", asked={"inboxes": ["support"]}),
    desk("Desk-Card-1", 300, inboxes=["support"]),
    desk("Sale-Card-11", 2, inboxes=["support"]),  # of o1
    desk("Shop-Card-4", 5, inboxes=["support"]),  # takes none
    # v1 wrote to support by e-mail (q1) and to sales on the site (q8): never to support on the site
    Line("desk", "Engt-Card-1", 1, SUNDAY, MONDAY, asked={"inboxes": ["support"]}),
    Line("desk", "Engt-Card-1", 2, SUNDAY, MONDAY, asked={"inboxes": ["support", "sales"]}),  # and v2
    Line(
        "desk",
        "Engt-Card-1",
        0,
        SUNDAY,
        MONDAY,
        asked={"inboxes": ["support"], "conversation_channels": ["web"]},
    ),
]

HOOK = [
    monday("Hook-Card-2", 3),  # ana ben cam
    monday("Hook-Card-2", 1, members=["ana"]),
    monday("Hook-Card-3", 2),
    Line("paris", "Hook-Card-3", None, SUNDAY),  # a display, but no trigger has ever been sent
    Line("two_midnights", "Hook-Card-3", None, date(2024, 11, 3)),
    Line("two_midnights", "Hook-Card-4", 1, date(2024, 11, 3)),
    monday("Hook-Card-4", 4),  # k1 by v1 (twice) and by v2, and twice by nobody known
    monday("Hook-Card-5", 2),  # k1 by v1, k2 by v3
    monday("Hook-Card-10", 0.5),
    monday("Hook-Card-10", None, members=["ben"]),  # 1 click, displayed on Sunday: of no display
]

CONVERSATIONS = [
    monday("Chat-Card-0", 11),  # w1-4 d1-5 h1 p1
    monday("Chat-Card-0", 4, sources=["waiting_list"]),
    monday("Chat-Card-0", 5, members=["ana"]),  # w1 d1 d3 d4 p1: w3 has no member before Tuesday
    monday("Chat-Card-0", 5, members=["ana"], **AT_THE_END),
    Line("paris", "Chat-Card-0", 7, MONDAY, TUESDAY, asked={"members": ["ana"]}),  # w3 too, handled by then, and n1
    monday("Chat-Card-1", 10),  # w1 w2 w5 d1-5 h1 p1
    monday("Chat-Card-1", 4, roles=[2]),  # w2 d2 d5 h1, by Ben, who was promoted on Tuesday
    monday("Chat-Card-1", 0, roles=[3]),
    monday("Chat-Card-2", 3),  # w2 w5, and d3 with none but automatic texts
    monday("Chat-Card-3", 1),  # d4
    monday("Chat-Card-4", 1),  # d5
    monday("Chat-Card-8", Fraction(5, 7)),  # w1 d1 d2 h1 p1 of these and d4 o1
    monday("Chat-Card-10", 5),  # w1 d1 d2 h1 p1
    monday("Chat-Card-11", Fraction(5, 11)),
    monday("Chat-Card-12", Fraction(7, 11)),  # those 5, d4 and w3 of Tuesday
    monday("Chat-Card-12", Fraction(5, 11), **AT_THE_END),
    monday("Chat-Card-14", 180),  # (120 w1 + 90 d1 + 600 d2 + 60 h1 + 30 p1) / 5
    monday("Chat-Card-15", 90),
    monday("Chat-Card-16", Fraction(959, 5)),  # w1 is 179 s from its request
    monday("Chat-Card-17", 90),
    monday("Chat-Card-18", 906),  # (120 w1 + 720 d1 + 3600 d2 + 60 h1 + 30 p1) / 5; d1's Tuesday is beyond
    monday("Chat-Card-19", 120),
    monday("Chat-Card-20", 6),  # those 5 and o1
    monday("Chat-Card-21", 5),  # o1 has only the visitor's
    monday("Chat-Card-21", 4, members=["ana"]),  # w1 d1 d2 p1, where the author is not given
    monday("Chat-Card-21", 2, members=["ben"]),  # d2 h1: the members' add up to more than the total
    monday("Chat-Card-22", 3),  # (4 of Ana + 2 of Ben) / 2
    monday("Amb-Card-23", 3),
    monday("Chat-Card-30", 2),  # d1 by the member, h1 by the visitor
    monday("Chat-Card-31", 1),  # d2
    monday("Chat-Card-32", 1),  # d2
    monday("Chat-Card-33", 2),  # d1, and o1 at 00:00 exactly
    monday("Chat-Card-34", 1),  # d2
    monday("Chat-Card-35", 1),  # d2
    monday("Chat-Card-37", 2),  # d1 p1; o1's was asked a microsecond before Monday
    Line("paris", "Chat-Card-37", 1, SUNDAY),  # o1
    monday("Chat-Card-38", 2),  # d1, and p1 on Tuesday
    monday("Chat-Card-38", 1, **AT_THE_END),
    monday("Chat-Card-50", 1),  # h1; d3 is blocked too, but has no message
    # Turns: w1, w4, d1 three times, d2 twice, d4, h1, o1. Not answered: w4, the last of d1, o1. p1's marker opens none.
    monday("Chat-Card-60", 0.3),
    # As of Tuesday 12:12 those of w1, w4, d1 and o1 are 24 hours old, the last one of d1 exactly.
    monday("Chat-Card-60", 0.5, as_of=paris(TUESDAY, "12:12")),
    monday("Chat-Card-60", 0.4, as_of=paris(TUESDAY, "12:11:59")),
    monday("Chat-Card-60", 1, **AT_THE_END),  # only o1's is 24 hours old then, exactly
    monday("Chat-Card-60", None, as_of=paris(MONDAY, "23:59:59")),
    *bins("Chat-Donut-1", {"waiting_list": 3, "direct": 5, "hook": 1, "phygital": 1}),
    *bins("Chat-Donut-2", {"waiting_list": 1, "direct": 2, "hook": 1, "phygital": 1}),
    *bins("Chat-Bar-11", {"<1 min": 1, "1-2 min": 2, "2-5 min": 1, "10-30 min": 1}),
    *bins("Chat-Bar-12", {"<1 min": 1, "1-2 min": 2, "2-5 min": 1, "10-30 min": 1}),
    *bins("Chat-Bar-50", {"0-2 min": 2, "2-5 min": 1, "10-30 min": 1, "1 h-1 day": 1}),
]

SLOTS = [
    # From 23:00 to 01:00, by the weekday of each instant: w3 at 23:59:59.999999; w5 on Sunday 23:50, handled at 00:00.
    Line("paris", "Chat-Card-0", 2, SUNDAY, MONDAY, asked={"time_from": time(23), "time_to": time(1)}),
    Line("paris", "Chat-Card-0", 1, SUNDAY, MONDAY, asked={"time_from": time(23), "time_to": time(1), "weekdays": [7]}),
    Line(
        "paris", "Wlst-Card-10", 1, SUNDAY, MONDAY, asked={"time_from": time(23), "time_to": time(1), "weekdays": [1]}
    ),
    monday("Chat-Card-0", 2, time_from=time(12), time_to=time(15)),  # d1 at 12:00 is in, d3 at 15:00 is out
    monday("Chat-Card-0", 2, time_from=time(18)),  # p1 w3
    monday("Chat-Card-0", 1, time_to=time(10)),  # w1; w2 at 10:00 is out
]

CLOCKS = [
    Line("clock_forward", "Chat-Card-0", 1, date(2025, 3, 29)),
    Line("clock_forward", "Chat-Card-0", 4, date(2025, 3, 30)),  # 23 hours
    Line("clock_forward", "Chat-Card-0", 1, date(2025, 3, 31)),
    # No clock shows 02:00 to 03:00; what comes a microsecond before has 01:59:59.999999, the next instant 03:00.
    Line("clock_forward", "Chat-Card-0", 0, date(2025, 3, 30), asked={"time_from": time(2), "time_to": time(3)}),
    Line("clock_forward", "Chat-Card-0", 1, date(2025, 3, 30), asked={"time_from": time(1), "time_to": time(2)}),
    Line("clock_forward", "Chat-Card-0", 1, date(2025, 3, 30), asked={"time_from": time(3), "time_to": time(4)}),
    Line("clock_back", "Chat-Card-0", 4, date(2025, 10, 26)),  # 25 hours
    Line("clock_back", "Chat-Card-0", 2, date(2025, 10, 26), asked={"time_from": time(2), "time_to": time(3)}),
    Line("clock_back", "Chat-Card-0", 1, date(2025, 10, 27)),
    Line("two_midnights", "Chat-Card-0", 1, date(2024, 11, 2)),
    Line("two_midnights", "Chat-Card-0", 4, date(2024, 11, 3)),
    Line("two_midnights", "Chat-Card-0", 3, date(2024, 11, 3), asked={"time_to": time(1)}),  # both hours from 00 to 01
    Line("two_midnights", "Chat-Card-0", 1, date(2024, 11, 4)),
    Line("two_midnights", "Chat-Card-10", 1, date(2024, 11, 3), asked={"time_to": time(1)}),
    Line("two_midnights", "Chat-Card-14", 2400, date(2024, 11, 3)),  # 04:30Z to 05:10Z, whatever the clock showed
]

# The worked examples of the guards.
WORKED = [
    Line("weekend", "Chat-Card-0", 5, SUNDAY),
    Line("weekend", "Chat-Card-0", 10, MONDAY),
    Line("weekend", "Chat-Card-11", 0, SUNDAY),
    Line("weekend", "Chat-Card-11", 1.5, MONDAY),
    Line("weekend", "Chat-Card-12", 1, SUNDAY),
    Line("weekend", "Chat-Card-12", 1, MONDAY),
    Line("backlog", "Wlst-Card-12", 3, MONDAY),
    Line("backlog", "Wlst-Card-12", 0, SUNDAY),
]


def counter(ref: str, value: float | Fraction | None, day: date = MONDAY, **asked: Any) -> Line:
    return Line("counter", ref, value, day, asked=asked)


ORDERS = [
    counter("Shop-Card-1", 4),  # v1 w1 z1 n1
    counter("Shop-Card-1", 2, **AT_THE_END),  # z1 n1
    counter("Shop-Card-2", 690),
    counter("Shop-Card-2", 530, **AT_THE_END),
    counter("Shop-Card-2", 30, channels=["store"]),  # z1
    counter("Shop-Card-3", 172.5),
    counter("Shop-Card-1a", 5),  # y1 too
    counter("Shop-Card-2a", 730),
    counter("Shop-Card-3a", 146),
    counter("Cust-Card-1", 3),  # val, wim, kim of z1; nobody of n1
    counter("Cust-Card-1", 1, **AT_THE_END),  # kim
    counter("Cust-Card-1a", 3),  # kim once, for y1 and z1
    counter("Cust-Card-2", 1),  # kim: z0 and z1
    counter("Cust-Card-2", 1, TUESDAY, time_from=time(9), weekdays=[3]),  # whatever the dates
    counter("Cust-Card-2", 0, channels=["store"]),
    counter("Cust-Card-2", 0, as_of=paris(MONDAY, "08:01")),
    counter("Cust-Card-3", Fraction(5, 3)),  # 1 of v1, 1 of w1, 3 of z1
    counter("Cust-Card-3a", 3),  # and 4 of y1
]
ENGAGEMENT = [
    counter("Engt-Card-1", 3),  # val wim xan
    counter("Engt-Card-1", 1, members=["ana"]),  # val; xan's request has no member
    counter("Engt-Card-2", 7),  # val's two, wim's, xan's, yve's two, zoe's
    counter("Engt-Card-2", 1, date(2025, 5, 30)),
    counter("Engt-Card-3", 9),  # 4 of c1, 3 of c2, 2 of c3: what the system notes is no message
    counter("Engt-Card-3", 2, sources=["waiting_list"]),
    counter("Engt-Funnel-1", 7),
    counter("Engt-Funnel-2", 4),  # all but yve's and zoe's
    counter("Engt-Funnel-3", 4),  # val's first, wim's, yve's second, zoe's
    counter("Engt-Funnel-3", 2, as_of=paris(MONDAY, "15:35")),  # val's, zoe's
    counter("Engt-Funnel-4", 3),  # not yve's
    counter("Engt-Funnel-5", 0),
    counter("Engt-Funnel-5", 2, **AT_THE_END),  # val's, wim's
    counter("Engt-Funnel-6", 3),
    counter("Engt-Funnel-6", 1, **AT_THE_END),  # zoe's
]
AGENTS = [
    counter("Agnt-Card-1", 2),  # val wim
    counter("Agnt-Card-1", 1, members=["ben"]),
    counter("Agnt-Card-2", 1260),  # wim's, 19:29 to 19:50
    counter("Agnt-Card-2", None, as_of=paris(MONDAY, "20:10")),
    counter("Agnt-Card-2", None, members=["ana"]),  # her answers come hours later
    counter("Agnt-Card-3", 3),
    counter("Agnt-Card-4", 1800),  # (3600 + 1200 + 600) / 3
    counter("Agnt-Card-4", 600, members=["ben"]),
    counter("Agnt-Card-4", 120, date(2025, 6, 4)),
    Line("clock_forward", "Agnt-Card-4", 7200, date(2025, 3, 30)),  # two of the three hours that the clock shows
    Line("clock_back", "Agnt-Card-4", 14400, date(2025, 10, 26)),  # four
    Line("clock_forward", "Agnt-Card-4", 10800, date(2025, 4, 8)),  # 23:00 to 02:00
]
ADS = [
    counter("Ads-Card-1", 1),  # val
    counter("Ads-Card-2", 2),  # wim's, by its first action; xan's, by what he saw before
    counter("Ads-Card-3", 4),
    counter("Ads-Card-3", 0, members=["ben"]),
    counter("Ads-Funnel-1", 2),
    counter("Ads-Funnel-2", 2),
    counter("Ads-Funnel-3", 1),  # wim's from here on
    counter("Ads-Funnel-4", 1),
    counter("Ads-Funnel-5", 1, **AT_THE_END),
    counter("Ads-Funnel-6", 1),
]
ONE_TO_ONE = [
    met("One-Card-1", 4),  # t1 k1 w1 b1
    met("One-Card-1", 2, members=["ana"]),  # t1 b1: w1 has no member before Tuesday
    met("One-Card-1", 3, MONDAY, TUESDAY, members=["ana"]),
    met("One-Card-1", 1, roles=[2]),  # k1, by Ben before his promotion
    met("One-Card-1", 1, TUESDAY),  # x2
    met("One-Card-2", 2),  # t1 b1
    met("One-Card-3", 3),  # k1 w1 b1
    met("One-Card-3", 2, time_from=time(11)),  # w1 b1
    met("One-Card-4", 2595),  # (540 t1 + 7200 k1, to the end of its second call + 600 w1 + 2040 b1) / 4
    met("One-Card-4", 57540, TUESDAY),  # x2, from Monday 16:01 to Tuesday 08:00
    met("One-Card-10", Fraction(1, 3)),  # v1 of v1 v2 v3: o3 is too late for k1's beginning, o5 too early
    met("One-Card-10", Fraction(1, 2), members=["ana"]),  # v1 of v1 v3
    met("One-Card-10", 0, as_of=paris(MONDAY, "14:00")),
    met("One-Card-11", 1),  # o1
    met("One-Card-11", 3, TUESDAY),  # o2 o3 o6; o4 is a microsecond too late
    met("One-Card-11", 1, TUESDAY, channels=["store"]),  # o6
    met("One-Card-11", 2, TUESDAY, members=["ben"]),  # o3 o6
    met("One-Card-12", 90),  # 120 - 20 - 10
    met("One-Card-12", 80, TUESDAY),  # 50 of o2 and 30 of o3: x2 had no call
    met("One-Card-13", Fraction(100, 3), TUESDAY),  # and 20 of o6
    met("One-Card-14", 110),
    met("One-Card-14", 120, TUESDAY),  # 60 + 36 + 24
    met("One-Card-20", 3),  # k1 x3, and b1's call
    met("One-Card-21", 7),  # t1 w1 b1 x1 x2, w1's call and the second of k1
    met("One-Card-21", 3, members=["ana"]),  # t1 b1 x1
    met("One-Card-22", 5),  # t1 w1 b1 x2 x3
    met("One-Card-23", 5),  # k1 x1, k1's second call, those of w1 and b1
    met("One-Card-24", 3),  # x1 x3, and k1's second call
    met("One-Card-24", 4, **AT_THE_END),  # x2 too
    met("One-Card-30", Fraction(2, 3)),
    met("One-Card-31", Fraction(5, 7)),
    met("One-Card-31", Fraction(4, 7), **AT_THE_END),
    met("One-Card-40", 0),
    met("One-Card-40", 1, **AT_THE_END),  # x2; x1 was asked for by video and answered in writing
    met("One-Card-50", 2),
    met("One-Card-51", 3),
    met("One-Card-52", 1.5),
    met("One-Card-60", 3.5),  # s1 s2, the latter dismissed
    met("One-Card-60", 4, TUESDAY, members=["ben"]),  # s3, which names him
    Line("one_to_one", "One-Donut-1", 1, SUNDAY, bin="4", asked={"members": ["ana"]}),  # s3, all the same
    Line("one_to_one", "One-Donut-1", 0, SUNDAY, bin="4", asked=AT_THE_END),
    Line("one_to_one", "One-Donut-1", 0, SUNDAY, bin="3"),
]


JUNE_9, JUNE_10 = date(2025, 6, 9), date(2025, 6, 10)


def shop(ref: str, value: float | Fraction | None, day: date = MONDAY, to: date | None = None, **asked: Any) -> Line:
    return Line("window_shopping", ref, value, day, to, asked=asked)


PERSONALISATION = [
    shop("Pers-Card-1", 5),  # ann's two, cas's and dan's of the day, eve's; ben's began on Sunday
    shop("Pers-Card-1", 2, SUNDAY),  # ben's, and cas's at noon
    shop("Pers-Card-2", 1),  # ann's first
    shop("Pers-Card-2", 1, SUNDAY),  # ben's, since 00:10
    shop("Pers-Card-2", None, SUNDAY, as_of=paris(MONDAY, "00:10")),
    shop("Pers-Card-3", 2),  # x1 x3; x2 is over, x4 begins with Tuesday
    shop("Pers-Card-3", 2, SUNDAY),  # x1 x2
    shop("Pers-Card-3", 3, as_of=paris(MONDAY, "12:00")),  # x1 x3, and x2 ends at noon: it is live before that
    shop("Pers-Card-4", 1),  # t1, to the last instant of Monday
    shop("Pers-Card-4", 0, TUESDAY),
    shop("Pers-Card-5", 1),  # j1
    shop("Pers-Card-5", 2, as_of=paris(MONDAY, "10:00")),
    shop("Pers-Card-5", 1, time_from=time(9), time_to=time(10), weekdays=[3]),  # takes neither slot nor weekdays
    shop("Pers-Card-10", 50),  # 20 and nothing of ann's, 30 of ben's
    shop("Pers-Card-10", None, SUNDAY),
    shop("Pers-Card-11", 3),
    shop("Pers-Card-12", 1),
    shop("Pers-Card-12", 1, SUNDAY),
    shop("Pers-Card-12", 0, SUNDAY, as_of=paris(MONDAY, "00:20")),
    shop("Pers-Card-12", None, SUNDAY, as_of=paris(MONDAY, "00:10")),
    shop("Pers-Card-13", 75),  # a1 100, b1 50
]
RECOMMENDATIONS = [
    shop("Reco-Card-1", 90),  # a1's lamps 20, d1's chair 70
    shop("Reco-Card-1", 41, JUNE_10),  # b2, to the instant a week after the view
    shop("Reco-Card-2", 5),  # e0's mug; ann has clicked nothing, dan a month ago
    shop("Reco-Card-2", 10, JUNE_9),  # e1, to the instant a week after the click
    shop("Reco-Card-3", 1),  # ann's first
    shop("Reco-Card-3", 2, SUNDAY),  # ben's since Monday, cas's
    shop("Reco-Card-3", 1, SUNDAY, as_of=paris(MONDAY, "00:20")),
    shop("Reco-Card-4", 1),  # ann looked at the lamp
    shop("Reco-Card-4", 0, as_of=paris(MONDAY, "10:30")),
    shop("Reco-Card-4", 0, SUNDAY),  # ben and cas looked in other sessions
    shop("Reco-Card-5", 1),  # a1
    shop("Reco-Card-5", 0, as_of=paris(MONDAY, "11:30")),
    shop("Reco-Card-5", 1, SUNDAY),  # b1, c1
    shop("Reco-Card-6", 2),  # ann and ben
    shop("Reco-Card-6", 1, SUNDAY),  # cas
    shop("Reco-Card-7", 4),  # a1 b1 c1 d1
    shop("Reco-Card-7", 1, JUNE_10),  # b2
    # Ann's first session came to its first order with a0, but has a1 too; not eve's, whose lamp was never shown.
    shop("Reco-Card-8", Fraction(5, 6)),
]
JOURNEYS = [
    shop("Jour-Card-1", 3),  # r1 r2 r3
    shop("Jour-Card-2", 1),  # r1
    shop("Jour-Card-3", 1),  # r4, as Monday begins
    shop("Jour-Card-3", 1, TUESDAY),  # r2
    shop("Jour-Card-4", 4),
    shop("Jour-Card-5", Fraction(2, 3)),  # r1, and r2 on Tuesday
    shop("Jour-Card-5", Fraction(1, 3), **AT_THE_END),
]


def sold(ref: str, value: float | Fraction | None, day: date = MONDAY, bin_: str | None = None, **asked: Any) -> Line:
    return Line("till", ref, value, day, bin=bin_, asked=asked)


SALES = [
    sold("Chat-Card-70", 2),  # c1 c2
    sold("Chat-Card-70", 1, members=["ben"]),
    sold("Chat-Card-71", 3),
    sold("Chat-Card-72", 2),  # r1, and r3 on Tuesday
    sold("Chat-Card-72", 1, **AT_THE_END),
    sold("Chat-Card-73", 3),
    sold("Chat-Card-73", 4, **AT_THE_END),
    sold("Chat-Card-80", 180),  # s1 without its shipping, s5
    sold("Chat-Card-80", 50, TUESDAY),  # s2, at the window's very end; s3 is beyond it
    sold("Chat-Card-81", 2),
    sold("Chat-Card-81", 1, TUESDAY),
    sold("Chat-Card-81", 1, sources=["hook"]),  # s5
    sold("Chat-Card-81", 0, channels=["store"]),
    sold("Chat-Card-82", 90),
    sold("Chat-Card-85", 1),  # two sales, two active dialogues
    sold("Chat-Card-85", 1, members=["ana"]),
    sold("Chat-Card-86", 1),
    sold("Chat-Card-86", Fraction(1, 2), channels=["store"]),  # c1, for s2
    sold("Chat-Card-86", 0, channels=["store"], **AT_THE_END),
    sold("Chat-Bar-51", 2, bin_="<1 h"),  # s1 after 4 minutes, s5 after 20
    sold("Chat-Bar-51", 1, TUESDAY, bin_="1-7 days"),  # s2: a day to the second
    sold("Chat-Bar-51", 0, TUESDAY, bin_="1 h-1 day"),
    sold("Sale-Card-9", 1),  # s5; s6 and s7 were credited to none
    sold("Sale-Card-9", 0, members=["ana"]),
    sold("Sale-Card-9", 0, as_of=paris(MONDAY, "18:00")),
    sold("Sale-Card-10", 80),
    sold("Sale-Card-10", 80, roles=[2]),
    sold("Amb-Card-52", 360),  # 60 + 240 + 60: a pause of five minutes is no activity
    sold("Amb-Card-52", 0, members=["ben"]),
]

SETTLING = {i.ref: i.settling_days for i in catalogue.load().computed}
LINES = [
    *WAITING_LIST, *HOOK, *CONVERSATIONS, *SLOTS, *CLOCKS, *WORKED, *SALES, *ORDERS, *ENGAGEMENT, *AGENTS, *ADS,
    *ONE_TO_ONE, *PERSONALISATION, *RECOMMENDATIONS, *JOURNEYS, *DESK,
]  # fmt: skip
UNDATED = {i.ref for i in catalogue.load().computed if "dates" in i.ignores}
ROWS = rows()
KNOWN_UNTIL = known_until(ROWS)


@pytest.fixture(scope="module")
def connection(small_days: Night) -> Iterator[psycopg.Connection[Any]]:
    with small_days.connect() as opened:
        yield opened


@pytest.mark.parametrize("line", LINES, ids=str)
def test_the_report_says_what_was_worked_out(connection: psycopg.Connection[Any], line: Line) -> None:
    answers = report(connection, line.brand, line.day, line.to or line.day, refs=[line.ref], **line.asked)
    (value,) = [one.value for one in answers if one.bin == line.bin]
    assert agrees(None if line.value is None else Fraction(line.value).limit_denominator(10**6), value), value


@pytest.mark.parametrize("line", LINES, ids=str)
def test_the_brute_force_says_so_too(line: Line) -> None:
    said = answer(
        ROWS, line.brand, line.day, line.to or line.day, known_until=KNOWN_UNTIL, settling=SETTLING, **line.asked
    )
    value = said[line.ref, line.bin][0]
    assert value == (None if line.value is None else Fraction(line.value).limit_denominator(10**6))


def test_every_indicator_of_these_sections_has_a_figure_of_its_own() -> None:
    computed = {i.ref for i in catalogue.load().computed if i.area in WORKED_OUT}
    assert computed <= {line.ref for line in LINES if line.value}


def test_days_have_the_hours_of_their_clock(connection: psycopg.Connection[Any]) -> None:
    days = {
        ("clock_forward", date(2025, 3, 30)): (datetime(2025, 3, 29, 23, tzinfo=UTC), 23),
        ("clock_back", date(2025, 10, 26)): (datetime(2025, 10, 25, 22, tzinfo=UTC), 25),
        ("two_midnights", date(2024, 11, 3)): (datetime(2024, 11, 3, 4, tzinfo=UTC), 25),
        ("two_midnights", date(2024, 11, 4)): (datetime(2024, 11, 4, 5, tzinfo=UTC), 24),
    }
    for (brand, day), (starts_at, hours) in days.items():
        query = "select starts_at, hours from marts.dim_date where brand_id = %s and local_date = %s"
        assert connection.execute(query, [brand, day]).fetchall() == [(starts_at, hours)], (brand, day)


@pytest.mark.parametrize(
    ("grain", "brand", "periods"),
    [
        ("day", "paris", [(SUNDAY, SUNDAY), (MONDAY, MONDAY), (TUESDAY, TUESDAY)]),
        # Weeks and months that the question cuts.
        ("week", "paris", [(SUNDAY, SUNDAY), (MONDAY, TUESDAY)]),
        ("month", "counter", [(date(2025, 5, 30), date(2025, 5, 31)), (SUNDAY, MONDAY)]),
    ],
)
def test_a_period_of_the_breakdown_is_that_period_asked_alone(
    connection: psycopg.Connection[Any], grain: str, brand: str, periods: list[tuple[date, date]]
) -> None:
    (first, _), (_, last) = periods[0], periods[-1]
    broken_down = report(connection, brand, first, last, breakdown=[grain])
    for start, end in periods:
        of_the_period = [(row.ref, row.bin, *row.figure) for row in broken_down if row.bucket == [start.isoformat()]]
        asked_alone = [row for row in report(connection, brand, start, end) if row.ref not in UNDATED]
        assert any(row.value for row in asked_alone)
        assert of_the_period == [(row.ref, row.bin, *row.figure) for row in asked_alone]


def test_nobody_is_a_bucket_of_its_own(connection: psycopg.Connection[Any]) -> None:
    answers = report(connection, "paris", MONDAY, MONDAY, breakdown=["member"], refs=["Chat-Card-0", "Wlst-Card-1"])
    assert {(row.ref, *row.bucket): row.value for row in answers} == {
        ("Chat-Card-0", "ana"): 5,
        ("Chat-Card-0", "ben"): 4,
        ("Chat-Card-0", "(none)"): 2,  # w3 w4
        ("Wlst-Card-1",): 4,  # has no member: its total
    }


def test_what_does_not_apply_is_named_and_ignored(connection: psycopg.Connection[Any]) -> None:
    asked: dict[str, Any] = {"sources": ["direct"], "channels": ["store"], "roles": [1], "members": ["ana"]}
    ignored = {row.ref: set(row.ignored_filters) for row in report(connection, "paris", MONDAY, MONDAY, **asked)}
    assert ignored["Wlst-Card-1"] == {"sources", "channels", "roles", "members"}
    assert ignored["Wlst-Card-10"] == {"sources", "channels"}
    assert ignored["Chat-Card-0"] == {"channels"}
    assert ignored["Chat-Donut-1"] == {"sources", "channels"}


def test_inboxes_and_conversation_channels_are_told_apart_and_named_where_they_do_not_apply(
    connection: psycopg.Connection[Any],
) -> None:
    asked: dict[str, Any] = {"refs": ["Chat-Card-0", "Shop-Card-4"], "breakdown": ["inbox"]}
    told = {(row.ref, *row.bucket): row.value for row in report(connection, "desk", MONDAY, MONDAY, **asked)}
    assert told == {
        ("Chat-Card-0", "(none)"): 4, ("Chat-Card-0", "sales"): 1, ("Chat-Card-0", "support"): 1, ("Shop-Card-4",): 5,
    }  # fmt: skip
    asked = {"breakdown": ["conversation_channel"], "inboxes": ["support"], "conversation_channels": ["email", "web"]}
    rows = report(connection, "desk", MONDAY, MONDAY, **asked)
    assert [(row.bucket, row.value) for row in rows if row.ref == "Chat-Card-0"] == [(["email"], 1)]
    rows = report(connection, "desk", MONDAY, MONDAY, **asked | {"breakdown": []})
    ignored = {row.ref: set(row.ignored_filters) for row in rows}
    assert ignored["Wlst-Card-1"] == ignored["Chat-Donut-1"] == set()
    assert ignored["One-Donut-1"] >= {"inboxes", "conversation_channels"} == ignored["Shop-Card-4"]
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=r'conversation channel "fax"; allowed: web, store'):
        report(connection, "desk", MONDAY, MONDAY, conversation_channels=["fax"])
    connection.rollback()


@pytest.mark.parametrize(
    ("ref", "first", "last", "basis"),
    [
        ("Wlst-Card-10", SUNDAY, SUNDAY, "recorded"),  # q9
        ("Wlst-Card-10", MONDAY, MONDAY, "first_reply"),  # q3
        ("Wlst-Card-10", SUNDAY, MONDAY, "mixed"),
        ("Wlst-Card-14", SUNDAY, MONDAY, "mixed"),
        ("Chat-Card-1", MONDAY, MONDAY, "first_reply"),  # q3 among five that never waited
        ("Chat-Card-1", TUESDAY, TUESDAY, None),  # none
        ("Chat-Card-10", MONDAY, MONDAY, "first_reply"),
        ("Chat-Card-10", SUNDAY, SUNDAY, None),
        ("Wlst-Card-1", SUNDAY, MONDAY, None),  # a request rests on no handling
        ("Desk-Card-1", MONDAY, MONDAY, None),  # nor does a first response, counted as sent
    ],
)
def test_a_number_says_how_the_handling_is_known(
    connection: psycopg.Connection[Any], ref: str, first: date, last: date, basis: str | None
) -> None:
    assert [row.basis for row in report(connection, "desk", first, last, refs=[ref])] == [basis]
    rows = connection.execute(
        "select distinct basis from marts.kpi_rows(%s, 'desk', %s, %s) where basis is not null", [ref, first, last]
    ).fetchall()
    assert {row[0] for row in rows} == ({"recorded", "first_reply"} if basis == "mixed" else {basis} - {None})


def test_a_period_is_compared_with_the_one_that_ends_where_it_begins(connection: psycopg.Connection[Any]) -> None:
    answers = report(connection, "weekend", MONDAY, MONDAY, refs=["Chat-Card-0", "Chat-Card-11"], compare_previous=True)
    assert [(row.value, row.previous_value) for row in answers] == [(10, 5), (1.5, 0)]


def test_what_cannot_be_asked_for_can_be_told_apart(connection: psycopg.Connection[Any]) -> None:
    refs = ["Jour-Card-1", "Jour-Card-4"]
    told = report(connection, "window_shopping", MONDAY, MONDAY, breakdown=["notification_channel"], refs=refs)
    assert [(row.ref, row.bucket, row.value) for row in told] == [
        ("Jour-Card-1", [], 3),  # runs have none
        ("Jour-Card-4", ["email"], 2),
        ("Jour-Card-4", ["push"], 1),
        ("Jour-Card-4", ["sms"], 1),
    ]


def test_what_is_live_at_an_instant_has_days_but_no_hours(connection: psycopg.Connection[Any]) -> None:
    refs, asked = ["Pers-Card-3"], {"time_from": time(9), "weekdays": [1]}
    (total,) = report(connection, "window_shopping", SUNDAY, TUESDAY, refs=refs, breakdown=["hour"], **asked)
    assert (total.bucket, total.value, set(total.ignored_filters)) == ([], 3, {"slot", "weekdays"})
    days = report(connection, "window_shopping", SUNDAY, TUESDAY, refs=refs, breakdown=["day"])
    assert [(row.bucket, row.value) for row in days] == [
        (["2025-06-01"], 2), (["2025-06-02"], 2), (["2025-06-03"], 3)
    ]  # fmt: skip
    periods = "select count(*) from marts.kpi_period where brand_id = 'window_shopping' and ref = 'Pers-Card-3'"
    assert connection.execute(periods).fetchall() == [(0,)]


def test_revenue_is_compared_with_the_day_before(connection: psycopg.Connection[Any]) -> None:
    (row,) = report(connection, "window_shopping", TUESDAY, TUESDAY, refs=["Pers-Card-10"], compare_previous=True)
    assert (row.value, row.previous_value) == (0, 50)


def test_ads_tell_sessions_apart(connection: psycopg.Connection[Any]) -> None:
    refs = ["Ads-Card-2", "Ads-Card-3"]
    told = report(connection, "counter", MONDAY, MONDAY, breakdown=["ad", "ad_payload"], refs=refs)
    assert [(row.ref, row.bucket, row.value) for row in told] == [
        ("Ads-Card-2", ["lamps", "(none)"], 1),
        ("Ads-Card-2", ["spring", "blue"], 1),
        ("Ads-Card-3", ["spring", "red"], 4),
    ]


@pytest.mark.parametrize(
    ("ref", "as_of", "is_final"),
    [
        ("Chat-Card-71", paris(TUESDAY, "00:00"), True),  # fixed: once its period is over
        ("Chat-Card-71", paris(MONDAY, "23:59:59.999999"), False),
        ("Chat-Card-72", paris(date(2025, 6, 17), "00:00"), True),  # settles in 14 days of 24 hours
        ("Chat-Card-72", paris(date(2025, 6, 16), "23:59:59.999999"), False),
        ("Chat-Card-86", paris(date(2025, 7, 3), "00:00"), True),  # in 30
        ("Chat-Card-86", paris(date(2025, 7, 2), "23:59:59.999999"), False),
    ],
)
def test_a_number_is_final_once_it_has_settled(
    connection: psycopg.Connection[Any], ref: str, as_of: datetime, is_final: bool
) -> None:
    (row,) = report(connection, "till", MONDAY, MONDAY, refs=[ref], as_of=as_of)
    assert row.is_final is is_final


def test_what_knows_no_dates_has_none(connection: psycopg.Connection[Any]) -> None:
    (days,) = report(connection, "counter", SUNDAY, TUESDAY, breakdown=["day"], refs=["Cust-Card-2"])
    assert (days.bucket, days.value, days.is_final, days.ignored_filters) == ([], 1, False, ["dates"])
    (web,) = report(connection, "counter", MONDAY, MONDAY, channels=["web", "store"], refs=["Cust-Card-2"])
    assert web.value == 1
    periods = "select count(*) from marts.kpi_period where ref = 'Cust-Card-2'"
    assert connection.execute(periods).fetchall() == [(0,)]


def test_instants_have_their_day_weekday_and_hour_on_the_brands_clock(connection: psycopg.Connection[Any]) -> None:
    """Every one of them, through clock changes and second midnights, by the calendar and by the clock itself."""
    instants = {
        "fct_conversation": ("requested", "started", "established"), "fct_order": ("ordered",),
        "fct_rating": ("requested", "given"), "fct_call": ("requested",),
    }  # fmt: skip
    for fact, names in instants.items():
        for name in names:
            rows, wrong = connection.execute(
                f"""
                select count(*), count(*) filter (
                    where (f.{name}_local_date, f.{name}_local_weekday, f.{name}_local_hour)
                    is distinct from (d.local_date, extract(isodow from f.{name}_at at time zone b.timezone)::integer,
                    extract(hour from f.{name}_at at time zone b.timezone)::integer))
                from marts.{fact} as f
                inner join marts.dim_brand as b on b.brand_id = f.brand_id
                left join marts.dim_date as d
                    on d.brand_id = f.brand_id and d.starts_at <= f.{name}_at and f.{name}_at < d.ends_at
                """.encode()
            ).fetchone() or (0, 0)
            assert rows and not wrong, (fact, name)


def test_dates_have_names_and_say_when_the_shop_is_closed(connection: psycopg.Connection[Any]) -> None:
    told = connection.execute(
        "select iso_week_label, month_name_en, month_name_fr, month_name_es, weekday_name_en, weekday_name_fr,"
        " weekday_name_es, is_weekend, is_closed from marts.dim_date where brand_id = 'counter'"
        " and local_date in ('2025-06-01', '2025-06-02', '2025-06-03') order by local_date"
    ).fetchall()
    assert told == [
        ("2025-W22", "June", "juin", "junio", "Sunday", "dimanche", "domingo", True, True),  # without hours
        ("2025-W23", "June", "juin", "junio", "Monday", "lundi", "lunes", False, False),
        ("2025-W23", "June", "juin", "junio", "Tuesday", "mardi", "martes", False, True),  # listed as closed
    ]
    always = "select bool_or(is_closed) from marts.dim_date where brand_id = 'paris'"
    assert connection.execute(always).fetchone() == (False,)


def test_analysts_join_members_and_orders_without_doubling(connection: psycopg.Connection[Any]) -> None:
    members = connection.execute(
        "select member_id, role from marts.dim_member_current where brand_id = 'paris' order by 1"
    ).fetchall()
    assert members == [("ana", 1), ("ben", 3)]
    said = "select count(*), count(distinct (brand_id, order_id)) from marts.customer_order"
    ((rows, orders),) = connection.execute(said).fetchall()
    buyers = connection.execute("select count(*) from marts.fct_order where buyer is not null").fetchone()
    assert (rows,) == (orders,) == buyers
    wrong = connection.execute(
        "select count(*) from marts.customer_order where is_first_order <> (customer_order_number = 1)"
        " or is_first_order <> (days_since_previous is null) or first_ordered_local_date > ordered_local_date"
    ).fetchone()
    assert wrong == (0,)


def test_a_line_of_an_order_has_the_products_name_where_the_shop_told_it(connection: psycopg.Connection[Any]) -> None:
    named = "select product_id, product_name from marts.fct_order_line where brand_id = 'counter' and order_id like %s"
    assert connection.execute(named, ["w1"]).fetchall() == [("lamp", "Lamp of brass")]
    assert connection.execute(named, ["v1"]).fetchall() == [("lamp", None)]
