"""The login by which screens and other programs of this installation read marts: a reader's, never the administrator's.

Not here: which roles there are and what they see (access.py).
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import quote

from psycopg import conninfo, sql

from orchestration import warehouse
from orchestration.marts import access
from orchestration.settings import Settings

SCREENS = "causerie_screens"  # logs in on the embedded server, reads what every reader reads, and writes nothing
STATEMENT_SECONDS = 60


def reader_url(settings: Settings) -> str:
    """The libpq URL of a login that may only read: CAUSERIE_READER_URL, or one made on the embedded server.

    The embedded server's login is made once; its password stays in a file of CAUSERIE_HOME that only its owner reads.
    Raises WarehouseError where the server is one's own and no reader's login is named.
    """
    if settings.reader_url:
        return settings.reader_url
    if settings.database_url:
        raise warehouse.WarehouseError(
            f"screens read by a login that may only read, never by CAUSERIE_DATABASE_URL: give a member of"
            f" {access.READER} a password, and name its URL in CAUSERIE_READER_URL"
        )
    administrator = warehouse.url(settings)
    passfile = settings.home / "pgpass.screens"
    with warehouse.connect(administrator) as connection:
        warehouse.migrate(connection)
        access.ensure_roles(connection, ())
        known = connection.execute("select 1 from pg_roles where rolname = %s", [SCREENS]).fetchone()
        if not (known and passfile.exists()):
            password = secrets.token_urlsafe(24)
            role = sql.Identifier(SCREENS)
            verb = sql.SQL("alter" if known else "create")
            connection.execute(sql.SQL("{} role {} login password {}").format(verb, role, sql.Literal(password)))
            connection.execute(
                sql.SQL("grant {} to {} with inherit true, set false").format(sql.Identifier(access.READER), role)
            )
            connection.execute(sql.SQL("alter role {} set default_transaction_read_only = on").format(role))
            connection.execute(
                sql.SQL("alter role {} set statement_timeout = {}").format(role, sql.Literal(f"{STATEMENT_SECONDS}s"))
            )
            _write(passfile, f"127.0.0.1:*:*:{SCREENS}:{password}\n")
            connection.commit()
    said = conninfo.conninfo_to_dict(administrator)
    where = f"{said['host']}:{said['port']}/{said['dbname']}"
    return f"postgresql://{SCREENS}@{where}?passfile={quote(str(passfile))}"


def _write(file: Path, text: str) -> None:
    """Readable by its owner only, from the first byte on."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
