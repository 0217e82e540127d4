"""Logins that are given: each connects as it was told, reads what its kind reads, and no password is shown."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from little_mart import Warehouse

from orchestration.marts import access, login
from orchestration.settings import Settings


@pytest.fixture
def mart(connection: psycopg.Connection[object]) -> Warehouse:
    mart = Warehouse(connection)
    mart.load(acme=1, bolt=1)
    mart.run(["acme", "bolt"], [("acme", "c1"), ("bolt", "c1")], [(b, "m1", "c1", 1, None) for b in ("acme", "bolt")])
    return mart


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    return Settings.from_environment({"CAUSERIE_HOME": str(tmp_path / "home"), "CAUSERIE_DATABASE_URL": database})


def test_each_kind_reads_what_it_may(mart: Warehouse, settings: Settings) -> None:
    seen = {}
    for kind, brand in (("reader", None), ("analyst", None), ("brand", "acme")):
        given = login.grant(settings, kind, brand)  # type: ignore[arg-type]
        with psycopg.connect(given.url) as session:
            rows = session.execute("select distinct brand_id from marts.fct_message order by 1").fetchall()
            seen[kind] = [row[0] for row in rows]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("delete from marts.fct_message")
        # The password is in a file of its owner's, and only there.
        assert stat.S_IMODE(given.passfile.stat().st_mode) == 0o600
        assert given.passfile.read_text().strip().rsplit(":", 1)[1] not in given.url
        # It stays the same until another one is wanted.
        password = given.passfile.read_text()
        assert login.grant(settings, kind, brand).passfile.read_text() == password  # type: ignore[arg-type]
        assert login.grant(settings, kind, brand, new_password=True).passfile.read_text() != password  # type: ignore[arg-type]
    assert seen == {"reader": ["acme", "bolt"], "analyst": ["acme", "bolt"], "brand": ["acme"]}


def test_an_analyst_writes_in_a_schema_of_its_own_and_nowhere_else(mart: Warehouse, settings: Settings) -> None:
    with psycopg.connect(login.grant(settings, "analyst").url, autocommit=True) as session:
        session.execute(f"create view {login.ANALYST}.mine as select * from marts.fct_message")
        session.execute("create temporary table scratch as select 1 as n")
        for schema in ("marts", "public", "raw"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(f"create table {schema}.mine (n integer)".encode())
    with psycopg.connect(login.grant(settings, "reader").url, autocommit=True) as session:
        for attempt in ("create temporary table scratch as select 1 as n", f"select * from {login.ANALYST}.mine"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(attempt.encode())
    assert mart.rows("select rolconnlimit from pg_roles where rolname = %s", login.ANALYST) == [
        access.CONNECTIONS_OF_A_ROLE
    ]


def test_an_unknown_brand_is_named_with_those_there_are(mart: Warehouse, settings: Settings) -> None:
    with pytest.raises(login.LoginError, match="unknown brand 'nobody'; published: acme, bolt"):
        login.grant(settings, "brand", "nobody")
    with pytest.raises(login.LoginError, match="--brand"):
        login.grant(settings, "reader", "acme")


def test_the_commands_say_who_they_are_and_show_no_password(mart: Warehouse, settings: Settings) -> None:
    admin = str(settings.database_url)
    with_password = psycopg.conninfo.make_conninfo(login.grant(settings, "reader").url, passfile="", password="hush")

    def causerie(*arguments: str, url: str = admin) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "CAUSERIE_HOME": str(settings.home), "CAUSERIE_DATABASE_URL": url}
        command = [sys.executable, "-m", "orchestration.cli.main", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    granted = causerie("grant", "brand", "--brand", "acme")
    assert granted.returncode == 0, granted.stderr
    assert access.brand_role(mart.connection, "acme") in granted.stdout and 'psql "postgresql://' in granted.stdout
    shown = causerie("db", "url", url=with_password)
    assert "administrator's login" in shown.stderr
    assert "hush" not in shown.stdout + shown.stderr and "administrator.pgpass" in shown.stdout
    who = causerie("db", "psql", "--as", "reader", "-Atc", "select current_user, count(*) from marts.fct_message")
    assert who.stdout.strip() == f"{access.READER}|2", who.stderr
    assert "administrator" not in who.stderr
    passwords = [file.read_text().strip().rsplit(":", 1)[1] for file in (settings.home / "logins").glob("*.pgpass")]
    assert len(passwords) == 3
    assert not any(word in granted.stdout + shown.stdout + who.stdout for word in passwords)
