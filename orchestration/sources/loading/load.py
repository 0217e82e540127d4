"""One extract into raw, in one transaction: judged, quarantined, counted, profiled, and its touched keys noted.

Not here: what the rules are (contract.py, row_rules.py), or the order in which extracts are loaded (the caller's).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from orchestration.sources.connectors.extract import Extract, Refusal, Source
from orchestration.sources.connectors.outside_text import cause
from orchestration.sources.contract import Column, Dataset
from orchestration.sources.loading import change_kind, erasure, ledger_entry, revalidation
from orchestration.sources.loading.bulk_copy import (
    LINE_BITS,
    NotExpress,
    NotWhole,
    append,
    goes_straight,
    stage,
    staged_table,
)
from orchestration.sources.loading.profile import write_profile
from orchestration.sources.loading.raw_tables import ensure_indexes, names, same, stored_columns, table
from orchestration.sources.loading.row_rules import RULES, cast, unusual, verdict
from orchestration.sources.loading.versions import equal, newer, tell_apart
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
        mine, theirs = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})


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
    # they were copied there), accounted for.
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def counts(self) -> Counts:
        return sum(self.by_brand.values(), Counts())


def load_extract(connection: psycopg.Connection[Any], dataset: Dataset, day: date, source: Source) -> LoadResult:
    """Load an extract, replacing what it brought before, and commit.

    A refused extract is a result, and leaves everything as it was but for its line in the ledger. Errors of the
    connection propagate, and leave nothing at all.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise ValueError("load_extract commits what it does: it needs a connection without an open transaction")
    started = datetime.now(UTC)
    with connection.transaction():
        _prepare_session(connection)
        _lock_dataset(connection, dataset)
        extract: Extract | None = None
        try:
            with connection.transaction():
                source = erasure.forgetful(connection, dataset, source)
                extract = source.read(day)
                load = _Load(connection, dataset, day, source, started)
                result = load.run(extract)
                erasure.take_away_learned(connection, source)
                return result
        except Exception as error:
            refusal = _refusal(error, dataset, day)
            return record_refusal(connection, dataset, day, extract, str(refusal), started)


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
        return Refusal(f"{dataset.name} of {day}: there is not enough memory to read the extract")
    return Refusal(f"{dataset.name} of {day}: the extract can't be loaded: {type(error).__name__}: {cause(error)}")


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
            return _Load(connection, dataset, day, source, datetime.now(UTC)).run(source.read(day))
    except Exception as error:
        return LoadResult(dataset.name, day, "refused", 0, str(_refusal(error, dataset, day)))


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


def next_load_id(connection: psycopg.Connection[Any]) -> int:
    """A new load's number. Held until commit, the lock makes loads appear in the order of their numbers: whoever has
    seen load 7 has seen all before it, which lets a publication consume the touched list up to a number."""
    locks.hold(connection, locks.LEDGER)
    row = connection.execute("select nextval('raw.load_id')").fetchone()
    assert row is not None
    return int(row[0])


def record_refusal(
    connection: psycopg.Connection[Any],
    dataset: Dataset,
    day: date,
    extract: Extract | None,
    reason: str,
    started: datetime,
) -> LoadResult:
    """Note in the ledger that an extract could not be taken, and why; what it brought before stands."""
    load_id = next_load_id(connection)
    ledger_entry.open_load(connection, load_id, dataset, day, extract, started, outcome="refused", reason=reason)
    return LoadResult(dataset.name, day, "refused", load_id, reason)


