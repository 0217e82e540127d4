"""What `causerie backup` and `causerie restore` do: one file that holds an installation, and an installation from it.

In the file, a tar: the database (pg_dump's archive: data, policies, grants, functions), the login roles with their
passwords' hashes and limits, Dagster's history, the password files of logins. It is as secret as all of these.
Not here: extracts (they are their owner's), settings (environment variables), the comparison afterwards
(verification.py).
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo, sql

from orchestration import warehouse
from orchestration.marts import access, access_check
from orchestration.redaction import hide
from orchestration.settings import Settings
from orchestration.sources.loading.upgrade import migrate

FORMAT = 1
DATABASE, ROLES, DAGSTER, LOGINS = "database.dump", "roles.json", "dagster", "logins"
SQLITE_SECONDS = 30  # how long a database of Dagster's that is being written is waited for


class BackupError(RuntimeError):
    """Nothing was written, or nothing restored; the message says why."""


def backup(settings: Settings, file: Path) -> Path:
    """Write the installation into `file`, readable by its owner only; runs and readers may go on meanwhile.

    Raises BackupError when the file is there already or a part can't be read.
    """
    if file.exists():
        raise BackupError(f"{file} is there already: name another file")
    url = warehouse.url(settings)
    with tempfile.TemporaryDirectory(dir=file.absolute().parent, prefix=".causerie-backup-") as scratch:
        folder = Path(scratch)
        _run("pg_dump", url, "--format=custom", "--compress=gzip:3", f"--file={folder / DATABASE}")
        with warehouse.connect(url) as connection:
            (folder / ROLES).write_text(json.dumps({"format": FORMAT, "roles": _roles(connection)}))
        _copy_history(settings.dagster_home, folder / DAGSTER)
        if (settings.home / LOGINS).is_dir():
            shutil.copytree(settings.home / LOGINS, folder / LOGINS)
        whole = folder / "whole.tar"
        with tarfile.open(whole, "w") as archive:
            for name in (ROLES, DATABASE, DAGSTER, LOGINS):
                if (folder / name).exists():
                    archive.add(folder / name, arcname=name)
        whole.chmod(0o600)
        whole.replace(file)
    return file


def restore(settings: Settings, file: Path) -> list[str]:
    """Make the installation of `file` again, in a home and a database where there is none yet.

    Returns remarks on what this user could not restore. Raises BackupError when something is there already, or the
    file is no backup; the database is restored in one transaction.
    """
    if not file.is_file() or not tarfile.is_tarfile(file):
        raise BackupError(f"{file} is no backup: `causerie backup FILE` writes one")
    settings.make_home()
    url = warehouse.url(settings)
    with warehouse.connect(url) as connection:
        if connection.execute("select to_regnamespace('raw') is null").fetchone() != (True,):
            raise BackupError("there is an installation in this database already: restore into an empty one")
    if settings.dagster_home.exists() and any(settings.dagster_home.iterdir()):
        raise BackupError(f"{settings.dagster_home} is not empty: restore into a home of its own")
    with tempfile.TemporaryDirectory(dir=settings.home, prefix=".causerie-restore-") as scratch:
        folder = Path(scratch)
        with tarfile.open(file) as archive:
            archive.extractall(folder, filter="data")
        told = json.loads((folder / ROLES).read_text())
        if told.get("format") != FORMAT:
            raise BackupError(f"{file} was written by another version of causerie (format {told.get('format')})")
        with warehouse.connect(url) as connection:
            remarks = _make_roles(connection, told["roles"])
            is_ours = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
        owners = [] if is_ours == (True,) else ["--no-owner"]
        _run("pg_restore", url, "--exit-on-error", "--single-transaction", *owners, str(folder / DATABASE))
        for name, target in ((DAGSTER, settings.dagster_home), (LOGINS, settings.home / LOGINS)):
            if (folder / name).is_dir():
                shutil.copytree(folder / name, target, dirs_exist_ok=True)
                target.chmod(0o700)
    with warehouse.connect(url) as connection:
        migrate(connection)
        remarks += access.repair(connection)
        if offenders := access_check.offenders(connection):
            raise BackupError("restored, but not as it was: " + "; ".join(offenders))
    return remarks


def _run(program: str, url: str, *arguments: str) -> None:
    """One of PostgreSQL's own programs. The password, if the URL has one, is handed over unseen."""
    given = conninfo.conninfo_to_dict(url)
    environment = dict(os.environ)
    if password := given.pop("password", None):
        environment["PGPASSWORD"] = str(password)
    address = conninfo.make_conninfo("", **{name: str(value) for name, value in given.items()})
    done = subprocess.run(
        [warehouse.program(program), f"--dbname={address}", *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BackupError(f"{program} failed: {hide(' '.join(done.stderr.split()))[:2000]}")


# --- roles ------------------------------------------------------------------------------------------------------------


def _roles(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """The roles that read marts: what each may, by whom it is a member, and the hash of its password where it can be
    read (by a superuser)."""
    is_super = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (True,)
    passwords = "(select rolpassword from pg_authid as p where p.oid = r.oid)" if is_super else "null"
    rows = connection.execute(
        f"""
        select
            r.rolname, r.rolcanlogin, r.rolconnlimit, {passwords},
            array(
                select unnest(s.setconfig) from pg_db_role_setting as s where s.setrole = r.oid and s.setdatabase = 0
            ),
            array(
                select g.rolname::text from pg_auth_members as m inner join pg_roles as g on g.oid = m.roleid
                where m.member = r.oid and m.inherit_option order by 1
            )
        from pg_roles as r
        where
            r.rolname = any(%(ours)s)
            or exists (
                select 1 from pg_auth_members as m inner join pg_roles as g on g.oid = m.roleid
                where m.member = r.oid and g.rolname = any(%(ours)s)
            ) and not r.rolsuper and r.rolname <> current_user
        order by r.rolname <> all(%(ours)s), 1
        """.encode(),
        {"ours": [access.READER, access.BRANDS, access.VIEWERS]},
    ).fetchall()
    names = ("name", "can_login", "connections", "password", "settings", "member_of")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _make_roles(connection: psycopg.Connection[Any], roles: list[dict[str, Any]]) -> list[str]:
    """The roles as they were; one that is there already (of another database of this server) keeps its password."""
    remarks = []
    for role in roles:
        name = sql.Identifier(role["name"])
        login = sql.SQL("login" if role["can_login"] else "nologin")
        limit = sql.Literal(role["connections"])
        statements = [sql.SQL("create role {} {} connection limit {}").format(name, login, limit)]
        if role["password"]:
            statements.append(sql.SQL("alter role {} password {}").format(name, sql.Literal(role["password"])))
        for setting in role["settings"]:
            key, _, value = setting.partition("=")
            statements.append(
                sql.SQL("alter role {} set {} = {}").format(name, sql.Identifier(key), sql.Literal(value))
            )
        members = [
            sql.SQL("grant {} to {} with inherit true, set false").format(sql.Identifier(group), name)
            for group in role["member_of"]
        ]
        there = connection.execute("select 1 from pg_roles where rolname = %s", [role["name"]]).fetchone()
        for statement in members if there else statements + members:
            try:
                with connection.transaction():
                    connection.execute(statement)
            except psycopg.errors.InsufficientPrivilege as error:
                remarks.append(f"{role['name']}: {error.diag.message_primary}: an administrator makes it as it was")
    return list(dict.fromkeys(remarks))


# --- Dagster's history ------------------------------------------------------------------------------------------------


def _copy_history(home: Path, target: Path) -> None:
    """Copy a folder whose databases may be in use: each SQLite database as of one instant, by SQLite itself."""
    for path in sorted(home.rglob("*")) if home.is_dir() else []:
        copy = target / path.relative_to(home)
        if path.is_dir() or path.name.endswith(("-wal", "-shm", "-journal")) or path.is_symlink():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".db":
            with (
                closing(sqlite3.connect(path, timeout=SQLITE_SECONDS)) as source,
                closing(sqlite3.connect(copy)) as kept,
            ):
                source.backup(kept)
        else:
            shutil.copyfile(path, copy)
