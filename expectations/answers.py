"""The precomputed values against the reports: what marts.kpi_period states is what marts.kpi_report answers.

Here: the question behind each sampled period of what is published. Not here: what plain queries count
(double_entry.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import psycopg

from expectations.findings import Finding, Law, judge_by_brand
from orchestration.sentences import Sentence

# So many periods of each brand and grain are asked of the report.
SAMPLED = 2
LENGTHS = {"day": "1 day", "week": "7 days", "month": "1 month", "quarter": "3 months", "year": "1 year"}
Figures = Mapping[tuple[Any, ...], tuple[Any, ...]]


def judge_answers(
    connection: psycopg.Connection[Any], brands: Collection[str], indicators: Collection[Any]
) -> list[Finding]:
    """Some periods of each brand and grain, by every dimension, a finding a brand. One that fails names the row of
    kpi_period and both figures: value, numerator, denominator, and whether they are final.

    `indicators` are those of the catalogue that have periods.
    """
    refs = [indicator.ref for indicator in indicators]
    lines = []
    for brand, grain, start in _sample(connection, brands):
        # Members are told apart over months and longer only.
        members = ("member",) if grain in ("month", "quarter", "year") else ()
        for dimension in ("all", "source", "channel", "role", *members):
            stated = _stated(connection, brand, grain, start, dimension)
            answered = _answered(connection, brand, grain, start, dimension, refs)
            differing = sorted(key for key in stated.keys() | answered.keys() if stated.get(key) != answered.get(key))
            for key in differing or [("", "", "")]:
                lines.append(
                    {
                        "brand": brand,
                        "period": f"{grain} {start}",
                        "dimension": dimension,
                        "row": " ".join(str(part) for part in key),
                        "stated": _text(stated.get(key)),
                        "answered": _text(answered.get(key)),
                        "broken": int(bool(differing)),
                    }
                )
    if not lines:
        return []
    law = Law("ExpectPeriodsToBeAnswered", True, Sentence("expect_answers"))
    names = ["brand", "period", "dimension", "row", "stated", "answered"]
    return judge_by_brand(lines, "kpi_period", "answers", law, names)


def _sample(connection: psycopg.Connection[Any], brands: Collection[str]) -> list[tuple[str, str, date]]:
    """The same few periods of each brand and grain, wherever and whenever they are asked."""
    rows = connection.execute(
        "select distinct brand_id, grain, period_start from marts.kpi_period"
        " where brand_id = any(%s) and dimension = 'all' order by 1, 2, 3",
        [list(brands)],
    ).fetchall()
    by_grain: dict[tuple[str, str], list[date]] = {}
    for brand, grain, start in rows:
        by_grain.setdefault((brand, grain), []).append(start)
    return [
        (brand, grain, start)
        for (brand, grain), starts in by_grain.items()
        for start in sorted(starts, key=lambda s: hashlib.sha256(f"{brand}{grain} {s}".encode()).digest())[:SAMPLED]
    ]


def _stated(connection: psycopg.Connection[Any], brand: str, grain: str, start: date, dimension: str) -> Figures:
    return {
        tuple(row[:3]): tuple(row[3:])
        for row in connection.execute(
            "select dimension_value, ref, bin, value, numerator, denominator, is_final from marts.kpi_period"
            " where brand_id = %s and grain = %s and period_start = %s and dimension = %s",
            [brand, grain, start, dimension],
        )
    }


def _answered(
    connection: psycopg.Connection[Any], brand: str, grain: str, start: date, dimension: str, refs: Sequence[str]
) -> Figures:
    breakdown = [] if dimension == "all" else [dimension]
    return {
        (bucket[0] if breakdown else "all", ref, bin_ or ""): tuple(figures)
        for ref, bucket, bin_, *figures in connection.execute(
            "select ref, bucket, bin, value, numerator, denominator, is_final from marts.kpi_report(%s, %s,"
            " (%s::date + %s::interval - interval '1 day')::date, p_breakdown => %s, p_refs => %s)",
            [brand, start, start, LENGTHS[grain], breakdown, list(refs)],
        )
        if len(bucket) == len(breakdown)
    }


def _text(figures: Sequence[Any] | None) -> str:
    return "nothing" if figures is None else "/".join("nothing" if one is None else str(one) for one in figures)