class _Load:
    """The steps of one load; each reads the tables that those before it made."""

    def __init__(
        self, connection: psycopg.Connection[Any], dataset: Dataset, day: date, source: Source, started: datetime
    ) -> None:
        self.connection = connection
        self.dataset = dataset
        self.day = day
        self.source = source
        self.started = started
        self.express = True
        self.load_id = 0
        self.rows_read = 0
        self.rejected: dict[str, int] = {}
        self.several = False  # has some key several rows?
        self.stood = self._has_extracts("=")
        self.others = self._has_extracts("<>")
        self.staged = staged_table(dataset)
        self.fresh = sql.Identifier("raw", f"fresh_{dataset.name}")

    def run(self, extract: Extract) -> LoadResult:
        """What is new and beyond reproach goes straight into raw; all else is staged, judged row by row, and compared
        with what raw has."""
        clock = _Clock()
        if self.others or self.stood:
            ensure_indexes(self.connection, self.dataset)
        straight = goes_straight(self.dataset) and not self.stood
        if straight:
            straight, extract = self._try_straight(extract, clock)
        changed: sql.Composable = self.fresh
        if not straight:
            changed = self._with_a_closer_look(extract, clock)
        any_changed = self._has_rows(changed)
        if any_changed and self.stood:
            tell_apart(self.connection, self.dataset, changed)
        elif any_changed and self.several:
            contended = sql.SQL("(select *, {}::date as extract_day from several)").format(sql.Literal(self.day))
            tell_apart(self.connection, self.dataset, contended)
        clock.lap("stored")
        said = self._hold_against_rivals(changed) if self.others or self.stood else None
        touches = self.dataset.touches.items()
        touched = {column: self._touch(entity, column, changed, said) for entity, column in touches}
        warnings = self._count_unusual()
        by_brand = ledger_entry.count_rows(
            self, self._dropped(), rivals=self.several or self.others, erased=erasure.counted(self.source)
        )
        distinct = {} if self.stood or self.others else touched  # else they hold less, or more, than the rows' own
        write_profile(self, keys_are_unique=not self.several, known=distinct)
        if self.dataset.name == "brands":
            revalidation.take_up(self.connection, self.load_id)
        outcome: Outcome = "loaded" if any_changed or not self.stood else "unchanged"
        ledger_entry.close_load(self.connection, self.load_id, outcome, extract, warnings)
        self.execute("drop view {fresh}" if straight else "drop table {staged}, {fresh}")
        clock.lap("accounted for")
        return LoadResult(
            self.dataset.name,
            self.day,
            outcome,
            self.load_id,
            by_brand={brand: Counts(*counts) for brand, counts in by_brand.items()},
            rejected=self.rejected,
            unknown_columns=tuple(sorted(extract.unknown)),
            warnings=warnings,
            seconds=clock.laps,
        )

    def execute(self, statement: str, *parameters: Any, **parts: sql.Composable) -> psycopg.Cursor[Any]:
        composed = sql.SQL(statement).format(
            staged=self.staged,
            fresh=self.fresh,
            raw=table(self.dataset),
            day=sql.Literal(self.day),
            load=sql.Literal(self.load_id),
            **parts,
        )
        return self.connection.execute(composed, parameters or None)

    def _try_straight(self, extract: Extract, clock: _Clock) -> tuple[bool, Extract]:
        """Whether the extract stands in raw now, judged and without fault; and if not, the extract to be read again."""
        try:
            with self.connection.transaction():
                self._open(extract)
                self._empty_if_first()
                self.rows_read = append(self.connection, self.dataset, extract, self.day, self.load_id)
                self.execute("create view {fresh} as select * from {raw} where extract_day = {day}")
                self._analyse_if_grown()
                clock.lap("copied")
                blameless = self._is_blameless()
                clock.lap("judged")
                if not blameless:
                    raise psycopg.Rollback
                return True, extract
        except NotExpress:
            self.express = False
        except (NotWhole, psycopg.errors.NotNullViolation, psycopg.errors.ProgramLimitExceeded):
            pass  # a value that is missing, or an identifier too long for an index
        return False, self.source.read(self.day)

    def _analyse_if_grown(self) -> None:
        """Without knowing how many rows a day has, PostgreSQL would sort a million rows instead of hashing them."""
        known = self.execute("select reltuples from pg_class where oid = %s::regclass", f"raw.{self.dataset.name}")
        if self.rows_read > (known.fetchone() or (0,))[0] / 10:
            self.execute("analyze {raw} ({columns})", columns=names((*self.dataset.key, "extract_day")))

    def _is_blameless(self) -> bool:
        """Is no fresh row bad, and no key there twice?"""
        faults = self.execute(
            "select count(*) from (select *, null as problem from {fresh}) s where {verdict} is not null",
            verdict=verdict(self.dataset, self.day, express=True),
        )
        if faults.fetchone() != (0,):
            return False
        # Where all hashes differ, so do all keys: numbers are sorted in half the time that it takes to group texts.
        key: sql.Composable = sql.SQL("0")
        for name in self.dataset.key:
            key = sql.SQL("hashtextextended({}::text, {})").format(sql.Identifier(name), key)
        alike = self.execute("select count(*) - count(distinct {key}) from {fresh}", key=key)
        return alike.fetchone() == (0,)

    def _with_a_closer_look(self, extract: Extract, clock: _Clock) -> sql.Composable:
        """Rows by way of a table of their own, where the bad ones are told from the good. Returns the table of rows
        that changed raw."""
        extract = self._stage(extract)
        clock.lap("copied")
        self.rejected = self._judge()
        clock.lap("judged")
        self._open(extract)
        self._quarantine([file.name for file in extract.files])
        self._type_good_rows()
        self._drop_copies()
        if self.dataset.currency_column:
            revalidation.quarantine_foreign_currency(self.connection, self.dataset, self.fresh)
        return self._carry_over()

    def _open(self, extract: Extract) -> None:
        self.load_id = next_load_id(self.connection)
        ledger_entry.open_load(self.connection, self.load_id, self.dataset, self.day, extract, self.started)

    def _stage(self, extract: Extract) -> Extract:
        """Rows in, typed on the way where all of them allow it, else once more as text."""
        if self.express:
            try:
                with self.connection.transaction():
                    self.rows_read = stage(self.connection, self.dataset, extract, express=True)
                return extract
            except NotExpress:
                self.express = False
                extract = self.source.read(self.day)
        self.rows_read = stage(self.connection, self.dataset, extract, express=False)
        return extract

    def _judge(self) -> dict[str, int]:
        """Name the bad rows in the table `bad`. Raises Refusal when they are too many."""
        self.execute(
            "create temp table bad on commit drop as select place, split_part(verdict, ':', 1) as rule,"
            " nullif(split_part(verdict, ':', 2), '') as column_name"
            " from (select s.place, {verdict} as verdict from {staged} s) judged where verdict is not null",
            verdict=verdict(self.dataset, self.day, self.express),
        )
        found = self.execute("select rule, column_name, count(*) from bad group by 1, 2 order by 3 desc, 1, 2")
        rows = found.fetchall()
        bad = sum(row[2] for row in rows)
        if bad >= REFUSED_ROWS and bad > REFUSED_SHARE * self.rows_read:
            told = "; ".join(f"{count} x {column or 'row'}: {RULES[rule]}" for rule, column, count in rows[:5])
            raise Refusal(
                f"{self.dataset.name} of {self.day}: {bad} of {self.rows_read} rows are bad, over"
                f" {REFUSED_SHARE:.0%} and at least {REFUSED_ROWS} ({told})"
            )
        counts: Counter[str] = Counter()
        for rule, _, count in rows:
            counts[rule] += count
        return dict(counts)

    def _quarantine(self, files: list[str]) -> None:
        """Bad rows into the quarantine, in the place of those that the extract had there before."""
        self.execute("delete from raw.quarantine where dataset = %s and extract_day = {day}", self.dataset.name)
        shown = [column for column in self.dataset.columns if not column.free_text]
        pairs = sql.SQL(", ").join(
            sql.SQL("{}, {}").format(sql.Literal(column.name), _shown(column)) for column in shown
        )
        self.execute(
            """
            insert into raw.quarantine (load_id, dataset, extract_day, brand_id, file, line, place, rule, column_name,
                                        value, "row", digest)
            select {load}, %s, {day}, {brand}, (%s::text[])[1 + (b.place >> {bits})], b.place & {mask}, b.place,
                   b.rule, b.column_name, left(contents.row ->> b.column_name, 200),
                   case when s.digest is null then contents.row end,
                   coalesce(s.digest, encode(sha256(convert_to(contents.row::text, 'UTF8')), 'hex'))
              from bad b join {staged} s using (place), lateral (select jsonb_build_object({pairs}) as row) contents
            """,
            self.dataset.name,
            files,
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
            select {typed}, {day}::date as extract_day, null::bytea as content_hash, {load}::bigint as load_id, s.place
              from {staged} s
            """
            # A temporary table keeps parallel workers out of a query: left away where there is nothing in it.
            + " where not exists (select from bad b where b.place = s.place)" * bool(self.rejected),
            typed=sql.SQL(", ").join(
                sql.SQL("{} as {}").format(cast(column, self.express), sql.Identifier(column.name))
                for column in self.dataset.columns
            ),
        )
        self.execute("analyze {fresh} ({key})", key=names(self.dataset.key))

    def _drop_copies(self) -> None:
        """Of equal rows inside the extract keep the first; the others are counted in the table `dropped`."""
        self.execute(
            "create temp table several on commit drop as select {key} from {fresh} group by {key} having count(*) > 1",
            key=names(self.dataset.key),
        )
        self.several = self._has_rows(sql.Identifier("several"))
        if self.several:
            self.execute(
                """
                create temp table dropped on commit drop as
                select brand_id, place
                  from (
                        select f.brand_id, f.place,
                               row_number() over (partition by {contents} order by f.place) as copy
                          from {fresh} f join several s on {same_key}) found
                 where copy > 1
                """,
                contents=names(self.dataset.column_names, "f"),
                same_key=same(self.dataset.key, "f", "s"),
            )
            self.execute("delete from {fresh} f using dropped d where d.place = f.place")

    def _dropped(self) -> sql.Composable:
        """The number of copies that were dropped, by brand."""
        if not self.several:
            return sql.SQL("select ''::text as brand_id, 0 as rows_dropped where false")
        return sql.SQL("select brand_id, count(*) as rows_dropped from dropped group by 1")

    def _has_rows(self, relation: sql.Composable) -> bool:
        return self.execute("select exists (select from {relation})", relation=relation).fetchone() == (True,)

    def _has_extracts(self, comparison: str) -> bool:
        found = self.connection.execute(
            sql.SQL("select exists (select from raw.extract where dataset = %s and extract_day {} %s)").format(
                sql.SQL(comparison)
            ),
            [self.dataset.name, self.day],
        )
        return found.fetchone() == (True,)

    def _empty_if_first(self) -> None:
        """A table that this transaction has emptied need not be logged row by row, where wal_level is minimal."""
        if (
            not self.others
            and not self.stood
            and self.execute("select not exists (select from {raw})").fetchone() == (True,)
        ):
            self.execute("truncate {raw}")

    def _carry_over(self) -> sql.Composable:
        """Make raw hold what the extract says, writing only what differs. Returns the table of rows that differed."""
        columns = stored_columns(self.dataset)
        if not self.stood:
            self._empty_if_first()
            self.execute("insert into {raw} ({columns}) select {columns} from {fresh}", columns=names(columns))
            return self.fresh
        changed = sql.Identifier("pg_temp", "changed")
        removed = self._removed()
        added = sql.SQL("not exists (select from {} r where r.extract_day = {} and {})").format(
            table(self.dataset), sql.Literal(self.day), equal(self.dataset, "f", "r")
        )
        self.execute(
            "create temp table changed on commit drop as select {f_all}, false as is_gone from {fresh} f where {added}"
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
        if self.source.adds_only:
            self.execute("delete from raw.vanished where dataset = %s and extract_day = {day}", self.dataset.name)
        return changed

    def _removed(self) -> sql.Composable | None:
        """Which rows `r` of raw go: those that the extract no longer has; of one that only adds, those that a
        comparison with the source found gone (looks.py). None where there can be none."""
        if not self.source.adds_only:
            return sql.SQL("r.extract_day = {} and not exists (select from {} f where {})").format(
                sql.Literal(self.day), self.fresh, equal(self.dataset, "f", "r")
            )
        some = "select exists (select from raw.vanished where dataset = %s and extract_day = {day})"
        if self.execute(some, self.dataset.name).fetchone() == (False,):
            return None
        return sql.SQL(
            "r.extract_day = {day} and array[{key}] in (select key from raw.vanished where dataset = {name}"
            " and extract_day = {day}) and not exists (select from {fresh} f where {equal})"
        ).format(
            day=sql.Literal(self.day),
            key=sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier("r", name)) for name in self.dataset.key),
            name=sql.Literal(self.dataset.name),
            fresh=self.fresh,
            equal=equal(self.dataset, "f", "r"),
        )

    def _hold_against_rivals(self, changed: sql.Composable) -> sql.Composable:
        """Each changed row beside the version of another extract that stood before it; returns the table of them."""
        columns = tuple(dict.fromkeys((*self.dataset.key, *self.dataset.touches.values())))
        touched = tuple(dict.fromkeys(self.dataset.touches.values()))
        order = (*self.dataset.version_order, "content_hash")
        self.execute(
            """
            create temp table said on commit drop as
            select {columns}, {was}, v.load_id is not null as has_rival,
                   case when v.load_id is null then {since_unknown}
                        when {is_equal} or {is_beaten} then 'infinity'
                        when {is_gone} then {since_unknown}
                        else {since} end as since,
                   case when {is_gone} then true
                        when v.load_id is null then {replaces}
                        else {is_correction} end as is_correction
              from {changed} c left join lateral (
                    select * from {raw} r where {same_key} and r.extract_day <> {day}
                     order by {newest} limit 1) v on true
            """,
            columns=names(columns, "c"),
            was=sql.SQL(", ").join(
                sql.SQL("{} as {}").format(sql.Identifier("v", name), sql.Identifier(f"was_{name}")) for name in touched
            ),
            since_unknown=change_kind.since_unknown(self.dataset, "c"),
            since=change_kind.since(self.dataset, "c", "v"),
            is_correction=change_kind.is_correction(self.dataset, "c", "v"),
            is_equal=equal(self.dataset, "v", "c"),
            is_beaten=newer(self.dataset, "v", "c"),
            is_gone=sql.SQL("c.is_gone" if self.stood else "false"),
            replaces=sql.Literal(self.stood and not self.source.adds_only),
            changed=changed,
            same_key=same(self.dataset.key, "r", "c"),
            newest=sql.SQL(", ").join(
                sql.SQL("{} desc nulls last").format(sql.Identifier("r", name)) for name in order
            ),
        )
        return sql.Identifier("pg_temp", "said")

    def _touch(self, entity: str, column: str, changed: sql.Composable, said: sql.Composable | None) -> sql.Identifier:
        """Note the entities of changed rows, and those where other extracts have the same row: since when the load says
        something new of them, and whether it corrects. Returns the table of their ids, by brand."""
        if said is None:
            rows: sql.Composable = sql.SQL("select brand_id, {}, {}, false from {} as c").format(
                sql.Identifier(column), change_kind.since_unknown(self.dataset, "c"), changed
            )
        else:
            rows = sql.SQL("select brand_id, {}, since, is_correction and since < 'infinity' from {}").format(
                sql.Identifier(column), said
            )
        if said is not None and self.others and column not in self.dataset.key:
            # Where the row was by the version that it replaces, and wherever else another version has it.
            rows = sql.SQL(
                "{rows} union all select brand_id, {was}, since, since < 'infinity' from {said}"
                " where has_rival and {was} is distinct from {column}"
                " union all select r.brand_id, r.{column}, 'infinity', false from {said} as c cross join lateral ("
                "  select * from {raw} r where {same_key} and r.extract_day <> {day} offset 0) r where c.has_rival"
            ).format(
                rows=rows,
                was=sql.Identifier(f"was_{column}"),
                column=sql.Identifier(column),
                said=said,
                raw=table(self.dataset),
                same_key=same(self.dataset.key, "r", "c"),
                day=sql.Literal(self.day),
            )
        # Two statements, since an insert would keep parallel workers from the first.
        ids = sql.Identifier("pg_temp", f"touched_{entity}")
        self.execute(
            "create temp table {ids} on commit drop as"
            " select brand_id, entity_id, min(since) as since, bool_or(is_correction) as is_correction"
            " from ({rows}) as touched (brand_id, entity_id, since, is_correction)"
            " where entity_id is not null group by 1, 2",
            ids=ids,
            rows=rows,
        )
        self.execute(
            "insert into raw.touched (brand_id, entity, entity_id, load_id, since, is_correction)"
            " select brand_id, %s, entity_id, {load}, since, is_correction from {ids}",
            entity,
            ids=ids,
        )
        return ids

    def _count_unusual(self) -> dict[str, int]:
        conditions = unusual(self.dataset, express=True)
        counts = sql.SQL(", ").join(sql.SQL("count(*) filter (where {})").format(it) for it in conditions.values())
        row = self.execute("select {counts} from {fresh} s", counts=counts).fetchone() or ()
        found = {name: count for name, count in zip(conditions, row, strict=True) if count}
        if self.several and self.dataset.kind == "event":
            found |= self._count_contradictions()
        return found

    def _count_contradictions(self) -> dict[str, int]:
        """Rows that one extract has of an event beside the one that stands, by the identifiers in which they differ: an
        event is written once, so these may be several events whose ids are unique only within something else."""
        key = self.dataset.key[-1]
        told = [column.name for column in self.dataset.columns if column.type == "id" and column.required]
        others = [name for name in told if name not in self.dataset.key]
        sums = [
            sql.SQL("coalesce(sum(times - 1) filter (where {} > 1), 0)").format(sql.Identifier(name)) for name in others
        ]
        row = self.execute(
            "select {sums} from (select count(*) as times{distinct} from {fresh} f join several s on {same_key}"
            " group by {key} having count(*) > 1) as contended",
            sums=sql.SQL(", ").join([sql.SQL("coalesce(sum(times - 1), 0)"), *sums]),
            distinct=sql.SQL("").join(
                sql.SQL(", count(distinct {}) as {}").format(sql.Identifier("f", name), sql.Identifier(name))
                for name in others
            ),
            key=names(self.dataset.key, "f"),
            same_key=same(self.dataset.key, "f", "s"),
        ).fetchone()
        every, *by_column = map(int, row or (0,))
        differing = dict(zip(others, by_column, strict=True))
        found = {f"{name} differs within one {key}": rows for name, rows in differing.items() if rows}
        return found or ({f"several rows of one {key}": every} if every else {})


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
