"""Faults of what surrounds a run: variables of other programs, another locale, an open umask; dbt under another target.

Not here: the embedded server under such (tests/integration/test_warehouse.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from modes import open_to_others

from faults.installation import Extracts, Installation
from orchestration.marts import access_check
from orchestration.settings import PROJECT

HOSTILE = {
    "DBT_TARGET": "marts",
    "DBT_EMPTY": "true",
    "DBT_FULL_REFRESH": "true",
    "DBT_EXCLUDE_RESOURCE_TYPES": "model",
    "DBT_PROFILES_DIR": "/nowhere",
    "DBT_VARS": "{settling_ages: [1]}",
    "LC_ALL": "tr_TR.UTF-8",
    "LANG": "tr_TR.UTF-8",
    "TZ": "Pacific/Apia",
    "PYTHONUTF8": "0",
    "PGAPPNAME": "somebody's",
    "PGTZ": "Pacific/Apia",
    "PGDATESTYLE": "German",
}


@pytest.mark.long
@pytest.mark.fault(
    46,
    "DBT_*, PG*, DAGSTER_HOME, locale, time zone and umask are another program's; the home is a copy; dbt runs under"
    " another target",
    "no effect, or one clear sentence",
)
def test_a_hostile_environment_changes_nothing(
    databases: Callable[[], AbstractContextManager[str]],
    few_days: Extracts,
    tmp_path: Path,
    figure: Callable[[str], None],
) -> None:
    with databases() as url:
        found = Installation(tmp_path / "home", url, few_days.landing)
        elsewhere = tmp_path / "dagster"
        environment = {**found.environment, **HOSTILE, "DAGSTER_HOME": str(elsewhere)}
        command = [sys.executable, "-m", "orchestration.cli.main"]

        def causerie(*arguments: str) -> str:
            done = subprocess.run(
                [*command, *arguments], env=environment, cwd="/", umask=0, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        causerie("run")
        assert open_to_others(found.home) == [] and open_to_others(elsewhere) == []
        assert found.digest() == few_days.golden
        assert (elsewhere / "dagster.yaml").exists() and not (found.home / "dagster").exists()
        assert causerie("run").startswith("Nothing new")

        # dbt by hand, under the target that is there for the documentation.
        given = {**os.environ, **_profile(url)}
        by_hand = subprocess.run(
            [Path(sys.executable).parent / "dbt", "run", "--target", "marts", "--project-dir", PROJECT / "dbt_project",
             "--profiles-dir", PROJECT / "dbt_project", "--target-path", tmp_path / "target", "--log-path", tmp_path],
            env=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert by_hand.returncode != 0 and "the target 'marts' builds nothing" in by_hand.stdout
        assert found.digest() == few_days.golden

        # What an earlier version's dbt did there is seen, and mended.
        with found.connect() as connection:
            connection.execute("alter table marts.fct_hook_event rename to lost")
            connection.execute("create view marts.fct_hook_event as select * from marts.lost")
            connection.commit()
        assert "Published" in causerie("run")
        with found.connect() as connection:
            connection.execute("drop table marts.lost")
            connection.commit()
            offenders = access_check.offenders(connection)
        assert offenders == []
        assert found.digest() == few_days.golden
    figure(f"marts changed 0 under {len(HOSTILE)} variables; offenders {len(offenders)}")


def _profile(url: str) -> dict[str, str]:
    from orchestration import warehouse

    return warehouse.dbt_environment(url)
