"""The lists: lines of random brands against the brute force, and a small day worked out by hand.

Not here: the figures of a member, which are the report's (test_indicators_exact.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import jinja2
import psycopg
import pytest
import yaml
from asking import report
from brute import agrees, lists
from brute.brands import question
from brute.question import Question
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from thoroughness import times
from town import SEED, Town

from dashboard import superset_bundle
from orchestration.catalogue import catalogue

pytestmark = pytest.mark.xdist_group("town")

# As long a question as there may be, around what happened.
AGES = timedelta(days=1_800)
SETTLING = {i.ref: i.settling_days for i in catalogue.load().computed}
examples = settings(max_examples=times(1, 2), deadline=None, phases=[Phase.reuse, Phase.generate])


@pytest.fixture(scope="module")
def connection(town: Town) -> Iterator[psycopg.Connection[Any]]:
    with town.night.connect() as opened:
        yield opened


def lines(connection: psycopg.Connection[Any], ref: str, brand: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of marts.kpi_list: entity, id and columns together; numbers as they are, without a float between."""
    named = {f"p_{name}": value for name, value in asked.items() if name not in ("date_from", "date_to")}
    arguments = "".join(f", {name} => %({name})s" for name in named)
    values = {"ref": ref, "brand": brand, "first": asked["date_from"], "last": asked["date_to"], **named}
    query = (
        "select l.place, l.entity, l.entity_id, l.anchor, c.key, c.value, jsonb_typeof(l.item -> c.key)"
        f" from marts.kpi_list(%(ref)s, %(brand)s, %(first)s, %(last)s{arguments}) as l, jsonb_each_text(l.item) as c"
        " order by l.place"
    )
    found: dict[int, dict[str, Any]] = {}
    for place, entity, entity_id, anchor, key, value, kind in connection.execute(query.encode(), values):
        line = found.setdefault(place, {entity: entity_id, "anchor": anchor})
        line[key] = Decimal(value) if kind == "number" else value
    assert list(found) == list(range(1, len(found) + 1))
    return list(found.values())


@examples
@given(seed=st.integers(0, 2**32))
def test_lists_say_what_the_brute_force_says(town: Town, connection: psycopg.Connection[Any], seed: int) -> None:
    rng = Random(seed)
    for brand in town.brands:
        facts, asked = town.facts[brand.brand_id], question(rng, brand)
        where = f"{brand.brand_id} of CAUSERIE_TEST_SEED={SEED}, {asked}"
        alone = Question(facts, **asked, known_until=town.known_until)

        pages = lines(connection, "One-List-1", brand.brand_id, asked)
        assert [{name: page[name] for name in page if name != "anchor"} for page in pages] == lists.pages(alone), where

        surveys = lists.surveys(alone)
        for said, wanted in zip(lines(connection, "One-List-2", brand.brand_id, asked), surveys, strict=True):
            wanted["date"] = lists.local_date(alone, wanted).isoformat()
            assert said.pop("anchor") == wanted.pop("at"), where
            assert said == wanted, where

        leaders = lists.agents(asked, facts, town.known_until, SETTLING)
        found = {line["member"]: line for line in lines(connection, "One-List-3", brand.brand_id, asked)}
        assert sorted(found) == sorted(line["member"] for line in leaders), where
        for wanted in leaders:
            said = found[wanted["member"]]
            assert said["name"] == wanted["name"], where
            for name in wanted.keys() - {"member", "name"}:
                assert agrees(wanted[name], said[name]), (name, said, wanted, where)


