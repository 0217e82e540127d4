"""Who reads marts: one login role for all brands and one per brand, row policies and grants.

Not here: the tables (schema.py), passwords (an administrator sets them).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

READER = "causerie_reader"  # logs in and reads every brand
BRANDS = "causerie_brands"  # can't log in: what every brand's login role is a member of
PRIVATE = frozenset({"rendered"})  # tables of marts that are nobody's to read
# What a brand may see of tables that are not its own rows: no word on the size of other brands.
VISIBLE_COLUMNS = {"publication": ("generation", "data_through", "published_at")}

OWN_ROWS = "(brand_id = ANY (marts.my_brands()))"
POLICY_OF_TABLE = {"access": "(role_name = CURRENT_USER)"}


def brand_role(brand_id: str) -> str:
    """Name of the login role of a brand.

    An id that would not do as a role name (63 bytes) goes in by its hash, after a dot, which no other name has.
    """
    name = f"causerie_brand_{brand_id}"
    if re.fullmatch(r"[a-z0-9_-]+", brand_id) and len(name) <= 63:
        return name
    return f"causerie_brand_.{hashlib.sha256(brand_id.encode()).hexdigest()[:24]}"


def ensure_roles(connection: psycopg.Connection[Any], brands: Iterable[str]) -> list[str]:
    """Make the roles that are missing, each in a transaction of its own; the connection must be idle.

    Roles belong to the whole cluster, so another database may be making the same one: short transactions keep the two
    from waiting for each other. Returns remarks with the SQL for an administrator where this user may not make roles.
    """
    members = [brand_role(brand_id) for brand_id in sorted(brands)]
    with connection.transaction():
        missing = _missing(connection, [READER, BRANDS, *members])
        outside = _outside(connection, members)
        may_create = connection.execute(
            "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
        ).fetchone()
    statements = [_create_role(name) for name in missing] + [_grant_membership(name) for name in outside]
    if may_create != (True,):
        return [f"this user may not create roles; an administrator can: {s.as_string(connection)}" for s in statements]
    remarks = []
    for statement in statements:
        try:
            with connection.transaction():
                connection.execute(statement)
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            continue  # another database of this cluster was faster
        except psycopg.errors.InsufficientPrivilege as error:
            remarks.append(f"{error.diag.message_primary}; an administrator can: {statement.as_string(connection)}")
    return remarks


def admit(connection: psycopg.Connection[Any], brands: Iterable[str]) -> None:
    """Let the roles of these brands see their rows. Part of the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into marts.access (role_name, brand_id) values (%s, %s) on conflict do nothing",
            [(brand_role(brand_id), brand_id) for brand_id in sorted(brands)],
        )


def secure(connection: psycopg.Connection[Any]) -> None:
    """Row security, policies and grants for everything in marts, for the roles that exist. Part of the caller's
    transaction. Issues a statement only where the catalogue differs: most of them would lock readers out."""
    roles = [name for name in (READER, BRANDS) if not _missing(connection, [name])]
    for table in _relations(connection, "r", "p"):
        _secure_rows(connection, table, roles)
    for relation in _relations(connection, "r", "p", "v"):
        if relation not in PRIVATE:
            for role in roles:
                _grant_select(connection, relation, role)
    for role in roles:
        if not _ask(connection, "select has_schema_privilege(%s, 'marts', 'usage')", role):
            connection.execute(sql.SQL("grant usage on schema marts to {}").format(sql.Identifier(role)))
    _secure_functions(connection, roles)
    _close_public(connection)


# --- roles ------------------------------------------------------------------------------------------------------------


def _missing(connection: psycopg.Connection[Any], names: list[str]) -> list[str]:
    rows = connection.execute(
        "select name from unnest(%s::text[]) with ordinality as t (name, n)"
        " where not exists (select 1 from pg_roles where rolname = name) order by n",
        [names],
    )
    return [row[0] for row in rows]


def _outside(connection: psycopg.Connection[Any], names: list[str]) -> list[str]:
    """Which of these are not members of BRANDS yet."""
    rows = connection.execute(
        """
        select name from unnest(%s::text[]) with ordinality as t (name, n)
        where not exists (
            select 1
            from pg_auth_members as m
            inner join pg_roles as g on g.oid = m.roleid
            inner join pg_roles as r on r.oid = m.member
            where g.rolname = %s and r.rolname = name and m.inherit_option
        )
        order by n
        """,
        [names, BRANDS],
    )
    return [row[0] for row in rows]


def _create_role(name: str) -> sql.Composed:
    login = "nologin" if name == BRANDS else "login"
    return sql.SQL("create role {} {}").format(sql.Identifier(name), sql.SQL(login))


def _grant_membership(name: str) -> sql.Composed:
    # Its rights without the right to become it (SET ROLE).
    return sql.SQL("grant {} to {} with inherit true, set false").format(sql.Identifier(BRANDS), sql.Identifier(name))


# --- policies and grants ----------------------------------------------------------------------------------------------


