"""What an indicator is: the entries of kpi_catalogue.yml as frozen types that know no other keys.

Here: the shape of an entry, and what follows from it alone. Not here: reading the file (catalogue.py), and whether
entries fit each other and the facts (validation.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, RootModel, StringConstraints

from orchestration.catalogue import facts
from orchestration.catalogue.spans import spelled_out

Unit = Literal["count", "ratio", "seconds", "amount", "score"]
Stability = Literal["fixed", "fluctuating", "mixed", "live"]
Filter = Literal["source", "member", "role", "channel", "inbox", "conversation_channel"]
# Dimensions that nothing can be asked for by, only told apart by.
Breakdown = Literal["ad", "ad_payload", "notification_channel"]
# What of a question's window a relation may leave out, by the names that a report gives.
WindowPart = Literal["dates", "slot", "weekdays"]
TimeBreakdown = Literal["day", "week", "month", "hour", "weekday"]
# The systems whose dashboards these indicators replace.
Dashboard = Literal["popsell", "popsell_realtime", "jumper", "one_to_one", "personalisation"]

# What an indicator may need to be told of: a dataset, or one kind of event of it (models/kpi/int_feeds_begun.sql).
Feed = Literal[
    "conversations",
    "messages",
    "calls",
    "ratings",
    "conversation_events",
    "member_activity",
    "orders",
    "order_lines",
    "refunds",
    "hook_events",
    "hook_events.display",
    "hook_events.trigger",
    "widget_events",
    "widget_events.impression",
    "site_events",
    "site_events.personalisation_shown",
    "site_events.recommendation_shown",
    "experiences",
    "journeys",
    "journey_runs",
    "journey_notifications",
]

LANGUAGES = ("en", "fr", "es")
FEEDS: tuple[str, ...] = get_args(Feed)
FILTERS: tuple[str, ...] = get_args(Filter)
BREAKDOWNS: tuple[str, ...] = get_args(Breakdown)
WINDOW: tuple[str, ...] = get_args(WindowPart)
TIME_BREAKDOWNS: tuple[str, ...] = get_args(TimeBreakdown)
PERIOD_BREAKDOWNS = ("day", "week", "month")
Source = Literal["waiting_list", "direct", "hook", "phygital"]
SOURCES: tuple[str, ...] = get_args(Source)
CHANNELS = ("web", "store", "direct", "app")
# Dimensions that may apply to one part of a ratio only, with all their values: the other part stands in every bucket.
BROADCAST_VALUES: Mapping[str, tuple[str, ...]] = {"channel": CHANNELS}
# What an expression may ask of its question.
QUESTION_COLUMNS = ("brand_id", "starts_at", "ends_at", "cut_at", "known_at", "known_until", "age_at")


def time_breakdowns(ignores: Collection[str]) -> tuple[str, ...]:
    """The breakdowns by time that mean something to what ignores these parts of the window: an hour is a slot."""
    without = {part for part, ignored in (("hour", "slot"), ("weekday", "weekdays")) if ignored in ignores}
    without |= {*PERIOD_BREAKDOWNS} if "dates" in ignores else set()
    return tuple(b for b in TIME_BREAKDOWNS if b not in without)


class Entry(BaseModel):
    """Something that the catalogue says, as the file writes it: no other keys, and never changed once read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _in_every_language(texts: dict[str, str]) -> dict[str, str]:
    missing = [language for language in LANGUAGES if language not in texts]
    if missing:
        raise ValueError(f"no text in {', '.join(missing)}; needed: {', '.join(LANGUAGES)}")
    return _by(LANGUAGES, texts)


def _by(allowed: tuple[str, ...], texts: dict[str, str]) -> dict[str, str]:
    strange = [f"'{key}'" for key in texts if key not in allowed]
    if strange:
        raise ValueError(f"{', '.join(strange)} is none of {', '.join(allowed)}")
    return texts


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Texts = Annotated[dict[str, Text], AfterValidator(_in_every_language)]
# An SQL expression over the rows `f` and the question `q`.
Sql = Annotated[Text, AfterValidator(spelled_out)]


