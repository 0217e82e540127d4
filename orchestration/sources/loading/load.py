"""Extracts into raw, one or several in a transaction: judged, quarantined, counted, profiled, touched keys noted.

Not here: what the rules are (contract.py, row_rules.py), or the order in which extracts are loaded (the caller's).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import takewhile
from typing import Any, Literal

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from orchestration.sentences import Sentence
from orchestration.sources.connectors.extract import Extract, Refusal, Source
from orchestration.sources.connectors.outside_text import cause
from orchestration.sources.contract import Column, Dataset
from orchestration.sources.loading import erasure, ledger_entry, profile, revalidation, rivals
from orchestration.sources.loading.bulk_copy import (
    LINE_BITS,
    NotExpress,
    NotWhole,
    append,
    goes_straight,
    stage,
    staged_table,
)
from orchestration.sources.loading.gathering import Ahead, Taken, gather, halves
from orchestration.sources.loading.raw_tables import ensure_indexes, names, same, stored_columns, table
from orchestration.sources.loading.row_rules import cast, rule_sentence, unusual, verdict
from orchestration.sources.loading.screening import Screening
from orchestration.sources.loading.versions import equal, tell_apart
from orchestration.warehouse import locks

REFUSED_SHARE = 0.05
REFUSED_ROWS = 20

Outcome = Literal["loaded", "unchanged", "refused"]


@dataclass(frozen=True)
class Counts:
    """What became of the rows that were read: `read` is the sum of the others."""

    read: int = 0
    loaded: int = 0
    duplicates: int = 0
    superseded: int = 0
    waiting: int = 0
    rejected: int = 0
    erased: int = 0

    def __add__(self, other: Counts) -> Counts:
        theirs = vars(other)
        return Counts(**{name: count + theirs[name] for name, count in vars(self).items()})


@dataclass(frozen=True)
class LoadResult:
    """How one load ended. `reason` says why an extract was refused; `rejected` counts bad rows by rule."""

    dataset: str
    day: date
    outcome: Outcome
    load_id: int
    reason: str | None = None
    by_brand: Mapping[str, Counts] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    unknown_columns: tuple[str, ...] = ()
    warnings: Mapping[str, int] = field(default_factory=dict)
    # Where the time went: copied (read and sent), judged, stored (from where they were judged into raw; nothing where
    # they were copied there), accounted for; of extracts that were loaded together each has an equal part.
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def counts(self) -> Counts:
        return sum(self.by_brand.values(), Counts())


def load_extract(connection: psycopg.Connection[Any], dataset: Dataset, day: date, source: Source) -> LoadResult:
    """Load an extract, replacing what it brought before, and commit.

    A refused extract is a result, and leaves everything as it was but for its line in the ledger. Errors of the
    connection propagate, and leave nothing at all.
    """
    (result,) = load_extracts(connection, dataset, [day], source)
    return result


def load_extracts(
    connection: psycopg.Connection[Any], dataset: Dataset, days: Sequence[date], source: Source
) -> Iterator[LoadResult]:
    """Load the extracts of these days in their order, each as load_extract does, small ones together; commits each
    batch, and then yields what became of its extracts.

    What is wrong with one extract is that one's refusal, and keeps none of its batch from being loaded.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise ValueError("a load commits what it does: it needs a connection without an open transaction")
    left = list(days)
    with Ahead() as ahead:
        while left:
            with connection.transaction():
                _prepare_session(connection)
                _lock_dataset(connection, dataset)
                results = _load_first(connection, dataset, left, source, ahead)
            left = left[len(results) :]
            yield from results


def _load_first(
    connection: psycopg.Connection[Any], dataset: Dataset, days: Sequence[date], source: Source, ahead: Ahead
) -> list[LoadResult]:
    """Load the first of these extracts and those that go with it."""
    started = datetime.now(UTC)
    try:
        source = erasure.forgetful(connection, dataset, source)
    except Refusal as refusal:
        return [record_refusal(connection, dataset, days[0], None, refusal, started)]
    gathered = ahead.gather(source, _together(connection, dataset, days, source))
    results = _load_all(connection, dataset, gathered.taken, source, started) if gathered.taken else []
    if gathered.failed:
        day, extract, error = gathered.failed
        results.append(record_refusal(connection, dataset, day, extract, _refusal(error, dataset, day), started))
    return results


