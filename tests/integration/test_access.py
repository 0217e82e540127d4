"""Who reads marts: each role logs in for real, tries everything there is, and gets its own rows and nothing else.

Not here: what is published (test_publication.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from little_mart import Warehouse, role_url
from psycopg import conninfo, sql

from orchestration import warehouse
from orchestration.marts import access, access_check, contracts, schema
from orchestration.sources.loading.upgrade import migrate

# Roles belong to the cluster: other tests and other runs must not meet these.
RUN = f"t{os.getpid()}"
STAR, MOON, ODD = f"{RUN}-star", f"{RUN}-moon", f"{RUN} Ö'dd\"; drop schema marts"
BRANDS = [STAR, MOON, ODD]


@pytest.fixture
def mart(connection: psycopg.Connection[Any]) -> Warehouse:
    """Three brands with two messages each, a published number of each; loads, bad rows and audits of each, and of
    none."""
    mart = Warehouse(connection)
    load = mart.load(**dict.fromkeys([*BRANDS, ""], 2))
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "insert into marts.data_quality values (%s, 'run 1', 'check', 'fct_message', 'error', true, '', '', now())",
            [[brand] for brand in [*BRANDS, ""]],
        )
        cursor.executemany(
            "insert into marts.kpi_published values (%s, 'day', '2026-03-01', 'all', 'all', 'Chat-Card-0', '', 1,"
            " now(), 5, null, 'first', '{}')",
            [[brand] for brand in BRANDS],
        )
        cursor.executemany(
            "insert into raw.quarantine (load_id, dataset, extract_day, brand_id, file, line, place, rule, digest)"
            " values (%s, 'messages', '2026-03-01', %s, 'part-0.csv', 7, 7, 'line', '')",
            [[load, brand] for brand in [*BRANDS, ""]],
        )
    mart.run(
        BRANDS,
        [(brand, "c1") for brand in BRANDS],
        [(brand, message, "c1", 1, None) for brand in BRANDS for message in ("m1", "m2")],
    )
    return mart


@contextmanager
def login(mart: Warehouse, database: str, role: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(role_url(mart.connection, database, role), autocommit=True) as session:
        yield session


def everything(mart: Warehouse) -> list[tuple[str, str, bool]]:
    """Every relation of marts: its name, its kind, and whether it has a brand_id."""
    return mart.rows(
        "select c.relname, c.relkind::text, exists (select 1 from pg_attribute as a where a.attrelid = c.oid"
        " and a.attname = 'brand_id') from pg_class as c"
        " where c.relnamespace = 'marts'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') order by 1"
    )


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.fault(
    27,
    "3 brands' roles try every table and view of marts",
    "each reads its own rows",
)
@pytest.mark.parametrize("brand", BRANDS, ids=["first", "second", "hostile"])
def test_a_brand_reads_its_own_rows_of_everything(
    mart: Warehouse, database: str, brand: str, figure: Callable[[str], None]
) -> None:
    tried = set()
    with login(mart, database, access.brand_role(mart.connection, brand)) as session:
        for name, _, has_brand in everything(mart):
            relation = sql.Identifier("marts", name)
            if name == "rendered":
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(sql.SQL("select * from {}").format(relation))
            elif name == "publication":
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute("select * from marts.publication")
                assert session.execute(
                    "select generation, data_through is not null, published_at is not null from marts.publication"
                ).fetchall() == [(1, True, True)]
            elif name == "load_ledger":
                for hidden in ("*", "files", "reason"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        session.execute(f"select {hidden} from marts.load_ledger".encode())
                assert session.execute("select distinct brand_id from marts.load_ledger").fetchall() == [(brand,)]
            elif name == "load_quarantine":
                for hidden in ("*", "first_lines"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        session.execute(f"select {hidden} from marts.load_quarantine".encode())
                assert session.execute("select brand_id, rows from marts.load_quarantine").fetchall() == [(brand, 1)]
            elif has_brand:
                brands = session.execute(sql.SQL("select distinct brand_id from {}").format(relation)).fetchall()
                assert brands == [(brand,)], name
            else:
                assert session.execute(sql.SQL("select * from {}").format(relation)).fetchall(), name
            tried.add(name)
        # The functions: its own brand is answered, another one looks as if it were not there.
        assert session.execute("select marts.my_brands()").fetchone() == ([brand],)
        for other in BRANDS:
            expected = 2 if other == brand else 0
            assert session.execute("select marts.message_count(%s)", [other]).fetchone() == (expected,)
    assert tried == {name for name, *_ in everything(mart)}
    assert {"message_days", "load_ledger", "data_quality", "access", "brand_generation"} < tried
    figure(f"foreign rows 0; tried {len(tried)} of {len(everything(mart))}")


def test_the_reader_of_all_brands_reads_every_row(mart: Warehouse, database: str) -> None:
    with login(mart, database, access.READER) as session:
        for name, *_ in everything(mart):
            if name != "rendered":
                count = sql.SQL("select count(*) from {}").format(sql.Identifier("marts", name))
                assert session.execute(count).fetchone() == mart.connection.execute(count).fetchone(), name
        assert session.execute("select marts.message_count(%s)", [MOON]).fetchone() == (2,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("delete from marts.fct_message")


def test_partitions_of_a_table_are_no_way_around_it(mart: Warehouse, database: str) -> None:
    mart.connection.execute(
        "create table marts.parted (brand_id text primary key, n integer) partition by list (brand_id);"
        "create table marts.parted_all partition of marts.parted default;"
        "comment on table marts.parted is 'Parted.'; comment on table marts.parted_all is 'All of it.';"
    )
    mart.connection.execute("insert into marts.parted select brand_id, 1 from marts.dim_brand")
    access.secure(mart.connection)
    mart.connection.commit()
    with login(mart, database, access.brand_role(mart.connection, STAR)) as session:
        for name in ("parted", "parted_all"):
            rows = session.execute(sql.SQL("select brand_id from {}").format(sql.Identifier("marts", name))).fetchall()
            assert rows == [(STAR,)]


@pytest.mark.parametrize("schema", ["raw", "build", "next"])
def test_readers_use_no_other_schema(mart: Warehouse, database: str, schema: str) -> None:
    relations = mart.rows(
        "select relname from pg_class where relnamespace = %s::regnamespace and relkind in ('r', 'v')", schema
    )
    assert relations
    for role in (access.brand_role(mart.connection, STAR), access.READER):
        with login(mart, database, role) as session:
            for relation in relations:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(sql.SQL("select 1 from {}").format(sql.Identifier(schema, relation)))


# --- escaping ---------------------------------------------------------------------------------------------------------

ESCAPES = [
    "set role none; select count(*) from marts.fct_message",
    "set role causerie_brands",
    "set role causerie_reader",
    "set session authorization causerie_reader",
    "set row_security = off; select count(*) from marts.fct_message",
    "grant causerie_reader to current_user",
    "alter role current_user bypassrls",
    "insert into marts.access values (current_user, '{other}')",
    "update marts.access set brand_id = '{other}'",
    "delete from marts.fct_message",
    "update marts.dim_brand set name = ''",
    "truncate marts.fct_message",
    "create table marts.mine (n integer)",
    "create table public.mine (n integer)",
    "create temporary table mine (n integer)",
    "create function marts.mine() returns integer language sql as 'select 1'",
    "create schema mine",
    "alter table marts.fct_message disable row level security",
    "drop policy causerie_brands on marts.fct_message",
    "copy marts.fct_message to program 'cat'",
    "select pg_read_file('postgresql.conf')",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
    "select pg_logical_emit_message(false, 'x', repeat('x', 1000000))",
    "select pg_advisory_lock(1)",
    "select pg_try_advisory_xact_lock_shared(1, 2)",
    "select pg_advisory_lock(n) from generate_series(1, 100000) as n",
    "set temp_file_limit = -1",
    "alter role current_user connection limit -1",
    "select * from pg_catalog.pg_authid",
    "alter function marts.my_brands() security definer",
]


@pytest.mark.fault(28, "a brand's role tries to write, to become another and to leave its schema", "denied")
def test_writes_and_escapes_are_denied(mart: Warehouse, database: str, figure: Callable[[str], None]) -> None:
    denied = []
    for escape in ESCAPES:
        with login(mart, database, access.brand_role(mart.connection, STAR)) as session:
            try:
                rows = [cursor.fetchall() for cursor in _results(session, escape.replace("{other}", MOON))]
            except psycopg.errors.InsufficientPrivilege:
                denied.append(escape)
            else:
                if rows == [[(2,)]]:  # its own two rows, as without the attempt
                    denied.append(escape)
    assert denied == ESCAPES
    figure(f"{len(denied)} of {len(ESCAPES)}")


def _results(session: psycopg.Connection[Any], statements: str) -> Iterator[psycopg.Cursor[Any]]:
    cursor = session.execute(statements.encode())
    while True:
        if cursor.description:
            yield cursor
        if not cursor.nextset():
            return


def test_a_setting_changes_nothing(mart: Warehouse, database: str) -> None:
    """No policy looks at a setting, and names can't be redirected by the search path."""
    with login(mart, database, access.brand_role(mart.connection, STAR)) as session:
        for name in ("causerie.brand", "app.current_brand", "search_path", "application_name"):
            session.execute("select set_config(%s, %s, false)", [name, MOON])
            assert session.execute("select distinct brand_id from marts.fct_message").fetchall() == [(STAR,)]


