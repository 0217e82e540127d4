"""Inputs that broke the product once, each through a whole `causerie run`, with the outcome that is right.

The inputs lie beside the repository, and the tests skip without them; what they show is shown in small by
tests/unit/test_reading_files.py, test_listing.py and tests/integration/test_feeds.py. Not here: other faults.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestration import warehouse
from orchestration.settings import PROJECT, Settings

CASES = PROJECT.parent / "shared" / "cases"
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not CASES.exists(), reason="the inputs are not beside the repository"),
]


@dataclass
class Shop:
    """An installation with a landing of its own."""

    home: Path
    url: str

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    def land(self, case: str, folder: str = "landing") -> None:
        if (CASES / case / folder).exists():
            shutil.copytree(CASES / case / folder, self.landing, dirs_exist_ok=True, copy_function=_writable)
        if (CASES / case / "make.sh").exists():
            (self.home / "store").mkdir(exist_ok=True)
            made = ["bash", CASES / case / "make.sh", self.landing, self.home / "store"]
            subprocess.run(made, check=True)

    def causerie(self, *arguments: str) -> tuple[int, str]:
        """Exit code, and what was printed, in one line."""
        environment = {"CAUSERIE_HOME": str(self.home), "CAUSERIE_DATABASE_URL": self.url, "COLUMNS": "1000"}
        command = [sys.executable, "-m", "orchestration.cli.main", *arguments]
        done = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        return done.returncode, " ".join(f"{done.stdout} {done.stderr}".split())

    def rows(self, query: str) -> list[Any]:
        with warehouse.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()

    def number(self, ref: str, brand: str) -> Any:
        asked = f"marts.kpi_report('{brand}', '2026-03-01', '2026-03-31', p_refs => '{{{ref}}}')"
        ((value,),) = self.rows(f"select value from {asked}")
        return value


def _writable(source: str, target: str) -> None:
    shutil.copyfile(source, target)


@pytest.fixture
def shop(databases: Callable[[], AbstractContextManager[str]], tmp_path: Path) -> Iterator[Shop]:
    with databases() as url:
        Settings.from_environment({"CAUSERIE_HOME": str(tmp_path)})
        (tmp_path / "landing").mkdir()
        yield Shop(tmp_path, url)


COUNTED = pytest.mark.fault(
    43,
    "a stray quote; folders that are not read; links whose target is corrected or away",
    "every line is counted; what is not read is named; a target is seen, and refused when it is away",
)
ODD = pytest.mark.fault(
    41,
    "files of other encodings, with odd names, NUL and half characters in unknown keys, columns twice; 1,000 changed"
    " files of each format",
    "each is refused alone, by a sentence that names it, or its bad rows wait; all others are loaded",
)


def test_spreadsheets(shop: Shop) -> None:
    """01: separators, decimal commas, unnamed columns, sep=."""
    said = {}
    for day in ("02", "03", "04", "05", "06"):
        file = CASES / "01-excel-csv" / "landing" / "orders" / f"2026-03-{day}" / "orders.csv"
        said[day] = shop.causerie("check", str(file), "--dataset", "orders", "--day", f"2026-03-{day}")
    assert said["02"][0] == 1 and "separated by ';'" in said["02"][1]
    assert said["03"][0] == 0
    assert said["04"][0] == 3 and "decimal comma" in said["04"][1]
    assert said["05"][0] == 0
    assert said["06"][0] == 1 and "line 1, 'sep=,', is a spreadsheet's note, no header" in said["06"][1]


@COUNTED
def test_a_stray_quote(shop: Shop, figure: Callable[[str], None]) -> None:
    """03: one quote opens in line 6, the next one stands in line 396."""
    file = CASES / "03-stray-quote" / "landing" / "conversations" / "2026-03-02" / "c.csv"
    code, said = shop.causerie("check", str(file), "--dataset", "conversations", "--day", "2026-03-02")
    assert code == 1 and "lines 6 to 396 are one row by their quotes" in said
    figure("rows unaccounted 0")


@ODD
def test_encodings_and_folders(shop: Shop, figure: Callable[[str], None]) -> None:
    """02 and 09: seven extracts that can't be taken, and the others beside them."""
    shop.land("02-encodings")
    shop.land("09-nested-folders")
    code, said = shop.causerie("run")
    assert code == 3, said
    for words in (
        "orders of 2026-03-02: orders/2026-03-02/orders.csv: this is text in UTF-16",
        "orders of 2026-03-03: orders/2026-03-03/orders.csv: the header is not UTF-8 (perhaps Latin-1)",
        "orders of 2026-03-04: orders/2026-03-04/orders.csv: this is a zip archive",
        "messages/2026-03-05/m.jsonl: line 1: the key",
        "messages/2026-03-06/m.jsonl: line 1: the key",
        "\\xe9t\\xe9.jsonl is not UTF-8",
        "two folders of this day, 2026-03-02 and dt=2026-03-02",
        "hour=08",
        "spark.jsonl",
    ):
        assert words in said, (words, said)
    for place in ("messages/2026/03/02", "messages/20260302", "Not read: message: no dataset is called so: messages?"):
        assert said.count(place) == 1, (place, said)
    assert "Published generation 1" in said
    # Its messages are all of the day that is refused: no dialogue, and nobody can say that there was none.
    assert shop.rows("select count(established_at) from marts.fct_conversation where brand_id = 'hv'") == [(0,)]
    asked = "marts.kpi_report('hv', '2026-03-01', '2026-03-31', p_refs => '{Chat-Card-10}')"
    assert shop.rows(f"select value, missing from {asked}") == [(None, ["messages"])]
    figure("runs ended 0")


