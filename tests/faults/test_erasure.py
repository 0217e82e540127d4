"""A person who is in raw, quarantine, marts and files that are still to come is erased.

Not here: which rows are a person's (tests/integration/test_erasure.py).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from faults.installation import Extracts, Installation
from orchestration.marts import access_check
from orchestration.sources.loading import erasure


@pytest.mark.long
@pytest.mark.fault(
    35,
    "a visitor who is in raw, quarantine, marts and files that come late is erased",
    "gone everywhere, and left out of every later load; the numbers of the past are published anew, as corrected data",
)
def test_a_visitor_is_erased(
    databases: Callable[[], AbstractContextManager[str]],
    few_days: Extracts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    figure: Callable[[str], None],
) -> None:
    monkeypatch.setenv("CAUSERIE_HASH_KEY", "a key of sixteen characters or more")
    landing = tmp_path / "landing"
    shutil.copytree(few_days.landing, landing)
    with databases() as url:
        found = Installation(tmp_path / "home", url, landing)
        code, said = found.run()
        assert code == 0, said
        with found.connect() as connection:
            ((brand, visitor),) = connection.execute(
                "select brand_id, visitor_id from marts.fct_conversation where visitor_id is not null"
                " group by 1, 2 order by count(*) desc, 2 limit 1"
            ).fetchall()
        done = found.causerie("erase", "visitor", brand, visitor, "--yes")
        told, _ = done.communicate(timeout=900)
        assert done.returncode == 0, told
        assert "Erased" in told and "Published" in told and "still stands" not in told

        def hits() -> int:
            with found.connect() as connection:
                return len(erasure.places_left(connection, brand, {("visitor", visitor)}))

        assert hits() == 0
        erased = found.digest()
        with found.connect() as connection:
            causes = connection.execute(
                "select cause, count(*) from marts.kpi_published"
                " where generation = (select max(generation) from marts.publication) group by 1"
            ).fetchall()
        assert {cause for cause, _ in causes} <= {"corrected data", "fluctuating", "first"}

        # A late file of that person, and everything once more.
        day = few_days.days[-1]
        late = landing / "conversations" / day.isoformat() / "late.jsonl"
        late.parent.mkdir(parents=True, exist_ok=True)
        row = {
            "brand_id": brand, "conversation_id": "late-1", "visitor_id": visitor, "kind": "customer",
            "source": "direct", "channel": "web", "medium": "text", "initiated_by": "visitor",
            "requested_at": f"{day}T10:00:00Z", "is_blocked": False, "updated_at": f"{day}T10:00:00Z",
        }  # fmt: skip
        late.write_text(json.dumps(row) + "\n")
        code, said = found.run("--from", str(few_days.days[0]), "--to", str(day))
        assert code == 0, said
        assert hits() == 0
        assert found.digest() == erased
        with found.connect() as connection:
            assert access_check.offenders(connection) == []
            ((left_out,),) = connection.execute("select sum(erased) from marts.load_ledger").fetchall()
            assert left_out > 0
            moved = sum(number for _, number in causes)
        assert replace(few_days, golden=erased).golden != few_days.golden
    figure(f"places that name the visitor 0, before and after a backfill; {moved} numbers restated")
