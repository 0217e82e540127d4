"""Who reads marts: one login role for all brands and one per brand, row policies, grants, and limits of each role.

Not here: the tables (schema.py), passwords (logins.py), ending a session that takes too long (guests.py).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

from orchestration.warehouse import locks

READER = "causerie_reader"  # logs in and reads every brand
BRANDS = "causerie_brands"  # can't log in: what every brand's login role is a member of
VIEWERS = "causerie_viewers"  # logs in, reads nothing by itself, and may become each brand's role: the screens' logins
PRIVATE = frozenset({"rendered"})  # tables of marts that are nobody's to read
# What a brand may see of tables that tell of others too: no word on the size of other brands, no name of a file, and no
# reason of a refusal, which may quote whoever else stands in the extract.
VISIBLE_COLUMNS = {
    "publication": ("generation", "data_through", "published_at"),
    "load_ledger": (
        "brand_id", "load_id", "dataset", "extract_day", "outcome", "rows_read", "rows_loaded", "duplicates",
        "superseded", "waiting", "rejected", "erased", "started_at", "ended_at",
    ),
    "load_quarantine": ("brand_id", "dataset", "extract_day", "rule", "column_name", "rows"),
}  # fmt: skip

# What a role's own sessions can't lift: how many there are, and how much they may write into temporary files. The times
# are only what a session begins with; guests.py holds them to these.
CONNECTIONS = {READER: 20, VIEWERS: 20}
CONNECTIONS_OF_A_ROLE = 8
STATEMENT_MINUTES = 10
IDLE_MINUTES = 5
LIMITS = {
    "temp_file_limit": "2GB",
    "statement_timeout": f"{STATEMENT_MINUTES}min",
    "idle_in_transaction_session_timeout": f"{IDLE_MINUTES}min",
}
# Whoever may take advisory locks without end fills the server's table of locks, and then nobody gets any; messages in
# its log without end fill its disk, from a transaction that may only read.
CLOSED_FUNCTIONS = ("pg_advisory_%", "pg_try_advisory_%", "lo_creat", "lo_create", "lo_from_bytea", "pg_logical_emit_%")

OWN_ROWS = "(brand_id = ANY (marts.my_brands()))"
POLICY_OF_TABLE = {"access": "(role_name = CURRENT_USER)"}


def brand_role(connection: psycopg.Connection[Any], brand_id: str) -> str:
    """Name of the login role of a brand: a hash by this installation's key, since everybody can list all roles."""
    return _role_names(connection, [brand_id])[brand_id]


def former_brand_role(brand_id: str) -> str:
    """The name that the role of a brand had in earlier versions, by which it is found and renamed."""
    name = f"causerie_brand_{brand_id}"
    if re.fullmatch(r"[a-z0-9_-]+", brand_id) and len(name) <= 63:
        return name
    return f"causerie_brand_.{hashlib.sha256(brand_id.encode()).hexdigest()[:24]}"


def _role_names(connection: psycopg.Connection[Any], brands: Iterable[str]) -> dict[str, str]:
    key = str(_ask(connection, "select role_key from raw.installation"))
    return {
        brand_id: f"causerie_brand_{hmac.new(key.encode(), brand_id.encode(), 'sha256').hexdigest()[:24]}"
        for brand_id in brands
    }


def ensure_roles(connection: psycopg.Connection[Any], brands: Iterable[str]) -> list[str]:
    """Make the roles that are missing, and their limits, each in a transaction of its own; the connection must be idle.

    Roles belong to the whole cluster, so another database may be making the same one: short transactions keep the two
    from waiting for each other. Returns remarks with the SQL for an administrator where this user may not make roles.
    """
    with connection.transaction():
        roles = _role_names(connection, sorted(brands))
        members = list(roles.values())
        renamed = _renamed(connection, roles)
        missing = [name for name in _missing(connection, [READER, BRANDS, *members]) if name not in renamed.values()]
        outside = [name for name in _outside(connection, members) if name not in renamed.values()]
        may_create = _ask(connection, "select rolsuper or rolcreaterole from pg_roles where rolname = current_user")
    if may_create:
        _rename(connection, renamed)
    with connection.transaction():
        limits = _limits(connection, [READER, *members])
        barred = _barred(connection, members)
    statements = [*map(_create_role, missing), *(_grant_membership(name, BRANDS) for name in outside), *limits]
    statements += [_let_become(name, VIEWERS) for name in barred]
    if not may_create:
        return [f"this user may not create roles; an administrator can: {s.as_string(connection)}" for s in statements]
    remarks = []
    for statement in statements:
        try:
            with connection.transaction():
                connection.execute(statement)
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            continue  # another database of this cluster was faster
        except psycopg.errors.InternalError_ as error:
            if "concurrently" not in str(error):
                raise
        except psycopg.errors.InsufficientPrivilege as error:
            remarks.append(f"{error.diag.message_primary}; an administrator can: {statement.as_string(connection)}")
    return remarks


def make_reader(connection: psycopg.Connection[Any], name: str) -> None:
    """A login of this name that reads what READER reads, within the limits of every reader. Commits."""
    if _missing(connection, [name]):
        connection.execute(_create_role(name))
    connection.execute(_grant_membership(name, READER))
    for statement in _limits(connection, [name]):
        connection.execute(statement)
    connection.commit()


def make_viewers(connection: psycopg.Connection[Any], brands: Iterable[str]) -> None:
    """The login that may become the role of each of these brands and of those to come. Commits."""
    if _missing(connection, [VIEWERS]):
        connection.execute(_create_role(VIEWERS))
    for statement in _limits(connection, [VIEWERS]):
        connection.execute(statement)
    for name in _barred(connection, list(_role_names(connection, sorted(brands)).values())):
        connection.execute(_let_become(name, VIEWERS))
    connection.commit()