def test_supersets_datasets_hold_the_lists(town: Town, connection: psycopg.Connection[Any]) -> None:
    files, numbers = superset_bundle.render(), 0
    brand = town.brands[0].brand_id
    first, last = town.brands[0].around - timedelta(days=300), town.brands[0].around + timedelta(days=300)
    days = {"from_dttm": f"{first}T00:00:00", "to_dttm": f"{last + timedelta(days=1)}T00:00:00"}
    for i in catalogue.load().lists:
        name = f"kpi_list_{i.ref.lower().replace('-', '_')}_fr"
        dataset = yaml.safe_load(files[f"datasets/causerie/{name}.yaml"])
        template = jinja2.Template(dataset["sql"])
        columns = [one["column_name"] for one in dataset["columns"]]
        read = connection.execute(template.render(days).encode())
        assert [column.name for column in read.description or ()] == columns, i.ref
        shown = [row for row in (dict(zip(columns, one, strict=True)) for one in read) if row["brand_id"] == brand]
        wanted = connection.execute(
            "select place, entity_id, item from marts.kpi_list(%s, %s, %s, %s)", [i.ref, brand, first, last]
        ).fetchall()
        assert [(row["place"], row["entity_id"]) for row in shown] == [(place, key) for place, key, _ in wanted]
        for row, (_, _, item) in zip(shown, wanted, strict=True):
            for key, value in item.items():
                if isinstance(value, int | float):
                    assert row[key] == (f"Rôle {value}" if key == "role" else pytest.approx(Decimal(str(value)))), key
                    numbers += 1
                else:
                    assert str(row[key]) == str(value), key
        assert connection.execute(template.render().encode()).fetchall() == [], "without days nobody asks"
    assert numbers


def test_a_feed_that_begins_as_the_period_ends_tells_nothing_of_it(town: Town) -> None:
    """To the microsecond: what no feed had told of is unknown, not zero."""
    with town.night.connect() as connection:
        found = connection.execute(
            "select d.brand_id, d.local_date, d.ends_at from marts.dim_date as d"
            " inner join marts.dim_feed as f on f.brand_id = d.brand_id and f.feed = 'orders'"
            " inner join marts.fct_order as o"
            " on o.brand_id = d.brand_id and o.ordered_at >= d.starts_at and o.ordered_at < d.ends_at"
            " order by d.brand_id, d.local_date limit 1"
        ).fetchone()
        assert found, "no brand has an order"
        brand, day, ends_at = found
        for began, is_known in ((ends_at, False), (ends_at - timedelta(microseconds=1), True)):
            connection.execute(
                "update marts.dim_feed set began_at = %s where brand_id = %s and feed = 'orders'", [began, brand]
            )
            members = lines(connection, "One-List-3", brand, {"date_from": day, "date_to": day})
            assert {line["influenced_orders"] is not None for line in members} == {is_known}
        connection.rollback()


def test_members_are_listed_with_the_figures_of_the_report(town: Town, connection: psycopg.Connection[Any]) -> None:
    columns = {"active_dialogues": "Chat-Card-21", "closed_conversations": "Chat-Card-70", "sales": "Chat-Card-81"}
    seen = 0
    for brand in town.brands:
        asked = {"date_from": brand.around - AGES, "date_to": brand.around + AGES}
        listed = {line["member"]: line for line in lines(connection, "Chat-List-1", brand.brand_id, asked)}
        for row in report(connection, brand.brand_id, **asked, breakdown=["member"], refs=[*columns.values()]):
            (member,) = row.bucket
            names = {ref: name for name, ref in columns.items()}
            assert member == "(none)" or listed[member][names[row.ref]] == row.value
        names_in_order = [line["name"] for line in listed.values() if line["name"]]
        assert names_in_order == sorted(names_in_order)
        roles = dict(
            connection.execute(
                "select member_id, role::text from marts.dim_member where brand_id = %s and is_current",
                [brand.brand_id],
            ).fetchall()
        )
        assert {member: str(line["role"]) for member, line in listed.items() if member in roles} == {
            member: role for member, role in roles.items() if member in listed
        }
        seen += len(listed)
    assert seen


@pytest.mark.parametrize(
    ("ref", "arguments", "said"),
    [
        ("One-List-9", "", 'unknown list "One-List-9"; allowed: Chat-List-1, One-List-1, One-List-2, One-List-3'),
        ("One-List-1", ", p_breakdown => '{day}'", 'a list has no breakdown "day"'),
        ("One-List-1", ", p_sources => '{phone}'", 'unknown source "phone"; allowed: waiting_list'),
    ],
)
def test_what_a_list_cannot_be_asked_is_said(
    town: Town, connection: psycopg.Connection[Any], ref: str, arguments: str, said: str
) -> None:
    query = f"select * from marts.kpi_list(%s, 'brand-0', '2024-01-01', '2024-01-02'{arguments})"
    with pytest.raises(psycopg.errors.InvalidParameterValue) as error:
        connection.execute(query.encode(), [ref])
    connection.rollback()
    assert said in (error.value.diag.message_primary or "")
