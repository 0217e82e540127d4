"""A backup, and an installation made again from it on a server that knows nothing of the first one.

Not here: holding what was restored against a rebuild, which `causerie restore` does by `causerie verify`.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import marts_digest
import psycopg
import pytest
from dagster import DagsterInstance
from little_mart import Warehouse

from orchestration import warehouse
from orchestration.automation import instance
from orchestration.cli import backups
from orchestration.marts import access_check, login
from orchestration.settings import Settings

POLICIES = "select schemaname, tablename, policyname, roles::text[], cmd, qual from pg_policies order by 1, 2, 3"
ROLES = (
    "select rolname, rolcanlogin, rolconnlimit, rolpassword from pg_authid"
    " where rolname = any(%s) or rolname in ('causerie_reader', 'causerie_brands') order by 1"
)


@pytest.mark.fault(
    48,
    "everything is lost but one backup; it is restored into an empty installation",
    "the same marts, roles, passwords, policies, grants and history",
)
def test_a_backup_is_restored(
    connection: psycopg.Connection[object], database: str, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    mart = Warehouse(connection)
    mart.load(acme=2, bolt=1)
    messages = [("acme", "m1", "c1", 1, 1), ("acme", "m2", "c1", 2, None), ("bolt", "m1", "c1", 3, 1)]
    mart.run(["acme", "bolt"], [("acme", "c1"), ("bolt", "c1")], messages)
    before = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path / "before"), "CAUSERIE_DATABASE_URL": database})
    roles = mart.rows("select role_name from marts.access")
    brand = "acme"
    given = login.grant(before, "brand", brand)
    with instance.opened(before) as dagster:
        assert isinstance(dagster, DagsterInstance)
        run = dagster.create_run_for_job(_job())
        file = backups.backup(before, tmp_path / "causerie.backup")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(backups.BackupError, match="is there already"):
        backups.backup(before, file)

    after = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path / "after")})
    try:
        assert backups.restore(after, file) == []
        with warehouse.connect(database) as old, warehouse.connect(warehouse.url(after)) as new:
            assert marts_digest.digest(new) == marts_digest.digest(old)
            policies = [session.execute(POLICIES).fetchall() for session in (old, new)]
            assert policies[0] == policies[1] and policies[0]
            found = [session.execute(ROLES, [roles]).fetchall() for session in (old, new)]
            assert found[0] == found[1] and len(found[0]) == len(roles) + 2
            offenders = access_check.offenders(new)
            assert offenders == []
            port = new.info.port
        # The brand's login goes on with the password that it has, and sees what it saw.
        password = given.passfile.read_text().strip().rsplit(":", 1)[1]
        url = f"postgresql://{given.role}@127.0.0.1:{port}/causerie"
        with psycopg.connect(url, password=password) as session:
            assert session.execute("select distinct brand_id from marts.dim_brand").fetchall() == [(brand,)]
        assert login.grant(after, "brand", brand).passfile.read_text().strip().rsplit(":", 1)[1] == password
        with instance.opened(after) as dagster:
            assert [one.run_id for one in dagster.get_runs()] == [run.run_id]
        with pytest.raises(backups.BackupError, match="already"):
            backups.restore(after, file)
    finally:
        warehouse.stop(after)
    figure(f"golden; {len(policies[0])} policies, {len(found[0])} roles, history kept, offenders {len(offenders)}")


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path / "home")})
    (tmp_path / "some.txt").write_text("hello")
    for name in ("some.txt", "nothing"):
        with pytest.raises(backups.BackupError, match="is no backup"):
            backups.restore(settings, tmp_path / name)
    assert not settings.home.exists()


def _job() -> object:
    from dagster import job, op

    @op
    def nothing() -> None:
        """Nothing."""

    @job
    def night() -> None:
        nothing()

    return night
