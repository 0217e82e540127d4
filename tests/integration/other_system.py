"""The database of another system, beside ours on the server of the tests.

Not here: what lies in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """URL of a database in which nothing is; dropped at the end, whoever is still connected."""
    name = f"other_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"create database {name}".encode())
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            admin.execute(f"drop database {name} with (force)".encode())