def _together(
    connection: psycopg.Connection[Any], dataset: Dataset, days: Sequence[date], source: Source
) -> Sequence[date]:
    """How many of the first days may be loaded in one go: extracts that were never loaded. One that is replaced changes
    what the next one meets; and after brands, and rows of people who were erased, others are judged anew."""
    if dataset.name == "brands" or isinstance(source, erasure.Forgetful):
        return days[:1]
    standing = {
        day
        for (day,) in connection.execute(
            "select extract_day from raw.extract where dataset = %s and extract_day = any (%s)",
            [dataset.name, list(days)],
        )
    }
    new = list(takewhile(lambda day: day not in standing, dict.fromkeys(days)))
    return new or days[:1]


def _load_all(
    connection: psycopg.Connection[Any],
    dataset: Dataset,
    taken: Sequence[Taken],
    source: Source,
    started: datetime,
) -> list[LoadResult]:
    """Load extracts together or, where that fails, each half of them by itself: down to the one that is at fault."""
    try:
        with connection.transaction():
            results = _Load(connection, dataset, taken, source, started).run()
            erasure.take_away_learned(connection, source)
            return results
    except Exception as error:
        refusal = _refusal(error, dataset, taken[0].day)
        if len(taken) == 1:
            return [record_refusal(connection, dataset, taken[0].day, taken[0].extract, refusal, started)]
    return [result for some in halves(taken) for result in _load_all(connection, dataset, some, source, started)]


def _refusal(error: Exception, dataset: Dataset, day: date) -> Refusal:
    """What was raised while an extract was read and loaded, as the refusal of that extract: it is no reason to stop the
    others. Raises it again where it is the warehouse that failed, for then no extract can be loaded."""
    if isinstance(error, Refusal):
        return error
    is_too_large = isinstance(error, psycopg.errors.ProgramLimitExceeded)  # a row, say, for a page of an index
    failed = psycopg.OperationalError | psycopg.InterfaceError | locks.LockTimeout
    if isinstance(error, failed) and not is_too_large:
        raise error
    if isinstance(error, MemoryError):
        return Refusal(Sentence("extract_memory", where=_of_day(dataset, day)))
    where, kind = _of_day(dataset, day), type(error).__name__
    return Refusal(Sentence("extract_unloadable", where=where, kind=kind, error=cause(error)))


def _of_day(dataset: Dataset, day: date) -> Sentence:
    return Sentence("of_day", dataset=dataset.name, day=day.isoformat())


def judge_extract(
    connection: psycopg.Connection[Any],
    dataset: Dataset,
    day: date,
    source: Source,
    look: Callable[[LoadResult], object],
) -> LoadResult:
    """What load_extract would do, and nothing of it done: `look` sees the tables as they would be."""
    with connection.transaction(force_rollback=True):
        result = judge_within(connection, dataset, day, source)
        if result.outcome != "refused":
            look(result)
        return result


def judge_within(connection: psycopg.Connection[Any], dataset: Dataset, day: date, source: Source) -> LoadResult:
    """Load an extract inside the caller's transaction, which takes it back; a refused one leaves nothing."""
    _prepare_session(connection)
    _lock_dataset(connection, dataset)
    try:
        with connection.transaction():
            source = erasure.forgetful(connection, dataset, source)
            gathered = gather(source, [day])
            if gathered.failed:
                raise gathered.failed[2]
            (result,) = _Load(connection, dataset, gathered.taken, source, datetime.now(UTC)).run()
            return result
    except Exception as error:
        return LoadResult(dataset.name, day, "refused", 0, _refusal(error, dataset, day).reason)


def _prepare_session(connection: psycopg.Connection[Any]) -> None:
    """Settings of this transaction alone: the quarantine and the profile show instants in UTC."""
    connection.execute(
        "set local timezone = 'UTC'; set local datestyle = 'ISO'; set local jit = off; set local work_mem = '256MB'"
    )


