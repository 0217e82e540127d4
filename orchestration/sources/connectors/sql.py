"""The sql connector: a dataset from a query on any SQLAlchemy URL, one extract per UTC day.

Here: queries with a window of their own (`:start`, `:end`), and whole queries, to which the platform adds the window.
Not here: judging what they bring (row_rules.py), or what a look at a source leaves written (../looks.py). What an
extract once brought stays: a database forgets, and a row that changed later has left its old window.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from orchestration.sentences import Sentence
from orchestration.sources.connectors.database import Answer, Database, Rows, Values, ask, part
from orchestration.sources.connectors.extract import Batch, Extract, Refusal, SourceFile
from orchestration.sources.connectors.mapping import ANY_OTHER, Naming
from orchestration.sources.connectors.postgresql_copy import ask_by_copy, can_copy
from orchestration.sources.contract import Dataset

log = logging.getLogger(__name__)

# Before this day no row is good; what says to be older, or says no time, is of the first day there is.
EARLIEST = date(2000, 1, 1)
# How far behind the newest row that was seen the next look begins: for rows of transactions that were open then.
OVERLAP_IDS = 1_000
OVERLAP = timedelta(hours=1)
# So many days at once are one query over all of them.
STREAMED_DAYS = 3
DAY_COLUMN = "causerie_day"


@dataclass(frozen=True)
class WindowedQuery:
    """One dataset from a query with :start and :end. `first` is the first day to read, `lookback_days` how many past
    days are read again each night."""

    dataset: Dataset
    database: Database
    query: str
    first: date
    lookback_days: int = 3
    naming: Naming = field(default_factory=Naming)
    daily: bool = False
    connected_from: date | None = None
    adds_only: bool = True

    def days(self, today: date) -> Mapping[date, str]:
        """Every day that is over. Within the look-back the fingerprint changes each day, so that it is read again."""
        known = hashlib.sha256(f"{self.query}{self.naming.told()}".encode()).hexdigest()
        count = (today - self.first).days
        days = [self.first + timedelta(days=number) for number in range(count)]
        # A day last read in its look-back stays as it was read then: its fingerprint names that last reading.
        return {day: f"{known} {min(today, day + timedelta(days=self.lookback_days + 1))}" for day in days}

    def read(self, day: date) -> Extract:
        unknown: set[str] = set()
        shown = SourceFile(f"query on {self.database.shown()}", 0, "")
        fingerprint = self.days(max(datetime.now(UTC).date(), day + timedelta(days=1))).get(day, "")
        left_out: Counter[str] = Counter()
        return Extract([shown], fingerprint, self._batches(day, unknown, left_out), unknown, left_out)

    def _batches(self, day: date, unknown: set[str], left_out: Counter[str]) -> Iterator[Batch]:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        where = f"{self.dataset.name}: query for {day}"
        with self.database.connect(where) as connection:
            bounds = {"start": start, "end": start + timedelta(days=1)}
            answer = ask(connection, sa.text(self.query), bounds)
            rows = Rows(self.dataset, self.naming, where, answer.names, unknown, left_out)
            yield from map(rows.batch, answer.parts)


@dataclass(frozen=True)
class Seen:
    """What a look at a source found: the days over that have rows since the look before, each with a mark that changes
    when its rows do; and from where the next look begins."""

    marks: Mapping[date, str]
    resume: str | None


@dataclass(frozen=True)
class Key:
    """A row's key as text, in the contract's order; the day of its extract; the day that it is compared under, which no
    later version moves (None: it has no time of its own); and its updated_at as text that sorts (None: not told)."""

    key: tuple[str, ...]
    day: date
    bucket: date | None
    version: str | None


@dataclass
class WholeQuery:
    """One dataset from a query without a window: each row is of the UTC day of its own time (an event's instant, an
    entity's updated_at). `changed_since` is a column that only grows, by which a look finds what is new; without one,
    `lookback_days` are looked at again. `compares`: what vanished from the source goes. `first`: events before that day
    are left where they are."""

    dataset: Dataset
    database: Database
    query: str
    first: date | None = None
    changed_since: str | None = None
    lookback_days: int = 3
    compares: bool = False
    naming: Naming = field(default_factory=Naming)
    daily: bool = False
    connected_from: date | None = None
    adds_only: bool = True
    # What the last look showed of each day, and the one query that brings many of them in their order.
    _shown: Mapping[date, str] = field(default_factory=dict, init=False, repr=False)
    _announced: Sequence[date] = field(default=(), init=False, repr=False)
    _at_once: int = field(default=0, init=False, repr=False)
    _stream: Generator[_Day, None, None] | None = field(default=None, init=False, repr=False)
    _last: date = field(default=date.min, init=False, repr=False)
    _reached: _Day | None = field(default=None, init=False, repr=False)

    @property
    def digest(self) -> str:
        """Changes when the rows may be others, or be read otherwise."""
        told = f"{self.query}{self.naming.told()}{self.first}{self.changed_since}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def days(self, today: date) -> Mapping[date, str]:
        """The days over that the last look showed (looks.py); what only a look can tell is not asked for here."""
        return {day: told for day, told in self._shown.items() if day < today}

    def show(self, days: Mapping[date, str]) -> None:
        """Note what the last look showed."""
        self._shown = days

    def announce(self, days: Sequence[date]) -> None:
        """Say which days will be read now, oldest first: many of them come from one query."""
        self._announced, self._at_once = sorted(days), len(days)
        self._stream = self._reached = None

    def look(self, resume: str | None, today: date) -> Seen:
        """One query: which days have rows since `resume` (None: since ever). Raises Refusal."""
        with self._ask("looking for new rows") as query:
            cursor = query.rows.c[self.changed_since] if self.changed_since else None
            columns = (sa.func.count(), *((sa.func.min(cursor), sa.func.max(cursor)) if cursor is not None else ()))
            asked = query.select(query.day, *columns).group_by(query.day)
            if resume is not None and cursor is not None:
                asked = asked.where(cursor >= _behind(resume))
            elif resume is not None:
                asked = asked.where(query.moment >= query.bound(today - timedelta(days=self.lookback_days)))
            found = [(_as_day(day), *rest) for day, *rest in query.run(asked)]
        first = min((day for day, *_ in found if day and EARLIEST <= day < today), default=today - timedelta(days=1))
        marks: dict[date, str] = {}
        for day, count, *bounds in found:
            at = day if day and day >= EARLIEST else min([first, *self._shown])
            if at < today and not (self.first and self.dataset.kind == "event" and at < self.first):
                marks[at] = f"{marks.get(at, '')} {_told(bounds[1]) if bounds else count}".strip()
        if cursor is None:
            return Seen(marks, today.isoformat())
        # Of today's rows none is read yet: the next look begins before the first of them.
        ahead = [_told(low) for day, _, low, _ in found if day and today <= day <= today + timedelta(days=1)]
        met = [_told(high) for day, _, _, high in found if not day or day < today]
        if resume:
            met.append(resume)
        return Seen(marks, min(ahead, key=_place) if ahead else max(met, key=_place) if met else None)

    def read(self, day: date) -> Extract:
        unknown: set[str] = set()
        left_out: Counter[str] = Counter()
        batches = self._batches(day, unknown, left_out)
        return Extract([self._file()], self._shown.get(day, ""), batches, unknown, left_out)

    def everything(self) -> Extract:
        """All rows in one extract, to be looked at and not kept."""
        unknown: set[str] = set()
        left_out: Counter[str] = Counter()
        return Extract([self._file()], "", self._all(unknown, left_out), unknown, left_out)

    def checksums(self, today: date) -> dict[date | None, tuple[int, int]] | None:
        """Of each bucket of keys their number and the sum of their hashes; None where this database can't hash."""
        with self._ask("comparing ids") as query:
            version = query.version() if self.compares_versions else None
            hashed = query.hashed([*self._keys(query), *([] if version is None else [version])])
            if hashed is None:
                return None
            bucket = self._bucket(query)
            asked = query.select(bucket, sa.func.count(), sa.func.sum(hashed)).group_by(bucket)
            found = query.run(self._before(asked, query, today)).fetchall()
        return {_as_day(told): (int(count), int(total)) for told, count, total in found}

    def keys(self, today: date, buckets: Sequence[date | None] | None) -> list[Key]:
        """The keys of some buckets, or of all (None)."""
        with self._ask("comparing ids") as query:
            bucket = self._bucket(query)
            version = query.version() if self.compares_versions else None
            columns = (query.day, bucket, sa.null() if version is None else version)
            asked = self._before(query.select(*self._keys(query), *columns), query, today)
            if buckets is not None:
                known = bucket.in_([query.as_day(one) for one in buckets if one is not None])
                asked = asked.where(sa.or_(known, bucket.is_(None)) if None in buckets else known)
            return [
                Key(tuple(map(str, key)), _as_day(day) or EARLIEST, _as_day(told), version)
                for *key, day, told, version in query.run(asked)
            ]

    @property
    def compares_versions(self) -> bool:
        """Is an entity's updated_at compared too? Not of what keeps every version: an older one is no correction."""
        return self.dataset.kind == "entity" and not self.dataset.keeps_every_version

    def _ask(self, what: str) -> _Asking:
        return _Asking(self, f"{self.dataset.name}: {what}")

    def _file(self) -> SourceFile:
        return SourceFile(f"query on {self.database.shown()}", 0, "")

    def own(self, contract: str) -> str:
        """The source's name for a column of the contract."""
        return self.naming.source_of().get(contract, contract)

    def _keys(self, query: _Asking) -> list[Any]:
        parts: list[Any] = []
        for name in self.dataset.key:
            if name in self.naming.constants:
                parts.append(sa.literal(self.naming.constants[name]))
                continue
            text = sa.cast(query.rows.c[self.own(name)], sa.String)
            words = self.naming.values.get(name)
            parts.append(_in_its_words(text, words) if words else text)
        return parts

    def _bucket(self, query: _Asking) -> Any:
        if self.dataset.event_time is None:
            return sa.literal_column("cast(null as date)")
        return query.day_of(query.rows.c[self.own(self.dataset.event_time)])

    def _before(self, asked: Any, query: _Asking, today: date) -> Any:
        """Of rows before today those that raw may have: with a whole key, and not left out."""
        for name in self.dataset.key:
            if name not in self.naming.given and not self.naming.values.get(name, {}).get(""):
                asked = asked.where(query.rows.c[self.own(name)].is_not(None))
        if self.naming.reason:
            asked = asked.where(query.rows.c[self.naming.reason].is_(None))
        if self.first and self.dataset.kind == "event":
            asked = asked.where(query.moment >= query.bound(self.first))
        return asked.where(sa.or_(query.moment < query.bound(today), query.moment.is_(None)))

    def _batches(self, day: date, unknown: set[str], left_out: Counter[str]) -> Iterator[Batch]:
        where = f"{self.dataset.name}: query for {day}"
        while self._at_once > STREAMED_DAYS and day <= self._announced[-1]:
            try:
                reached = self._advance(day)
                break
            except Refusal as refusal:
                # A source may end what lasts too long for it, and the load takes as long as one query does. Half as
                # many days need half the time; a day that can't be read at all is refused alone.
                self._stream, self._at_once = None, self._at_once // 2
                many = f"{self._at_once} days at once" if self._at_once > STREAMED_DAYS else "day by day"
                log.warning("%s; what is left is asked for from %s on, %s", refusal, day, many)
        else:
            yield from self._window(day, day, where, unknown, left_out)
            return
        if reached is None:
            return
        rows = self._rows(where, reached.offered, unknown, left_out)
        count = 0
        for piece in reached.pieces:
            if isinstance(piece, Batch):
                lines = pa.array(range(count + 1, count + 1 + len(piece.lines)), pa.int64())
                yield replace(piece, lines=lines)
                count += len(lines)
            else:
                rows.begin(count + 1)
                yield rows.batch(piece)
                count += len(piece[0])

    def _advance(self, day: date) -> _Day | None:
        """The stream's rows of a day; None where it has none. A day may be read again before the next one is."""
        if self._stream is None or day > self._last:
            ahead = [one for one in self._announced if one >= day][: self._at_once]
            self._stream, self._reached, self._last = self._streamed(ahead), None, ahead[-1]
        while self._reached is None or self._reached.day < day:
            self._reached = next(self._stream, None) or _Day(date.max, [], [])
            if self._reached.day >= self._last:
                self._stream.close()  # nobody's tables stay locked for what is not read any more
        return self._reached if self._reached.day == day else None

    def _streamed(self, days: Sequence[date]) -> Generator[_Day, None, None]:
        """The rows of days from one query, each day's at once, oldest first.

        What may be made of a row without those before it is made of many days at once: a night of a chat is so few rows
        that the columns of each would cost more than they hold.
        """
        with self._ask(f"query for {days[0]} to {days[-1]}") as query:
            asked = query.select(sa.literal_column("q.*"), query.day_as_text.label(DAY_COLUMN))
            answer = query.stream(self._between(asked, query, days[0], days[-1]).order_by(*query.order))
            offered = answer.names[:-1]
            pieces = (piece for some in answer.parts for piece in self._pieces(offered, some))
            for day, found in groupby(pieces, lambda piece: piece[0]):
                yield _Day(day, offered, [piece for _, piece in found])

    def _pieces(
        self, offered: Sequence[str], columns: Sequence[Values]
    ) -> Iterator[tuple[date, Batch | Sequence[Values]]]:
        """Rows in their order by day: as batches, or, where a word looks at several of a day or some row is no good
        for any, as they are, so that it is the refusal of its own day."""
        *columns, told = columns
        batch: Batch | None = None
        if not self._naming().beside:
            with suppress(Refusal):
                batch = self._rows(self.dataset.name, offered, set(), Counter()).batch(columns)
        first = 0
        for said, last in _runs(told):
            day = self._extract_day(said)
            yield day, part(columns, first, last) if batch is None else batch.part(first, last)
            first = last

    def _extract_day(self, told: Any) -> date:
        day = _as_day(told)
        return day if day and day >= EARLIEST else min(self._shown, default=EARLIEST)

    def _window(
        self, first: date, last: date, where: str, unknown: set[str], left_out: Counter[str]
    ) -> Iterator[Batch]:
        with self._ask(where.partition(": ")[2]) as query:
            answer = query.stream(self._between(query.select(sa.literal_column("q.*")), query, first, last))
            yield from map(self._rows(where, answer.names, unknown, left_out).batch, answer.parts)

    def _all(self, unknown: set[str], left_out: Counter[str]) -> Iterator[Batch]:
        with self._ask("query") as query:
            answer = query.stream(query.select(sa.literal_column("q.*")))
            where = f"{self.dataset.name}: query"
            yield from map(self._rows(where, answer.names, unknown, left_out).batch, answer.parts)

    def _rows(self, where: str, offered: Sequence[str], unknown: set[str], left_out: Counter[str]) -> Rows:
        rows = Rows(self.dataset, self._naming(), where, offered, unknown, left_out)
        unknown.discard(self.changed_since or "")  # it is there for the look, and no news to anybody
        return rows

    def _between(self, asked: Any, query: _Asking, first: date, last: date) -> Any:
        asked = asked.where(sa.or_(query.moment < query.bound(last + timedelta(days=1)), query.moment.is_(None)))
        if first > min(self._shown, default=first):
            return asked.where(query.moment >= query.bound(first))
        if self.first and self.dataset.kind == "event":
            return asked.where(query.moment >= query.bound(self.first))
        return asked  # what says to be older, or says no time, is of the first day there is

    def _naming(self) -> Naming:
        """What is left to do for who reads the rows: `where` was asked of the database, unless groups decide it."""
        return self.naming if self.naming.group else replace(self.naming, where={})


@dataclass(frozen=True)
class _Day:
    """A day's rows, as the database gave them or made batches of already, and the names of their columns."""

    day: date
    offered: list[str]
    pieces: Sequence[Batch | Sequence[Values]]


class _Asking:
    """A source's query as a relation, open on its database, in that database's own words for days and instants."""

    def __init__(self, source: WholeQuery, where: str) -> None:
        self.source = source
        self._open = source.database.connect(where)
        dataset, naming = source.dataset, source.naming
        moment = source.own(dataset.event_time if dataset.kind == "event" and dataset.event_time else "updated_at")
        names = [moment, *naming.where, *filter(None, [source.changed_since, naming.reason])]
        names += [source.own(name) for name in (*dataset.key, *filter(None, [dataset.event_time]))]
        # A colon of the query is its own: a whole query has no parameters. Its last line may be a comment.
        bare = re.sub(r"(?<![:\w\x5c]):(?=\w)", r"\\:", source.query.strip().rstrip(";")) + "\n"
        columns: list[Any] = [sa.column(name) for name in dict.fromkeys(names)]
        self.rows = sa.text(bare).columns(*columns).subquery("q")
        self._moment = self.rows.c[moment]
        self._parts: list[Generator[list[Values], None, None]] = []

    def __enter__(self) -> _Asking:
        self._connection = self._open.__enter__()
        self.backend = self._connection.dialect.name
        if self.source.naming.zone not in (None, "UTC") and self.backend != "postgresql":
            raise Refusal(Sentence("timezone_elsewhere", dataset=self.source.dataset.name))
        return self

    def __exit__(self, *raised: Any) -> Any:
        for parts in self._parts:
            parts.close()  # a statement that is under way keeps its connection from being closed in peace
        return self._open.__exit__(*raised)

    def run(self, asked: Any) -> Any:
        """What is found out about rows."""
        return self._connection.execute(asked)

    def stream(self, asked: Any) -> Answer:
        """The rows themselves."""
        answer = (ask_by_copy if can_copy(self._connection) else ask)(self._connection, asked)
        self._parts.append(answer.parts)
        return answer

    def select(self, *columns: Any) -> Any:
        """Of the rows that `where` means. With groups, only who reads them one after another can tell."""
        asked = sa.select(*columns).select_from(self.rows)
        if not self.source.naming.group:
            for name, wanted in self.source.naming.where.items():
                column = self.rows.c[name]
                among = sa.cast(column, sa.String).in_(wanted)
                asked = asked.where(sa.or_(among, column.is_(None)) if "" in wanted else among)
        return asked

    @property
    def moment(self) -> Any:
        """A row's own time."""
        return self.instant_of(self._moment)

    @property
    def order(self) -> tuple[Any, Any]:
        """Rows without a time first, in every database."""
        return self.moment.is_not(None), self.moment

    @property
    def day(self) -> Any:
        """The UTC day of a row's own time."""
        return self.day_of(self._moment)

    @property
    def day_as_text(self) -> Any:
        """The same, as it comes fastest."""
        return sa.cast(self.day, sa.String)

    def instant_of(self, column: Any) -> Any:
        if self.backend == "sqlite":
            return sa.func.datetime(column)
        if self.backend != "postgresql":
            return column
        instant = sa.cast(column, sa.TIMESTAMP(timezone=True))
        if self.source.naming.zone is None:
            return instant
        # The zone is of times that have none, and which of the two it is only the database knows. Both are written into
        # the statement: to group by an expression it must be the same one, which parameters are not.
        zone, naive = (
            sa.bindparam(None, text, sa.String, unique=True, literal_execute=True)
            for text in (self.source.naming.zone, "timestamp without time zone")
        )
        local = sa.func.timezone(zone, sa.cast(column, sa.TIMESTAMP()))
        bare = sa.cast(sa.func.pg_typeof(column), sa.String) == naive
        return sa.case((bare, local), else_=instant)

    def day_of(self, column: Any) -> Any:
        if self.backend == "sqlite":
            return sa.func.date(column)
        return sa.cast(self.instant_of(column), sa.Date)

    def bound(self, day: date) -> Any:
        """A day's first instant."""
        if self.backend == "sqlite":
            return f"{day} 00:00:00"
        if self.backend == "postgresql":
            return sa.literal(datetime(day.year, day.month, day.day, tzinfo=UTC), sa.TIMESTAMP(timezone=True))
        return datetime(day.year, day.month, day.day)

    def version(self) -> Any:
        """A row's own time as text, to the microsecond (raw's own are made alike, ../looks.py); None where that can't
        be asked for."""
        if self.backend == "postgresql":
            return sa.func.to_char(self.moment, "YYYY-MM-DD HH24:MI:SS.US")
        if self.backend in ("mysql", "mariadb"):
            return sa.func.date_format(self.moment, "%Y-%m-%d %H:%i:%s.%f")
        return None

    def as_day(self, day: date) -> Any:
        return day.isoformat() if self.backend == "sqlite" else day

    def hashed(self, key: Sequence[Any]) -> Any:
        """48 bits of a key's MD5 as a number (raw's own are made alike, ../looks.py); None where there is no MD5."""
        joined = sa.func.concat_ws("/", *key)
        if self.backend == "postgresql":
            bits = sa.cast(sa.literal("x").concat(sa.func.substr(sa.func.md5(joined), 1, 12)), postgresql.BIT(48))
            return sa.cast(bits, sa.BigInteger)
        if self.backend in ("mysql", "mariadb"):
            return sa.cast(sa.func.conv(sa.func.substr(sa.func.md5(joined), 1, 12), 16, 10), sa.BigInteger)
        return None


def _in_its_words(text: Any, words: Mapping[str, str]) -> Any:
    """What `values` makes of a text, in the database."""
    named = [(text == word, meant) for word, meant in words.items() if word not in ("", ANY_OTHER)]
    nothing = (text.is_(None), sa.literal(words[""]) if words.get("") else sa.null())
    return sa.case(nothing, *named, else_=words.get(ANY_OTHER, text))


def _runs(told: Values) -> Iterator[tuple[Any, int]]:
    """Each value of a column that does not change from row to row, and the first row after it."""
    if isinstance(told, pa.Array):
        runs = pc.run_end_encode(told)
        yield from zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True)
        return
    last = 0
    for value, same in groupby(told):
        yield value, (last := last + sum(1 for _ in same))


def _as_day(told: Any) -> date | None:
    if told is None or isinstance(told, date):
        return told
    return date.fromisoformat(str(told)[:10])


def _told(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _place(told: str) -> tuple[int, Any]:
    """Cursors in their order: numbers, instants, texts."""
    if told.isdecimal():
        return 0, int(told)
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        return 2, told
    return 1, moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _behind(resume: str) -> Any:
    """Where a look begins: behind the newest row that the one before saw."""
    if resume.isdecimal():
        return sa.literal(int(resume) - OVERLAP_IDS, sa.BigInteger)
    try:
        moment = datetime.fromisoformat(resume) - OVERLAP
    except ValueError:
        return resume
    return sa.literal(moment, sa.TIMESTAMP(timezone=moment.tzinfo is not None))
