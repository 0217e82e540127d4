"""What a landing holds and a load might pass over: lines behind a stray quote, folders of other names, links.

Not here: the whole runs of the cases that showed it (test_cases.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import fsspec
import psycopg
import pytest
from landing_of import DAY, Raw, brand, conversation, order, write

from orchestration.settings import Limits
from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.files import read_file
from orchestration.sources.connectors.mapping import Naming
from orchestration.sources.connectors.reading import Reading
from orchestration.sources.contract import DATASETS

FAULT = pytest.mark.fault(
    43,
    "a stray quote; folders that are not read; links whose target is corrected or away",
    "every line is counted; what is not read is named; a target is seen, and refused when it is away",
)
FILES = 400


def rows_read(path: Path) -> int | None:
    """How many rows a file of conversations comes to, None where it is refused."""
    reading = Reading(0, DATASETS["conversations"], Naming(), set(), path.name, Limits())
    try:
        return sum(len(batch.lines) for batch in read_file(fsspec.filesystem("file"), str(path), reading))
    except Refusal:
        return None


@FAULT
def test_stray_quotes_swallow_no_line(tmp_path: Path, figure: Callable[[str], None]) -> None:
    """One to three quotes too many, anywhere in 40 rows with free text: each line is a row, or the file is refused."""
    random = Random(1)
    path = tmp_path / "a.csv"
    texts = ["plain", 'said "so"', "a, b", None]
    write(path, [conversation(n, page_url=f"https://shop.example/{n}", ad_payload=texts[n % 4]) for n in range(40)])
    whole = path.read_text()
    assert rows_read(path) == 40
    refused = 0
    for _ in range(FILES):
        text = whole
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(text))
            text = text[:at] + '"' + text[at:]
        path.write_text(text, newline="")
        read = rows_read(path)
        refused += read is None
        assert read in (None, 40), text
    assert 0 < refused < FILES
    figure(f"{FILES} files with stray quotes, rows unaccounted 0")


@FAULT
def test_a_link_is_what_it_leads_to(
    connection: psycopg.Connection[Any], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    raw = Raw(connection, tmp_path / "landing")
    raw.take("brands", [brand()])
    write(tmp_path / "store" / "orders.jsonl", [order(1, gross_amount="100.00")])
    folder = raw.landing / "orders" / f"dt={DAY}"
    folder.mkdir(parents=True)
    (folder / "part-0.jsonl").symlink_to(tmp_path / "store" / "orders.jsonl")
    assert raw.load("orders").counts.loaded == 1
    before = raw.source("orders").days(DAY)
    write(tmp_path / "store" / "orders.jsonl", [order(1, gross_amount="900.00")])
    assert raw.source("orders").days(DAY) != before
    assert raw.load("orders").outcome == "loaded"
    (tmp_path / "store" / "orders.jsonl").unlink()
    assert raw.load("orders").outcome == "refused"
    assert raw.all("select gross_amount::text from raw.orders") == [("900.00",)]
    figure("1 correction seen, 1 target away refused")
