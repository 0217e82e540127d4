"""Asking marts.kpi_report, marts.kpi_rows and marts.kpi_list.

Not here: what an indicator counts (catalogue/ and the functions themselves), how its numbers are said (formats.py).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from orchestration.readers.formats import plain

Row = dict[str, Any]
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "indicator": "indicator", "value": "value", "before": "before", "change": "change", "total": "total",
        "settled": "{:.0f} % settled", "falls": "at {:.0f} % of its final value", "moves": "may still move",
        "ignores": "whatever the {}", "period": "{} to {}",
        "entity": "entity", "id": "id", "instant": "instant", "bucket": "bucket", "class": "class",
    },
    "fr": {
        "indicator": "indicateur", "value": "valeur", "before": "avant", "change": "évolution", "total": "total",
        "settled": "établi à {:.0f} %", "falls": "à {:.0f} % de sa valeur finale", "moves": "peut encore bouger",
        "ignores": "sans tenir compte de {}",
        "period": "du {} au {}",
        "entity": "objet", "id": "id", "instant": "instant", "bucket": "groupe", "class": "classe",
    },
    "es": {
        "indicator": "indicador", "value": "valor", "before": "antes", "change": "cambio", "total": "total",
        "settled": "asentado al {:.0f} %", "falls": "al {:.0f} % de su valor final", "moves": "aún puede variar",
        "ignores": "sin tener en cuenta {}",
        "period": "del {} al {}",
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
}


def ask(connection: psycopg.Connection[Any], question: Question) -> list[Row]:
    """The rows of marts.kpi_report, in its order. Raises ReportError with the function's own message."""
    arguments = [
        sql.SQL("{} => {}::" + kind).format(sql.SQL(name), sql.Placeholder(attribute))
        for name, (attribute, kind) in ARGUMENTS.items()
    ]
    query = sql.SQL("select * from marts.kpi_report({})").format(sql.SQL(", ").join(arguments))
    return _fetch(connection, query, vars(question))


def _fetch(connection: psycopg.Connection[Any], query: sql.Composed, values: Mapping[str, Any]) -> list[Row]:
    try:
        with connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()
    except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName):
        raise ReportError("nothing is published yet: run `causerie run` first") from None
    except psycopg.Error as error:
        lines = [error.diag.message_primary or str(error), error.diag.message_detail, error.diag.message_hint]
        raise ReportError(" ".join(line for line in lines if line)) from None


def open_up(connection: psycopg.Connection[Any], ref: str, question: Question) -> list[Row]:
    """The rows behind one number: those of marts.kpi_rows, by bucket and instant. Raises ReportError."""
    query = "select * from marts.kpi_rows(p_ref => %(ref)s, {}) order by bucket, bin, anchor, entity, entity_id"
    return _ask_of(connection, sql.SQL(query), ref, question)


def lines(connection: psycopg.Connection[Any], ref: str, question: Question) -> list[Row]:
    """The lines of a list, those of marts.kpi_list in order: place, entity, then its columns. Raises ReportError."""
    query = sql.SQL("select * from marts.kpi_list(p_ref => %(ref)s, {}) order by place")
    return [
        {"place": row["place"], row["entity"]: row["entity_id"], **row["item"]}
        for row in _ask_of(connection, query, ref, question)
    ]


def _ask_of(connection: psycopg.Connection[Any], query: sql.SQL, ref: str, question: Question) -> list[Row]:
    arguments = [
        sql.SQL("{} => {}::" + kind).format(sql.SQL(name), sql.Placeholder(attribute))
        for name, (attribute, kind) in ARGUMENTS.items()
        if name != "p_refs"
    ]
    return _fetch(connection, query.format(sql.SQL(", ").join(arguments)), {**vars(question), "ref": ref})


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
        "filters": {
            name: plain(value)
            for name, value in vars(question).items()
            if name in {"sources", "channels", "roles", "members", "time_from", "time_to", "weekdays"} and value
        },
        "breakdown": question.breakdown,
        "indicators": [{name: plain(value) for name, value in row.items()} for row in rows],
    }


def as_csv(rows: Iterable[Row]) -> str:
    """The rows as CSV with a header: plain numbers, ISO dates; several values of one field are joined by a space."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for number, row in enumerate(rows):
        if number == 0:
            writer.writerow(row)
        writer.writerow([" ".join(map(str, v)) if isinstance(v, list) else plain(v) for v in row.values()])
    return text.getvalue()


def say_state(row: Mapping[str, Any], language: str = "en") -> str:
    """What a reader should know beside the number: how settled it is, and which filters do not apply to it."""
    words = WORDS[language]
    notes = []
    if row.get("settled_share") is not None and not row.get("is_final"):
        # Some fall towards their final value, such as the share of questions still without an answer.
        notes.append(words["falls" if row["settled_share"] > 1 else "settled"].format(row["settled_share"] * 100))
    elif row.get("is_final") is False:
        notes.append(words["moves"])
    if row.get("ignored_filters"):
        notes.append(words["ignores"].format(", ".join(row["ignored_filters"])))
    return "; ".join(notes)
