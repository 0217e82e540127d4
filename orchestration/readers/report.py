"""Asking marts.kpi_report, marts.kpi_rows and marts.kpi_list.

Not here: what an indicator counts (catalogue/ and the functions themselves), how its numbers are said (formats.py).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from orchestration.catalogue import catalogue
from orchestration.catalogue.model import Shown
from orchestration.readers.formats import plain
from orchestration.sources.connectors.outside_text import sheet_text

if TYPE_CHECKING:
    from orchestration.readers.brand import Brand

Row = dict[str, Any]
Span = tuple[date, date]
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "indicator": "indicator", "value": "value", "before": "before", "change": "change", "total": "total",
        "settled": "{:.0f} % settled", "falls": "at {:.0f} % of its final value", "moves": "may still move",
        "ignores": "whatever the {}", "first_reply": "handling told from first replies",
        "mixed": "handling partly told from first replies", "missing": "no {} yet",
        "entity": "entity", "id": "id", "instant": "instant", "bucket": "bucket", "class": "class",
    },
    "fr": {
        "indicator": "indicateur", "value": "valeur", "before": "avant", "change": "évolution", "total": "total",
        "settled": "établi à {:.0f} %", "falls": "à {:.0f} % de sa valeur finale", "moves": "peut encore bouger",
        "ignores": "sans tenir compte de {}", "first_reply": "prise en charge déduite des premières réponses",
        "mixed": "prise en charge déduite en partie des premières réponses", "missing": "pas encore de {}",
        "entity": "objet", "id": "id", "instant": "instant", "bucket": "groupe", "class": "classe",
    },
    "es": {
        "indicator": "indicador", "value": "valor", "before": "antes", "change": "cambio", "total": "total",
        "settled": "asentado al {:.0f} %", "falls": "al {:.0f} % de su valor final", "moves": "aún puede variar",
        "ignores": "sin tener en cuenta {}", "first_reply": "atención deducida de las primeras respuestas",
        "mixed": "atención deducida en parte de las primeras respuestas", "missing": "aún sin {}",
        "entity": "objeto", "id": "id", "instant": "instante", "bucket": "grupo", "class": "clase",
    },
}  # fmt: skip


class ReportError(ValueError):
    """A question that can't be answered; the message names the value and what is allowed."""


@dataclass(frozen=True)
class Question:
    """The arguments of marts.kpi_report. Days are the brand's local dates, both included; None asks for everything."""

    brand: str
    first: date
    last: date
    sources: list[str] | None = None
    channels: list[str] | None = None
    roles: list[int] | None = None
    members: list[str] | None = None
    time_from: time | None = None
    time_to: time | None = None
    weekdays: list[int] | None = None
    breakdown: list[str] = field(default_factory=list)
    compare_previous: bool = False
    as_of: datetime | None = None
    refs: list[str] | None = None
    inboxes: list[str] | None = None
    conversation_channels: list[str] | None = None


ARGUMENTS = {
    "p_brand": ("brand", "text"),
    "p_from": ("first", "date"),
    "p_to": ("last", "date"),
    "p_sources": ("sources", "text[]"),
    "p_channels": ("channels", "text[]"),
    "p_roles": ("roles", "int[]"),
    "p_members": ("members", "text[]"),
    "p_time_from": ("time_from", "time"),
    "p_time_to": ("time_to", "time"),
    "p_weekdays": ("weekdays", "int[]"),
    "p_breakdown": ("breakdown", "text[]"),
    "p_compare_previous": ("compare_previous", "boolean"),
    "p_as_of": ("as_of", "timestamptz"),
    "p_refs": ("refs", "text[]"),
    "p_inboxes": ("inboxes", "text[]"),
    "p_conversation_channels": ("conversation_channels", "text[]"),
}


def ask(connection: psycopg.Connection[Any], question: Question) -> list[Row]:
    """The rows of marts.kpi_report, in its order. Raises ReportError with the function's own message."""
    query = sql.SQL("select * from marts.kpi_report({})").format(_arguments(question))
    return _fetch(connection, query, vars(question))


