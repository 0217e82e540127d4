"""Renders the catalogue into SQL: indicators over the same relation and filters share one scan, scans share a reading.

Here: scans, readings, parts and the functions of marts built on them. Not here: what an indicator is (catalogue.py) and
the shape of the statements (dbt_project/indicators/*.sql.j2).
Read next: dbt_project/indicators/kpi_report.sql.j2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from textwrap import indent
from typing import Any

import jinja2

from orchestration.catalogue import BREAKDOWNS as APART
from orchestration.catalogue import (
    LANGUAGES,
    PERIOD_BREAKDOWNS,
    PROJECT,
    TIME_BREAKDOWNS,
    Catalogue,
    Indicator,
    Measure,
    Relation,
    mart_columns,
    settling,
    time_breakdowns,
)

TEMPLATES = PROJECT / "dbt_project" / "indicators"
BREAKDOWNS = (*TIME_BREAKDOWNS, "source", "member", "role", "channel", *APART)
SOURCES = ("waiting_list", "direct", "hook", "phygital")
CHANNELS = ("web", "store", "direct", "app")
FILTER_PARAMETERS = {"source": "p_sources", "member": "p_members", "role": "p_roles", "channel": "p_channels"}
# Dimensions that may apply to one part of a ratio only, with all their values: the other part stands in every bucket.
SPREAD_VALUES = {"channel": CHANNELS}

PARAMETERS = (
    ("p_brand", "text", None),
    ("p_from", "date", None),
    ("p_to", "date", None),
    ("p_sources", "text[]", "null"),
    ("p_channels", "text[]", "null"),
    ("p_roles", "int[]", "null"),
    ("p_members", "text[]", "null"),
    ("p_time_from", "time", "null"),
    ("p_time_to", "time", "null"),
    ("p_weekdays", "int[]", "null"),
    ("p_breakdown", "text[]", "'{}'"),
    ("p_compare_previous", "boolean", "false"),
    ("p_as_of", "timestamptz", "null"),
    ("p_refs", "text[]", "null"),
)

# What a list is never asked for: it shows indicators of its own choice, by what it lists.
NOT_OF_LISTS = ("p_breakdown", "p_compare_previous", "p_refs")


@dataclass(frozen=True)
class DayedFact:
    """Things that whole days read a day at a time: a day's row speaks for several of them.

    `columns` are the same of a day and of all its things; `contents` are what a day's row says where a thing says
    something of its own. What a day holds is true if it is true of one of its things. `kinds` are such contents with
    the day's column that dates the conversation's last one before it: null where the day has none, and earlier than the
    period on the first in it. `parted_by` tells the rows of one day apart, by the columns of day and thing; `whole` is
    the question that the days can answer, but for those that a slot cuts.
    """

    days: str
    days_at: tuple[str, str]
    things: str
    things_at: str
    parted_by: Mapping[str, str]
    columns: tuple[str, ...]
    contents: Mapping[str, tuple[str, str]]
    kinds: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    join: str = ""
    where: str = "true"
    whole: str = "q.is_whole"


DAYED_FACTS = {
    # What visitors and members wrote, from when it counts.
    "activity": DayedFact(
        "fct_conversation_day", ("first_message_at", "last_message_at"), "fct_message", "message_at",
        {"member_role": "member_role"},
        (
            "brand_id", "conversation_id", "visitor_id", "source", "member_id", "member_role", "started_at",
            "established_at",
        ),
        {
            "answered_at": ("d.answered_at", "m.answered_at"),
            "email_provided_at": ("d.email_provided_at", "m.email_provided_at"),
            "messages": ("d.messages", "1"),
            "message_id": ("null", "m.message_id"),
        },
        {
            "has_message": ("previous_date", "true"),
            "has_visitor_message": ("previous_visitor_date", "m.written_by = 'visitor'"),
            "has_product": ("previous_product_date", "m.content_type = 'product'"),
            "has_member_photo": ("previous_member_photo_date", "m.written_by = 'member' and m.content_type = 'photo'"),
            "has_member_video": ("previous_member_video_date", "m.written_by = 'member' and m.content_type = 'video'"),
            "has_visitor_photo": (
                "previous_visitor_photo_date", "m.written_by = 'visitor' and m.content_type = 'photo'"
            ),
            "has_visitor_video": (
                "previous_visitor_video_date", "m.written_by = 'visitor' and m.content_type = 'video'"
            ),
            "has_connect_invite": (
                "previous_connect_invite_date", "m.written_by = 'member' and m.content_type = 'connect_invite'"
            ),
            "has_email_request": (
                "previous_email_request_date", "m.written_by = 'member' and m.content_type = 'email_request'"
            ),
        },
    ),
    # What members wrote, by author.
    "authorship": DayedFact(
        "fct_author_day", ("first_message_at", "last_message_at"), "fct_message", "message_at",
        {"author_id": "author_id", "author_role": "author_role"},
        (
            "brand_id", "conversation_id", "visitor_id", "source", "author_id", "author_role", "started_at",
            "established_at",
        ),
        {"messages": ("d.messages", "1"), "message_id": ("null", "m.message_id")},
        {
            "has_message": ("previous_date", "true"),
            "has_message_of_author": ("previous_author_date", "true"),
        },
        where="m.written_by = 'member'",
    ),
    # All that was sent, by bots and rules too, when it was sent.
    "exchange": DayedFact(
        "fct_exchange_day", ("first_sent_at", "last_sent_at"), "fct_message", "sent_at",
        {"member_role": "member_role_sent"},
        ("brand_id", "conversation_id", "visitor_id", "source", "member_id", "handled_at"),
        {
            "member_role": ("d.member_role", "m.member_role_sent"),
            "ad_id": ("d.ad_id", "c.ad_id"),
            "ad_payload": ("d.ad_payload", "c.ad_payload"),
            "messages": ("d.messages", "1"),
            "message_id": ("null", "m.message_id"),
        },
        join="\n    inner join marts.fct_conversation as c"
        " on c.brand_id = m.brand_id and c.conversation_id = m.conversation_id",
        where="m.is_exchanged",
    ),
    # The visitors' turns. As of an instant, a conversation that had not been asked for yet is not known, even where a
    # message came before it; and a turn is judged when it is a day old.
    "turns": DayedFact(
        "fct_exchange_day", ("first_sent_at", "last_sent_at"), "fct_turn", "began_at",
        {"member_role": "member_role"},
        ("brand_id", "conversation_id", "source", "member_id", "member_role", "handled_at"),
        {
            "turns": ("d.turns", "1"),
            "unanswered_turns": (
                "d.unanswered_turns",
                "(not coalesce(m.answered_at < q.known_at and m.answered_at <= m.began_at + interval '24 hours', false)"
                ")::int",
            ),
            "turn_id": ("null", "m.turn_id"),
        },
        where="m.requested_at < q.known_at and m.began_at <= q.age_at - interval '24 hours'",
        # A slot is asked of the turns themselves, for they are not found by their conversation.
        whole=(
            "(q.is_whole and v_slot_from is null and q.known_at = 'infinity'"
            " and q.ends_at <= q.age_at - interval '24 hours')"
        ),
    ),
}  # fmt: skip


def quoted(value: str | None) -> str:
    """A SQL text literal, or null."""
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


def array(values: Iterable[str]) -> str:
    """A SQL text array literal."""
    return "array[" + ", ".join(quoted(v) for v in values) + "]::text[]"


def local_time(instant: str) -> str:
    """The clock time of an instant on the brand's clock."""
    return f"({instant} at time zone q.timezone)::time"