def admit(connection: psycopg.Connection[Any], brands: Iterable[str]) -> None:
    """Let the roles of these brands see their rows. Part of the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into marts.access (role_name, brand_id) values (%s, %s) on conflict do nothing",
            [(role, brand_id) for brand_id, role in _role_names(connection, sorted(brands)).items()],
        )


def repair(connection: psycopg.Connection[Any]) -> list[str]:
    """Roles, policies and grants of what is published, made again where somebody undid them, and committed.

    While another run publishes, which does the same, only the roles are looked after.
    """
    with connection.transaction():
        brands = [row[0] for row in connection.execute("select brand_id from marts.brand_generation order by 1")]
    remarks = ensure_roles(connection, brands)
    with suppress(psycopg.errors.LockNotAvailable), connection.transaction():
        connection.execute("set local lock_timeout = '1s'")  # a reader in the way: the next run is soon enough
        free = "select 1 from raw.lock where name = %s for update skip locked"
        if connection.execute(free.encode(), [locks.PUBLICATION]).fetchone():
            connection.execute("set local search_path = pg_catalog")
            secure(connection)
    return remarks


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


def _barred(connection: psycopg.Connection[Any], names: list[str]) -> list[str]:
    """Which of these VIEWERS, where there is such a login, may not become yet; roles that are missing count as such."""
    rows = connection.execute(
        """
        select name from unnest(%s::text[]) with ordinality as t (name, n)
        where
            exists (select 1 from pg_roles where rolname = %s)
            and not exists (
                select 1
                from pg_auth_members as m
                inner join pg_roles as g on g.oid = m.roleid
                inner join pg_roles as r on r.oid = m.member
                where g.rolname = name and r.rolname = %s and m.set_option
            )
        order by n
        """,
        [names, VIEWERS, VIEWERS],
    )
    return [row[0] for row in rows]


def _create_role(name: str) -> sql.Composed:
    login = "nologin" if name == BRANDS else f"login connection limit {_connections(name)}"
    return sql.SQL("create role {} {}").format(sql.Identifier(name), sql.SQL(login))


def _grant_membership(name: str, group: str) -> sql.Composed:
    # Its rights without the right to become it (SET ROLE).
    return sql.SQL("grant {} to {} with inherit true, set false").format(sql.Identifier(group), sql.Identifier(name))


def _let_become(name: str, login: str) -> sql.Composed:
    # The right to become it, one at a time, without its rights until then.
    return sql.SQL("grant {} to {} with inherit false, set true").format(sql.Identifier(name), sql.Identifier(login))


def _renamed(connection: psycopg.Connection[Any], roles: Mapping[str, str]) -> dict[str, str]:
    """Roles of earlier versions that let brands of this database in, to the names that they are to have."""
    if _ask(connection, "select to_regclass('marts.access')") is None:
        return {}
    former = {former_brand_role(brand_id): role for brand_id, role in roles.items()}
    rows = connection.execute(
        "select distinct a.role_name from marts.access as a inner join pg_roles as r on r.rolname = a.role_name"
        " where a.role_name = any(%s)",
        [list(former)],
    )
    found = {row[0]: former[row[0]] for row in rows}
    missing = _missing(connection, list(found.values()))
    return {name: role for name, role in found.items() if role in missing}


def _rename(connection: psycopg.Connection[Any], renamed: Mapping[str, str]) -> None:
    for name, role in renamed.items():
        with connection.transaction():
            connection.execute(sql.SQL("alter role {} rename to {}").format(sql.Identifier(name), sql.Identifier(role)))
            connection.execute("update marts.access set role_name = %s where role_name = %s", [role, name])


def _connections(name: str) -> int:
    return CONNECTIONS.get(name, CONNECTIONS_OF_A_ROLE)


def _limits(connection: psycopg.Connection[Any], names: list[str]) -> list[sql.Composed]:
    """Statements that give each role the limits that it has none of; what an administrator has set stays."""
    statements: list[sql.Composed] = []
    rows = connection.execute(
        """
        select t.name, coalesce(r.rolconnlimit, 0), coalesce(s.setconfig, '{}')
        from unnest(%s::text[]) as t (name)
        left join pg_roles as r on r.rolname = t.name
        left join pg_db_role_setting as s on s.setrole = r.oid and s.setdatabase = 0
        order by t.name
        """,
        [names],
    )
    for name, connections, settings in rows.fetchall():
        role = sql.Identifier(name)
        if connections < 0:
            statements.append(
                sql.SQL("alter role {} connection limit {}").format(role, sql.Literal(_connections(name)))
            )
        there = {setting.split("=")[0] for setting in settings}
        for setting, value in LIMITS.items():
            if setting not in there:
                statements.append(
                    sql.SQL("alter role {} set {} = {}").format(role, sql.Identifier(setting), sql.Literal(value))
                )
    return statements


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
    if columns and _ask(connection, "select has_table_privilege(%s, %s, 'select')", role, name.as_string()):
        # An earlier version showed all of it.
        connection.execute(sql.SQL("revoke select on {} from {}").format(name, sql.Identifier(role)))
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
    """Readers write nothing: no tables in public, no temporary ones, no large objects, no messages in the server's log;
    and they take no advisory locks. Of a server that is not ours (a managed one) the owner decides, and what we may not
    revoke stays as it is."""
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
        open_functions = connection.execute(
            "select oid::regprocedure::text from pg_proc where pronamespace = 'pg_catalog'::regnamespace"
            " and proname like any(%s) and has_function_privilege('public', oid, 'execute')",
            [list(CLOSED_FUNCTIONS)],
        ).fetchall()
        for (signature,) in open_functions:
            connection.execute(sql.SQL("revoke execute on function {} from public").format(sql.SQL(signature)))
