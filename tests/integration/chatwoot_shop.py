"""Small shops in Chatwoot's own tables. The schema and the program that fills it lie beside the repository.

Not here: what is asked of them (test_chatwoot.py, test_chatwoot_figures.py).
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psycopg
import pytest
from other_system import empty_database

CASE = next(
    (found for folder in Path(__file__).parents if (found := folder / "shared/cases/chatwoot").exists()), Path("none")
)
only_with_the_case = pytest.mark.skipif(not CASE.exists(), reason="Chatwoot's schema is not beside the repository")


@contextmanager
def shop(server: str, seed: int) -> Iterator[str]:
    """URL of the Chatwoot database of a seed: 200 conversations of two accounts, from 26 October 2026 on, 30 days. Its
    server's clock stands in Tokyo."""
    spec = importlib.util.spec_from_file_location("fill", CASE / "fill.py")
    assert spec and spec.loader
    filling = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(filling)
    with empty_database(server) as url:
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(f"alter database {owner.info.dbname} set timezone = 'Asia/Tokyo'".encode())
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute((CASE / "schema.sql").read_bytes())
            rng = random.Random(seed)
            filling.fill(filling.Chatwoot(cursor, rng), rng, 200, date(2026, 10, 26), 30)
        yield url