def weekday_condition(weekday: str) -> str:
    """That an ISO weekday passes the weekday filter."""
    return f"(p_weekdays is null or {weekday} = any(p_weekdays))"


def weekday_of(instant: str) -> str:
    """The ISO weekday of an instant on the brand's clock."""
    return f"extract(isodow from {instant} at time zone q.timezone)::int"


def since_slot(instant: str) -> str:
    """The clock time of an instant on a clock that begins with the slot: one comparison tells whether it lies in it,
    over midnight too."""
    return f"{local_time(instant)} - v_slot_from::interval"


def window_condition(instant: str) -> str:
    """That an instant of the period passes the time slot and the weekday filter, both on the brand's clock."""
    in_slot = f"(v_slot_from is null or {since_slot(instant)} < v_slot_length)"
    return f"{weekday_condition(weekday_of(instant))} and {in_slot}"


def day_in_slot(first: str, last: str) -> str:
    """Whether all that lies from one instant to another of the same day lies in the slot; null if the slot cuts it.

    Between two instants a clock that is not set passes through each time between theirs, and through no other.
    """
    begin, end = since_slot(first), since_slot(last)
    unset = f"({last} at time zone q.timezone) - ({first} at time zone q.timezone) = {last} - {first}"
    alike = f"{begin} <= {end} and ({begin} < v_slot_length) = ({end} < v_slot_length)"
    return f"case when {unset} and {alike} then {begin} < v_slot_length end"


# What is computed once a row stands in a subquery that PostgreSQL may not flatten, or it would compute it at each use.
# Written as a bigint from the start, it leaves the subquery fit for parallel plans.
FENCE = "\noffset bigint '0'"


def placeholder(name: str) -> str:
    """What is put in when a statement is made: where the rows of a dayed fact are read from, or the bucket of a row."""
    return f"<{name}>"


def days_asked(fact: DayedFact) -> str:
    """The days that lie in a question's period of whole days, on the asked weekdays."""
    return f"""{fact.whole}
    and d.brand_id = p_brand
    and d.local_date >= q.from_date
    and d.local_date < q.to_date
    and {weekday_condition("d.iso_weekday")}"""


def by_day(fact: DayedFact, of_firsts: bool = False) -> str:
    """The things in a question's period of whole days: days of them.

    With `of_firsts` a day has only those kinds of them that the conversation has for the first time in the period.
    """
    held = "d.{0} < q.from_date" if of_firsts else "d.{0} is not null"
    contents = {name: day for name, (day, _) in fact.contents.items()}
    contents |= {name: held.format(previous) for name, (previous, _) in fact.kinds.items()}
    first, last = (f"d.{at}" for at in fact.days_at)
    columns = [*(f"d.{c}" for c in fact.columns), *(f"{day} as {name}" for name, day in contents.items())]
    return f"""select {", ".join(columns)}, {first} as at
from marts.{fact.days} as d
where
    {days_asked(fact)}
    and (v_slot_from is null or {day_in_slot(first, last)})"""


def _things(fact: DayedFact, columns_from: str) -> str:
    contents = (f"{thing} as {name}" for name, (_, thing) in {**fact.contents, **fact.kinds}.items())
    return ", ".join([*(f"{columns_from}.{c}" for c in fact.columns), *contents, f"m.{fact.things_at} as at"])


def by_cut_day(fact: DayedFact) -> str:
    """The things of days that a slot cuts, in a period of whole days: one by one."""
    first, last = (f"d.{at}" for at in fact.days_at)
    at = f"m.{fact.things_at}"
    same = "".join(f"\n    and m.{thing} is not distinct from d.{day}" for day, thing in fact.parted_by.items())
    # What the days can be filtered by is taken from them, so that few are looked into.
    return f"""select {_things(fact, "d")}
from marts.{fact.days} as d
inner join marts.{fact.things} as m
    on m.brand_id = d.brand_id and m.conversation_id = d.conversation_id{fact.join}
where
    {days_asked(fact)}
    and ({day_in_slot(first, last)}) is null
    and {at} >= {first}
    and {at} <= {last}
    and {weekday_of(at)} = d.iso_weekday{same}
    and {fact.where}
    and {since_slot(at)} < v_slot_length"""