def _ask(connection: psycopg.Connection[Any], question: str, *values: Any) -> Any:
    row = connection.execute(question, values).fetchone()
    return row[0] if row else None


def _relations(connection: psycopg.Connection[Any], *kinds: str) -> list[str]:
    rows = connection.execute(
        "select relname from pg_class where relnamespace = 'marts'::regnamespace and relkind = any(%s) order by 1",
        [list(kinds)],
    )
    return [row[0] for row in rows]


def _columns(connection: psycopg.Connection[Any], relation: str) -> list[str]:
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = format('marts.%%I', %s::text)::regclass"
        " and attnum > 0 and not attisdropped",
        [relation],
    )
    return [row[0] for row in rows]


def _secure_rows(connection: psycopg.Connection[Any], table: str, roles: list[str]) -> None:
    """A table with a brand_id shows a brand its own rows; a reference table shows everybody all of them."""
    name = sql.Identifier("marts", table)
    if not _ask(connection, "select relrowsecurity from pg_class where oid = %s::regclass", name.as_string()):
        connection.execute(sql.SQL("alter table {} enable row level security").format(name))
    for_brands = POLICY_OF_TABLE.get(table) or (OWN_ROWS if "brand_id" in _columns(connection, table) else "true")
    conditions = {} if table in PRIVATE else {READER: "true", BRANDS: for_brands}
    wanted = {role: ("PERMISSIVE", [role], "SELECT", conditions[role]) for role in roles if role in conditions}
    found = {
        policy: tuple(rest)
        for policy, *rest in connection.execute(
            "select policyname, permissive, roles::text[], cmd, qual from pg_policies"
            " where schemaname = 'marts' and tablename = %s",
            [table],
        )
    }
    for policy in found:
        if found[policy] != wanted.get(policy):
            connection.execute(sql.SQL("drop policy {} on {}").format(sql.Identifier(policy), name))
    for role, definition in wanted.items():
        if found.get(role) != definition:
            connection.execute(
                sql.SQL("create policy {} on {} for select to {} using ({})").format(
                    sql.Identifier(role),
                    name,
                    sql.Identifier(role),
                    sql.SQL(conditions[role]),
                )
            )


def _grant_select(connection: psycopg.Connection[Any], relation: str, role: str) -> None:
    name = sql.Identifier("marts", relation)
    columns = VISIBLE_COLUMNS.get(relation) if role == BRANDS else None
    if columns:
        granted = all(
            _ask(connection, "select has_column_privilege(%s, %s, %s, 'select')", role, name.as_string(), column)
            for column in columns
        )
        what = sql.SQL("select ({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
    else:
        granted = _ask(connection, "select has_table_privilege(%s, %s, 'select')", role, name.as_string())
        what = sql.Composed([sql.SQL("select")])
    if not granted:
        connection.execute(sql.SQL("grant {} on {} to {}").format(what, name, sql.Identifier(role)))


def _secure_functions(connection: psycopg.Connection[Any], roles: list[str]) -> None:
    """Only our roles may call the functions of marts; PostgreSQL lets everybody call a new one."""
    rows = connection.execute(
        "select p.oid::regprocedure::text, has_function_privilege('public', p.oid, 'execute'),"
        " array(select r from unnest(%s::text[]) as r where not exists ("
        "  select 1 from aclexplode(p.proacl) as a inner join pg_roles as g on g.oid = a.grantee where g.rolname = r))"
        " from pg_proc as p where p.pronamespace = 'marts'::regnamespace and p.prokind in ('f', 'p')",
        [roles],
    ).fetchall()
    for signature, is_public, lacking in rows:
        routine = sql.SQL(signature)
        if is_public:
            connection.execute(sql.SQL("revoke execute on routine {} from public").format(routine))
        for role in lacking:
            connection.execute(sql.SQL("grant execute on routine {} to {}").format(routine, sql.Identifier(role)))


def _close_public(connection: psycopg.Connection[Any]) -> None:
    """Readers write nothing: no tables in public, no temporary ones, no large objects. Of a server that is not ours
    (a managed one) the owner decides, and what we may not revoke stays as it is."""
    database = connection.info.dbname
    is_owner = _ask(
        connection,
        "select pg_has_role(current_user, datdba, 'usage') from pg_database where datname = %s",
        database,
    )
    if is_owner and _ask(connection, "select has_database_privilege('public', %s, 'temporary')", database):
        connection.execute(sql.SQL("revoke temporary on database {} from public").format(sql.Identifier(database)))
    if _ask(
        connection,
        "select has_schema_privilege('public', oid, 'usage') and pg_has_role(current_user, nspowner, 'usage')"
        " from pg_namespace where nspname = 'public'",
    ):
        connection.execute("revoke all on schema public from public")
    if _ask(connection, "select rolsuper from pg_roles where rolname = current_user"):
        for signature in ("lo_creat(integer)", "lo_create(oid)", "lo_from_bytea(oid, bytea)"):
            if _ask(connection, "select has_function_privilege('public', %s, 'execute')", signature):
                connection.execute(sql.SQL("revoke execute on function {} from public").format(sql.SQL(signature)))