def _lock_dataset(connection: psycopg.Connection[Any], dataset: Dataset) -> None:
    """One load of a dataset at a time; brands wait for all others, since their rows are judged by them."""
    locks.hold(connection, locks.of_dataset("brands"), shared=dataset.name != "brands")
    if dataset.name != "brands":
        locks.hold(connection, locks.of_dataset(dataset.name))


def record_refusal(
    connection: psycopg.Connection[Any],
    dataset: Dataset,
    day: date,
    extract: Extract | None,
    refusal: Refusal,
    started: datetime,
) -> LoadResult:
    """Note in the ledger that an extract could not be taken, and why; what it brought before stands."""
    load_id = ledger_entry.refuse_load(connection, dataset, day, extract, refusal.reason, started)
    return LoadResult(dataset.name, day, "refused", load_id, refusal.reason)


class _Load:
    """The steps of one load, of an extract or of several that were never loaded; each reads the tables that those
    before it made."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        dataset: Dataset,
        taken: Sequence[Taken],
        source: Source,
        started: datetime,
    ) -> None:
        self.connection = connection
        self.dataset = dataset
        self.taken = taken
        self.source = source
        self.started = started
        self.days = [one.day for one in taken]
        self.express = True
        self.several = False  # has some key several rows in one extract?
        self.stood = self._has_extracts("= any")
        self.others = self._has_extracts("<> all") or len(taken) > 1
        self.staged = staged_table(dataset)
        self.fresh = sql.Identifier("raw", f"fresh_{dataset.name}")
        self.screening = Screening(dataset)
        self._combined: sql.Identifier | None = None
        self._kept: list[sql.Identifier] = []

    @property
    def replaces(self) -> bool:
        return self.stood and not self.source.adds_only

    def run(self) -> list[LoadResult]:
        """What is new and beyond reproach goes straight into raw; all else is staged, judged row by row, and compared
        with what raw has."""
        clock = _Clock()
        if self.stood:
            ensure_indexes(self.connection, self.dataset, only_loads=True)
        straight = goes_straight(self.dataset) and not self.stood and self._try_straight(clock)
        changed: sql.Composable = self.fresh if straight else self._with_a_closer_look(clock)
        any_changed = self._has_rows(changed)
        if self.others or self.several:
            ensure_indexes(self.connection, self.dataset, only_loads=True)
        if any_changed and self.stood:
            tell_apart(self.connection, self.dataset, changed)
        elif any_changed and self.several:
            tell_apart(self.connection, self.dataset, sql.Identifier("several"))
        clock.lap("stored")
        met = rivals.find(self, self._compared(changed)) if self.others else None
        said = rivals.hold_against(self, changed, met) if met or self.stood else None
        touched = {
            column: rivals.touch(self, entity, column, changed, said, are_met=met is not None)
            for entity, column in self.dataset.touches.items()
        }
        warnings = self._count_unusual(identifiers=not straight or self.screening.may_be_unusual)
        combined = self._combined or profile.combine(self, sql.SQL("null"))
        by_load = ledger_entry.count_rows(
            self, combined, self._dropped(), rivals.beaten(self, met), erased=erasure.counted(self.source)
        )
        distinct = touched if said is None else {}  # else they hold less, or more, than the rows' own
        profile.write_profile(self, combined, keys_are_unique=not self.several, known=distinct)
        if self.dataset.name == "brands":
            revalidation.take_up(self.connection, self.taken[0].load_id)
        outcome: Outcome = "loaded" if any_changed or not self.stood else "unchanged"
        ledger_entry.close_loads(self.connection, self.taken, outcome, warnings)
        self.execute("drop view {fresh}" if straight else "drop table {staged}, {fresh}")
        self.execute("drop table {kept}", kept=sql.SQL(", ").join(self._kept))
        clock.lap("accounted for")
        return [
            LoadResult(
                self.dataset.name,
                one.day,
                outcome,
                one.load_id,
                by_brand={brand: Counts(*counts) for brand, counts in by_load[one.load_id].items()},
                rejected=one.rejected,
                unknown_columns=tuple(sorted(one.extract.unknown)),
                warnings=warnings.get(one.load_id, {}),
                seconds={name: lap / len(self.taken) for name, lap in clock.laps.items()},
            )
            for one in self.taken
        ]

    def execute(self, statement: str, *parameters: Any, **parts: sql.Composable) -> psycopg.Cursor[Any]:
        composed = sql.SQL(statement).format(
            staged=self.staged,
            fresh=self.fresh,
            raw=table(self.dataset),
            days=sql.Literal(self.days),
            first=sql.Literal(self.taken[0].load_id),
            last=sql.Literal(self.taken[-1].load_id),
            **parts,
        )
        return self.connection.execute(composed, parameters or None)

    def keep(self, name: str, query: str, *parameters: Any, **parts: sql.Composable) -> sql.Identifier:
        """A table of what a query finds, until the end of the load: the transaction may hold another one."""
        kept = sql.Identifier("pg_temp", name)
        self.execute("create temp table {kept} on commit drop as " + query, *parameters, kept=kept, **parts)
        self._kept.append(kept)
        return kept

    def _try_straight(self, clock: _Clock) -> bool:
        """Whether the extracts stand in raw now, judged and without fault; if not, they can be read again."""
        try:
            with self.connection.transaction():
                self._open()
                self._empty_if_first()
                append(self.connection, self.dataset, self.taken, self.screening.look)
                self.execute("create view {fresh} as select * from {raw} where extract_day = any ({days})")
                self._analyse_if_grown()
                clock.lap("copied")
                blameless = self._is_blameless()
                clock.lap("judged")
                if not blameless:
                    raise psycopg.Rollback
                return True
        except NotExpress:
            self.express = False
        except (NotWhole, psycopg.errors.NotNullViolation, psycopg.errors.ProgramLimitExceeded):
            pass  # a value that is missing, or an identifier too long for an index
        self._combined, self._kept = None, []
        self._read_again()
        return False

    def _compared(self, changed: sql.Composable) -> sql.Composable:
        """The rows that are held against other extracts': all that came, and of a replaced extract those that went."""
        if not self.stood:
            return self.fresh
        key = names((*self.dataset.key, "extract_day"))
        return sql.SQL("(select {0} from {1} union all select {0} from {2})").format(key, self.fresh, changed)

    def _read_again(self) -> None:
        for one in self.taken:
            one.read_again()

    def _analyse_if_grown(self) -> None:
        """Without knowing how many rows a day has, PostgreSQL would sort a million rows instead of hashing them."""
        known = self.execute("select reltuples from pg_class where oid = %s::regclass", f"raw.{self.dataset.name}")
        rows = sum(one.rows_read for one in self.taken)
        if rows > (known.fetchone() or (0,))[0] / 10:
            self.execute(
                "set local default_statistics_target = 10; analyze {raw} ({columns});"
                " set local default_statistics_target to default",
                columns=names((*self.dataset.key, "extract_day")),
            )

    def _is_blameless(self) -> bool:
        """Is no fresh row bad, and no key there twice?"""
        self._combined = profile.combine(self, verdict(self.dataset, express=True))
        if self._has_rows(sql.SQL("(select from {} where faults > 0)").format(self._combined)):
            return False
        are_distinct = self.screening.has_distinct_keys()
        if are_distinct is not None:
            return are_distinct
        # Where all hashes differ, so do all keys: numbers are sorted in half the time that it takes to group texts.
        key: sql.Composable = sql.SQL("extract_day - date '2000-01-01'")
        for name in self.dataset.key:
            key = sql.SQL("hashtextextended({}::text, {})").format(sql.Identifier(name), key)
        alike = self.execute("select count(*) - count(distinct {key}) from {fresh}", key=key)
        return alike.fetchone() == (0,)

    def _with_a_closer_look(self, clock: _Clock) -> sql.Composable:
        """Rows by way of a table of their own, where the bad ones are told from the good. Returns the table of rows
        that changed raw."""
        self._open()
        self._stage()
        clock.lap("copied")
        self._judge()
        clock.lap("judged")
        self._quarantine()
        self._type_good_rows()
        self._drop_copies()
        if self.dataset.currency_column:
            revalidation.quarantine_foreign_currency(self.connection, self.dataset, self.fresh)
        return self._carry_over()

    def _open(self) -> None:
        ledger_entry.open_loads(self.connection, self.dataset, self.taken, self.started)

    def _stage(self) -> None:
        """Rows in, typed on the way where all of them allow it, else once more as text."""
        if self.express:
            try:
                with self.connection.transaction():
                    stage(self.connection, self.dataset, self.taken, express=True)
                return
            except NotExpress:
                self.express = False
                self._read_again()
        stage(self.connection, self.dataset, self.taken, express=False)

    def _judge(self) -> None:
        """Name the bad rows in the table `bad`. Raises Refusal when an extract has too many."""
        bad = self.keep(
            "bad",
            "select extract_day, place, split_part(verdict, ':', 1) as rule,"
            " nullif(split_part(verdict, ':', 2), '') as column_name"
            " from (select s.extract_day, s.place, {verdict} as verdict from {staged} s) judged"
            " where verdict is not null",
            verdict=verdict(self.dataset, self.express),
        )
        found = self.execute(
            "select extract_day, rule, column_name, count(*) from {bad} group by 1, 2, 3 order by 4 desc, 2, 3", bad=bad
        ).fetchall()
        for one in self.taken:
            rows = [tuple(rest) for day, *rest in found if day == one.day]
            number = sum(row[2] for row in rows)
            if number >= REFUSED_ROWS and number > REFUSED_SHARE * one.rows_read:
                told = [
                    Sentence("rule_broken", count=count, column=column or "row", rule=rule_sentence(rule))
                    for rule, column, count in rows[:5]
                ]
                limits = {"share": REFUSED_SHARE, "least": REFUSED_ROWS}
                where = _of_day(self.dataset, one.day)
                raise Refusal(Sentence("rows_bad", where=where, bad=number, rows=one.rows_read, **limits, rules=told))
            counts: Counter[str] = Counter()
            for rule, _, count in rows:
                counts[rule] += count
            one.rejected = dict(counts)

    def _quarantine(self) -> None:
        """Bad rows into the quarantine, in the place of those that the extracts had there before."""
        self.execute("delete from raw.quarantine where dataset = %s and extract_day = any ({days})", self.dataset.name)
        shown = [column for column in self.dataset.columns if not column.free_text]
        pairs = sql.SQL(", ").join(
            sql.SQL("{}, {}").format(sql.Literal(column.name), _shown(column)) for column in shown
        )
        self.execute(
            """
            insert into raw.quarantine (load_id, dataset, extract_day, brand_id, file, line, place, rule, column_name,
                                        value, "row", digest)
            select s.load_id, %s, s.extract_day, {brand}, %s::jsonb -> s.load_id::text ->> (b.place >> {bits})::integer,
                   b.place & {mask}, b.place,
                   b.rule, b.column_name, left(contents.row ->> b.column_name, 200),
                   case when s.digest is null then contents.row end,
                   coalesce(s.digest, encode(sha256(convert_to(contents.row::text, 'UTF8')), 'hex'))
              from bad b join {staged} s using (extract_day, place),
                   lateral (select jsonb_build_object({pairs}) as row) contents
            """,
            self.dataset.name,
            Jsonb({one.load_id: [file.name for file in one.extract.files] for one in self.taken if one.rejected}),
            brand=ledger_entry.readable_brand("s"),
            bits=sql.Literal(LINE_BITS),
            mask=sql.Literal(2**LINE_BITS - 1),
            pairs=pairs,
        )

    def _type_good_rows(self) -> None:
        """The good rows as raw will hold them, in the table `fresh`."""
        self.execute(
            """
            create unlogged table {fresh} as
            select {typed}, s.extract_day, null::bytea as content_hash, s.load_id, s.place
              from {staged} s
            """
            # A temporary table keeps parallel workers out of a query: left away where there is nothing in it.
            + " where (extract_day, place) not in (select extract_day, place from bad)"
            * any(one.rejected for one in self.taken),
            typed=sql.SQL(", ").join(
                sql.SQL("{} as {}").format(cast(column, self.express), sql.Identifier(column.name))
                for column in self.dataset.columns
            ),
        )
        self.execute("analyze {fresh} ({key})", key=names(self.dataset.key))

    def _drop_copies(self) -> None:
        """Of equal rows inside the extract keep the first; the others are counted in the table `dropped`."""
        key = (*self.dataset.key, "extract_day")
        several = self.keep("several", "select {key} from {fresh} group by {key} having count(*) > 1", key=names(key))
        self.several = self._has_rows(several)
        if self.several:
            self.keep(
                "dropped",
                """
                select load_id, brand_id, extract_day, place
                  from (
                        select f.load_id, f.brand_id, f.extract_day, f.place,
                               row_number() over (partition by {contents} order by f.place) as copy
                          from {fresh} f join several s on {same_key}) found
                 where copy > 1
                """,
                contents=names((*self.dataset.column_names, "extract_day"), "f"),
                same_key=same(key, "f", "s"),
            )
            self.execute(
                "delete from {fresh} f using dropped d where d.extract_day = f.extract_day and d.place = f.place"
            )

    def _dropped(self) -> sql.Composable:
        """The number of copies that were dropped, by load and brand."""
        if not self.several:
            return sql.SQL(
                "select null::bigint as load_id, null::text as brand_id, null::bigint as rows_dropped where false"
            )
        return sql.SQL("select load_id, brand_id, count(*) as rows_dropped from dropped group by 1, 2")

    def _has_rows(self, relation: sql.Composable) -> bool:
        return self.execute("select exists (select from {relation})", relation=relation).fetchone() == (True,)

    def _has_extracts(self, comparison: str) -> bool:
        found = self.connection.execute(
            sql.SQL("select exists (select from raw.extract where dataset = %s and extract_day {} (%s))").format(
                sql.SQL(comparison)
            ),
            [self.dataset.name, self.days],
        )
        return found.fetchone() == (True,)

    def _empty_if_first(self) -> None:
        """A table that this transaction has emptied need not be logged row by row, where wal_level is minimal."""
        if not self.stood and self.execute("select not exists (select from {raw})").fetchone() == (True,):
            self.execute("truncate {raw}")

    def _carry_over(self) -> sql.Composable:
        """Make raw hold what the extract says, writing only what differs. Returns the table of rows that differed."""
        columns = stored_columns(self.dataset)
        if not self.stood:
            self._empty_if_first()
            self.execute("insert into {raw} ({columns}) select {columns} from {fresh}", columns=names(columns))
            return self.fresh
        removed = self._removed()
        added = sql.SQL("not exists (select from {} r where r.extract_day = f.extract_day and {})").format(
            table(self.dataset), equal(self.dataset, "f", "r")
        )
        changed = self.keep(
            "changed",
            "select {f_all}, false as is_gone from {fresh} f where {added}"
            + " union all select {r_all}, true from {raw} r where {removed}" * (removed is not None),
            f_all=names(columns, "f"),
            r_all=names(columns, "r"),
            added=added,
            removed=removed or sql.SQL(""),
        )
        if self._has_rows(changed):
            if removed is not None:
                self.execute("delete from {raw} r where {removed}", removed=removed)
            self.execute(
                "insert into {raw} ({columns}) select {columns} from {fresh} f where {added}",
                columns=names(columns),
                added=added,
            )
        self._note_places()
        if self.source.adds_only:
            self.execute(
                "delete from raw.vanished where dataset = %s and extract_day = any ({days})", self.dataset.name
            )
        return changed

    def _note_places(self) -> None:
        """A row that came again may stand on another line or in another file: that is where a person looks for it, and
        what the quarantine says of it, whichever version of the extract came first."""
        if "place" not in stored_columns(self.dataset):
            return
        self.execute(
            "update {raw} r set place = f.place, load_id = f.load_id"
            " from {fresh} f, raw.load as was, raw.load as this"
            " where r.extract_day = f.extract_day and {same} and was.load_id = r.load_id and this.load_id = f.load_id"
            " and (r.place, was.files -> (r.place >> {bits})::integer ->> 'name')"
            " is distinct from (f.place, this.files -> (f.place >> {bits})::integer ->> 'name')",
            same=equal(self.dataset, "f", "r"),
            bits=sql.Literal(LINE_BITS),
        )

    def _removed(self) -> sql.Composable | None:
        """Which rows `r` of raw go: those that the extract no longer has; of one that only adds, those that a
        comparison with the source found gone (looks.py). None where there can be none."""
        if not self.source.adds_only:
            return sql.SQL("r.extract_day = any ({}) and not exists (select from {} f where {})").format(
                sql.Literal(self.days), self.fresh, equal(self.dataset, "f", "r")
            )
        some = "select exists (select from raw.vanished where dataset = %s and extract_day = any ({days}))"
        if self.execute(some, self.dataset.name).fetchone() == (False,):
            return None
        return sql.SQL(
            "r.extract_day = any ({days}) and array[{key}] in (select key from raw.vanished where dataset = {name}"
            " and extract_day = any ({days})) and not exists (select from {fresh} f where {equal})"
        ).format(
            days=sql.Literal(self.days),
            key=sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier("r", name)) for name in self.dataset.key),
            name=sql.Literal(self.dataset.name),
            fresh=self.fresh,
            equal=equal(self.dataset, "f", "r"),
        )

    def _count_unusual(self, identifiers: bool) -> dict[int, dict[str, int]]:
        """What is reported of good rows (of their `identifiers` too, unless they were screened), and of rows that their
        source leaves out, by load."""
        found: dict[int, dict[str, int]] = {one.load_id: {} for one in self.taken}
        if conditions := unusual(self.dataset, True, identifiers):
            counts = sql.SQL(", ").join(sql.SQL("count(*) filter (where {})").format(it) for it in conditions.values())
            for load_id, *numbers in self.execute("select load_id, {counts} from {fresh} s group by 1", counts=counts):
                found[load_id] = {name: count for name, count in zip(conditions, numbers, strict=True) if count}
        if self.several and self.dataset.kind == "event":
            for load_id, contradictions in self._count_contradictions():
                found[load_id] |= contradictions
        for one in self.taken:
            if left_out := one.extract.left_out:
                said: dict[str, int] = {Sentence("odd_left_out", why=why): number for why, number in left_out.items()}
                found[one.load_id] = {**found.get(one.load_id, {}), **said}
        return found

    def _count_contradictions(self) -> Iterator[tuple[int, dict[str, int]]]:
        """Rows that one extract has of an event beside the one that stands, by the identifiers in which they differ: an
        event is written once, so these may be several events whose ids are unique only within something else."""
        key = self.dataset.key[-1]
        told = [column.name for column in self.dataset.columns if column.type == "id" and column.required]
        others = [name for name in told if name not in self.dataset.key]
        sums = [
            sql.SQL("coalesce(sum(times - 1) filter (where {} > 1), 0)").format(sql.Identifier(name)) for name in others
        ]
        rows = self.execute(
            "select load_id, {sums} from (select f.load_id, count(*) as times{distinct} from {fresh} f"
            " join several s on {same_key} group by f.load_id, {key} having count(*) > 1) as contended group by 1",
            sums=sql.SQL(", ").join([sql.SQL("coalesce(sum(times - 1), 0)"), *sums]),
            distinct=sql.SQL("").join(
                sql.SQL(", count(distinct {}) as {}").format(sql.Identifier("f", name), sql.Identifier(name))
                for name in others
            ),
            key=names(self.dataset.key, "f"),
            same_key=same((*self.dataset.key, "extract_day"), "f", "s"),
        )
        for load_id, every, *by_column in rows:
            differing = dict(zip(others, map(int, by_column), strict=True))
            found: dict[str, int] = {
                Sentence("odd_contradiction", column=name, key=key): number
                for name, number in differing.items()
                if number
            }
            yield load_id, found or {Sentence("odd_several", key=key): int(every)}


def _shown(column: Column) -> sql.Composed:
    """What the quarantine shows of a staged value: a plain e-mail address where a hash was due is not kept."""
    value = sql.Identifier("s", column.name)
    if column.hashed:
        return sql.SQL("case when position('@' in {0}) = 0 then {0} end").format(value)
    return sql.SQL("{}").format(value)


class _Clock:
    """Seconds between laps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now