def by_thing(fact: DayedFact) -> str:
    """The things in a question's window that the days cannot answer: one by one."""
    return f"""select {_things(fact, "m")}
from marts.{fact.things} as m{fact.join}
where
    not {fact.whole}
    and {fact.where}
    and m.brand_id = p_brand
    and m.{fact.things_at} >= q.starts_at
    and m.{fact.things_at} < q.cut_at
    and {window_condition(f"m.{fact.things_at}")}"""


@dataclass
class Part:
    """What one scan contributes to one indicator (or one of its bins): SQL aggregates over the rows counted."""

    ref: str
    bin: str | None
    numerator: str = "null"
    denominator: str = "null"
    median: str = "null"


@dataclass(frozen=True)
class Aggregate:
    """A SQL aggregate over the rows of a scan that satisfy all of `conditions`; it stands for {} in `result`.

    `is_of_value`: of a value that no other rows have, so that they need not be asked again.
    """

    call: str
    conditions: tuple[str, ...] = ()
    result: str = "{}"
    is_of_value: bool = False

    def sql(self, *more: str) -> str:
        conditions = self.conditions if self.is_of_value else (*more, *self.conditions)
        return self.result.format(self.call + (f" filter (where {' and '.join(conditions)})" if conditions else ""))


@dataclass
class Scan:
    """A relation under one set of filters, which answers for every indicator that shares both."""

    relation: Relation
    filters: tuple[str, ...]
    # Dimensions that rows are told apart by and cannot be asked for by.
    breakdowns: tuple[str, ...] = ()
    # Filters that apply to the other part of a ratio only: this part answers alike for each of their buckets.
    spread: tuple[str, ...] = ()
    parts: list[Part] = field(default_factory=list)
    aggregates: dict[Aggregate, str] = field(default_factory=dict)
    values: dict[tuple[str, str | None], str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        apart = (*(f[0] for f in self.filters), *(f"by_{b}" for b in self.breakdowns))
        return "_".join([self.relation.name, *apart, *(f"any_{s}" for s in self.spread)])

    @property
    def refs(self) -> list[str]:
        return sorted({part.ref for part in self.parts})

    def aggregate(self, call: str, *conditions: str | None, result: str = "{}", is_of_value: bool = False) -> str:
        """The column that holds this aggregate; the same aggregate is computed once."""
        aggregate = Aggregate(call, tuple(f"({c})" for c in conditions if c), result, is_of_value)
        column = self.aggregates.setdefault(aggregate, f"{self.name}_{len(self.aggregates)}")
        return f"s.{column}"

    def value(self, expression: str, where: str | None) -> str:
        """The column that holds this value of a row: computed once, and null but where it is asked for."""
        return self.values.setdefault((expression, where), f"{self.name}_value_{len(self.values)}")

    def dimension(self, name: str) -> str:
        """The SQL of a dimension of the rows, null where there is no member."""
        if name in self.spread:
            return f"every_{name}.bucket"
        column = self.relation.dimensions[name]
        expression = column if "." in column else f"f.{column}"
        if self.relation.member_known_at and name in ("member", "role"):
            known = f"f.source <> 'waiting_list' or f.handled_at < q.{self.relation.member_known_at}"
            if self.relation.member_given:
                known += f" or f.{self.relation.member_given} is not null"
            expression = f"case when {known} then {expression} end"
        return expression

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The breakdowns that the rows can be told apart by, or answer alike for."""
        return (*self.filters, *self.breakdowns, *self.spread)

    @property
    def anchor(self) -> str:
        return "f.at" if self.relation.fact in DAYED_FACTS else self.relation.anchor

    def bucket(self) -> str:
        """The bucket of a row: its values of the asked breakdown, in order."""

        def value(breakdown: str) -> str:
            cases = [f"when 'hour' then extract(hour from {self.anchor} at time zone q.timezone)::int::text"]
            cases += [f"when '{d}' then coalesce(({self.dimension(d)})::text, '(none)')" for d in self.dimensions]
            return f"case {breakdown} {' '.join(cases)} else q.label end"

        return (
            "case when q.scope = 'total' or cardinality(v_breakdown) = 0 then '{}'::text[]\n"
            f"    when cardinality(v_breakdown) = 1 then array[{value('v_breakdown[1]')}]\n"
            f"    else array[{value('v_breakdown[1]')}, {value('v_breakdown[2]')}] end"
        )

    def fits(self) -> str:
        """That the rows can be told apart by the asked breakdown; else they state their total."""
        return f"v_breakdown <@ {array((*self.dimensions, *time_breakdowns(self.relation.ignores)))}"

    def window(self) -> list[str]:
        """When a row of the fact must lie, so that it can be counted."""
        if self.relation.fact in DAYED_FACTS:
            return []
        brand = "f.brand_id = p_brand"
        if self.relation.ignores:
            return [brand]
        anchor = self.relation.anchor
        return [brand, f"{anchor} >= q.starts_at", f"{anchor} < q.cut_at", window_condition(anchor)]

    def conditions(self) -> list[str]:
        """What a row in the window must satisfy to be counted."""
        conditions = [f"({self.relation.where})"] if self.relation.where else []
        for name in self.filters:
            asked = FILTER_PARAMETERS[name]
            conditions.append(f"({asked} is null or {self.dimension(name)} = any({asked}))")
        for name in self.spread:
            # A part that knows no channels answers in every bucket, but only in those that were asked for.
            bucket, asked = f"every_{name}.bucket", FILTER_PARAMETERS[name]
            conditions.append(f"({bucket} is null or {asked} is null or {bucket} = any({asked}))")
        return conditions


def columns_of(fact: str) -> Iterable[str]:
    """The columns that the rows of a fact have."""
    if fact in DAYED_FACTS:
        dayed = DAYED_FACTS[fact]
        return (*dayed.columns, *dayed.contents, *dayed.kinds, "at")
    return mart_columns()[fact]


def alone(aggregate: str) -> str:
    """What an aggregate says of one row alone: what it says of a thing of which there is no other row."""
    said = re.fullmatch(r"(bool_or|min)\((.*)\)", aggregate)
    if said is None:
        raise ValueError(f"'{aggregate}' cannot be told by firsts; allowed: bool_or(...) and min(...)")
    return said[2]


def _numbers(n: int) -> str:
    """The first columns, for group by."""
    return ", ".join(str(k + 1) for k in range(n))


@dataclass
class Reading:
    """One pass over a fact for all scans that look at the same rows of it, each with conditions of its own."""

    scans: list[Scan]

    @property
    def refs(self) -> list[str]:
        return sorted({ref for scan in self.scans for ref in scan.refs})

    @property
    def fits(self) -> str:
        return self.scans[0].fits()

    @property
    def parts(self) -> list[Part]:
        return [part for scan in self.scans for part in scan.parts]

    def takes(self, scan: Scan) -> bool:
        """Whether a scan of the same fact, anchor and key can be answered here: its evidence must keep its names."""
        names = {name for s in self.scans for name in s.relation.evidence}
        is_plain = not any(s.relation.once for s in (scan, *self.scans))
        return is_plain and names.isdisjoint(scan.relation.evidence)

    def _flag(self, scan: Scan) -> tuple[str, ...]:
        """The column that says that a row is one of a scan's, where not all rows are."""
        return () if self._common() is not None else (f"in_{scan.name}",)

    @property
    def flagged_by(self) -> list[str]:
        """The filters without which a row of one scan is a row of all; none if more than filters tells them apart."""
        if len({scan.relation.name for scan in self.scans}) > 1:
            return []
        filters = [name for scan in self.scans for name in scan.filters]
        return sorted({name for name in filters if filters.count(name) < len(self.scans)})

    def _common(self) -> list[str] | None:
        """The conditions of all scans, if they are the same."""
        first, *others = [scan.conditions() for scan in self.scans]
        return first if all(other == first for other in others) else None

    @property
    def tells_firsts(self) -> bool:
        """Whether days can tell each of the things by the first of its rows in the period."""
        return self.scans[0].relation.by_firsts

    def rows(self, counted_at: str | None = None, of_firsts: bool = False, columns_of_fact: str = "f.*") -> str:
        """The rows counted for a question `q`, one for each thing, with the bucket that it counts for.

        `counted_at` adds the instant that makes a thing count. `of_firsts` reads days that hold what comes first in the
        period, so that no two rows are of the same thing: for whole days on end, of all roles and members.
        """
        scan = self.scans[0]
        relation = scan.relation
        if of_firsts:
            source = f"from ({by_day(DAYED_FACTS[relation.fact], of_firsts=True)}) as f"
        elif relation.fact in DAYED_FACTS:
            source = f"from ({placeholder(relation.fact)}) as f"
        else:
            source = f"from marts.{relation.fact} as f"
        if relation.join:
            source += "\n" + relation.join
        for name in scan.spread:
            source += (
                f"\nleft join unnest({array(SPREAD_VALUES[name])}) as every_{name} (bucket)"
                f" on q.scope = 'bucket' and '{name}' = any(v_breakdown)"
            )
        common = self._common()
        each = {s.name: " and ".join(s.conditions()) or "true" for s in self.scans}
        conditions = [*scan.window(), *(common if common is not None else [f"({' or '.join(each.values())})"])]
        source += "\nwhere\n    " + "\n    and ".join(conditions or ["true"])
        columns = ["q.question_id", "q.cut_at", "q.known_at", f"{placeholder('bucket')} as bucket"]
        flags = {} if common is not None else each
        if not relation.per:
            columns += [f"({condition}) as in_{name}" for name, condition in flags.items()]
            columns += [f"{expression} as {name}" for name, expression in relation.columns.items()]
            columns += [f"{counted_at} as counted_at"] if counted_at else []
            return f"select {', '.join([*columns, columns_of_fact])}\n{source}"
        keys = [f"f.{key}" for key in relation.per]
        if of_firsts and not relation.once:
            columns += [*keys, *(f"({condition}) as in_{name}" for name, condition in flags.items())]
            columns += [f"{alone(e)} as {name}" for s in self.scans for name, e in s.relation.evidence.items()]
            return f"select {', '.join(columns)}\n{source}"
        evidence = [f"bool_or({condition}) as in_{name}" for name, condition in flags.items()]
        for s in self.scans:
            only = f" filter (where {flags[s.name]})" if flags else ""
            evidence += [f"{expression}{only} as {name}" for name, expression in s.relation.evidence.items()]
        evidence += [f"{counted_at} as counted_at"] if counted_at else []
        if relation.once and not of_firsts:
            # Each counts one of these once, however many rows it has.
            pair = [columns.pop(), *keys, *(f"f.{key}" for key in relation.once)]
            pairs = f"select {', '.join(pair)}, min({scan.anchor}) as at\n{source}\ngroup by {_numbers(len(pair))}"
            source = f"from (\n{indent(pairs, '    ')}\n) as f"
            columns.append("f.bucket")
        grouped = [*columns, *keys]
        return f"select {', '.join([*grouped, *evidence])}\n{source}\ngroup by {_numbers(len(grouped))}"

    def counted(self, of_firsts: bool = False) -> str:
        """The rows, with the values that aggregates share computed once."""
        values = [
            f"case when {' and '.join([*self._flag(scan), *([f'({where})'] if where else [])]) or 'true'}"
            f" then {expression} end as {column}"
            for scan in self.scans
            for (expression, where), column in scan.values.items()
        ]
        asked = " ".join([*values, *(sql for _, sql in self.aggregates)])
        # No more columns than these: what a statement names has to be planned, read or not.
        columns = (f"f.{c}" for c in columns_of(self.scans[0].relation.fact) if re.search(rf"\b{c}\b", asked))
        rows = self.rows(of_firsts=of_firsts, columns_of_fact=", ".join(columns) or "null")
        rows = f"(\n{indent(rows, '    ')}\n) as counted"
        if not values:
            return rows
        once = f"select counted.*, {', '.join(values)}\nfrom {rows}{FENCE}"
        return f"(\n{indent(once, '    ')}\n) as counted"

    @property
    def aggregates(self) -> list[tuple[list[str], str]]:
        """Each aggregate as a column, with the refs that need it."""
        return [
            (
                [p.ref for p in scan.parts if f"s.{column}" in (p.numerator, p.denominator, p.median)],
                f"{aggregate.sql(*self._flag(scan))} as {column}",
            )
            for scan in self.scans
            for aggregate, column in scan.aggregates.items()
        ]


def scan_of(catalogue: Catalogue, measure: Measure) -> Scan:
    """A scan that answers a measure, still empty: under the filters that its relation knows."""
    relation = catalogue.relations[measure.of]
    filters = tuple(f for f in measure.filters if f in relation.dimensions)
    breakdowns = tuple(b for b in measure.breakdowns if b in relation.dimensions)
    spread = tuple(f for f in measure.filters if f not in relation.dimensions and f in SPREAD_VALUES)
    return Scan(relation, filters, breakdowns, spread)


def approximate(measure: Measure) -> str:
    """A measure's value as a binary number, which is quick to compare; exact to the microsecond for 100 years."""
    if measure.duration:
        return f"date_part('epoch', {measure.duration})"
    return f"({measure.value})::double precision"


def bin_number(indicator: Indicator) -> str:
    """The number of the bin that a row falls into, from 1: lower bound in, upper bound out. Of none: 0 or null."""
    assert indicator.numerator is not None
    if indicator.bins_by:
        cases = (f"when {quoted(b.name)} then {n}" for n, b in enumerate(indicator.bins, 1))
        return f"case {indicator.bins_by} {' '.join(cases)} end"
    edges = ", ".join(str(b.low) for b in indicator.bins)
    return f"width_bucket({approximate(indicator.numerator)}, array[{edges}]::double precision[])"


def bin_name(indicator: Indicator) -> str:
    """The name of the bin that a row falls into, null where it falls into none."""
    return f"({array(b.name for b in indicator.bins)})[{bin_number(indicator)}]"


class Scans:
    """The scans that answer a set of indicators."""

    def __init__(self, catalogue: Catalogue, indicators: Iterable[Indicator], is_shared: bool) -> None:
        self._catalogue = catalogue
        self._is_shared = is_shared
        self._scans: dict[str, Scan] = {}
        for indicator in indicators:
            self._add(indicator)

    def readings(self) -> list[Reading]:
        """The readings of facts that answer. Shared, where no scan tells its rows apart by dimensions of its own."""
        if not self._is_shared:
            return [Reading([scan]) for scan in self._scans.values()]
        readings: dict[tuple[Any, ...], Reading] = {}
        for scan in self._scans.values():
            r = scan.relation
            alike = readings.setdefault((r.fact, r.anchor, r.ignores, r.join, r.per, r.by_firsts), Reading([scan]))
            if scan not in alike.scans:
                if alike.takes(scan):
                    alike.scans.append(scan)
                else:
                    readings[(scan.name,)] = Reading([scan])
        return list(readings.values())

    def _scan(self, measure: Measure) -> Scan:
        scan = scan_of(self._catalogue, measure)
        if self._is_shared:
            scan = replace(scan, breakdowns=(), spread=())
        return self._scans.setdefault(scan.name, scan)

    def _add(self, i: Indicator) -> None:
        if i.bins:
            assert i.numerator is not None
            scan = self._scan(i.numerator)
            value = scan.value(bin_number(i), i.numerator.where)
            for n, b in enumerate(i.bins, 1):
                bin_count = scan.aggregate("count(*)", f"{value} = {n}", is_of_value=True)
                scan.parts.append(Part(i.ref, b.name, bin_count))
            return
        if i.median:
            scan = self._scan(i.median)
            value = scan.value(approximate(i.median), i.median.where)
            middle = scan.aggregate(f"percentile_cont(0.5) within group (order by {value})", is_of_value=True)
            scan.parts.append(Part(i.ref, None, "null", scan.aggregate("count(*)", i.median.where), middle))
            return
        assert i.numerator is not None
        scan = self._scan(i.numerator)
        part = Part(i.ref, None, self._total(scan, i.numerator))
        scan.parts.append(part)
        if i.denominator:
            below = self._scan(i.denominator)
            if below is scan:
                part.denominator = self._total(scan, i.denominator)
            else:
                below.parts.append(Part(i.ref, None, denominator=self._total(below, i.denominator)))

    @staticmethod
    def _total(scan: Scan, measure: Measure) -> str:
        if measure.duration:
            return scan.aggregate(f"sum({measure.duration})", measure.where, result="extract(epoch from {})")
        if measure.value is None:
            return scan.aggregate("count(*)", measure.where)
        if measure.value.isidentifier():
            return scan.aggregate(f"sum({measure.value})", measure.where)
        return scan.aggregate(f"sum({scan.value(measure.value, measure.where)})", is_of_value=True)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, autoescape=False
    )
    environment.filters |= {"quoted": quoted, "array": array, "bound": bound}
    return environment