class Relation(Entry):
    """A kind of entity or event that can be counted, one row each.

    `anchor` is the SQL instant that must lie in the window, and `dated_by` the stored instant whose day a change
    touches where the anchor is worked out; `columns` are those that the rows have beside their fact's, from `join`.
    `entity_key` names the columns that tell entities apart where one is several rows of the fact, and `aggregates` what
    then describes it; such an entity counts each value of `distinct_by` once. `count_on_first_day`: whole days count
    each entity on the first of its days in the period, without a group by. `ignores` says what of the window does not
    apply, where something counts for an instant or for all time.
    """

    name: str
    fact: str
    anchor: Sql = "f.at"
    dated_by: str | None = None
    ignores: tuple[WindowPart, ...] = ()
    where: Sql | None = None
    join: Sql | None = None
    columns: dict[str, Sql] = {}
    dimensions: Annotated[dict[str, Sql], AfterValidator(partial(_by, (*FILTERS, *BREAKDOWNS)))]
    member_known_at: Literal["cut_at", "known_at"] | None = None
    member_given: Sql | None = None
    entity_key: tuple[str, ...] = ()
    distinct_by: tuple[str, ...] = ()
    aggregates: dict[str, Sql] = {}
    count_on_first_day: bool = False
    entity: Text
    key: tuple[str, ...] = ()

    @property
    def identifier(self) -> str:
        """What tells one of the rows counted from another, as SQL text: the entity's key, else the fact's own."""
        columns = self.entity_key or self.key or facts.key_of(self.fact)
        return " || ' ' || ".join(f"f.{column}" for column in columns)

    @property
    def basis(self) -> str | None:
        """How a row's handling is known, as a bit: 1 recorded, 2 told from the first reply; null of what never waited.
        None where the rows don't tell a conversation."""
        for of in ("f.", "f.credited_"):
            if f"{of}handled_basis".removeprefix("f.") in facts.columns_of(self.fact):
                known = f"case {of}handled_basis when 'first_reply' then 2 else 1 end"
                return f"case when {of}source = 'waiting_list' then {known} end"
        return None

    @property
    def row_columns(self) -> tuple[str, ...]:
        """The columns of the rows counted, which the measures over the relation may name."""
        if self.entity_key:
            return (*self.entity_key, *self.aggregates)
        return (*facts.columns_of(self.fact), *self.columns)


@dataclass(frozen=True)
class Measure:
    """A number over the rows of a relation: how many satisfy `where`, or the sum, average or median of `value`.

    Where the value is a time span in seconds, `duration` is that span as an interval: quicker to sum and to sort.
    """

    of: str
    where: str | None
    value: str | None
    filters: tuple[str, ...]
    breakdowns: tuple[str, ...] = ()
    duration: str | None = None


class Part(Entry):
    """What stands above or below the line: rows of a relation, or the sum of an expression over them."""

    of: str
    where: Sql | None = None
    sum: Sql | None = None
    filters: tuple[Filter, ...] | None = None
    needs: tuple[Feed, ...] | None = None

    @property
    def value(self) -> str | None:
        return self.sum

    @property
    def duration(self) -> str | None:
        return None


class Values(Entry):
    """A value of each row of a relation, or the span between two instants, whose seconds are meant."""

    of: str
    where: Sql | None = None
    value: Sql | None = None
    duration: Sql | None = None
    filters: tuple[Filter, ...] | None = None


class Bin(Entry):
    """A class of a histogram (`low` <= value < `high`, in seconds; None = open) or of a donut (its value)."""

    name: Text
    low: Annotated[float | None, Field(alias="from")] = None
    high: Annotated[float | None, Field(alias="to")] = None


class Bins(Values):
    """Rows of a relation in classes: by edges of the value, or by each of the `classes` of `by`."""

    edges: tuple[Bin, ...] = ()
    by: Sql | None = None
    classes: tuple[Text, ...] = ()


class Shown(Entry):
    """An indicator that a line or a list presents, and how it is asked there."""

    ref: str
    breakdown: tuple[Literal[TimeBreakdown, Filter], ...] = ()
    sources: tuple[Source, ...] = ()


class Column(Entry):
    """A column of a list: an indicator for the line's member (`ref`), what is known of that member (`member`: name or
    role), or an SQL expression over the rows of the line (`value`)."""

    name: str
    names: Texts | None = None
    ref: str | None = None
    member: Literal["name", "role"] | None = None
    value: Sql | None = None
    needs: tuple[Feed, ...] = ()