def ask_all(
    connection: psycopg.Connection[Any], questions: Sequence[Question], published: Mapping[str, Span] | None = None
) -> list[list[Row]]:
    """The answers to several questions, in one statement and so of one generation, each in the question's order.

    `published`: of each grain the first days of the brand's first and last period in marts.kpi_period, which then
    answers what needs no filter: the same rows, without computing them. Raises ReportError.
    """
    if not questions:
        return []
    values: dict[str, Any] = {}
    selections = []
    for number, question in enumerate(questions):
        grain = published_grain(question, published or {})
        values |= {f"{name}_{number}": value for name, value in vars(question).items()}
        values |= {f"grain_{number}": grain}
        selections.append(_of_periods(number) if grain else _of_report(question, number))
    answers: list[list[Row]] = [[] for _ in questions]
    for row in _fetch(connection, sql.SQL("\nunion all\n").join(selections), values):
        answers[row.pop("question")].append(row)
    return answers


def published_grain(question: Question, published: Mapping[str, Span]) -> str | None:
    """The grain of marts.kpi_period whose rows are the answer, if there is one: whole periods without filters."""
    filters = (getattr(question, name) for name, _ in ARGUMENTS.values() if name not in _NO_FILTERS)
    if any(value is not None for value in filters) or question.compare_previous or question.as_of or not question.refs:
        return None
    known = catalogue.load().indicators
    if any(
        ref not in known or known[ref].ignores or known[ref].kind in ("shows", "list", "live") for ref in question.refs
    ):
        return None
    grains: Sequence[str] = GRAINS
    if question.breakdown:
        grains = question.breakdown if len(question.breakdown) == 1 else ()
    for grain in grains:
        if grain not in published:
            continue
        first, last = period_of(grain, question.first)[0], period_of(grain, question.last)
        is_whole = first == question.first and last[1] == question.last
        is_one = first == last[0] or bool(question.breakdown)
        if is_whole and is_one and published[grain][0] <= first and last[0] <= published[grain][1]:
            return grain
    return None


def period_of(grain: str, day: date) -> Span:
    """First and last day of the period of this grain (day, week, month, quarter, year) in which a day lies."""
    match grain:
        case "day":
            return day, day
        case "week":
            first = day - timedelta(days=day.weekday())
            return first, first + timedelta(days=6)
        case "month":
            first, months = day.replace(day=1), 1
        case "quarter":
            first, months = day.replace(month=day.month - (day.month - 1) % 3, day=1), 3
        case "year":
            first, months = day.replace(month=1, day=1), 12
        case _:
            raise ValueError(f"{grain!r} is none of {', '.join(GRAINS)}")
    beyond = first.month - 1 + months
    return first, date(first.year + beyond // 12, beyond % 12 + 1, 1) - timedelta(days=1)


COLUMNS = (
    "ref", "bucket", "bin", "value", "numerator", "denominator", "settled_share", "ignored_filters", "is_final",
)  # fmt: skip
GRAINS = ("day", "week", "month", "quarter", "year")
AS_FILTERS = (
    "sources", "channels", "roles", "members", "time_from", "time_to", "weekdays", "inboxes", "conversation_channels",
)  # fmt: skip
_NO_FILTERS = {"brand", "first", "last", "breakdown", "compare_previous", "as_of", "refs"}


def _of_report(question: Question, number: int) -> sql.Composed:
    return sql.SQL("select {}::int as question, {} from marts.kpi_report({})").format(
        sql.Literal(number), sql.SQL(", ".join(COLUMNS)), _arguments(question, of=f"_{number}")
    )


def _of_periods(number: int) -> sql.Composed:
    text = """
    select {question}::int as question, ref,
        case when cardinality({breakdown}::text[]) = 0 then '{{}}'::text[] else array[period_start::text] end as bucket,
        nullif(bin, '') as bin, value, numerator, denominator, settled_share,
        '{{}}'::text[] as ignored_filters, is_final
    from marts.kpi_period
    where brand_id = {brand} and grain = {grain} and period_start between {first} and {last}
        and dimension = 'all' and dimension_value = 'all' and ref = any({refs})
    """
    names = ("breakdown", "brand", "grain", "first", "last", "refs")
    return sql.SQL(text).format(
        question=sql.Literal(number), **{name: sql.Placeholder(f"{name}_{number}") for name in names}
    )


def _fetch(connection: psycopg.Connection[Any], query: sql.Composed, values: Mapping[str, Any]) -> list[Row]:
    try:
        with connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()
    except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName):
        raise ReportError("nothing is published yet: run `causerie run` first") from None
    except psycopg.Error as error:
        lines = [error.diag.message_primary or str(error), error.diag.message_detail, error.diag.message_hint]
        raise ReportError(" ".join(line for line in lines if line)) from None