def test_a_leaky_function_sees_its_own_rows_only(mart: Warehouse, database: str) -> None:
    """Cheap and not leakproof, it would be called first for every row, were it not for the policy."""
    mart.connection.execute(
        "create schema helpers; create sequence helpers.calls;"
        "create function helpers.leak(text) returns boolean language plpgsql cost 0.0000001 as"
        " $$ begin raise notice 'seen %', $1; return true; end $$;"
    )
    mart.connection.execute(
        sql.SQL("grant usage on schema helpers to {}").format(sql.Identifier(access.brand_role(mart.connection, STAR)))
    )
    mart.connection.commit()
    seen: list[str] = []
    with login(mart, database, access.brand_role(mart.connection, STAR)) as session:
        session.add_notice_handler(lambda notice: seen.append(notice.message_primary or ""))
        session.execute("select * from marts.fct_message where helpers.leak(brand_id)")
        session.execute("select * from marts.message_days where helpers.leak(brand_id)")
    assert set(seen) == {f"seen {STAR}"}


# --- roles ------------------------------------------------------------------------------------------------------------


def test_role_names_say_nothing_of_their_brands(mart: Warehouse, database: str) -> None:
    odd = ["Star", "star", "s" * 49, "a.b", "a b", "é", "", 'x"y', "s" * 128]
    names = [access.brand_role(mart.connection, brand) for brand in odd]
    assert len(set(names)) == len(odd)
    assert all(re.fullmatch("causerie_brand_[0-9a-f]{24}", name) for name in names)
    with login(mart, database, access.brand_role(mart.connection, STAR)) as session:
        listed = [row[0] for row in session.execute("select rolname from pg_roles")]
        told = "".join(listed).casefold()
        assert access.brand_role(mart.connection, MOON) in listed
        assert not any(brand.casefold() in told for brand in BRANDS)
        # Nor can a name be guessed from outside: it is hashed with a key that is nobody's to read.
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("select role_key from raw.installation")


