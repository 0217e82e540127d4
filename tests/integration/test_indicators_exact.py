"""The report against the brute force: random brands, random questions, every indicator, every breakdown.

Not here: figures that a reader can check by hand (test_small_days.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from itertools import product
from random import Random
from typing import Any

import psycopg
import pytest
from asking import Answer, report, values
from brute import agrees, answer
from brute.basis import bases
from brute.brands import (
    CHANNELS,
    CONVERSATION_CHANNELS,
    INBOXES,
    NOTIFICATION_CHANNELS,
    PLACES,
    SOURCES,
    Brand,
    question,
)
from brute.clock import day_begins
from brute.figures import Answers
from brute.needs import unknown
from brute.question import Question
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from thoroughness import times
from town import SEED, Town

from orchestration.catalogue import catalogue

pytestmark = pytest.mark.xdist_group("town")

COMPUTED = {i.ref: i for i in catalogue.load().computed}
SETTLING = {ref: indicator.settling_days for ref, indicator in COMPUTED.items()}
FILTERS = {
    "source": "sources", "channel": "channels", "role": "roles", "member": "members", "inbox": "inboxes",
    "conversation_channel": "conversation_channels",
}  # fmt: skip
# Breakdowns that no question can ask for by themselves: what the brute force calls them.
APART = {"ad": "ads", "ad_payload": "ad_payloads"}
# A part of these knows no channels: it answers alike for each that an order can have, and for no other.
OF_EVERY_CHANNEL = {"Chat-Card-85", "Chat-Card-86"}
PERIODS = ("day", "week", "month")
TIMES = {*PERIODS, "hour", "weekday"}
BREAKDOWNS = (
    *((one,) for one in ("day", "week", "month", "hour", "weekday", "source", "member", "role", "channel")),
    ("notification_channel",), ("day", "notification_channel"),
    ("ad",), ("ad_payload", "day"), ("ad", "ad_payload"), ("source", "ad"),
    ("day", "source"), ("member", "week"), ("month", "role"), ("source", "member"), ("role", "member"),
    ("hour", "day"), ("hour", "source"), ("member", "hour"), ("channel", "source"),
    ("weekday", "source"), ("week", "weekday"), ("member", "weekday"),
    ("inbox",), ("conversation_channel",), ("inbox", "day"), ("source", "conversation_channel"), ("member", "inbox"),
)  # fmt: skip
# An example asks about every brand, and a failing one is small already: nothing to shrink.
examples = settings(max_examples=times(2, 4), deadline=None, phases=[Phase.reuse, Phase.generate])
seeds = st.integers(0, 2**32)

Asked = dict[str, Any]
Bucket = tuple[str, ...]


@pytest.fixture(scope="module")
def connection(town: Town) -> Iterator[psycopg.Connection[Any]]:
    with town.night.connect() as opened:
        yield opened


def test_the_town_has_every_zone_and_ends_when_its_newest_extract_does(
    town: Town, connection: psycopg.Connection[Any]
) -> None:
    assert {str(brand.zone) for brand in town.brands} == {zone for zone, _ in PLACES}
    assert connection.execute("select data_through from marts.publication").fetchall() == [(town.known_until,)]


@pytest.mark.fault(
    38,
    "random periods and filters of 25 random brands, whatever was resent, late or corrected",
    "the report, a brute force of its own and the precomputed periods say the same",
    figure="differences 0 in over 50 questions",
)
@examples
@given(seed=seeds)
def test_totals(town: Town, connection: psycopg.Connection[Any], seed: int) -> None:
    rng = Random(seed)
    differences: list[str] = []
    for brand in town.brands * 2:
        asked = question(rng, brand)
        differences += _differences(town, connection, brand, asked)
    assert not differences, _shown(differences)


@examples
@given(seed=seeds)
def test_a_bucket_is_the_answer_to_the_same_question_asked_of_it_alone(
    town: Town, connection: psycopg.Connection[Any], seed: int
) -> None:
    rng = Random(seed)
    differences: list[str] = []
    for brand in town.brands:
        asked = question(rng, brand)
        asked["date_to"] = min(asked["date_to"], asked["date_from"] + timedelta(days=rng.choice((0, 2, 9))))
        breakdown = rng.choice(BREAKDOWNS)
        if "hour" in breakdown:
            asked |= {"time_from": None, "time_to": None}  # an hour within a slot is no slot that can be asked for
        differences += _differences(town, connection, brand, asked, breakdown, rng.random() < 0.5)
    assert not differences, _shown(differences)


def test_sales_go_by_the_advertisement_of_the_dialogue_that_earned_them(
    town: Town, connection: psycopg.Connection[Any]
) -> None:
    rng = Random(SEED)
    differences: list[str] = []
    sales_from_ads = 0
    for brand in town.brands:
        for breakdown in (("ad",), ("ad", "ad_payload")):
            differences += _differences(town, connection, brand, question(rng, brand), breakdown)
        span = timedelta(days=300)
        rows = report(connection, brand.brand_id, brand.around - span, brand.around + span, refs=["Chat-Card-81"],
                      breakdown=["ad"])  # fmt: skip
        sales_from_ads += sum(int(row.value or 0) for row in rows if row.bucket != ["(none)"])
    assert not differences, _shown(differences)
    assert sales_from_ads, "no brand of the town has sold by an advertisement"


@examples
@given(seed=seeds)
def test_slots_that_begin_or_end_amid_what_happened(
    town: Town, connection: psycopg.Connection[Any], seed: int
) -> None:
    # Such a slot cuts a conversation's day in two, on days when the clock is set as well.
    rng = Random(seed)
    differences: list[str] = []
    for brand in town.brands:
        begin, end = (rng.choice(brand.moments).astimezone(brand.zone).time() for _ in range(2))
        if begin != end:
            asked = question(rng, brand) | {"time_from": begin, "time_to": end, "as_of": None}
            differences += _differences(town, connection, brand, asked, rng.choice(((), ("day",), ("role",))))
    assert not differences, _shown(differences)


@examples
@given(seed=seeds)
def test_a_number_says_how_the_handling_is_known_that_it_rests_on(
    town: Town, connection: psycopg.Connection[Any], seed: int
) -> None:
    rng = Random(seed)
    for brand in town.brands:
        asked = question(rng, brand) | {"roles": None}
        breakdown = rng.choice(((), (), ("source",), ("inbox",), ("member",)))
        said = values(report(connection, brand.brand_id, breakdown=list(breakdown), **asked))
        for bucket, alone in _alone(town, brand, asked, breakdown):
            wanted = bases(town.facts[brand.brand_id], alone, town.known_until, SETTLING)
            found = {key: row.basis for key, row in said.items() if key[1] == bucket}
            different = {key: basis for key, basis in found.items() if basis != wanted[key[0], key[2]]}
            assert not different, (brand.brand_id, asked, breakdown, bucket, different)


@examples
@given(seed=seeds)
def test_firsts_days_and_messages_say_the_same(town: Town, connection: psycopg.Connection[Any], seed: int) -> None:
    # Whole days are answered by firsts; of all weekdays that are asked for, by all days; in a slot, by messages.
    rng = Random(seed)
    for brand in town.brands:
        first = brand.around + timedelta(days=rng.randint(-9, 2))
        last = first + timedelta(days=rng.choice((0, 3, 45)))
        breakdown = rng.choice([[], ["day"], ["week"], ["source"], ["day", "source"]])
        alike = [
            values(report(connection, brand.brand_id, first, last, breakdown=breakdown, **ways))
            for ways in ({}, {"weekdays": list(range(1, 8))}, {"time_from": time(0)})
        ]
        figures = [{key: row.figure for key, row in said.items()} for said in alike]
        assert figures[0] == figures[1] == figures[2], (brand.brand_id, first, last, breakdown)


# --- what the report should say ---------------------------------------------------------------------------------------


@dataclass
class Expected:
    """What a row should say, beside its key."""

    figure: tuple[Any, Any, Any]
    previous_value: Any
    is_final: bool
    missing: set[str]
    ignored_filters: set[str] = field(default_factory=set)

    def is_said_by(self, row: Answer) -> bool:
        return (
            all(agrees(mine, theirs) for mine, theirs in zip(self.figure, row.figure, strict=True))
            and agrees(self.previous_value, row.previous_value)
            and self.is_final == row.is_final
            and self.missing == set(row.missing)
            and self.ignored_filters == set(row.ignored_filters)
        )


def _differences(
    town: Town,
    connection: psycopg.Connection[Any],
    brand: Brand,
    asked: Asked,
    breakdown: Bucket = (),
    compare_previous: bool = False,
) -> list[str]:
    """Where the report and the brute force differ on a question, a line each."""
    said = values(
        report(connection, brand.brand_id, breakdown=list(breakdown), compare_previous=compare_previous, **asked)
    )
    wanted = _expected(town, brand, asked, breakdown, compare_previous)
    how = f"{brand.brand_id} of CAUSERIE_TEST_SEED={SEED}, {brand.zone}, {asked}, {breakdown}, {compare_previous=}"
    lines = [f"{key}: said {said[key]}, not expected; {how}" for key in said.keys() - wanted.keys()]
    lines += [f"{key}: not said, expected {wanted[key]}; {how}" for key in wanted.keys() - said.keys()]
    lines += [
        f"{key}: said {said[key]}, expected {wanted[key]}; {how}"
        for key in said.keys() & wanted.keys()
        if not wanted[key].is_said_by(said[key])
    ]
    return lines


def _shown(differences: list[str]) -> str:
    return f"{len(differences)} differences, the first of them:\n" + "\n".join(sorted(differences)[:8])


Key = tuple[str, Bucket, str | None]


def _expected(
    town: Town, brand: Brand, asked: Asked, breakdown: Bucket, compare_previous: bool
) -> dict[Key, Expected]:
    """Every row of the report, by the definition of a bucket: the same question with that filter or period set."""
    fitting = {ref for ref, indicator in COMPUTED.items() if set(breakdown) <= set(indicator.dimensions)}
    wanted: dict[Key, Expected] = {}
    for bucket, alone in _alone(town, brand, asked, breakdown):
        nowhere = ("channel", "(none)") in zip(breakdown, bucket, strict=True)
        refs = fitting - OF_EVERY_CHANNEL if nowhere else fitting
        wanted |= _of_bucket(town, brand, asked, alone, bucket, refs, compare_previous, set(breakdown) <= TIMES)
    return wanted | _of_bucket(town, brand, asked, asked, (), COMPUTED.keys() - fitting, compare_previous)


def _of_bucket(
    town: Town,
    brand: Brand,
    asked: Asked,
    alone: Asked,
    bucket: Bucket,
    refs: Collection[str],
    compare_previous: bool,
    even_empty: bool = True,
) -> dict[Key, Expected]:
    """What the report says of some indicators in one bucket, of which `alone` is the question."""
    if not refs:
        return {}
    figures = _answer(town, brand, alone)
    previous = _answer(town, brand, _before(alone)) if compare_previous else {}
    filled = {ref for answers in (figures, previous) for (ref, _), parts in answers.items() if any(parts[1:])}
    end = day_begins(brand.zone, alone["date_to"] + timedelta(days=1))
    judged_at = min(asked["as_of"] or town.known_until, town.known_until)
    return {
        (ref, bucket, bin_): Expected(
            figure,
            previous[ref, bin_][0] if compare_previous else None,
            "dates" not in COMPUTED[ref].ignores and end + timedelta(days=COMPUTED[ref].settling_days) <= judged_at,
            set().union(*unknown(Question(town.facts[brand.brand_id], **alone), ref, SETTLING[ref])),
            _ignored(ref, asked),
        )
        for (ref, bin_), figure in figures.items()
        if ref in refs and (even_empty or ref in filled)
    }


def _ignored(ref: str, asked: Asked) -> set[str]:
    """The parameters that were given, or always are, and do not apply."""
    filters = {name for filter_, name in FILTERS.items() if asked[name] and filter_ not in COMPUTED[ref].filters}
    has_slot = asked["time_from"] is not None or asked["time_to"] is not None
    given = {"dates": True, "slot": has_slot, "weekdays": asked["weekdays"] is not None}
    return filters | {part for part in COMPUTED[ref].ignores if given[part]}


def _answer(town: Town, brand: Brand, asked: Asked) -> Answers:
    return answer(town.facts[brand.brand_id], brand.brand_id, known_until=town.known_until, settling=SETTLING, **asked)


def _before(asked: Asked) -> Asked:
    """The same question of the period of equal length that ends where this one begins."""
    length = asked["date_to"] - asked["date_from"] + timedelta(days=1)
    return asked | {"date_from": asked["date_from"] - length, "date_to": asked["date_to"] - length}


def _alone(town: Town, brand: Brand, asked: Asked, breakdown: Bucket) -> Iterator[tuple[Bucket, Asked]]:
    """Every bucket that there could be, with the question that asks for it alone."""
    for buckets in product(*(_values(town, brand, asked, one) for one in breakdown)):
        alone = asked
        for _, changes in buckets:
            alone = alone | changes
        yield tuple(name for name, _ in buckets), alone


def _values(town: Town, brand: Brand, asked: Asked, breakdown: str) -> Iterator[tuple[str, Asked]]:
    """The values of one breakdown, each with what it changes in the question."""
    if breakdown in PERIODS:
        for first, last in _periods(breakdown, asked["date_from"], asked["date_to"]):
            yield first.isoformat(), {"date_from": first, "date_to": last}
    elif breakdown == "hour":
        for hour in range(24):
            yield str(hour), {"time_from": time(hour), "time_to": time(hour + 1) if hour < 23 else None}
    elif breakdown == "weekday":
        for weekday in range(1, 8):
            if asked["weekdays"] is None or weekday in asked["weekdays"]:
                yield str(weekday), {"weekdays": [weekday]}
    elif breakdown == "notification_channel":
        for channel in NOTIFICATION_CHANNELS:
            yield channel, {"notification_channels": [channel]}
    else:
        name = (FILTERS | APART)[breakdown]
        found: Iterable[Any] = {
            "source": SOURCES,
            "channel": (*CHANNELS, None),  # a refund of an order that is not known has none
            # A member who writes but was never described, and nobody; the role of either is not known.
            "member": (*brand.members, "unknown", None),
            "role": (*range(7), None),
            "inbox": (*INBOXES, "(none)"),
            "conversation_channel": CONVERSATION_CHANNELS,
            "ad": ("a1", "a2", None),
            "ad_payload": ("x", None),
        }[breakdown]
        for value in found:
            if asked.get(name) is None or value in asked[name]:
                yield "(none)" if value is None else str(value), {name: [value]}


def _periods(grain: str, first: date, last: date) -> Iterator[tuple[date, date]]:
    """The days, ISO weeks or calendar months of a period, cut to it."""

    def of(day: date) -> tuple[int, ...]:
        return {"day": (day.toordinal(),), "week": day.isocalendar()[:2], "month": (day.year, day.month)}[grain]

    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    for beginning in days:
        if beginning == first or of(beginning) != of(beginning - timedelta(days=1)):
            yield beginning, max(day for day in days if of(day) == of(beginning))