def _declarations(breakdown: str = "coalesce(p_breakdown, '{}')") -> str:
    """What every function that answers a question declares beside its parameters."""
    lines = [
        "-- A slot with one end takes the day's own for the other.",
        "v_slot_from time := case when coalesce(p_time_from, p_time_to) is not null"
        " then coalesce(p_time_from, time '00:00') end;",
        "-- Over midnight if need be. No slot has no length: what a clock shows as none is a whole day.",
        "v_slot_length time := coalesce("
        "nullif(time '00:00' + (coalesce(p_time_to, time '24:00') - v_slot_from), '00:00'), time '24:00');",
        "v_known_at timestamptz := coalesce(p_as_of, 'infinity');",
        f"v_breakdown text[] := {breakdown};",
        f"v_time_breakdowns text[] := {array(TIME_BREAKDOWNS)};",
        f"v_period_breakdowns text[] := {array(PERIOD_BREAKDOWNS)};",
    ]
    return indent("\n".join(lines), "    ")


def _indicator_rows(indicators: Iterable[Indicator]) -> list[dict[str, Any]]:
    return [
        {
            "ref": i.ref,
            "bin": b.name if b else None,
            "kind": i.kind,
            "filters": i.filters,
            "dimensions": i.dimensions,
            "ignores": i.ignores,
            "is_fixed": str(i.stability == "fixed"),
            "settling_days": i.settling_days,
        }
        for i in indicators
        for b in (i.bins or (None,))
    ]


