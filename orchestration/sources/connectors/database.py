"""A source that is a database: its address, its connection, and what it answers as Arrow columns.

Not here: which rows (sql.py). Reads only, in a transaction that says so where the database has such a thing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeAlias

import psycopg
import pyarrow as pa
import sqlalchemy
from sqlalchemy import exc

from orchestration.sentences import Sentence
from orchestration.settings import IN_A_PASSWORD
from orchestration.sources.connectors.extract import BATCH_ROWS, Batch, Fault, Refusal, check_columns, text_columns
from orchestration.sources.connectors.mapping import BESIDE, Mapper, Naming
from orchestration.sources.connectors.outside_text import cause, cleaned
from orchestration.sources.contract import Column, Dataset

# What a URL without a driver means, and what brings the driver.
DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
EXTRAS = {"mysql": "causerie[mysql]", "mariadb": "causerie[mysql]"}
# How a session is told to speak UTC, and to write days as everybody does.
ZONES = {
    "postgresql": "set timezone = 'UTC'; set datestyle = 'ISO'",
    "mysql": "set time_zone = '+00:00'",
    "mariadb": "set time_zone = '+00:00'",
}
# Values of one column of an answer: as the driver gave them, or in the type that the database says they all have.
Values: TypeAlias = list[Any] | pa.Array


# Each extract tells where it is from, and of a history there are a thousand.
_read_url = lru_cache(16)(sqlalchemy.make_url)


@dataclass(frozen=True)
class Database:
    """Where a database is: its SQLAlchemy URL (`url`), or the environment variable that holds it (`url_env`), which
    keeps secrets out of files. `owner` names in messages what it is read for."""

    owner: str
    url: str | None = field(repr=False)
    url_env: str | None

    def address(self) -> sqlalchemy.URL:
        """Raises Refusal, which never shows the URL, and with it a password."""
        given = os.environ.get(self.url_env) if self.url_env else self.url
        if not given:
            raise Refusal(Sentence("url_missing", owner=self.owner, variable=self.url_env))
        try:
            address = _read_url(given)
            # With an @ in a password the rest of it would be the host, and so stand in messages.
            is_whole = "@" not in (address.host or "")
        except (exc.ArgumentError, ValueError):
            is_whole = False
        if not is_whole:
            raise Refusal(Sentence("url_unreadable", owner=self.owner, signs=IN_A_PASSWORD))
        return address.set(drivername=DRIVERS.get(address.drivername, address.drivername))

    def shown(self) -> str:
        address = self.address()
        return f"{address.get_backend_name()} {address.database or ''}".rstrip()

    @contextmanager
    def connect(self, where: str) -> Iterator[sqlalchemy.Connection]:
        """A connection of its own that streams what it reads, its session in UTC. Raises Refusal where the driver is
        missing or the query is wrong."""
        address = self.address()
        backend = address.get_backend_name()
        engine: sqlalchemy.Engine | None = None
        try:
            engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool, hide_parameters=True)
            options = {"postgresql_readonly": True} if backend == "postgresql" else {}
            with engine.connect().execution_options(**options) as connection:
                if backend in ZONES:
                    connection.exec_driver_sql(ZONES[backend])
                yield connection.execution_options(stream_results=True, max_row_buffer=BATCH_ROWS)
        except Refusal:
            raise
        except exc.NoSuchModuleError:
            raise Refusal(Sentence("database_unknown", where=where, name=f"{backend!r}")) from None
        except ModuleNotFoundError as error:
            package = EXTRAS.get(backend, error.name)
            raise Refusal(Sentence("driver_missing", where=where, name=backend, package=package)) from None
        except MemoryError as error:
            raise Refusal(Sentence("answer_memory", where=where)) from error
        except Exception as error:  # a query that is wrong, a database that is away
            said = getattr(error, "orig", None) or error
            # A query that the source ended itself was not wrong.
            key = "database_ended" if isinstance(said, psycopg.errors.QueryCanceled) else "database_says"
            raise Refusal(Sentence(key, where=where, error=cause(said))) from error
        finally:
            if engine is not None:
                engine.dispose()


@dataclass(frozen=True)
class Answer:
    """What a query brings: the names of its columns, and its rows, so many at once, column by column."""

    names: list[str]
    parts: Generator[list[Values], None, None]


def ask(connection: sqlalchemy.Connection, asked: Any, bounds: Mapping[str, Any] | None = None) -> Answer:
    """Run a query whose rows may be many, on any database."""
    result = connection.execute(asked, bounds)

    def parts() -> Generator[list[Values], None, None]:
        for rows in result.partitions(BATCH_ROWS):
            yield [list(map(itemgetter(at), rows)) for at in range(len(rows[0]))]

    return Answer(list(result.keys()), parts())


def part(columns: Sequence[Values], first: int, last: int) -> list[Values]:
    """Of columns the rows from `first` to before `last`."""
    return [values[first:last] for values in columns]


@dataclass
class Rows:
    """The rows of one query on their way into batches, under the contract's names."""

    dataset: Dataset
    naming: Naming
    where: str
    offered: Sequence[str]
    unknown: set[str]
    left_out: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        wanted = self.naming.wanted(self.dataset, self.offered)
        ignored = {cleaned(name, 128) for name in set(self.offered) - set(wanted.values())}
        self.unknown |= ignored
        check_columns(self.dataset, {*wanted, *self.naming.given}, ignored, self.where)
        self._places = {name: self.offered.index(source) for name, source in wanted.items()}
        self._mapper = Mapper(self.dataset, self.naming, self.where, self.left_out)
        self._next = 1

    def begin(self, line: int) -> None:
        """The number of the next row."""
        self._next = line

    def batch(self, part: Sequence[Values]) -> Batch:
        """Rows as the database gave them: their columns, in the order of `offered`."""
        columns: dict[str, pa.Array] = {}
        faults: list[Fault] = []
        for name, at in self._places.items():
            values = part[at]
            if name.startswith(BESIDE):
                told = values.to_pylist() if isinstance(values, pa.Array) else values
                columns[name] = pa.array([None if value is None else str(value) for value in told], pa.string())
                continue
            columns[name], found = self._column(name, values)
            faults += found
        rows = len(part[0]) if part else 0
        lines = pa.array(range(self._next, self._next + rows), pa.int64())
        self._next += rows
        return self._mapper.apply(Batch(0, lines, columns, faults))

    def _column(self, name: str, values: Values) -> tuple[pa.Array, list[Fault]]:
        column = self.dataset.by_name[name]
        if isinstance(values, pa.Array):
            kind = values.type
            if pa.types.is_boolean(kind) if column.type == "boolean" else not pa.types.is_boolean(kind):
                return values, []
            values = values.to_pylist()
        values = self.naming.exact(name, values)
        if column.type == "boolean" and name not in self.naming.values:
            values = _booleans(values)
        array = _at_once(column, values)
        if array is not None:
            return array, []
        columns, faults = text_columns(self.dataset, {name: values}, self.where, self.naming.values)
        return columns[name], faults


def _booleans(values: list[Any]) -> list[Any]:
    """Databases without booleans (MySQL, SQLite) keep 0 and 1."""
    return [bool(value) if type(value) is int and value in (0, 1) else value for value in values]


def _at_once(column: Column, values: list[Any]) -> pa.Array | None:
    """Whole numbers and instants in their own type, where all of them are that; None where each needs a look."""
    kinds = set(map(type, values)) - {type(None)}
    try:
        if kinds == {int} and column.type != "boolean":
            return pa.array(values, pa.int64())
        if kinds == {datetime} and len({value.tzinfo is None for value in values if value is not None}) == 1:
            return pa.array(values)
    except pa.ArrowException:
        pass  # a number, or a year, beyond what Arrow holds
    return None