class Listing(Entry):
    """What a list holds: a line for each row of the relation `of`, or for each value of `by` over them, or, where the
    entity is a member, for each member with any figure. `order` sorts by columns; members are sorted by name."""

    entity: Text
    of: str | None = None
    where: Sql | None = None
    by: Sql | None = None
    order: Sql | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    columns: tuple[Column, ...]


RollUp = Literal["sum", "ratio", "none"]
Kind = Literal["count", "ratio", "median", "shows", "list", "live"]
# The keys of which an indicator has one: how it is counted, or what it presents.
WAYS = ("numerator", "average", "median", "bins", "shows", "list")


class Indicator(Entry):
    """One indicator of the contract, by its ref; its `kind` is count, ratio, median, shows, list or live.

    `settling_days`: days after the period's end from which a fluctuating value is taken as settled (0 when fixed).
    `breakdowns`: what it can be told apart by beside its filters; `ignores`: what of the window does not apply to it.
    `needs`: the feeds without which it is not known, all of them, and of `needs_any` one; a part may need others.
    `rests_on`: handling, where the number depends on when waiting-list requests were handled or started; what is said
    of it then tells how that is known.
    `rises`: a fluctuating one whose count (of a rate, the numerator) never falls as more is known.
    `additive`: the whole is the sum of its parts (of a ratio: above and below the line), over periods and over every
    bucket; `periods`: over periods alone, for what counts in several buckets at once.
    `shows`: for a line or a list, the indicators that it presents; it has no value of its own. `listing`: of a list,
    its lines. A live one is counted by indicators/live.sql.j2, straight from the chat database.
    """

    ref: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]*-[A-Z][A-Za-z]*-\w+$")]
    area: str
    names: Texts
    meaning: Texts
    unit: Unit
    stability: Stability
    settling_days: Annotated[int, Field(ge=0)] = 0
    filters: tuple[Filter, ...]
    breakdowns: tuple[Breakdown, ...] = ()
    needs: tuple[Feed, ...] = ()
    needs_any: tuple[Feed, ...] = ()
    above: Annotated[Part | None, Field(alias="numerator")] = None
    below: Annotated[Part | None, Field(alias="denominator")] = None
    average: Values | None = None
    middle: Annotated[Values | None, Field(alias="median")] = None
    classes: Annotated[Bins | None, Field(alias="bins")] = None
    presents: Annotated[tuple[Shown, ...], Field(alias="shows")] = ()
    listing: Annotated[Listing | None, Field(alias="list")] = None
    rests_on: Literal["handling"] | None = None
    rises: bool = False
    additive: bool | Literal["periods"] = False
    good: Literal["up", "down"] | None = None
    bounds: Annotated[tuple[float | None, float | None] | None, Field(alias="plausible")] = None
    # The step of the way from a visit to a sale that it measures: the widget, the dialogue, the sale.
    conversion_step: Literal[1, 2, 3] | None = None
    dashboards: tuple[Dashboard, ...] = ("popsell",)
    status: Literal["built", "proposed"] = "built"
    _ignores: tuple[str, ...] = PrivateAttr(())

    @property
    def kind(self) -> Kind:
        if self.stability == "live":
            return "live"
        if self.presents:
            return "shows"
        if self.listing:
            return "list"
        if self.middle:
            return "median"
        return "ratio" if self.average or self.below else "count"

    @property
    def is_computed(self) -> bool:
        """Has it values of its own? Others present those of some indicators, list, or are read live."""
        return self.kind not in ("shows", "list", "live")

    @property
    def ways(self) -> list[str]:
        """The keys by which it says how it is counted, or what it presents."""
        entries = (self.above, self.average, self.middle, self.classes, self.presents, self.listing)
        return [key for key, entry in zip(WAYS, entries, strict=True) if entry]

    @property
    def ignores(self) -> tuple[str, ...]:
        """What of the window none of its relations asks."""
        return self._ignores

    @cached_property
    def numerator(self) -> Measure | None:
        entry = self.above or self.average or self.classes
        return self._measure(entry) if entry else None

    @cached_property
    def denominator(self) -> Measure | None:
        if self.average:
            return self._measure(self.average.model_copy(update={"value": None, "duration": None}))
        return self._measure(self.below) if self.below else None

    @cached_property
    def median(self) -> Measure | None:
        return self._measure(self.middle) if self.middle else None

    def _measure(self, entry: Part | Values) -> Measure:
        return Measure(
            of=entry.of,
            where=entry.where,
            value=f"extract(epoch from {entry.duration})" if entry.duration else entry.value,
            filters=self.filters if entry.filters is None else entry.filters,
            breakdowns=self.breakdowns,
            duration=entry.duration,
        )

    @property
    def bins(self) -> tuple[Bin, ...]:
        if self.classes is None:
            return ()
        return self.classes.edges or tuple(Bin(name=name) for name in self.classes.classes)

    @property
    def bins_by(self) -> str | None:
        return self.classes.by if self.classes else None

    @property
    def shows(self) -> tuple[Shown, ...]:
        """What a line presents; of a list, its columns by member."""
        by_member = [column.ref for column in self.listing.columns if column.ref] if self.listing else []
        return self.presents or tuple(Shown(ref=ref, breakdown=("member",)) for ref in by_member)

    @property
    def plausible(self) -> tuple[float | None, float | None]:
        """The bounds outside which a value is warned of; nothing but a balance falls below 0."""
        return (0.0, None) if self.bounds is None else self.bounds

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Every breakdown that it can be asked by."""
        return (*self.filters, *self.breakdowns, *time_breakdowns(self.ignores))

    @property
    def needs_of_parts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is needed above and below the line."""
        above, below = (part.needs if part else None for part in (self.above, self.below))
        return self.needs if above is None else above, self.needs if below is None else below

    @property
    def measures(self) -> list[tuple[str, Measure]]:
        """What is counted, by the key that says it."""
        entries: dict[str, Part | Values | None] = {
            "numerator": self.above,
            "denominator": self.below,
            "average": self.average,
            "median": self.middle,
            "bins": self.classes,
        }
        return [(key, self._measure(entry)) for key, entry in entries.items() if entry]