def _shown_line(indicator: Indicator) -> str:
    if indicator.kind == "live":
        return f"{indicator.ref} is read live, by causerie live"
    if indicator.kind == "list":
        return f"{indicator.ref} is a list: ask marts.kpi_list('{indicator.ref}', ...)"
    shown = ", ".join(s["ref"] for s in indicator.shows)
    by = " and ".join(indicator.shows[0].get("breakdown", ["total"]))
    presets = {f"{k} {', '.join(v)}" for s in indicator.shows for k, v in s.items() if k not in ("ref", "breakdown")}
    return f"{indicator.ref} presents {shown} by {by}" + (f" ({'; '.join(sorted(presets))} preset)" if presets else "")


def functions(catalogue: Catalogue) -> list[str]:
    """The functions and labelled views of marts, as SQL, in the order in which they must be created."""
    labelled = _environment().get_template("kpi_period_labelled.sql.j2")
    views = [labelled.render(language=language, areas=catalogue.areas) for language in LANGUAGES]
    return [_check_question(catalogue), _report(catalogue), _rows(catalogue), _lists(catalogue), *views]


def audit_functions(catalogue: Catalogue) -> list[str]:
    """The reports over the schema `next`, before anything is published: `kpi_answers` for all touched periods at once.

    Beside it `kpi_answers_at_end`, which answers for the fixed indicators as of each period's own end: where the two
    differ, the law of stability is broken. And `kpi_answers_settling`, the fluctuating indicators of a sample of
    days at several ages.
    """
    marts = [
        _answers_of_periods(catalogue, "kpi_answers", "'infinity'::timestamptz"),
        _answers_of_periods(catalogue, "kpi_answers_at_end", "t.ends_at", stability="fixed"),
        _answers_of_periods(catalogue, "kpi_answers_settling", "t.known_at", stability="fluctuating"),
    ]
    return [text.replace("marts.", "next.") for text in marts]


