"""What most tests stand on: one real PostgreSQL a test process, and a fresh migrated database a test.

Not here: rows (each test brings its own).
"""

from __future__ import annotations

import gc
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import conninfo, sql

from orchestration import warehouse
from orchestration.settings import Settings
from orchestration.sources.loading.upgrade import migrate

pytest_plugins = ["platforms", "webhook", "faults.figures"]

# As a run's dbt does (orchestration/marts/dbt_process.py): the project that it has read stays, and to look through that
# for garbage takes a quarter of a night.
gc.set_threshold(200_000, 50, 100)

# Whoever starts the tests may have an installation of their own (`make` names one): it is none of theirs.
for _name in [name for name in os.environ if name == "DAGSTER_HOME" or re.match("CAUSERIE_(?!TEST_)", name)]:
    del os.environ[_name]

# Files whose tests stand on the same published data say so by a mark; they share a worker, and so one build of it.
SHARED = re.compile(r"xdist_group\(\"(\w+)\"\)")
TEMPLATE = f"causerie_template_{os.getpid()}"
_numbers = count(1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out whole files to the workers of pytest-xdist, those of one group to the same."""
    # Not --dist loadgroup: the marks do not reach xdist 3.8 from pytest 9.2, where an item's id no longer changes.
    from xdist.scheduler import LoadScopeScheduling

    class ByFileOrGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            group = SHARED.search((config.rootpath / file).read_text())
            return group[1] if group else file

    return ByFileOrGroup(config, log)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """URL of a server that tests may do with as they like: embedded, or the one at CAUSERIE_TEST_DATABASE_URL."""
    if given := os.environ.get("CAUSERIE_TEST_DATABASE_URL"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="causerie-test-", dir=_memory()) as folder:
        settings = Settings.from_environment({"CAUSERIE_HOME": str(Path(folder) / "home")})
        url = warehouse.start(settings)
        with psycopg.connect(url, autocommit=True) as admin:
            # Its processes are killed by tests, the machine is not: nothing need reach the disk.
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                admin.execute(sql.SQL("alter system set {} = off").format(sql.Identifier(setting)))
            admin.execute("alter system set max_wal_size = '512MB'")
            admin.execute("select pg_reload_conf()")
        yield url
        warehouse.stop(settings)


def _memory() -> Path | None:
    """Where the server's files are in memory, if there is room: eight hundred databases are made and dropped, a
    thousand files each, and each time all that others have written has to go to the disk."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > 4 * 2**30 else None


@pytest.fixture(scope="session")
def template(server: str) -> Iterator[str]:
    """Name of a migrated database that `database` copies."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
        with warehouse.connect(conninfo.make_conninfo(server, dbname=TEMPLATE)) as connection:
            migrate(connection)
        yield TEMPLATE
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(TEMPLATE)))


class Databases(Protocol):
    """Makes databases: each call is a context that gives the URL of one, and drops it at its end."""

    def __call__(self, of: str | None = None) -> AbstractContextManager[str]:
        """A fresh, migrated one, or a copy of the one at the URL `of`, which nobody may be connected to meanwhile."""


@pytest.fixture(scope="session")
def databases(server: str, template: str) -> Databases:
    @contextmanager
    def made(of: str | None = None) -> Iterator[str]:
        name = f"causerie_test_{os.getpid()}_{next(_numbers)}"
        if nodes := _nodes(server):
            if of:
                pytest.skip("a database that is distributed can't be copied")
            with _distributed(server, nodes, name) as url:
                yield url
            return
        copied = urlsplit(of).path.removeprefix("/") if of else template
        with psycopg.connect(server, autocommit=True) as admin:
            # Files are copied in half the time that their pages take through the log.
            admin.execute(
                sql.SQL("create database {} template {} strategy file_copy").format(
                    sql.Identifier(name), sql.Identifier(copied)
                )
            )
            yield _in_database(server, name)
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    return made


def _nodes(server: str) -> list[tuple[str, int]]:
    """Where the nodes of a Citus are, the coordinator first; none of a server without it."""
    with psycopg.connect(server) as connection:
        if connection.execute("select to_regclass('pg_catalog.pg_dist_node')").fetchone() == (None,):
            return []
        return connection.execute("select nodename, nodeport from pg_dist_node order by groupid").fetchall()


@contextmanager
def _distributed(server: str, nodes: list[tuple[str, int]], name: str) -> Iterator[str]:
    """A migrated database of this name on every node, of which the first is its coordinator."""
    urls = [conninfo.make_conninfo(server, host=host, port=port) for host, port in nodes]
    for url in urls:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        with psycopg.connect(conninfo.make_conninfo(url, dbname=name), autocommit=True) as admin:
            admin.execute("create extension citus")
    given = _in_database(server, name)
    with warehouse.connect(given, autocommit=True) as coordinator:
        coordinator.execute("select citus_set_coordinator_host(%s, %s)", nodes[0])
        for node in nodes[1:]:
            coordinator.execute("select citus_add_node(%s, %s)", node)
    with warehouse.connect(given) as connection:
        migrate(connection)
    yield given
    for url in urls:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """URL of a fresh, migrated database of this test's own; dropped after it."""
    with databases() as url:
        yield url


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    """An open connection to `database`."""
    with warehouse.connect(database) as opened:
        yield opened


def _in_database(server: str, name: str) -> str:
    """The server's URL with another database, still a URL: dbt, SQLAlchemy and ADBC read nothing else."""
    return urlsplit(server)._replace(path=f"/{name}").geturl()