class Names(RootModel[Texts]):
    """What a section of the catalogue, or a value, is called."""

    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All of kpi_catalogue.yml. Another reading of the same is another catalogue, so that what is made of one can be
    kept by it."""

    relations: Mapping[str, Relation]
    indicators: Mapping[str, Indicator]
    areas: Mapping[str, Mapping[str, str]]
    # Values of dimensions and classes as people say them, by language; `role {}` takes the number.
    values: Mapping[str, Mapping[str, str]]

    def roll_up(self, i: Indicator, dimension: str = "all") -> RollUp:
        """How the periods of one grain and one value of a dimension make a longer period's: by the `sum` of the values,
        by the `ratio` of the sums of numerators and denominators, or by `none`: what was counted has to be asked.

        A member known at the end of a period only is another one for the longer period.
        """
        if not i.additive:
            return "none"
        relations = [self.relations[measure.of] for _, measure in i.measures]
        if dimension in ("member", "role") and any(r.member_known_at == "cut_at" for r in relations):
            return "none"
        return "ratio" if i.kind == "ratio" else "sum"

    @property
    def computed(self) -> list[Indicator]:
        """The indicators that have values of their own, in the catalogue's order."""
        return [i for i in self.indicators.values() if i.is_computed]

    @property
    def lists(self) -> list[Indicator]:
        """The lists, which marts.kpi_list answers."""
        return [i for i in self.indicators.values() if i.kind == "list"]

    def unknown_without(self, feeds: Collection[str]) -> dict[str, list[str]]:
        """The indicators that are not known where only these feeds tell something, by the dataset that is missing; each
        in the catalogue's order. One stands under every dataset that it lacks."""
        lacking: dict[str, list[str]] = {}
        for i in self.computed:
            above, below = i.needs_of_parts
            missing = {feed for feed in (*above, *below) if feed not in feeds}
            if not any(feed in feeds for feed in i.needs_any):
                missing |= {*i.needs_any}
            for dataset in sorted({feed.partition(".")[0] for feed in missing}):
                lacking.setdefault(dataset, []).append(i.ref)
        return lacking

    @property
    def dated(self) -> list[Indicator]:
        """Those that belong to the whole of a period, and so can be stated for each: the indicators of kpi_period."""
        return [i for i in self.computed if not i.ignores]