def definitions(catalogue: Catalogue, code: str) -> dict[str, str]:
    """By ref a digest of the SQL that computes an indicator: when it changes, so may every value published before.

    `code` stands for what that SQL reads, and so for every indicator alike.
    """
    templates = ("answers.sql.j2", "assembly.sql.j2", "kpi_answers.sql.j2")
    shared = code + "".join((TEMPLATES / name).read_text() for name in templates)
    shared += "".join(by_day(fact, of_firsts) for fact in DAYED_FACTS.values() for of_firsts in (False, True))

    def digest(i: Indicator) -> str:
        readings = [
            (r.scans[0].bucket(), r.counted(), r.aggregates, r.parts)
            for r in Scans(catalogue, [i], is_shared=False).readings()
        ]
        said = (shared, i.kind, i.stability, i.unknown_unless, readings)
        return sha256(repr(said).encode()).hexdigest()

    return {i.ref: digest(i) for i in catalogue.dated}


def _parameters(parameters: Iterable[tuple[str, str, str | None]] = PARAMETERS) -> str:
    return ",\n".join(
        f"    {name} {kind}" + (f" default {default}" if default else "") for name, kind, default in parameters
    )


def _check_question(catalogue: Catalogue) -> str:
    computed = catalogue.computed
    allowed = {
        "source": ("p_sources", array(SOURCES), ", ".join(SOURCES)),
        "channel": ("p_channels", array(CHANNELS), ", ".join(CHANNELS)),
        "role": ("p_roles", "array[0, 1, 2, 3, 4, 5, 6]", "0 to 6"),
        "weekday": ("p_weekdays", "array[1, 2, 3, 4, 5, 6, 7]", "1 (Monday) to 7 (Sunday)"),
        "breakdown": ("p_breakdown", array(BREAKDOWNS), ", ".join(BREAKDOWNS)),
        "indicator": ("p_refs", array(catalogue.indicators), ", ".join(catalogue.indicators)),
    }
    return (
        _environment()
        .get_template("kpi_check_question.sql.j2")
        .render(
            parameters=_parameters(),
            lists=[{"name": n, "parameter": p, "allowed": a, "shown": s} for n, (p, a, s) in allowed.items()],
            shows=[{"ref": i.ref, "line": _shown_line(i)} for i in catalogue.indicators.values() if i not in computed],
        )
    )


def _questions(catalogue: Catalogue, refs: str = "p_refs", reads_days: bool = True) -> str:
    # Beside the buckets of a breakdown by time, what is told for an instant or for all time states its total.
    undated = [i.ref for i in catalogue.computed if i.ignores]
    template = _environment().get_template("question.sql.j2")
    return template.render(reads_days=str(reads_days).lower(), refs=refs, undated=undated)


