"""Input that means harm: text that would be SQL, YAML or code where it were pasted into some.

Not here: what a brand's role may do (tests/integration/test_access.py).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from dagster import DagsterInvalidConfigError, DagsterUnknownPartitionError
from night import Night

from orchestration import definitions
from orchestration.automation.jobs import JOB
from orchestration.cli import main
from orchestration.marts import dbt_ready
from orchestration.readers import report
from orchestration.readers.report import Question, ReportError
from orchestration.settings import Settings

pytestmark = pytest.mark.xdist_group("small_days")

DAY = date(2025, 6, 2)
STRINGS = [
    "'; drop schema marts cascade; --", "x' or '1'='1", "paris'--", "paris\\'; select 1", "$$; drop table x; $$",
    "{paris}", '"; drop schema raw cascade; --', "paris; truncate marts.fct_message", "') union select 1 --",
    "{{ env_var('CAUSERIE_PG_PASSWORD') }}", "{% do run_query('drop schema marts cascade') %}",
    "!!python/object:os.system", "../../etc/passwd", "%s", "%(p_brand)s",
    "2025-06-02'; drop table marts.fct_message; --", "2025-06-02...2030-01-01",
    ":start", "{0}", "null", "é' or ''='",
]  # fmt: skip


@pytest.mark.fault(
    29,
    f"{len(STRINGS)} strings that would be SQL or code: as brand, filter, date, breakdown, indicator, partition",
    "bound as the text that they are, or refused before any SQL",
)
def test_strings_that_would_be_code(small_days: Night, tmp_path: Path, figure: Callable[[str], None]) -> None:
    before = small_days.digest()
    defs = definitions.build(Settings.from_environment({"CAUSERIE_HOME": str(tmp_path)}), first=DAY)
    job = defs.resolve_job_def(JOB)
    tried = 0
    with small_days.connect() as connection:
        for text in STRINGS:
            questions: list[Any] = [
                {"brand": text}, {"sources": [text]}, {"channels": [text]}, {"breakdown": [text]}, {"refs": [text]},
                {"first": text}, {"last": text}, {"roles": [text]}, {"time_from": text}, {"as_of": text},
            ]  # fmt: skip
            for asked in questions:
                with pytest.raises(ReportError):
                    report.ask(connection, Question(**{"brand": "paris", "first": DAY, "last": DAY} | asked))
                connection.rollback()
            # A member may be called anything: this one has done nothing.
            rows = report.ask(connection, Question("paris", DAY, DAY, members=[text], refs=["Chat-Card-1"]))
            assert [row["value"] for row in rows] == [0]
            for parse in (main.day, main.hour, main.instant):
                with pytest.raises(typer.BadParameter):
                    parse(text)
            with pytest.raises(DagsterUnknownPartitionError):
                job.execute_in_process(partition_key=text)
            with pytest.raises(DagsterInvalidConfigError):
                job.execute_in_process(run_config={"ops": {text: {}}})
            tried += len(questions) + 6
    # dbt is given no variables at all, so none can carry anything.
    assert not any("--vars" in argument for argument in dbt_ready.dbt_arguments(views_stand=False))
    with suppress(OSError):
        assert not list((tmp_path / "dagster").iterdir())
    assert small_days.digest() == before
    figure(f"{tried} of {tried} bound or refused, tables intact")
