"""Renders the catalogue into SQL: indicators over the same relation and filters share one scan.

Here: scans, parts and the functions of marts built on them. Not here: what an indicator is (catalogue.py) and the shape
of the statements (dbt_project/indicators/*.sql.j2).
Read next: dbt_project/indicators/kpi_report.sql.j2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    Bin,
    Catalogue,
    Indicator,
    Measure,
    Relation,
    settling,
    time_breakdowns,
)

TEMPLATES = PROJECT / "dbt_project" / "indicators"
BREAKDOWNS = (*TIME_BREAKDOWNS, "source", "member", "role", "channel", *APART)
SOURCES = ("waiting_list", "direct", "hook", "phygital")
CHANNELS = ("web", "store", "direct", "app")
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
    """Messages that whole days read a day at a time: a day's row speaks for several of them.

    `columns` stand on both; `contents` are what a day's row says where a message has its own way of saying it. What a
    day holds is true if it is true of one of its messages.
    """

    days: str
    days_at: str
    messages_at: str
    columns: tuple[str, ...]
    contents: Mapping[str, tuple[str, str]]
    join: str = ""
    where: str = "true"


DAYED_FACTS = {
    # What visitors and members wrote, from when it counts.
    "activity": DayedFact(
        "fct_conversation_day", "first_message_at", "message_at",
        (
            "brand_id", "conversation_id", "visitor_id", "source", "member_id", "member_role", "written_by",
            "author_id", "author_role", "started_at", "established_at", "answered_at", "email_provided_at",
        ),
        {
            "has_product": ("d.has_product", "m.content_type = 'product'"),
            "has_photo": ("d.has_photo", "m.content_type = 'photo'"),
            "has_video": ("d.has_video", "m.content_type = 'video'"),
            "has_connect_invite": ("d.has_connect_invite", "m.content_type = 'connect_invite'"),
            "has_email_request": ("d.has_email_request", "m.content_type = 'email_request'"),
            "messages": ("d.messages", "1"),
            "message_id": ("null", "m.message_id"),
        },
    ),
    # All that was sent, by bots and rules too, when it was sent.
    "exchange": DayedFact(
        "fct_exchange_day", "first_sent_at", "sent_at",
        ("brand_id", "conversation_id", "visitor_id", "source", "member_id", "handled_at"),
        {
            "member_role": ("d.member_role", "m.member_role_sent"),
            "ad_id": ("d.ad_id", "c.ad_id"),
            "ad_payload": ("d.ad_payload", "c.ad_payload"),
            "messages": ("d.messages", "1"),
            "message_id": ("null", "m.message_id"),
        },
        "\n    inner join marts.fct_conversation as c"
        " on c.brand_id = m.brand_id and c.conversation_id = m.conversation_id",
        "m.is_exchanged",
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


def window_condition(instant: str) -> str:
    """That an instant of the period passes the time slot and the weekday filter, both on the brand's clock."""
    weekday = f"extract(isodow from {instant} at time zone q.timezone)::int"
    clock = local_time(instant)
    return (
        f"{weekday_condition(weekday)} and (v_slot_from is null or case when v_slot_from < v_slot_to\n"
        f"    then {clock} >= v_slot_from and {clock} < v_slot_to\n"
        f"    else {clock} >= v_slot_from or {clock} < v_slot_to end)"
    )


# Over the views of `next` PostgreSQL reaches an index only from within a subquery that it may not flatten.
FENCE = "\n    offset 0"


def dayed(fact: DayedFact, is_fenced: bool) -> str:
    """The messages in a question's period: days of them for whole days, else one by one."""
    fence = FENCE if is_fenced else ""
    of_days = [*(f"d.{c}" for c in fact.columns), *(day for day, _ in fact.contents.values())]
    of_messages = [*(f"m.{c}" for c in fact.columns), *(message for _, message in fact.contents.values())]
    names = ", ".join((*fact.columns, *fact.contents, "at"))
    return f"""cross join lateral (
    (select {", ".join(of_days)}, d.{fact.days_at} as at
    from marts.{fact.days} as d
    where
        q.is_whole
        and d.brand_id = p_brand
        and d.local_date >= q.from_date
        and d.local_date < q.to_date
        and {weekday_condition("d.iso_weekday")}{fence})
    union all
    (select {", ".join(of_messages)}, m.{fact.messages_at} as at
    from marts.fct_message as m{fact.join}
    where
        not q.is_whole
        and {fact.where}
        and m.brand_id = p_brand
        and m.{fact.messages_at} >= q.starts_at
        and m.{fact.messages_at} < q.cut_at
        and {indent(window_condition(f"m.{fact.messages_at}"), "        ").strip()}{fence})
) as f ({names})"""