# That all rows of a conversation's day count alike, whoever wrote and in what role.
TELLS_FIRSTS = f"p_roles is null and p_members is null and not v_breakdown && {array(('role', 'member'))}"
# What the statements that are put together from readings take as parameters, in this order.
BOUND = (
    "p_brand", "p_sources", "p_channels", "p_roles", "p_members", "p_weekdays", "p_refs", "p_compare_previous",
    "v_slot_from", "v_slot_length", "v_breakdown", "v_time_breakdowns",
)  # fmt: skip
# The columns of a question, as arrays of all questions of a report.
QUESTION_COLUMNS = {
    "question_id": "bigint", "brand_id": "text", "timezone": "text", "grain": "text", "period_start": "date",
    "scope": "text", "label": "text", "period_number": "bigint", "is_previous": "boolean",
    "from_date": "date", "to_date": "date", "starts_at": "timestamptz", "ends_at": "timestamptz",
    "cut_at": "timestamptz", "known_at": "timestamptz", "known_until": "timestamptz", "age_at": "timestamptz",
    "is_whole": "boolean",
}  # fmt: skip
# The bucket of all rows of a question that is broken down by periods, or by nothing.
QUESTION_BUCKET = (
    "case when q.scope = 'total' or cardinality(v_breakdown) = 0 then '{}'::text[] else array[q.label] end"
)


def bound(statement: str, names: Sequence[str]) -> str:
    """A statement with its parameters by number, for `execute ... using`."""
    return re.sub(r"\b[pqv]_[a-z_]+\b", lambda name: f"${names.index(name[0]) + 1}", statement)


def _assembly(
    catalogue: Catalogue, indicators: Sequence[Indicator], names: Sequence[str], brand: str = "p_brand"
) -> str:
    """PL/pgSQL that gathers in v_answers the readings that answer for the asked indicators, and no others."""

    def statement(text: str) -> str:
        return bound(text.replace("p_brand", brand), names)

    def rendered(reading: Reading) -> dict[str, Any]:
        return {
            "refs": reading.refs,
            "fits": reading.fits,
            "bucket": statement(reading.scans[0].bucket()),
            "rows": indent(statement(reading.counted()), " " * 16).strip(),
            "firsts": reading.tells_firsts and indent(statement(reading.counted(of_firsts=True)), " " * 16).strip(),
            "aggregates": [(refs, statement(sql)) for refs, sql in reading.aggregates],
            "parts": reading.parts,
            "flagged_by": [FILTER_PARAMETERS[name] for name in reading.flagged_by],
        }

    readings = [
        (str(is_shared).lower(), [rendered(r) for r in Scans(catalogue, indicators, is_shared).readings()])
        for is_shared in (True, False)
    ]
    return (
        _environment()
        .get_template("assembly.sql.j2")
        .render(readings=readings, dayed=list(DAYED_FACTS), question_bucket=bound(QUESTION_BUCKET, names))
    )


def _statement(indicators: Sequence[Indicator], is_measured: bool = True) -> str:
    """From the assembled answers to each indicator's values, and, if `is_measured`, how settled they are."""
    unknowns = [{"ref": i.ref, "condition": " ".join(i.unknown_unless.split())} for i in indicators if i.unknown_unless]
    return (
        _environment()
        .get_template("answers.sql.j2")
        .render(
            rows=_indicator_rows(indicators),
            unknowns=unknowns,
            is_measured=is_measured,
            ages=settling().ages,
            longest=max(i.settling_days for i in indicators),
        )
    )


def _report(catalogue: Catalogue) -> str:
    arrays = [f"q_{column}" for column in QUESTION_COLUMNS]
    all_questions = f"select q.* from unnest({', '.join(arrays)}) as q ({', '.join(QUESTION_COLUMNS)})"
    names = [*BOUND, *arrays]
    return (
        _environment()
        .get_template("kpi_report.sql.j2")
        .render(
            parameters=_parameters(),
            parameter_names=", ".join(parameter for parameter, _, _ in PARAMETERS),
            declarations=_declarations(),
            columns=QUESTION_COLUMNS,
            questions=_questions(catalogue),
            assembly=_assembly(catalogue, catalogue.computed, names),
            answers=_statement(catalogue.computed),
            all_questions=all_questions,
            questions_of_scope=f"{all_questions} where q.scope = '<scope>'",
            dayed=[
                {
                    "fact": name,
                    "whole": f.whole,
                    "by_day": bound(by_day(f), names),
                    "by_cut_day": bound(by_cut_day(f), names),
                    "by_thing": bound(by_thing(f), names),
                }
                for name, f in DAYED_FACTS.items()
            ],
            one_question="select " + ", ".join(f"q_{c}[<n>] as {c}" for c in QUESTION_COLUMNS),
            tells_firsts=TELLS_FIRSTS,
            names=names,
        )
    )


def _answers_of_periods(catalogue: Catalogue, name: str, known_at: str, stability: str | None = None) -> str:
    """Of all indicators, or of one stability. What settling is measured from can't say how settled anything is."""
    settles = stability == "fluctuating"
    indicators = [i for i in catalogue.dated if stability in (None, i.stability)]

    def days_of(fact: DayedFact) -> str:
        # A period is whole; where that alone does not do for days, some periods are read thing by thing.
        return by_day(fact) if fact.whole == "q.is_whole" else f"{by_day(fact)}\nunion all\n{by_thing(fact)}"

    names = [*(name for name in BOUND if name != "p_brand"), "p_dimension"]
    own_brand = "q.brand_id"
    return (
        _environment()
        .get_template("kpi_answers.sql.j2")
        .render(
            name=name,
            periods="settling_period" if settles else "touched_period",
            known_at=known_at,
            # Every brand's periods in one statement: each fact is joined by its question's own brand.
            assembly=_assembly(catalogue, indicators, names, brand=own_brand),
            dayed=[(name, bound(days_of(f).replace("p_brand", own_brand), names)) for name, f in DAYED_FACTS.items()],
            tells_firsts=TELLS_FIRSTS,
            answers=_statement(indicators, is_measured=not settles).replace("p_brand", own_brand),
            names=names,
            time_breakdowns=array(TIME_BREAKDOWNS),
            period_breakdowns=array(PERIOD_BREAKDOWNS),
        )
    )