def test_a_role_of_an_earlier_version_is_renamed_and_keeps_password_and_brand(mart: Warehouse, database: str) -> None:
    hashed, former = access.brand_role(mart.connection, STAR), access.former_brand_role(STAR)
    assert former == f"causerie_brand_{STAR}"
    mart.connection.execute(
        sql.SQL("alter role {} rename to {}").format(sql.Identifier(hashed), sql.Identifier(former))
    )
    mart.connection.execute("update marts.access set role_name = %s where role_name = %s", [former, hashed])
    mart.connection.commit()
    role_url(mart.connection, database, former)
    mart.run(BRANDS, [], [])
    assert mart.rows("select rolname from pg_roles where rolname = any(%s)", [hashed, former]) == [hashed]
    with psycopg.connect(
        conninfo.make_conninfo(database, user=hashed, password="not a secret", passfile="")
    ) as session:
        assert session.execute("select distinct brand_id from marts.fct_message").fetchall() == [(STAR,)]


def test_several_databases_make_the_same_roles_at_once(
    databases: Callable[[], AbstractContextManager[str]], database: str, connection: psycopg.Connection[Any]
) -> None:
    brands = [f"{RUN}-{uuid4().hex[:8]}-{n}" for n in range(10)]
    with databases() as second:
        others = [warehouse.connect(url) for url in [database, second] * 2]
        with ThreadPoolExecutor(len(others)) as pool:
            made = list(pool.map(lambda c: access.ensure_roles(c, brands), others))
        for other in others:
            other.close()
    assert made == [[]] * 4
    members = connection.execute(
        "select count(*) from pg_roles where rolname = any(%s) and pg_has_role(rolname, 'causerie_brands', 'usage')"
        " and rolcanlogin and not rolsuper",
        [[access.brand_role(connection, brand) for brand in brands]],
    ).fetchone()
    assert members == (10,)