@dataclass(frozen=True)
class RowsPage:
    """Some of the rows behind a number, and the sums over all of them."""

    rows: list[Row]
    count: int
    numerator: Decimal | None
    denominator: Decimal | None


# Where the conversation of a counted thing is to be found, and what else people call it by: table, key, conversation,
# another name of it.
FOUND_IN = {
    "conversation": ("fct_conversation", "conversation_id", "conversation_id", "visitor_id"),
    "order": ("fct_order", "order_id", "credited_conversation_id", "visitor_id"),
    "rating": ("fct_rating", "rating_id", "conversation_id", "visitor_id"),
    "message": ("fct_message", "message_id", "conversation_id", "visitor_id"),
    "turn": ("fct_turn", "turn_id", "conversation_id", "null"),
    "hook_event": ("fct_hook_event", "event_id", "conversation_id", "visitor_id"),
    "conversation_event": ("fct_conversation_event", "event_id", "conversation_id", "visitor_id"),
    "refund": ("fct_refund", "refund_id", "credited_conversation_id", "null"),
    "request": ("fct_request", "request_type || ' ' || request_id", "conversation_id", "null"),
}


def open_page(
    connection: psycopg.Connection[Any],
    ref: str,
    question: Question,
    bin_name: str | None,
    offset: int,
    limit: int | None,
) -> RowsPage:
    """Some rows behind a number (of one class, where given; all without a limit), in the order of time, each with the
    conversation and the member that it belongs to where marts know them. Raises ReportError."""
    text = """
    with counted as (select * from marts.kpi_rows(p_ref => %(ref)s, {arguments})),
    shown as (
        select *, count(*) over () as "count", sum(numerator) over () as numerators,
            sum(denominator) over () as denominators
        from counted
        where %(bin)s::text is null or bin = %(bin)s
        order by anchor, entity, entity_id
        limit %(limit)s offset %(offset)s
    ),
    found as ({found})
    select s.*, f.conversation_id, f.visitor_id, c.member_id
    from shown as s
    left join found as f on f.entity = s.entity and f.entity_id = s.entity_id
    left join marts.fct_conversation as c on c.brand_id = %(brand)s and c.conversation_id = f.conversation_id
    order by s.anchor, s.entity, s.entity_id
    """
    found = [
        sql.SQL(
            f"select {{}} as entity, s.entity_id, t.{conversation} as conversation_id,"
            f" {'null::text' if visitor == 'null' else 't.' + visitor} as visitor_id"
            f" from shown as s inner join marts.{table} as t on t.brand_id = %(brand)s"
            f" and ({key}) = s.entity_id where s.entity = {{}}"
        ).format(sql.Literal(entity), sql.Literal(entity))
        for entity, (table, key, conversation, visitor) in FOUND_IN.items()
    ]
    query = sql.SQL(text).format(arguments=_arguments(question, "p_refs"), found=sql.SQL(" union all ").join(found))
    asked = {**vars(question), "ref": ref, "bin": bin_name, "limit": limit, "offset": offset}
    rows = _fetch(connection, query, asked)
    if not rows:
        return RowsPage([], 0, None, None)
    return RowsPage(rows, rows[0]["count"], rows[0]["numerators"], rows[0]["denominators"])


