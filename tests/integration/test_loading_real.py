"""Real input, where it lies beside the project: every row is loaded, none is rejected."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestration.assets.ingestion import by_dataset
from orchestration.settings import PROJECT
from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import load_extracts
from orchestration.sources.pending import data_through, first_extract_day, pending_extracts

REAL = Path(__file__).parents[2] / "../shared/real"


@pytest.mark.skipif(not REAL.exists(), reason="no real input beside the project")
@pytest.mark.parametrize(
    ("brand", "expected", "first", "through"),
    [
        (
            "star",
            {"brands": 1, "members": 111, "conversations": 6_526, "messages": 132_901, "ratings": 5_820, "orders": 665},
            "2020-05-11",
            "2020-05-28 00:00:00+00:00",
        ),
        (
            "online_retail",
            {"brands": 1, "orders": 18_440, "order_lines": 397_884},
            "2010-11-30",
            "2011-12-10 00:00:00+00:00",
        ),
    ],
)
def test_every_row_is_loaded(
    connection: psycopg.Connection[Any], brand: str, expected: dict[str, int], first: str, through: str
) -> None:
    sources = read_sources(PROJECT / "sources.yml", str(REAL / brand / "landing"))
    loaded: Counter[str] = Counter()
    found = by_dataset((extract.dataset, extract.day) for extract in pending_extracts(connection, sources))
    for dataset, days in found.items():
        for result in load_extracts(connection, DATASETS[dataset], days, sources[dataset]):
            assert result.counts.loaded == result.counts.read, result
            loaded[dataset] += result.counts.loaded
    assert loaded == expected
    assert pending_extracts(connection, sources) == []
    assert str(first_extract_day(sources)) == first
    assert str(data_through(connection, sources)) == through