def test_a_server_where_roles_can_not_be_made(server: str, mart: Warehouse, database: str) -> None:
    """A managed server: the platform's user owns its database and no more; an administrator gets the SQL to run."""
    owner, name = f"{RUN}_owner", f"causerie_{RUN}_managed"
    new = f"{RUN}-{uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("create role {} login").format(sql.Identifier(owner)))
        admin.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(owner)))
        try:
            url = role_url(mart.connection, conninfo.make_conninfo(database, dbname=name), owner)
            with warehouse.connect(url) as connection:
                migrate(connection)
                managed = Warehouse(connection)
                managed.load()
                result = managed.run([new], [], [])
                assert result.is_new
                # Roles are the server's: where screens have a login, it is to become the new brand too.
                viewers = admin.execute("select from pg_roles where rolname = %s", [access.VIEWERS]).rowcount
                assert len(result.remarks) == 5 + viewers
                assert all("an administrator can" in text for text in result.remarks)
                for remark in result.remarks:
                    admin.execute(remark.split(": ")[-1].encode())
                assert managed.run([new], [], []).remarks == ()
                assert access_check.offenders(connection) == []
                role = access.brand_role(connection, new)
            with login(mart, url, role) as session:
                assert session.execute("select brand_id from marts.dim_brand").fetchall() == [(new,)]
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
            admin.execute(sql.SQL("drop role {}").format(sql.Identifier(owner)))


def test_access_that_was_taken_away_stays_away(mart: Warehouse, database: str) -> None:
    mart.connection.execute("delete from marts.access where brand_id = %s", [STAR])
    mart.connection.commit()
    mart.run([*BRANDS, f"{RUN}-new"], [], [])
    with login(mart, database, access.brand_role(mart.connection, STAR)) as session:
        assert session.execute("select count(*) from marts.fct_message").fetchone() == (0,)
    assert mart.rows("select count(*) from marts.access") == [3]


# --- the check --------------------------------------------------------------------------------------------------------


def test_the_catalogue_is_clean_after_a_publication(mart: Warehouse) -> None:
    assert access_check.offenders(mart.connection) == []


def test_nobody_else_may_call_a_function(mart: Warehouse) -> None:
    """PostgreSQL lets everybody call a function that was just made."""
    open_to_all = mart.rows(
        "select proname::text, has_function_privilege('public', oid, 'execute') from pg_proc"
        " where pronamespace = 'marts'::regnamespace"
    )
    assert ("message_count", False) in open_to_all
    assert [name for name, is_open in open_to_all if is_open] == []