def lines(connection: psycopg.Connection[Any], ref: str, question: Question) -> list[Row]:
    """The lines of a list, those of marts.kpi_list in order: place, entity, then its columns. Raises ReportError."""
    query = sql.SQL("select * from marts.kpi_list(p_ref => %(ref)s, {}) order by place")
    return [
        {"place": row["place"], row["entity"]: row["entity_id"], **row["item"]}
        for row in _ask_of(connection, query, ref, question)
    ]


def all_lines(connection: psycopg.Connection[Any], refs: Sequence[str], question: Question) -> dict[str, list[Row]]:
    """The lines of several lists, in one statement: place, entity, entity_id, anchor, item. Raises ReportError."""
    if not refs:
        return {}
    arguments = _arguments(question, "p_refs")
    selections = [
        sql.SQL(
            "select {} as list, place, entity, entity_id, anchor, item from marts.kpi_list(p_ref => {}, {})"
        ).format(sql.Literal(ref), sql.Literal(ref), arguments)
        for ref in refs
    ]
    rows = _fetch(connection, sql.SQL("\nunion all\n").join(selections), vars(question))
    lines: dict[str, list[Row]] = {ref: [] for ref in refs}
    for row in sorted(rows, key=lambda row: int(row["place"])):
        lines[row.pop("list")].append(row)
    return lines


def _arguments(question: Question, *without: str, of: str = "") -> sql.Composed:
    """The arguments that are given, as placeholders; `of` ends their names. The others are left out, so that marts of
    an earlier version, which know fewer, answer until the next publication."""
    given = [
        sql.SQL("{} => {}::" + kind).format(sql.SQL(name), sql.Placeholder(attribute + of))
        for name, (attribute, kind) in ARGUMENTS.items()
        if name not in without and getattr(question, attribute) is not None
    ]
    return sql.SQL(", ").join(given)


def _ask_of(connection: psycopg.Connection[Any], query: sql.SQL, ref: str, question: Question) -> list[Row]:
    return _fetch(connection, query.format(_arguments(question, "p_refs")), {**vars(question), "ref": ref})


def shown(question: Question, part: Shown) -> Question:
    """The question that a part of a line or a bar chart asks."""
    return replace(
        question, refs=[part.ref], breakdown=list(part.breakdown), compare_previous=False,
        sources=list(part.sources) or question.sources,
    )  # fmt: skip


def with_names(rows: Iterable[Row], language: str) -> list[Row]:
    """The rows with each indicator's name and unit beside its ref."""
    known = catalogue.load().indicators
    return [
        {"ref": row["ref"], "name": known[row["ref"]].names[language], "unit": known[row["ref"]].unit, **row}
        for row in rows
    ]


def rows_with_names(rows: Iterable[Row], ref: str, brand: Brand, language: str) -> list[Row]:
    """The rows of a page with the number's name, their instant on the brand's clock, and the member's name as it is."""
    name, zone = catalogue.load().indicators[ref].names[language], ZoneInfo(brand.timezone)
    return [
        {
            "ref": ref,
            "name": name,
            **{column: value for column, value in row.items() if column not in ("count", "numerators", "denominators")},
            "anchor_local": f"{row['anchor'].astimezone(zone):%Y-%m-%d %H:%M:%S}" if row["anchor"] else None,
            "member_name": brand.members[row["member_id"]].name if row["member_id"] in brand.members else None,
        }
        for row in rows
    ]


def roles_held(connection: psycopg.Connection[Any], brand: str, member_id: str) -> list[Row]:
    """The versions of a member, oldest first: role, team, valid_from, valid_to (None: still so)."""
    query = sql.SQL(
        "select role, team, valid_from, valid_to from marts.dim_member"
        " where brand_id = %(brand)s and member_id = %(member)s order by valid_from nulls first"
    )
    return _fetch(connection, sql.Composed([query]), {"brand": brand, "member": member_id})