def test_numbers_that_are_none_refunds_and_ids_of_their_own(shop: Shop) -> None:
    """06, 15 and 19 in one landing, each a brand of its own."""
    for case in ("06-json-nan-float-ids", "15-refund-rows", "19-ids-per-conversation"):
        for file in (CASES / case / "landing").rglob("*.jsonl"):
            target = shop.landing / file.parent.relative_to(CASES / case / "landing") / f"{case}-{file.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    code, said = shop.causerie("run")
    assert code == 0, said
    waiting = "select column_name, count(*) from raw.quarantine where brand_id = '{}' group by 1"
    assert shop.rows(waiting.format("jn")) == [("visitor_id", 4)]
    assert shop.rows("select count(*) from marts.fct_order where brand_id = 'jn'") == [(0,)]
    assert shop.rows(waiting.format("ref")) == [("gross_amount", 1)]
    assert shop.rows("select count(*), avg(gross_amount) from marts.fct_order where brand_id = 'ref'") == [(2, 90)]
    assert "conversation_id differs within one message_id in 8 rows" in said


@COUNTED
def test_links(shop: Shop, figure: Callable[[str], None]) -> None:
    """10: a landing of links; its target is corrected, then away."""
    shop.land("10-symlinks")
    code, said = shop.causerie("run")
    assert code == 0, said
    assert shop.rows("select count(*) from marts.fct_message where brand_id = 'sl'") == [(1,)]
    order = "select gross_amount from marts.fct_order where brand_id = 'sl'"
    assert shop.rows(order) == [(100,)]
    target = shop.home / "store" / "conv" / "orders.jsonl"
    target.write_text(target.read_text().replace("100.00", "900.00"))
    code, said = shop.causerie("run")
    assert (code, shop.rows(order)) == (0, [(900,)]), said
    target.rename(target.with_suffix(".away"))
    code, said = shop.causerie("run")
    assert code == 3 and "sl.jsonl can't be read: it is a link that leads to nothing" in said
    assert shop.rows(order) == [(900,)]
    figure("1 correction seen, 1 target away refused")


def test_merged_reassigned_and_deleted(shop: Shop) -> None:
    """20: a visitor is merged into another, a conversation changes hands, one is deleted."""
    shop.land("20-merge-reassign-delete")
    code, said = shop.causerie("run")
    assert code == 0, said
    credited = "select order_id from marts.fct_order where brand_id = '{}' and credited_conversation_id is not null"
    assert shop.rows(credited.format("vm")) == [("o2",)]
    assert shop.number("Chat-Card-1", "de") == 2
    dialogues = (
        "select distinct dimension_value, value from marts.kpi_period"
        " where brand_id = 'ra' and ref = 'Chat-Card-10' and dimension = 'member' and value > 0"
    )
    assert shop.rows(dialogues) == [("m1", 1)]
    shop.land("20-merge-reassign-delete", "landing2")
    code, said = shop.causerie("run")
    assert code == 0, said
    assert shop.rows(credited.format("vm")) == [("o1",)]
    assert shop.rows(dialogues) == [("m2", 1)]
    assert shop.rows(credited.format("de")) == []
    assert shop.number("Chat-Card-1", "de") == 1
    causes = shop.rows("select distinct cause from marts.kpi_published where cause <> 'first' order by 1")
    assert ("corrected data",) in causes
    code, said = shop.causerie("verify")
    assert code == 0, said
