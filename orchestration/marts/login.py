"""Logins that may read marts, and how each connects: given to a person, a BI tool, a brand, or the screens.

A password is made here, goes to the server as the hash that the server keeps, and stays in a file of CAUSERIE_HOME that
only its owner reads: it is in no command line, no log and on no screen.
Not here: which roles there are, what they see and how much they may take (access.py).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

import psycopg
from psycopg import conninfo, sql

from orchestration import warehouse
from orchestration.marts import access
from orchestration.settings import Settings
from orchestration.sources.loading.upgrade import migrate

SCREENS = "causerie_screens"  # logs in on the embedded server, reads what every reader reads, and writes nothing
ANALYST = "causerie_analyst"  # reads what every reader reads, and owns a schema of its name to write in
STATEMENT_SECONDS = 60

Kind = Literal["reader", "analyst", "brand", "viewers"]


class LoginError(ValueError):
    """A login that can't be given; the message says why, and what an administrator can do."""


@dataclass(frozen=True)
class Login:
    """A role that can log in: `url` names the file with its password, and is no secret itself."""

    role: str
    url: str
    passfile: Path


def grant(settings: Settings, kind: Kind, brand: str | None = None, new_password: bool = False) -> Login:
    """The login of a reader of all brands, of an analyst, of one brand, or of screens to which people sign in. The
    password of before stays, unless it is lost or a new one is wanted.

    Raises LoginError for a brand that is not published or where this user may not make logins.
    """
    if (kind == "brand") != (brand is not None):
        raise LoginError("a brand is named for a login of the kind brand, and for no other: --brand ID")
    administrator = warehouse.url(settings)
    with warehouse.connect(administrator) as connection:
        published = [row[0] for row in connection.execute("select brand_id from marts.brand_generation order by 1")]
        if brand is not None and brand not in published:
            raise LoginError(f"unknown brand {brand!r}; published: {', '.join(published) or 'none yet'}")
        connection.commit()
        if remarks := access.ensure_roles(connection, published):
            raise LoginError("; ".join(remarks))
        try:
            known = {"reader": access.READER, "analyst": ANALYST, "viewers": access.VIEWERS}
            role = known.get(kind) or access.brand_role(connection, str(brand))
            if kind == "analyst":
                _make_analyst(connection)
            if kind == "viewers":
                access.make_viewers(connection, published)
            return _with_password(connection, settings, administrator, role, new_password)
        except psycopg.errors.InsufficientPrivilege as error:
            raise LoginError(f"this user may not make logins: {error.diag.message_primary}") from error


def reader_url(settings: Settings) -> str:
    """The libpq URL of a login that may only read: CAUSERIE_READER_URL, or one made on the embedded server.

    Raises WarehouseError where the server is one's own and no reader's login is named.
    """
    if settings.reader_url:
        return settings.reader_url
    if settings.database_url:
        raise warehouse.WarehouseError(
            "screens read by a login that may only read, never by CAUSERIE_DATABASE_URL: `causerie grant reader` makes"
            " one and prints its URL, for CAUSERIE_READER_URL"
        )
    administrator = warehouse.url(settings)
    with warehouse.connect(administrator) as connection:
        migrate(connection)
        access.ensure_roles(connection, ())
        _make_member(connection, SCREENS)
        role = sql.Identifier(SCREENS)
        connection.execute(sql.SQL("alter role {} set default_transaction_read_only = on").format(role))
        connection.execute(
            sql.SQL("alter role {} set statement_timeout = {}").format(role, sql.Literal(f"{STATEMENT_SECONDS}s"))
        )
        return _with_password(connection, settings, administrator, SCREENS, False).url


def viewers_url(settings: Settings) -> str:
    """The libpq URL of a login that reads nothing by itself and may become each brand's role, for screens to which
    people sign in: CAUSERIE_READER_URL, or one made on the embedded server.

    Raises WarehouseError where the login that is named reads by itself, or none is named on a server of one's own.
    """
    if not settings.reader_url and not settings.database_url:
        administrator = warehouse.url(settings)
        with warehouse.connect(administrator) as connection:
            migrate(connection)
        return grant(settings, "viewers").url
    given = settings.reader_url
    if given:
        with warehouse.connect(given) as connection:
            reads = connection.execute("select has_schema_privilege('marts', 'usage')").fetchone()
        if reads == (False,):
            return given
    raise warehouse.WarehouseError(
        "screens whose viewers sign in read by a login that sees nothing until it becomes a brand: `causerie grant"
        " viewers` makes it and prints its URL, for CAUSERIE_READER_URL"
    )


def administrators_url(settings: Settings) -> str:
    """The URL of the warehouse for another program: a password stands in a file beside it, not in the URL."""
    address = warehouse.url(settings)
    given = conninfo.conninfo_to_dict(address)
    if not given.get("password"):
        return address
    passfile = _folder(settings) / "administrator.pgpass"
    warehouse.write_whole(passfile, f"*:*:*:*:{_escaped(str(given.pop('password')))}\n")
    return _url({**given, "passfile": str(passfile)})


# --- roles and passwords ----------------------------------------------------------------------------------------------


def _make_member(connection: psycopg.Connection[Any], name: str) -> None:
    """A login with the rights of READER, and with the limits of every reader."""
    access.make_reader(connection, name)


def _make_analyst(connection: psycopg.Connection[Any]) -> None:
    _make_member(connection, ANALYST)
    role = sql.Identifier(ANALYST)
    connection.execute(sql.SQL("create schema if not exists {} authorization {}").format(role, role))
    connection.execute(
        sql.SQL("grant temporary on database {} to {}").format(sql.Identifier(connection.info.dbname), role)
    )
    connection.commit()


def _with_password(
    connection: psycopg.Connection[Any], settings: Settings, administrator: str, role: str, new_password: bool
) -> Login:
    passfile = _folder(settings) / f"{role}.pgpass"
    given = conninfo.conninfo_to_dict(administrator)
    kept = {name: given[name] for name in ("sslmode", "sslrootcert", "hostaddr") if given.get(name)}
    info = connection.info
    url = _url(
        {**kept, "host": info.host, "port": info.port, "dbname": info.dbname, "user": role, "passfile": str(passfile)}
    )
    if new_password or not passfile.exists() or not _lets_in(url):
        password = secrets.token_urlsafe(24)
        hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(hashed)))
        connection.commit()
        warehouse.write_whole(passfile, f"*:*:*:{role}:{password}\n")
    return Login(role, url, passfile)


def _lets_in(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
        return True
    except psycopg.OperationalError as error:
        return "too many connections" in str(error)


def _folder(settings: Settings) -> Path:
    settings.make_home()
    folder = settings.home / "logins"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _url(given: dict[str, Any]) -> str:
    host, port, dbname = given.pop("host", "localhost"), given.pop("port", 5432), given.pop("dbname", "")
    user = quote(str(given.pop("user", "")), safe="")
    # A path of a socket is no host of a URL.
    where = f"{host}:{port}" if not str(host).startswith("/") else ""
    if not where:
        given = {"host": host, "port": port, **given}
    return f"postgresql://{user}{'@' if user else ''}{where}/{quote(str(dbname), safe='')}?{urlencode(given)}"


def _escaped(password: str) -> str:
    """As a password file wants it."""
    return password.replace("\\", "\\\\").replace(":", "\\:")