@dataclass
class Part:
    """What one scan contributes to one indicator (or one of its bins): SQL aggregates over the rows counted."""

    ref: str
    bin: str | None
    numerator: str = "null"
    denominator: str = "null"
    median: str = "null"


@dataclass
class Scan:
    """One pass over a relation under one set of filters, which answers for every indicator that shares both."""

    relation: Relation
    filters: tuple[str, ...]
    # Dimensions that rows are told apart by and cannot be asked for by.
    breakdowns: tuple[str, ...] = ()
    # Filters that apply to the other part of a ratio only: this part answers alike for each of their buckets.
    spread: tuple[str, ...] = ()
    is_fenced: bool = False
    parts: list[Part] = field(default_factory=list)
    aggregates: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        apart = (*(f[0] for f in self.filters), *(f"by_{b}" for b in self.breakdowns))
        return "_".join(["scan", self.relation.name, *apart, *(f"any_{s}" for s in self.spread)])

    @property
    def refs(self) -> list[str]:
        return sorted({part.ref for part in self.parts})

    def aggregate(self, expression: str) -> str:
        """The column of the scan that holds this aggregate; the same aggregate is computed once."""
        column = self.aggregates.setdefault(expression, f"a{len(self.aggregates)}")
        return f"s.{column}"

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

    def conditions(self) -> list[str]:
        """What a row must satisfy to be counted."""
        relation = self.relation
        fits = f"v_breakdown <@ {array((*self.dimensions, *time_breakdowns(relation.ignores)))}"
        conditions = [
            f"q.scope = case when {fits} then 'bucket' else 'total' end",
        ]
        if relation.fact not in DAYED_FACTS and not relation.ignores:
            conditions += [*self.in_period(), window_condition(relation.anchor)]
        if relation.where:
            conditions.append(f"({relation.where})")
        parameters = {"source": "p_sources", "member": "p_members", "role": "p_roles", "channel": "p_channels"}
        for name in self.filters:
            conditions.append(f"({parameters[name]} is null or {self.dimension(name)} = any({parameters[name]}))")
        for name in self.spread:
            # A part that knows no channels answers in every bucket, but only in those that were asked for.
            bucket = f"every_{name}.bucket"
            conditions.append(f"({bucket} is null or {parameters[name]} is null or {bucket} = any({parameters[name]}))")
        return conditions

    def in_period(self) -> list[str]:
        return [f"{self.relation.anchor} >= q.starts_at", f"{self.relation.anchor} < q.cut_at"]

    def source(self) -> str:
        """The fact's rows of a question's brand."""
        fact = self.relation.fact
        if fact in DAYED_FACTS:
            return dayed(DAYED_FACTS[fact], self.is_fenced)
        if not self.is_fenced:
            return f"inner join marts.{fact} as f on f.brand_id = p_brand"
        conditions = ["f.brand_id = p_brand", *([f"({self.relation.where})"] if self.relation.where else [])]
        if self.relation.anchor.startswith("f.") and not self.relation.ignores:
            conditions += self.in_period()
        where = "\n        and ".join(conditions)
        rows = f"select f.*\n    from marts.{fact} as f\n    where\n        {where}{FENCE}"
        return f"cross join lateral (\n    {rows}\n) as f"

    def rows(self, condition: str | None = None, counted_at: str | None = None) -> str:
        """The rows counted, one for each thing, with the question and the bucket that it counts for.

        `condition` is one more that they must satisfy; `counted_at` adds the instant that makes a thing count.
        """
        relation = self.relation
        source = self.source()
        if relation.join:
            source += "\n" + relation.join
        for name in self.spread:
            source += (
                f"\nleft join unnest({array(SPREAD_VALUES[name])}) as every_{name} (bucket)"
                f" on q.scope = 'bucket' and '{name}' = any(v_breakdown)"
            )
        columns = ["q.question_id", "q.cut_at", "q.known_at", f"{self.bucket()} as bucket"]
        where = "\n    and ".join([*([condition] if condition else []), *self.conditions()])
        if not relation.per:
            columns += [f"{counted_at} as counted_at"] if counted_at else []
            return f"select {', '.join(columns)}, f.*\nfrom question as q\n{source}\nwhere\n    {where}"
        keys = [f"f.{key}" for key in relation.per]
        evidence = [f"{expression} as {name}" for name, expression in relation.evidence.items()]
        evidence += [f"{counted_at} as counted_at"] if counted_at else []
        numbers = ", ".join(str(n + 1) for n in range(len(columns) + len(keys)))
        return (
            f"select {', '.join([*columns, *keys, *evidence])}\nfrom question as q\n{source}\n"
            f"where\n    {where}\ngroup by {numbers}"
        )

    @property
    def sql(self) -> str:
        """The scan as a common table expression: a row of aggregates per question and bucket."""
        asked = f"(p_refs is null or p_refs && {array(self.refs)})"
        aggregates = ",\n".join(f"    {expression} as {column}" for expression, column in self.aggregates.items())
        body = (
            f"select counted.question_id, counted.bucket,\n{aggregates}\n"
            f"from (\n{indent(self.rows(asked), '    ')}\n) as counted\n"
            "group by counted.question_id, counted.bucket"
        )
        return indent(f"{self.name} as (\n{indent(body, '    ')}\n)", "    ")