def test_what_a_rebuild_by_dbt_breaks_is_mended(mart: Warehouse) -> None:
    """A table made anew has lost its policies, grants, comments, key and indexes."""
    mart.connection.execute(
        "drop view marts.message_days; create table marts.copy as select * from marts.fct_message;"
        "drop table marts.fct_message; alter table marts.copy rename to fct_message;"
        "grant select on marts.fct_message to causerie_brands"
    )
    mart.connection.commit()
    offenders = access_check.offenders(mart.connection)
    assert "causerie_brands reads marts.fct_message, which has no row policy" in offenders
    assert "the primary key of marts.fct_message does not begin with brand_id" in offenders
    assert "marts.fct_message.amount is not described" in offenders
    mart.connection.commit()
    mart.run(BRANDS, [], [])
    assert access_check.offenders(mart.connection) == []
    assert mart.rows("select count(*) from pg_indexes where schemaname = 'marts' and tablename = 'fct_message'") == [3]


OFFENCES = {
    "create function marts.f() returns integer language sql security definer set search_path = '' as 'select 1'": (
        "marts.f() runs with the rights of its owner"
    ),
    "create function marts.g() returns integer language sql as 'select 1'": "marts.g() has no fixed search_path",
    "create view marts.v as select * from marts.dim_brand": "the view marts.v runs with the rights of its owner",
    "create materialized view marts.m as select 1 as n": "marts.m is a materialised view",
    "alter table marts.fct_message disable row level security": "marts.fct_message, which has no row policy",
    "create policy wide on marts.fct_message using (true)": "the policy wide of marts.fct_message is not ours",
    "grant update on marts.access to causerie_brands": "causerie_brands may write marts.access",
    "grant usage on schema raw to causerie_brands; grant select on raw.load to causerie_brands": (
        "causerie_brands reads raw.load, which is outside marts"
    ),
    "create table marts.thing (thing_id text primary key, brand_id text)": (
        "the primary key of marts.thing does not begin with brand_id"
    ),
    "create unique index loose on marts.fct_message (message_id) where false": "marts.loose is unique without brand_id",
    "create function raw.t() returns trigger language plpgsql as 'begin return new; end';"
    "create trigger t before insert on marts.dim_brand for each row execute function raw.t()": (
        "marts.dim_brand has the trigger t"
    ),
    "comment on column marts.dim_brand.name is null": "marts.dim_brand.name is not described",
}


def test_every_offence_is_found(mart: Warehouse) -> None:
    for offence, expected in OFFENCES.items():
        mart.connection.execute(offence.encode())
        assert any(expected in found for found in access_check.offenders(mart.connection)), offence
        mart.connection.rollback()
    role = access.brand_role(mart.connection, STAR)
    mart.connection.execute(sql.SQL("alter role {} createdb").format(sql.Identifier(role)))
    assert f"{role} can do more than read" in access_check.offenders(mart.connection)
    mart.connection.rollback()
    assert access_check.offenders(mart.connection) == []


def test_secure_undoes_a_policy_that_is_not_ours(mart: Warehouse) -> None:
    mart.connection.execute("create policy wide on marts.fct_message using (true)")
    mart.connection.execute("alter policy causerie_brands on marts.dim_brand using (true)")
    mart.connection.commit()
    mart.prepare()
    assert access_check.offenders(mart.connection) == []


def test_columns_that_an_earlier_version_showed_are_hidden(mart: Warehouse) -> None:
    mart.connection.execute("grant select on marts.load_ledger, marts.publication to causerie_brands")
    mart.connection.commit()
    mart.prepare()
    seen = (
        "select has_column_privilege('causerie_brands', 'marts.load_ledger', 'files', 'select'),"
        " has_column_privilege('causerie_brands', 'marts.publication', 'run_id', 'select'),"
        " has_column_privilege('causerie_brands', 'marts.load_ledger', 'outcome', 'select'),"
        " has_column_privilege('causerie_brands', 'marts.publication', 'data_through', 'select')"
    )
    assert mart.rows(seen) == [(False, False, True, True)]


