"""The sql connector: a query on any SQLAlchemy URL, one extract per UTC day, bound by :start and :end.

Not here: judging what it brings (row_rules.py). What an extract once brought stays: a database forgets, and a row
that changed later has left its old window.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy
from sqlalchemy import exc

from orchestration.sources.connectors.extract import (
    BATCH_ROWS,
    Batch,
    Extract,
    Refusal,
    SourceFile,
    check_columns,
    text_columns,
)
from orchestration.sources.connectors.mapping import Naming
from orchestration.sources.connectors.outside_text import cause, cleaned
from orchestration.sources.contract import Dataset


@dataclass(frozen=True)
class SqlSource:
    """One dataset from a query. `first` is the first day to read, `lookback_days` how many past days are read again
    each night; the URL is given (`url`), or in the environment variable `url_env`, which keeps secrets out of files."""

    dataset: Dataset
    url: str | None = field(repr=False)
    url_env: str | None
    query: str
    first: date
    lookback_days: int = 3
    naming: Naming = field(default_factory=Naming)
    daily: bool = False
    adds_only: bool = True

    def days(self, today: date) -> Mapping[date, str]:
        """Every day that is over. Within the look-back the fingerprint changes each day, so that it is read again."""
        known = hashlib.sha256(f"{self.query}{self.naming}".encode()).hexdigest()
        count = (today - self.first).days
        days = [self.first + timedelta(days=number) for number in range(count)]
        # A day last read in its look-back stays as it was read then: its fingerprint names that last reading.
        return {day: f"{known} {min(today, day + timedelta(days=self.lookback_days + 1))}" for day in days}

    def read(self, day: date) -> Extract:
        unknown: set[str] = set()
        shown = SourceFile(f"query on {self._engine_name()}", 0, "")
        fingerprint = self.days(max(datetime.now(UTC).date(), day + timedelta(days=1))).get(day, "")
        return Extract([shown], fingerprint, self._batches(day, unknown), unknown)

    def _address(self) -> sqlalchemy.URL:
        given = os.environ.get(self.url_env) if self.url_env else self.url
        if not given:
            raise Refusal(f"{self.dataset.name}: the environment variable {self.url_env}, which should hold the"
                          " database's URL, is not set")  # fmt: skip
        try:
            return sqlalchemy.make_url(given)
        except exc.ArgumentError:
            # The library's own message may show the URL, and with it a password.
            raise Refusal(f"{self.dataset.name}: the database's URL can't be read") from None

    def _engine_name(self) -> str:
        address = self._address()
        return f"{address.get_backend_name()} {address.database or ''}".rstrip()

    def _batches(self, day: date, unknown: set[str]) -> Iterator[Batch]:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        bounds = {"start": start, "end": start + timedelta(days=1)}
        where = f"{self.dataset.name}: query for {day}"
        engine: sqlalchemy.Engine | None = None
        try:
            engine = sqlalchemy.create_engine(self._address(), poolclass=sqlalchemy.NullPool, hide_parameters=True)
            with engine.connect().execution_options(stream_results=True, max_row_buffer=BATCH_ROWS) as connection:
                result = connection.execute(sqlalchemy.text(self.query), bounds)
                offered = list(result.keys())
                wanted = self.naming.wanted(self.dataset, offered)
                unknown |= {cleaned(name, 128) for name in set(offered) - set(wanted.values())}
                check_columns(self.dataset, wanted, unknown, where)
                places = {name: offered.index(source) for name, source in wanted.items()}
                first = 1
                for rows in result.partitions(BATCH_ROWS):
                    values: dict[str, list[Any]] = {name: [row[at] for row in rows] for name, at in places.items()}
                    columns, faults = text_columns(self.dataset, values, where, mapped=self.naming.values)
                    self.naming.apply_values(columns)
                    lines = pa.array(range(first, first + len(rows)), pa.int64())
                    first += len(rows)
                    yield Batch(0, lines, columns, faults)
        except Refusal:
            raise
        except MemoryError as error:
            raise Refusal(f"{where}: there is not enough memory to read its answer") from error
        except Exception as error:  # a query that is wrong, a database that is away, a driver that is not installed
            raise Refusal(f"{where}: {cause(getattr(error, 'orig', None) or error)}") from error
        finally:
            if engine is not None:
                engine.dispose()