def _where(condition: str | None, *others: str) -> str:
    conditions = [f"({c})" for c in (condition, *others) if c]
    return f" filter (where {' and '.join(conditions)})" if conditions else ""


def _total(measure: Measure, *conditions: str) -> str:
    what = f"sum({measure.value})" if measure.value else "count(*)"
    return what + _where(measure.where, *conditions)


def scan_of(catalogue: Catalogue, measure: Measure) -> Scan:
    """A scan that answers a measure, still empty: under the filters that its relation knows."""
    relation = catalogue.relations[measure.of]
    filters = tuple(f for f in measure.filters if f in relation.dimensions)
    breakdowns = tuple(b for b in measure.breakdowns if b in relation.dimensions)
    spread = tuple(f for f in measure.filters if f not in relation.dimensions and f in SPREAD_VALUES)
    return Scan(relation, filters, breakdowns, spread)


def bin_condition(indicator: Indicator, b: Bin) -> str:
    """That a row falls into a bin: its lower bound in, its upper bound out."""
    if indicator.bins_by:
        return f"{indicator.bins_by} = {quoted(b.name)}"
    assert indicator.numerator is not None
    edges = [f"({indicator.numerator.value}) >= {b.low}"]
    edges += [f"({indicator.numerator.value}) < {b.high}"] if b.high is not None else []
    return " and ".join(edges)


class Scans:
    """The scans that answer a set of indicators."""

    def __init__(self, catalogue: Catalogue, indicators: Iterable[Indicator], is_fenced: bool = False) -> None:
        self._catalogue = catalogue
        self._is_fenced = is_fenced
        self._scans: dict[str, Scan] = {}
        for indicator in indicators:
            self._add(indicator)

    def __iter__(self) -> Iterator[Scan]:
        return iter(self._scans.values())

    def __len__(self) -> int:
        return len(self._scans)

    def _scan(self, measure: Measure) -> Scan:
        scan = replace(scan_of(self._catalogue, measure), is_fenced=self._is_fenced)
        return self._scans.setdefault(scan.name, scan)

    def _add(self, i: Indicator) -> None:
        if i.bins:
            assert i.numerator is not None
            scan = self._scan(i.numerator)
            for b in i.bins:
                condition = bin_condition(i, b)
                counted = replace(i.numerator, value=None)
                scan.parts.append(Part(i.ref, b.name, numerator=scan.aggregate(_total(counted, condition))))
            return
        if i.median:
            scan = self._scan(i.median)
            count = replace(i.median, value=None)
            middle = f"percentile_cont(0.5) within group (order by {i.median.value})" + _where(i.median.where)
            scan.parts.append(
                Part(i.ref, None, denominator=scan.aggregate(_total(count)), median=scan.aggregate(middle))
            )
            return
        assert i.numerator is not None
        scan = self._scan(i.numerator)
        part = Part(i.ref, None, numerator=scan.aggregate(_total(i.numerator)))
        scan.parts.append(part)
        if i.denominator:
            below = self._scan(i.denominator)
            if below is scan:
                part.denominator = scan.aggregate(_total(i.denominator))
            else:
                below.parts.append(Part(i.ref, None, denominator=below.aggregate(_total(i.denominator))))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, autoescape=False
    )
    environment.filters |= {"quoted": quoted, "array": array}
    return environment