def as_sql(question: Question) -> str:
    """The statement by which an analyst asks the same; values quoted as PostgreSQL reads them."""
    given = [
        sql.SQL("{} => {}").format(sql.SQL(name), sql.Literal(value))
        for name, (attribute, _) in ARGUMENTS.items()
        if (value := getattr(question, attribute)) not in (None, False, [])
    ]
    return sql.SQL("select * from marts.kpi_report(\n    {}\n);").format(sql.SQL(",\n    ").join(given)).as_string()


def only_brand(connection: psycopg.Connection[Any]) -> str:
    """The brand to report when none is named: the only one there is."""
    try:
        brands = [row[0] for row in connection.execute("select brand_id from marts.dim_brand order by 1 limit 21")]
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        brands = []
    if not brands:
        raise ReportError("nothing is published yet: run `causerie run` first")
    if len(brands) > 1:
        raise ReportError(f"which brand? {', '.join(brands[:20])}{' ...' if len(brands) > 20 else ''}")
    return str(brands[0])


def last_days(connection: psycopg.Connection[Any], days: int = 30) -> tuple[date, date]:
    """First and last of the newest `days` UTC days that the published data hold completely."""
    row = connection.execute("select data_through from marts.publication order by generation desc limit 1").fetchone()
    if row is None or row[0] is None:
        raise ReportError("no complete extract day is published: name the days, or see `causerie run`")
    last = (row[0] - timedelta(microseconds=1)).date()
    return last - timedelta(days=days - 1), last


def brand_line(connection: psycopg.Connection[Any], brand: str) -> tuple[str, str]:
    """Name and currency of a brand."""
    row = connection.execute("select name, currency from marts.dim_brand where brand_id = %s", [brand]).fetchone()
    return (row[0], row[1]) if row else (brand, "")


def as_json(question: Question, rows: Iterable[Row]) -> Row:
    """Plain numbers and ISO dates: seconds for durations, shares of 1 for rates."""
    return {
        "brand": question.brand,
        "from": question.first.isoformat(),
        "to": question.last.isoformat(),
        "as_of": question.as_of.isoformat() if question.as_of else None,
        "filters": {name: plain(value) for name, value in vars(question).items() if name in AS_FILTERS and value},
        "breakdown": question.breakdown,
        "indicators": [{name: plain(value) for name, value in row.items()} for row in rows],
    }


def as_csv(rows: Iterable[Row]) -> str:
    """The rows as CSV with a header: plain numbers, ISO dates; several values of one field are joined by a space."""
    text = io.StringIO()
    # As RFC 4180 ends lines, for then a carriage return within a value is quoted too.
    writer = csv.writer(text, lineterminator="\r\n")
    for number, row in enumerate(rows):
        if number == 0:
            writer.writerow(row)
        values = (" ".join(map(str, value)) if isinstance(value, list) else value for value in row.values())
        writer.writerow([sheet_text(value) if isinstance(value, str) else plain(value) for value in values])
    return text.getvalue().replace("\r\n", "\n")


def say_state(row: Mapping[str, Any], language: str = "en") -> str:
    """What a reader should know beside the number: what it lacks, how settled it is, whether the handling it rests on
    was recorded, and which filters do not apply to it."""
    words = WORDS[language]
    notes = [words["missing"].format(", ".join(row["missing"]))] if row.get("missing") else []
    if row.get("settled_share") is not None and not row.get("is_final"):
        # Some fall towards their final value, such as the share of questions still without an answer.
        phrase = "falls" if round(row["settled_share"], 2) > 1 else "settled"
        notes.append(words[phrase].format(row["settled_share"] * 100))
    elif row.get("is_final") is False:
        notes.append(words["moves"])
    if row.get("basis") in ("first_reply", "mixed"):
        notes.append(words[row["basis"]])
    if row.get("ignored_filters"):
        notes.append(words["ignores"].format(", ".join(row["ignored_filters"])))
    return "; ".join(notes)
