"""What BI tools read cannot mislead: sums that they are told to take are true, lines have neither gaps nor cliffs, and
what is unknown is null.

Not here: that kpi_period is what the report answers (test_kpi_period.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any

import psycopg
import pytest
from asking import report
from town import SEED, Town

from orchestration.catalogue import catalogue
from orchestration.catalogue.model import LANGUAGES
from orchestration.compiler import daily

pytestmark = pytest.mark.xdist_group("town")

KNOWN = catalogue.load()
MEASURES = daily.measures(KNOWN)


@pytest.fixture(scope="module")
def connection(town: Town) -> Iterator[psycopg.Connection[Any]]:
    with town.night.connect() as opened:
        # Read once, as a BI tool reads an extract: each question over the view itself would ask all of it anew. Of the
        # brands with the fewest periods: some of them have feeds that began late.
        opened.execute("create temporary table labelled (like marts.kpi_period_en)")
        for (brand,) in opened.execute(
            "select brand_id from marts.kpi_period group by 1 order by count(*), 1 limit 5"
        ).fetchall():
            opened.execute("insert into labelled select * from marts.kpi_period_en where brand_id = %s", [brand])
        opened.execute("create temporary table daily as select * from marts.bi_daily")
        opened.execute("create index on labelled (brand_id, grain, dimension, period_start)")
        opened.execute("analyze labelled")
        yield opened


def _rows(connection: psycopg.Connection[Any], query: str, values: Any = None) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), values).fetchall()


@pytest.mark.parametrize("grain", ["week", "month"])
def test_what_rolls_up_gives_the_longer_periods_value(
    town: Town, connection: psycopg.Connection[Any], grain: str
) -> None:
    """Of every indicator and value of a dimension, for every complete period: what lies before a brand's first day (a
    refund, say) counts in the week around it and in no day."""
    rolled = f"""
        with rolled as (
            select
                v.brand_id, v.ref, v.bin, v.dimension, v.dimension_value, v.roll_up,
                date_trunc('{grain}', v.period_start::timestamp)::date as period_start,
                sum(v.value) as value, sum(v.numerator) / nullif(sum(v.denominator), 0) as ratio
            from labelled as v
            where v.grain = 'day' and v.roll_up <> 'none'
            group by 1, 2, 3, 4, 5, 6, 7
        )
        select count(*), count(distinct r.ref), coalesce(
            jsonb_agg(jsonb_build_array(r.brand_id, r.ref, r.bin, r.dimension_value, r.period_start, r.value, k.value))
                filter (where case r.roll_up
                    when 'sum' then r.value is distinct from k.value
                    else round(r.ratio, 9) is distinct from round(k.value, 9)
                end), '[]'
        )
        from rolled as r
        inner join labelled as k
            on k.brand_id = r.brand_id and k.grain = '{grain}' and k.period_start = r.period_start and k.ref = r.ref
            and k.dimension = r.dimension and k.dimension_value = r.dimension_value and k.bin = r.bin
        where k.is_complete
    """
    ((compared, refs, different),) = _rows(connection, rolled)
    assert different == []
    assert compared > 1000 and refs <= sum(KNOWN.roll_up(i) != "none" for i in KNOWN.dated) < refs + 20


def test_values_of_a_dimension_have_every_period_from_their_first_on(
    town: Town, connection: psycopg.Connection[Any]
) -> None:
    gaps = _rows(
        connection,
        """
        select v.brand_id, v.grain, v.dimension, v.dimension_value, v.ref, v.bin, count(*), max(n.periods)
        from labelled as v
        inner join (
            select brand_id, grain, dimension, dimension_value, min(period_start) as first_start
            from marts.kpi_period group by 1, 2, 3, 4
        ) as f using (brand_id, grain, dimension, dimension_value)
        cross join lateral (
            select count(distinct w.period_start) as periods from marts.kpi_period as w
            inner join marts.dim_date as d on d.brand_id = w.brand_id and d.local_date = w.period_start
            where w.brand_id = v.brand_id and w.grain = v.grain and w.period_start >= f.first_start
            and w.ref = v.ref and w.dimension = 'all'
            and d.starts_at < (select max(data_through) from marts.publication)
        ) as n
        where v.grain in ('month', 'quarter') and v.brand_id = %s
        group by 1, 2, 3, 4, 5, 6
        having count(*) <> max(n.periods)
        """,
        [town.brands[0].brand_id],
    )
    assert gaps == []
    filled = _rows(
        connection,
        """
        select v.brand_id, v.grain, v.period_start, v.period_end, v.dimension, v.dimension_value, v.ref, v.value
        from labelled as v
        where v.bin = '' and not exists (
            select 1 from marts.kpi_period as k
            where k.brand_id = v.brand_id and k.grain = v.grain and k.period_start = v.period_start
            and k.dimension = v.dimension and k.dimension_value = v.dimension_value and k.ref = v.ref and k.bin = v.bin
        )
        order by 1, 2, 3, 5, 6, 7
        """,
    )
    assert filled
    for brand, _, start, end, dimension, value, ref, number in Random(SEED).sample(filled, 12):
        asked = report(connection, brand, start, end, breakdown=[], refs=[ref], **_filter(dimension, value))
        if value != "(none)":
            assert [row.value for row in asked] == [number], (brand, start, dimension, value, ref)


def _filter(dimension: str, value: str) -> dict[str, Any]:
    if value == "(none)":
        return {}
    return {f"{dimension}s": [int(value) if dimension == "role" else value]}


def test_no_period_begins_beyond_the_data_and_cut_ones_say_so(town: Town, connection: psycopg.Connection[Any]) -> None:
    periods = _rows(
        connection,
        "select distinct k.brand_id, k.grain, k.period_start, k.period_end, k.is_complete, b.first_date, d.starts_at,"
        " e.ends_at, g.data_through from labelled as k"
        " inner join (select brand_id, min(period_start) as first_date from marts.kpi_period where grain = 'day'"
        "  group by 1) as b using (brand_id)"
        " inner join marts.dim_date as d on d.brand_id = k.brand_id and d.local_date = k.period_start"
        " inner join marts.dim_date as e on e.brand_id = k.brand_id and e.local_date = k.period_end"
        " cross join (select max(data_through) as data_through from marts.publication) as g",
    )
    assert {row[4] for row in periods} == {True, False}
    for _, grain, start, end, is_complete, first_date, starts_at, ends_at, data_through in periods:
        following = date.fromordinal(end.toordinal() + 1)
        assert starts_at < data_through
        assert is_complete == (first_date <= start and ends_at <= data_through)
        assert (grain, following.isocalendar()[2] if grain == "week" else following.day) in {
            ("week", 1), ("month", 1), ("quarter", 1), ("year", 1)
        } or (grain == "day" and start == end)  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_and_classes_are_said_in_words(town: Town, connection: psycopg.Connection[Any], language: str) -> None:
    connection.execute("drop table if exists spoken")
    ((few,),) = _rows(
        connection,
        "select array_agg(brand_id) from (select brand_id from labelled group by 1 order by count(*) limit 2)",
    )
    connection.execute(
        "create temporary table spoken as select brand_id, dimension, dimension_value, dimension_value_name,"
        f" member_name, bin, bin_name, unit, currency from marts.kpi_period_{language}"
        " where brand_id = any(%s)".encode(),
        [few],
    )
    said = {
        (dimension, value): name
        for dimension, value, name in _rows(
            connection,
            "select distinct dimension, dimension_value, dimension_value_name from spoken",
        )
    }
    for (dimension, value), name in said.items():
        if dimension in ("source", "channel", "all"):
            assert name == KNOWN.values[value][language]
        elif value == "(none)":
            assert name == KNOWN.values["(none)"][language]
        elif dimension == "role":
            assert name == KNOWN.values["role {}"][language].format(value)
    named = _rows(
        connection,
        "select count(*), count(distinct k.dimension_value), count(*) filter (where k.member_name is not null"
        "  and k.member_name <> k.dimension_value_name) from spoken as k"
        " inner join marts.dim_member_current as m on m.brand_id = k.brand_id and m.member_id = k.dimension_value"
        " where k.dimension = 'member' and m.name is not null",
    )
    assert named[0][2] == 0
    bins = dict(_rows(connection, "select distinct bin, bin_name from spoken"))
    assert bins["1-3 days"] == KNOWN.values["1-3 days"][language]
    amounts = _rows(connection, "select unit, count(*) - count(currency) from spoken group by 1 order by 1")
    assert dict(amounts)["amount"] == 0 and dict(amounts)["count"] > 0


def test_a_ratio_of_feeds_that_began_later_does_not_roll_up(town: Town, connection: psycopg.Connection[Any]) -> None:
    """Its days before are unknown and its month is not: their sums would miss what the month counts."""
    rows = _rows(
        connection,
        "select k.brand_id, k.ref, k.dimension, array_agg(distinct k.roll_up), bool_or(k.missing <> '{}')"
        " from labelled as k inner join marts.dim_kpi as i on i.ref = k.ref"
        " where k.grain = 'day' and i.roll_up = 'ratio' and k.dimension = 'all' group by 1, 2, 3",
    )
    assert {(unknown, *found) for _, _, _, found, unknown in rows} == {(True, "none"), (False, "ratio")}


# --- bi_daily ---------------------------------------------------------------------------------------------------------


def test_bi_daily_adds_up_to_every_day_of_every_number(town: Town, connection: psycopg.Connection[Any]) -> None:
    listed = ", ".join(f"('{m.column}', sum(b.{m.column}))" for m in MEASURES)
    summed = {
        (brand, day, column): number
        for brand, day, column, number in _rows(
            connection,
            f"select b.brand_id, b.local_date, c.name, c.number from (select brand_id, local_date,"
            f" {', '.join(f'sum({m.column}) as {m.column}' for m in MEASURES)} from daily"
            " where brand_id in (select brand_id from labelled) group by 1, 2) as b"
            f" cross join lateral (values {listed.replace('sum(', '(')}) as c (name, number)",
        )
    }
    published = {
        (brand, start, ref, bin): (above, below)
        for brand, start, ref, bin, above, below in _rows(
            connection,
            "select brand_id, period_start, ref, bin, numerator, denominator from labelled"
            " where grain = 'day' and dimension = 'all'",
        )
    }
    different = []
    for (brand, start, ref, bin), (above, below) in published.items():
        for measure in MEASURES:
            if measure.ref == ref and measure.key == " ".join(filter(None, (ref, bin or measure.part))):
                number = summed.pop((brand, start, measure.column))
                expected = below if measure.part == "denominator" else above
                if number != expected:
                    different.append((brand, start, measure.column, number, expected))
    assert different == []
    assert summed == {}, "days or columns that kpi_period does not have"


def test_bi_daily_is_dense_and_each_row_once(town: Town, connection: psycopg.Connection[Any]) -> None:
    rows = _rows(
        connection,
        "select b.brand_id, source, inbox, member_id, count(*), count(distinct local_date),"
        " max(local_date) - min(local_date) + 1, max(local_date) - max(w.last_date)"
        " from daily as b inner join (select brand_id, max(local_date) as last_date from daily"
        "  group by 1) as w on w.brand_id = b.brand_id group by 1, 2, 3, 4",
    )
    assert len(rows) > len(town.brands)
    assert [row for row in rows if not (row[4] == row[5] == row[6] and row[7] == 0)] == []


def test_a_day_is_complete_once_the_data_hold_its_end(town: Town) -> None:
    """To the microsecond: an extract that ends with the day holds it whole."""
    brand = min(brand.brand_id for brand in town.brands)
    with town.night.connect() as connection:
        ((last, ends_at),) = _rows(
            connection,
            "select d.local_date, d.ends_at from marts.dim_date as d"
            " inner join (select brand_id, max(local_date) as last_date from marts.fct_indicator_day group by 1) as f"
            " on f.brand_id = d.brand_id and f.last_date = d.local_date + 7 where d.brand_id = %s",
            [brand],
        )
        for short_of_it, is_complete in (("1 microsecond", False), ("0", True)):
            connection.execute("update marts.publication set data_through = %s - %s::interval", [ends_at, short_of_it])
            daily = "select distinct is_complete from marts.bi_daily where brand_id = %s and local_date = %s"
            assert _rows(connection, daily, [brand, last]) == [(is_complete,)]
        connection.rollback()


def test_bi_daily_under_filters_is_the_report(town: Town, connection: psycopg.Connection[Any]) -> None:
    """By source, inbox and member at once, where no request waited whose member the report judges at the day's end."""
    combinations = _rows(
        connection,
        "select brand_id, local_date, source, inbox, member_id from marts.fct_indicator_day"
        " where source not in ('(none)', 'waiting_list') and member_id <> '(none)' order by 1, 2, 3, 4, 5",
    )
    refs = [i.ref for i in KNOWN.dated if i.additive is True and {*daily.DIMENSIONS} <= {*i.dimensions}]
    for brand, day, source, inbox, member in Random(SEED).sample(combinations, 8):
        asked = report(connection, brand, day, day, sources=[source], inboxes=[inbox], members=[member], refs=refs)
        found = {(row.ref, row.bin): (row.numerator, row.denominator) for row in asked}
        expected = {
            m.column: found[m.ref, None if m.part else m.key[len(m.ref) + 1 :] or None]
            for m in MEASURES
            if m.ref in refs
        }
        ((*stored,),) = _rows(
            connection,
            f"select {', '.join(expected)} from daily where brand_id = %s and local_date = %s"
            " and source = %s and inbox = %s and member_id = %s",
            [brand, day, source, inbox, member],
        )
        parts = {m.column: m.part for m in MEASURES}
        said = {name: pair[parts[name] == "denominator"] for name, pair in expected.items()}
        assert dict(zip(expected, stored, strict=True)) == said, (brand, day, source, inbox, member)


def test_every_column_of_bi_daily_says_what_it_is(town: Town, connection: psycopg.Connection[Any]) -> None:
    described = dict(
        _rows(
            connection,
            "select a.attname::text, col_description(a.attrelid, a.attnum) from pg_attribute as a"
            " where a.attrelid = 'marts.bi_daily'::regclass and a.attnum > 0",
        )
    )
    assert all(described.values())
    assert {m.ref for m in MEASURES} == {i.ref for i in KNOWN.dated if i.additive is True}
    assert all(described[m.column].startswith(m.ref) for m in MEASURES)