def _rows(catalogue: Catalogue) -> str:
    given = [("p_ref", "text", None), *((n, k, d) for n, k, d in PARAMETERS if n != "p_refs")]
    names = [name for name, _, _ in PARAMETERS if name not in ("p_refs", "p_compare_previous")]
    # A row has no previous period: the argument is taken, so that both functions are called alike, and not used.
    names.insert(names.index("p_as_of"), "false")
    questions = _questions(catalogue, refs="array[p_ref]", reads_days=False)
    return (
        _environment()
        .get_template("kpi_rows.sql.j2")
        .render(
            parameters=_parameters(given),
            parameter_names=", ".join(names),
            declarations=_declarations(),
            questions=indent(questions.replace("where p_compare_previous", "where false"), "        "),
            refs=", ".join(i.ref for i in catalogue.computed),
            indicators=[{"ref": i.ref, "parts": _row_parts(catalogue, i)} for i in catalogue.computed],
        )
    )


def _lists(catalogue: Catalogue) -> str:
    given = [("p_ref", "text", None), *((n, k, d) for n, k, d in PARAMETERS if n != "p_refs")]
    of_members = [i.ref for i in catalogue.lists if i.listing and i.listing.entity == "member"]
    questions = _questions(catalogue, refs="array[p_ref]", reads_days=False)
    return (
        _environment()
        .get_template("kpi_list.sql.j2")
        .render(
            parameters=_parameters(given),
            # A list has no previous period: the argument is taken, so that every function is called alike.
            arguments=", ".join(f"{n} => {n}" for n, _, _ in PARAMETERS if n not in NOT_OF_LISTS),
            declarations=_declarations(f"case when p_ref = any({array(of_members)}) then '{{member}}' else '{{}}' end"),
            questions=indent(questions.replace("where p_compare_previous", "where false"), "        "),
            refs=[i.ref for i in catalogue.lists],
            lists=[{"ref": i.ref, "listing": i.listing, **_listed(catalogue, i)} for i in catalogue.lists],
            kinds={i.ref: i.kind for i in catalogue.computed},
        )
    )


def _listed(catalogue: Catalogue, i: Indicator) -> dict[str, Any]:
    """What a list is made of: its lines' key, and its rows under the filters of the indicator."""
    assert i.listing is not None
    if i.listing.of is None:
        return {"key": None, "rows": None, "fits": None}
    scan = scan_of(catalogue, Measure(i.listing.of, None, None, i.filters))
    key = i.listing.by or f"counted.{scan.relation.identifier}"
    return {"key": key, "rows": _rows_of(scan, ()), "fits": scan.fits()}


def _row_parts(catalogue: Catalogue, i: Indicator) -> list[dict[str, str]]:
    """The selections whose rows make up an indicator: one, or one above and one below the line."""
    parts: list[tuple[tuple[Measure, ...], str, str, str]]
    if i.median:
        parts = [((i.median,), i.median.value or "null", "1", i.median.where or "true")]
    elif i.bins:
        assert i.numerator is not None
        parts = [((i.numerator,), "1", "null", i.numerator.where or "true")]
    else:
        assert i.numerator is not None
        above = i.numerator.where or "true"
        value = i.numerator.value or "1"
        if i.denominator is None:
            parts = [((i.numerator,), value, "null", above)]
        elif scan_of(catalogue, i.numerator).name == scan_of(catalogue, i.denominator).name:
            below = i.denominator.where or "true"
            counted = f"case when {above} then {value} else 0 end"
            both = f"({above}) or ({below})" if above != below else above
            parts = [((i.numerator, i.denominator), counted, f"case when {below} then 1 else 0 end", both)]
        else:
            parts = [
                ((i.numerator,), value, "null", above),
                ((i.denominator,), "null", "1", i.denominator.where or "true"),
            ]
    return [
        {
            "entity": scan.relation.entity,
            "entity_id": scan.relation.identifier,
            "rows": _rows_of(scan, measures),
            "fits": scan.fits(),
            "bin": bin_name(i) if i.bins else "null",
            "numerator": numerator,
            "denominator": denominator,
            "condition": condition,
        }
        for measures, numerator, denominator, condition in parts
        for scan in [scan_of(catalogue, measures[0])]
    ]


def _rows_of(scan: Scan, measures: Iterable[Measure]) -> str:
    """The rows of a scan with the instant that makes each count: at the level of instants, never of days."""
    rows = Reading([scan]).rows(_counted_at(scan, measures)).replace(placeholder("bucket"), scan.bucket())
    for name, fact in DAYED_FACTS.items():
        rows = rows.replace(placeholder(name), by_thing(fact))
    return rows


def _counted_at(scan: Scan, measures: Iterable[Measure]) -> str:
    """The earliest instant in the window that makes a thing count: its anchor, or of several that of its evidence."""
    if not scan.relation.per:
        return scan.anchor
    evidence = [
        f"min({scan.anchor}) filter (where {expression.removeprefix('bool_or(').removesuffix(')')})"
        for measure in measures
        for name, expression in scan.relation.evidence.items()
        if measure.where and measure.where.startswith(name) and expression.startswith("bool_or(")
    ]
    return f"least({', '.join(dict.fromkeys(evidence))})" if evidence else f"min({scan.anchor})"