def test_each_run_repairs_roles_policies_and_grants(mart: Warehouse, database: str) -> None:
    role = access.brand_role(mart.connection, STAR)
    mart.connection.execute(
        "alter table marts.fct_message disable row level security; drop policy causerie_brands on marts.dim_brand;"
        "revoke all on marts.message_days from causerie_reader;"
        "grant execute on function pg_advisory_lock(bigint) to public;"
    )
    mart.connection.execute(sql.SQL("revoke causerie_brands from {}").format(sql.Identifier(role)))
    mart.connection.commit()
    assert access_check.offenders(mart.connection)
    mart.connection.commit()
    assert access.repair(mart.connection) == []
    assert access_check.offenders(mart.connection) == []
    with login(mart, database, role) as session:
        assert session.execute("select distinct brand_id from marts.fct_message").fetchall() == [(STAR,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("select pg_advisory_lock(1)")
    with login(mart, database, access.READER) as session:
        assert session.execute("select count(*) from marts.message_days").fetchone() == (3,)


def test_the_login_of_the_screens_may_become_the_brands_that_were_there_before_it(mart: Warehouse) -> None:
    role = access.brand_role(mart.connection, STAR)
    may_become = f"select pg_has_role('{access.VIEWERS}', '{role}', 'member')"
    access.make_viewers(mart.connection, [])
    revoked = sql.SQL("revoke {} from {}").format(sql.Identifier(role), sql.Identifier(access.VIEWERS))
    mart.connection.execute(revoked)
    mart.connection.commit()
    assert mart.rows(may_become) == [False]
    access.make_viewers(mart.connection, [STAR])
    assert mart.rows(may_become) == [True]


def test_a_repair_waits_for_no_reader(mart: Warehouse, database: str) -> None:
    """Who reads a table for hours holds up no run: the next one is soon enough."""
    mart.connection.execute("alter table marts.fct_message disable row level security")
    # Where it waited after all, this ends it.
    mart.connection.execute("set statement_timeout = '30s'")
    mart.connection.commit()
    with login(mart, database, access.READER) as reader, reader.transaction():
        reader.execute("select count(*) from marts.fct_message")
        assert access.repair(mart.connection) == []
        assert access_check.offenders(mart.connection), "nothing was altered"
        mart.connection.commit()
    assert access.repair(mart.connection) == []
    assert access_check.offenders(mart.connection) == []


def test_readers_have_nothing_to_do_in_the_schema_public(mart: Warehouse) -> None:
    mart.connection.execute("grant usage on schema public to public")
    mart.connection.commit()
    assert access.repair(mart.connection) == []
    assert mart.rows(
        "select bool_or(has_schema_privilege(role, 'public', 'usage'))"
        " from unnest('{causerie_reader,causerie_brands}'::text[]) as role"
    ) == [False]


def test_a_search_path_of_ones_own_changes_no_verdict_and_no_policy(mart: Warehouse) -> None:
    """A server's own default: with marts in it, PostgreSQL spells policies without their schema."""
    policies = mart.rows("select array_agg(oid order by oid) from pg_policy")
    mart.connection.execute("set search_path = marts, public")
    mart.connection.commit()
    assert access_check.offenders(mart.connection) == []
    mart.connection.commit()
    assert access.repair(mart.connection) == []
    assert mart.rows("select array_agg(oid order by oid) from pg_policy") == policies


def test_a_view_in_a_tables_place_is_found_and_makes_way(mart: Warehouse) -> None:
    """As dbt under another target leaves it."""
    marts = contracts.marts_of(mart.manifest)
    assert schema.missing(mart.connection, marts) == []
    mart.connection.execute("drop table marts.dim_date; create view marts.dim_date as select * from next.dim_date")
    mart.connection.commit()
    assert schema.missing(mart.connection, marts) == ["dim_date"]
    mart.connection.commit()
    mart.run(BRANDS, [], [])
    assert schema.missing(mart.connection, marts) == []
    assert access_check.offenders(mart.connection) == []
    assert mart.rows("select count(*) from marts.dim_date") == [7]