def _declarations(breakdown: str = "coalesce(p_breakdown, '{}')") -> str:
    """What every function that answers a question declares beside its parameters."""
    lines = [
        "-- A slot with one end takes the day's own for the other.",
        "v_slot_from time := case when coalesce(p_time_from, p_time_to) is not null"
        " then coalesce(p_time_from, time '00:00') end;",
        "v_slot_to time := case when coalesce(p_time_from, p_time_to) is not null"
        " then coalesce(p_time_to, time '24:00') end;",
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

    Beside it `kpi_answers_at_end`, which answers each period as of its own end: where the two differ for a fixed
    indicator, the law of stability is broken. And `kpi_answers_settling`, the fluctuating indicators of a sample of
    days at several ages.
    """
    marts = [
        _answers_of_periods(catalogue, "kpi_answers", "'infinity'::timestamptz"),
        _answers_of_periods(catalogue, "kpi_answers_at_end", "t.ends_at"),
        _answers_of_periods(catalogue, "kpi_answers_settling", "t.known_at", settles=True),
    ]
    return [text.replace("marts.", "next.") for text in marts]


def definitions(catalogue: Catalogue, code: str) -> dict[str, str]:
    """By ref a digest of the SQL that computes an indicator: when it changes, so may every value published before.

    `code` stands for what that SQL reads, and so for every indicator alike.
    """
    shared = code + "".join((TEMPLATES / name).read_text() for name in ("answers.sql.j2", "kpi_answers.sql.j2"))

    def digest(i: Indicator) -> str:
        scans = [(scan.sql, scan.parts) for scan in Scans(catalogue, [i])]
        said = (shared, i.kind, i.stability, i.unknown_unless, scans)
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


def _report(catalogue: Catalogue) -> str:
    return (
        _environment()
        .get_template("kpi_report.sql.j2")
        .render(
            parameters=_parameters(),
            parameter_names=", ".join(parameter for parameter, _, _ in PARAMETERS),
            declarations=_declarations(),
            questions=_questions(catalogue),
            answers=_answers(catalogue, catalogue.computed),
        )
    )


def _answers_of_periods(catalogue: Catalogue, name: str, known_at: str, settles: bool = False) -> str:
    """`settles` asks, of the sampled days, for what settling is measured from: it can't say how settled anything is."""
    indicators = [i for i in catalogue.dated if not settles or i.stability == "fluctuating"]
    # Every brand's periods in one statement: each fact is joined by its question's own brand.
    answers = _answers(catalogue, indicators, is_fenced=True, is_measured=not settles)
    return (
        _environment()
        .get_template("kpi_answers.sql.j2")
        .render(
            name=name,
            periods="settling_period" if settles else "touched_period",
            known_at=known_at,
            answers=answers.replace("= p_brand", "= q.brand_id"),
            time_breakdowns=array(TIME_BREAKDOWNS),
        )
    )


def _answers(
    catalogue: Catalogue, indicators: Sequence[Indicator], is_fenced: bool = False, is_measured: bool = True
) -> str:
    unknowns = [{"ref": i.ref, "condition": " ".join(i.unknown_unless.split())} for i in indicators if i.unknown_unless]
    return (
        _environment()
        .get_template("answers.sql.j2")
        .render(
            rows=_indicator_rows(indicators),
            scans=list(Scans(catalogue, indicators, is_fenced)),
            unknowns=unknowns,
            is_measured=is_measured,
            ages=settling().ages,
            longest=max(i.settling_days for i in indicators),
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
        return {"key": None, "rows": None}
    scan = scan_of(catalogue, Measure(i.listing.of, None, None, i.filters))
    key = i.listing.by or f"counted.{scan.relation.identifier}"
    return {"key": key, "rows": scan.rows(counted_at=_counted_at(scan, ()))}


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
    bins = [f"when {bin_condition(i, b)} then {quoted(b.name)}" for b in i.bins]
    return [
        {
            "entity": scan.relation.entity,
            "entity_id": scan.relation.identifier,
            "rows": scan.rows(counted_at=_counted_at(scan, measures)),
            "bin": f"case {' '.join(bins)} end" if bins else "null",
            "numerator": numerator,
            "denominator": denominator,
            "condition": condition,
        }
        for measures, numerator, denominator, condition in parts
        for scan in [scan_of(catalogue, measures[0])]
    ]


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
