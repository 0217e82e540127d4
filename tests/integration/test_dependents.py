"""An analyst's views over marts outlive an upgrade, or the upgrade is refused and names them.

Not here: upgrades themselves (test_publication.py).
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from little_mart import FUNCTION, VIEW, Warehouse, changed, role_url

from orchestration.marts import access
from orchestration.marts.contracts import MartContractError

ANALYST = "causerie_test_dependents"
STATE = (
    "select c.relname::text, pg_get_viewdef(c.oid), c.reloptions, c.relowner::regrole::text, c.relacl::text,"
    " obj_description(c.oid), col_description(c.oid, 1)"
    " from pg_class as c where c.relnamespace = 'analyst'::regnamespace order by 1"
)


@pytest.fixture
def mart(connection: psycopg.Connection[Any]) -> Warehouse:
    mart = Warehouse(connection)
    mart.load(acme=1)
    mart.run(["acme"], [("acme", "c1")], [("acme", "m1", "c1", 1, 2.5)])
    if not mart.rows("select 1 from pg_roles where rolname = %s", ANALYST):
        access.make_reader(connection, ANALYST)
    connection.execute(
        f"create schema analyst authorization {ANALYST};"
        "create view analyst.amounts with (security_invoker=true) as"
        "  select brand_id, sum(amount) as amount from marts.fct_message group by 1;"
        "create view analyst.above as select * from analyst.amounts where amount > 1;"
        "create view analyst.counted as select marts.message_count('acme') as n;"
        "create view analyst.days as select * from marts.message_days;"
        "comment on view analyst.amounts is 'Mine.'; comment on column analyst.amounts.brand_id is 'Whose.';"
        f"alter view analyst.amounts owner to {ANALYST}; alter view analyst.above owner to {ANALYST};"
        f"grant select on analyst.amounts to {access.READER} with grant option; grant select on analyst.above to public"
        .encode()
    )  # fmt: skip
    connection.commit()
    return mart


def test_views_outlive_a_change_of_type_and_new_functions(mart: Warehouse, database: str) -> None:
    before = mart.rows(STATE)
    assert len(before) == 4
    mart.manifest = changed(amount="double precision")
    mart.prepare()
    # The views of marts themselves stand between preparation and publication too.
    assert mart.rows("select count(*) from marts.message_days") == [1]
    mart.build(["acme"], [("acme", "c1")], [("acme", "m1", "c1", 1, 2.5)])
    function = FUNCTION.replace("(p_brand text)", "(p_brand text, p_more integer default 0)").replace(
        "message_count(text) is", "message_count(text, integer) is"
    )
    mart.publish([function, VIEW.replace("count(*) as messages", "count(*)::bigint as messages")])
    after = mart.rows(STATE)
    assert [row[0] for row in after] == [row[0] for row in before]
    for old, new in zip(before, after, strict=True):
        assert old[2:] == new[2:], old[0]  # options, owner, grants, comments
    assert mart.rows("select n from analyst.counted") == [1]
    with psycopg.connect(role_url(mart.connection, database, ANALYST)) as session:
        assert session.execute("select * from analyst.above").fetchall() == [("acme", 2.5)]


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("select 1", "analyst.amounts of causerie_test_dependents"),
        ("drop view analyst.above, analyst.amounts; create materialized view analyst.kept as"
         " select amount from marts.fct_message", "materialised view analyst.kept"),
        ("drop view analyst.above, analyst.amounts; create function analyst.f() returns numeric language sql"
         " begin atomic select sum(amount) from marts.fct_message; end", r"analyst\.f\(\)"),
    ],
)  # fmt: skip
def test_what_can_not_be_made_again_refuses_the_upgrade_by_name(mart: Warehouse, made: str, named: str) -> None:
    mart.connection.execute(made.encode())
    mart.connection.commit()
    before = mart.rows(STATE)
    mart.manifest = changed(amount=None)
    mart.manifest["nodes"]["model.causerie.fct_message"]["config"]["meta"]["publication"]["indexes"] = []
    mart.prepare()
    mart.build(["acme"], [("acme", "c1")], [("acme", "m2", "c1", 1, 2.5)])
    with pytest.raises(MartContractError, match=named):
        mart.publish()
    # Nothing was lost, and nothing published.
    assert mart.rows(STATE) == before
    assert mart.rows("select message_id from marts.fct_message") == ["m1"]
    mart.connection.execute("drop schema analyst cascade")
    mart.connection.commit()
    assert mart.publish().is_new
