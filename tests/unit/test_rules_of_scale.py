"""The rules of SQL that let the same project run on Citus: each guard is made to fail.

Not here: that our SQL keeps them (`make check`), or Citus itself (`make citus-check`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestration.settings import PROJECT

sys.path.append(str(PROJECT / "citus"))
import rules

TABLES = {"fct_message": True, "fct_conversation": True, "kpi_line": False}


def _of_model(sql: str) -> list[str]:
    return list(rules._brandless(rules.Text("a model", sql), TABLES))


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select m.brand_id from fct_message as m inner join fct_conversation as c on c.id = m.id", "joined without"),
        ("select 1 from fct_message as m where exists (select 1 from fct_conversation as c where c.a = m.a)", "exists"),
        ("select m.id, count(*) from fct_message as m group by m.id", "groups without"),
        ("select lag(m.id) over (partition by m.id order by m.at) from fct_message as m", "a window without"),
        ("with c as (select brand_id from fct_conversation) select 1 from fct_message m join c on c.a = m.a", "c is"),
        ("select m.brand_id from fct_message as m limit 1", "a limit without an order"),
    ],
)  # fmt: skip
def test_what_leaves_the_brand_out_is_found(sql: str, said: str) -> None:
    assert [said in line for line in _of_model(sql)] == [True]


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 from fct_message as m inner join fct_conversation as c on c.brand_id = m.brand_id and c.id = m.id",
        "select 1 from fct_message as m inner join fct_conversation as c using (brand_id, id)",
        "select m.brand_id, count(*) from fct_message as m inner join kpi_line as k on k.ref = m.ref group by 1",
        "with month (number) as (values (1)) select 1 from fct_message as m join month on month.number = m.number",
        "select sum(1) over (partition by m.brand_id, m.id) from fct_message as m order by m.id limit 1",
    ],
)
def test_what_carries_the_brand_is_none(sql: str) -> None:
    assert _of_model(sql) == []


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        (1, "create trigger t before insert on marts.fct_message execute function f()"),
        (1, "create materialized view marts.v as select 1"),
        (5, "merge into marts.fct_message using x on true when matched then delete"),
        (9, "select sent_at::date from fct_message"),
        (9, "select now()"),
        (10, "select 1 group by grouping sets ((a), ())"),
        (11, "analyze;"),
    ],
)
def test_words_that_break_a_rule_are_found_and_comments_are_not(rule: int, sql: str) -> None:
    assert [line.split(":")[0] for line in rules._words([rules.Text("a text", sql)])] == [f"rule {rule}"]
    assert list(rules._words([rules.Text("a text", f"select 1 -- {sql}")])) == []


def test_a_function_answers_in_one_statement_of_plpgsql() -> None:
    opening = "create function marts.f(p_brand text) returns table (a int) language"
    plain = rules.Text("", f"{opening} sql as $$ select 1 $$")
    twice = rules.Text("", f"{opening} plpgsql as $$ begin\n return query select 1;\n return query select 2;\nend $$")
    assert ["not PL/pgSQL" in line or "0 statements" in line for line in rules._functions([plain])] == [True, True]
    assert list(rules._functions([twice])) == ["rule 3: marts.f: answers in 2 statements"]


def test_a_table_names_the_brand_of_the_question_itself() -> None:
    asks = "select 1 from asked as q left join marts.dim_feed as d on d.brand_id ="
    said = list(rules._questions([rules.Text("a list", f"{asks} q.brand_id")]))
    assert said == ["rule 2: a list: dim_feed takes its brand from q, not the question"]
    assert list(rules._questions([rules.Text("", f"{asks} p_brand"), rules.Text("", f"{asks} $7")])) == []


def test_a_key_begins_with_the_brand() -> None:
    said = (
        "create table marts.t (\n    brand_id text not null,\n    id text not null,\n    primary key (id, brand_id)\n);"
    )
    assert ["does not begin" in line for line in rules._keys({"nodes": {}}, [rules.Text("a file", said)])] == [True]
    kept = said.replace("(id, brand_id)", "(brand_id, id)")
    assert list(rules._keys({"nodes": {}}, [rules.Text("a file", kept)])) == []


def test_what_can_be_told_at_once_is_kept() -> None:
    migrations = [rules.Text(path.name, path.read_text()) for path in sorted(Path(rules.MIGRATIONS).glob("*.sql"))]
    functions = [rules.Text("a function", sql) for sql in rules.reader_functions()]
    assert [*rules._words([*migrations, *functions]), *rules._functions(functions)] == []
    assert [*rules._policies(), *rules._counts(), *rules._keys({"nodes": {}}, migrations)] == []
