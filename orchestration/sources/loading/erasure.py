"""The right to be forgotten: a person's rows go, and those that come again are left out and counted.

Of an erased person a keyed hash is kept, of its id and of the ids of what was its own: conversations, orders, journey
runs, identities. Messages, order lines and the like carry no person, and are known by those. The key
(CAUSERIE_HASH_KEY) is in no database: without it the hashes say nothing, and with it nobody erased comes back.

Here: which rows are a person's, in an extract and in raw. Not here: publishing what changed (cli/erasures.py).
"""

from __future__ import annotations

import hmac
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from orchestration.sentences import Sentence
from orchestration.sources.connectors.extract import Batch, Extract, Refusal, Source
from orchestration.sources.connectors.mapping import HASH_KEY
from orchestration.sources.contract import DATASETS, Dataset
from orchestration.sources.loading import change_kind
from orchestration.sources.loading.raw_tables import table
from orchestration.warehouse import locks

SHORTEST_KEY = 16
ERASURE = "erasure"  # what the ledger calls a load that brought nothing and took a person's rows away

# What names a person, or something that is a person's own, by column. An identity has two.
PERSON = "visitor_id"
OWN = {"conversation_id": "conversation", "order_id": "order", "run_id": "journey run"}
IDENTITIES = (("system", "external_id"), ("identity_system", "identity_id"))


class ErasureError(ValueError):
    """Nobody was erased; the message says why."""


Name = tuple[str, str]  # a kind and an id: ("visitor", "v17")


def key_of_installation(connection: psycopg.Connection[Any]) -> bytes:
    """The key of the hashes. Raises ErasureError when it is missing, short, or another than before."""
    key = os.environ.get(HASH_KEY, "").encode()
    if len(key) < SHORTEST_KEY:
        raise ErasureError(Sentence("erasure_key_missing", variable=HASH_KEY, least=SHORTEST_KEY))
    check = hmac.digest(key, b"causerie", "sha256")
    row = connection.execute("select hash_key_check from raw.installation").fetchone()
    if row and row[0] is not None and bytes(row[0]) != check:
        raise ErasureError(Sentence("erasure_key_other", variable=HASH_KEY))
    return key


def hashed(key: bytes, brand_id: str, name: Name) -> bytes:
    return hmac.digest(key, "\x1f".join((brand_id, *name)).encode(), "sha256")


# --- rows of an extract -----------------------------------------------------------------------------------------------


@dataclass
class Forgetful:
    """A source without the rows of people who were erased. After a reading, `erased` counts them by brand, and
    `learned` holds what else is theirs, by brand: a conversation that the erasure knew nothing of."""

    source: Source
    dataset: Dataset
    key: bytes
    known: Mapping[str, set[bytes]]
    erased: Counter[str] = field(default_factory=Counter)
    learned: set[tuple[str, Name]] = field(default_factory=set)

    @property
    def adds_only(self) -> bool:
        return self.source.adds_only

    @property
    def daily(self) -> bool:
        return self.source.daily

    @property
    def connected_from(self) -> date | None:
        return self.source.connected_from

    def days(self, today: date) -> Mapping[date, str]:
        return self.source.days(today)

    def read(self, day: date) -> Extract:
        self.erased.clear()
        self.learned.clear()
        extract = self.source.read(day)
        return replace(extract, batches=self._without(extract.batches))

    def _without(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            gone = self._gone(batch)
            if not gone:
                yield batch
                continue
            rows = [row for row in range(len(batch.lines)) if row not in gone]
            places = {row: place for place, row in enumerate(rows)}
            kept = pa.array(rows, pa.int64())
            yield Batch(
                batch.file,
                batch.lines.take(kept),
                {name: column.take(kept) for name, column in batch.columns.items()},
                [replace(fault, row=places[fault.row]) for fault in batch.faults if fault.row in places],
            )

    def _gone(self, batch: Batch) -> set[int]:
        pairs = {column for pair in IDENTITIES for column in pair}
        wanted = {"brand_id", PERSON, "sender_type", "sender_id", *OWN, *pairs}
        columns = {name: column.to_pylist() for name, column in batch.columns.items() if name in wanted}
        gone = set()
        for row, brand_id in enumerate(columns.get("brand_id", ())):
            hashes = self.known.get(brand_id)
            if hashes and self._is_erased(brand_id, {n: v[row] for n, v in columns.items() if v[row]}, hashes):
                self.erased[brand_id] += 1
                gone.add(row)
        return gone

    def _is_erased(self, brand_id: str, row: Mapping[str, str], hashes: set[bytes]) -> bool:
        own = names_of_row(self.dataset, row)
        if not any(hashed(self.key, brand_id, name) in hashes for name in own):
            return False
        if PERSON in row or any(pair[1] in row for pair in IDENTITIES):
            new = (name for name in own if hashed(self.key, brand_id, name) not in hashes)
            self.learned |= {(brand_id, name) for name in new if name[0] in _made_here(self.dataset)}
        return True


def names_of_row(dataset: Dataset, row: Mapping[str, str]) -> list[Name]:
    """By what a row is judged: its person; what it is itself; and, where it names no person, what it belongs to."""
    names: list[Name] = [("visitor", row[PERSON])] if PERSON in row else []
    for pair in IDENTITIES:
        if all(column in row for column in pair):
            names.append(("identity", "\x1f".join(row[column] for column in pair)))
    judged_by_person = bool(names)
    if row.get("sender_type") == "visitor" and "sender_id" in row:
        names.append(("visitor", row["sender_id"]))
    for column, kind in OWN.items():
        if column in row and (not judged_by_person or column in dataset.key):
            names.append((kind, row[column]))
    return names


def _made_here(dataset: Dataset) -> set[str]:
    """The kinds whose ids a dataset gives, rather than refers to."""
    return {kind for column, kind in OWN.items() if dataset.key[-1] == column} | {"identity"}


def forgetful(connection: psycopg.Connection[Any], dataset: Dataset, source: Source) -> Source:
    """The source as it may be loaded. Raises Refusal where people were erased and the key that knows them is gone."""
    known: dict[str, set[bytes]] = {}
    for brand_id, id_hash in connection.execute("select brand_id, id_hash from raw.erased"):
        known.setdefault(brand_id, set()).add(bytes(id_hash))
    if not known:
        return source
    try:
        return Forgetful(source, dataset, key_of_installation(connection), known)
    except ErasureError as error:
        raise Refusal(Sentence("of_dataset", dataset=dataset.name, reason=error.args[0])) from None


def counted(source: Source) -> Mapping[str, int]:
    """How many rows of erased people the last reading left out, by brand."""
    return source.erased if isinstance(source, Forgetful) else {}


def take_away_learned(connection: psycopg.Connection[Any], source: Source) -> None:
    """Erase what the last reading showed to be an erased person's, part of the load's transaction: messages may have
    come before their conversation."""
    if isinstance(source, Forgetful):
        for brand_id in sorted({brand_id for brand_id, _ in source.learned}):
            names = {name for brand, name in source.learned if brand == brand_id}
            take_away(connection, source.key, brand_id, names)


# --- rows of raw ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Erased:
    """What an erasure took away: the load that the ledger knows it by, rows by table, and the ids that were erased."""

    load_id: int
    rows: Mapping[str, int]
    names: frozenset[Name]


def erase_visitor(connection: psycopg.Connection[Any], brand_id: str, visitor_id: str) -> Erased:
    """Take a visitor's rows out of raw, quarantine and profile, note what has to be computed again, keep the hashes.

    Commits; the caller has its turn to write. Raises ErasureError without a key.
    """
    with connection.transaction():
        locks.hold(connection, locks.of_dataset("brands"))  # no load of any dataset meanwhile
        key = key_of_installation(connection)
        names = _belongings(connection, brand_id, {("visitor", visitor_id)})
        load_id, rows = take_away(connection, key, brand_id, names)
        return Erased(load_id, rows, frozenset(names))


def take_away(
    connection: psycopg.Connection[Any], key: bytes, brand_id: str, names: set[Name]
) -> tuple[int, dict[str, int]]:
    """Erase these names and all that belongs to them, within the caller's transaction and locks. Returns the number of
    the load that stands for it in the ledger, and the rows deleted by table."""
    now = datetime.now(UTC)
    locks.hold(connection, locks.LEDGER)
    row = connection.execute(
        "insert into raw.load (load_id, dataset, extract_day, outcome, files, fingerprint, started_at, ended_at)"
        " values (nextval('raw.load_id'), %s, %s, 'loaded', '[]', '', %s, %s) returning load_id",
        [ERASURE, now.date(), now, now],
    ).fetchone()
    load_id = int(row[0]) if row else 0
    rows: dict[str, int] = {}
    for dataset in DATASETS.values():
        rows[f"raw.{dataset.name}"] = _delete_rows(connection, dataset, brand_id, names, load_id)
    rows["raw.quarantine"] = _delete_from_quarantine(connection, brand_id, names)
    _forget_values(connection, brand_id, names)
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into raw.erased (brand_id, id_hash, erased_at) values (%s, %s, %s) on conflict do nothing",
            [(brand_id, hashed(key, brand_id, name), now) for name in sorted(names)],
        )
    connection.execute("update raw.installation set hash_key_check = %s", [hmac.digest(key, b"causerie", "sha256")])
    return load_id, {name: number for name, number in rows.items() if number}


def _belongings(connection: psycopg.Connection[Any], brand_id: str, names: set[Name]) -> set[Name]:
    """These names, and what raw and the quarantine know to be theirs."""
    visitors = [name[1] for name in names if name[0] == "visitor"]
    found = set(names)
    for dataset in DATASETS.values():
        if PERSON not in dataset.by_name:
            continue
        for column, kind in OWN.items():
            if dataset.key[-1] == column:
                query = sql.SQL(
                    "select {id} from {raw} where brand_id = %s and visitor_id = any(%s) union"
                    ' select "row" ->> {name} from raw.quarantine where brand_id = %s and dataset = {dataset}'
                    ' and "row" ->> \'visitor_id\' = any(%s) and "row" ->> {name} is not null'
                ).format(
                    id=sql.Identifier(column),
                    raw=table(dataset),
                    name=sql.Literal(column),
                    dataset=sql.Literal(dataset.name),
                )
                found |= {(kind, row[0]) for row in connection.execute(query, [brand_id, visitors] * 2)}
        for system, external in IDENTITIES:
            if system in dataset.by_name:
                query = sql.SQL(
                    "select distinct {} || chr(31) || {} from {} where brand_id = %s and visitor_id = any(%s)"
                    " and {} is not null and {} is not null"
                ).format(
                    *map(sql.Identifier, (system, external)), table(dataset), *map(sql.Identifier, (system, external))
                )
                found |= {("identity", row[0]) for row in connection.execute(query, [brand_id, visitors])}
    return found


def _condition(dataset: Dataset, names: set[Name]) -> sql.Composable | None:
    """Which rows `r` of raw are theirs; None where the dataset can have none. As names_of_row judges."""
    ids: dict[str, list[str]] = {}
    for kind, name in names:
        ids.setdefault(kind, []).append(name)
    parts: list[sql.Composable] = []
    known: list[sql.Composable] = []
    if PERSON in dataset.by_name:
        parts.append(sql.SQL("r.visitor_id = any({})").format(sql.Literal(ids.get("visitor", []))))
        known.append(sql.SQL("r.visitor_id is not null"))
    for system, external in IDENTITIES:
        if system in dataset.by_name:
            pair = sql.SQL("r.{} || chr(31) || r.{}").format(sql.Identifier(system), sql.Identifier(external))
            parts.append(sql.SQL("{} = any({})").format(pair, sql.Literal(ids.get("identity", []))))
            known.append(sql.SQL("({}) is not null").format(pair))
    if "sender_type" in dataset.by_name:
        sent = sql.SQL("(r.sender_type = 'visitor' and r.sender_id = any({}))")
        parts.append(sent.format(sql.Literal(ids.get("visitor", []))))
    for column, kind in OWN.items():
        if column in dataset.by_name and ids.get(kind):
            is_theirs = sql.SQL("r.{} = any({})").format(sql.Identifier(column), sql.Literal(ids[kind]))
            if known and column not in dataset.key:
                is_theirs = sql.SQL("({} and not ({}))").format(is_theirs, sql.SQL(" or ").join(known))
            parts.append(is_theirs)
    return sql.SQL("({})").format(sql.SQL(" or ").join(parts)) if parts else None


def _delete_rows(
    connection: psycopg.Connection[Any], dataset: Dataset, brand_id: str, names: set[Name], load_id: int
) -> int:
    condition = _condition(dataset, names)
    if condition is None:
        return 0
    # Ids are literals: what of them looks like a placeholder stays what it is, as there are no parameters.
    parts = {"raw": table(dataset), "brand": sql.Literal(brand_id), "condition": condition}
    gone = connection.execute(
        sql.SQL(
            "create temporary table gone on commit drop as"
            " select * from {raw} r where r.brand_id = {brand} and {condition}"
        ).format(**parts)
    ).rowcount
    if gone:
        for entity, column in dataset.touches.items():
            connection.execute(
                sql.SQL(
                    "insert into raw.touched (brand_id, entity, entity_id, load_id, since, is_correction)"
                    " select g.brand_id, %s, g.{column}, %s, min({since}), true from gone as g"
                    " where g.{column} is not null group by 1, 3"
                ).format(column=sql.Identifier(column), since=change_kind.since_unknown(dataset, "g")),
                [entity, load_id],
            )
        connection.execute(sql.SQL("delete from {raw} r where r.brand_id = {brand} and {condition}").format(**parts))
        _move_counts(connection, brand_id, "select load_id, count(*) as n from gone group by 1")
    connection.execute("drop table gone")
    return gone


def _move_counts(connection: psycopg.Connection[Any], brand_id: str, counts: str) -> None:
    """Rows that a load vouches for are erased from now on, whatever had become of them; their sum stays."""
    fates = ("rejected",) if "quarantine" in counts else ("rows_loaded", "superseded", "duplicates", "waiting")
    before: list[str] = []
    moved: list[str] = []
    for fate in fates:
        left = " - ".join(["n", *before])
        before.append(fate)
        moved.append(f"{fate} = {fate} - least({fate}, greatest({left}, 0))")
    connection.execute(
        f"update raw.load_count as c set {', '.join(moved)}, erased = c.erased + least(n, {' + '.join(fates)})"
        f" from ({counts}) as gone where c.load_id = gone.load_id and c.brand_id = %s".encode(),
        [brand_id],
    )


def _delete_from_quarantine(connection: psycopg.Connection[Any], brand_id: str, names: set[Name]) -> int:
    pairs = [(PERSON, name) for kind, name in names if kind == "visitor"]
    pairs += [(column, name) for column, kind in OWN.items() for found, name in names if found == kind]
    columns, ids = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    theirs = (
        "brand_id = %(brand)s and exists (select 1 from unnest(%(columns)s::text[], %(ids)s::text[]) as p (c, id)"
        " where q.\"row\" ->> p.c = p.id and (p.c = 'visitor_id' or q.\"row\" ->> 'visitor_id' is null))"
    )
    given = {"brand": brand_id, "columns": columns, "ids": ids}
    connection.execute(
        f"create temporary table quarantine_gone on commit drop as select load_id from raw.quarantine q where {theirs}"
        .encode(), given,
    )  # fmt: skip
    gone = connection.execute(f"delete from raw.quarantine q where {theirs}".encode(), given).rowcount
    _move_counts(connection, brand_id, "select load_id, count(*) as n from quarantine_gone group by 1")
    connection.execute("drop table quarantine_gone")
    return gone


def _forget_values(connection: psycopg.Connection[Any], brand_id: str, names: set[Name]) -> None:
    """Ids that stand elsewhere: the least and greatest value of a column, and an audit's words."""
    ids = [name.split("\x1f")[-1] for _, name in names]
    for column in ("min_value", "max_value"):
        connection.execute(
            f"update raw.profile set {column} = null where brand_id = %s and {column} = any(%s)".encode(),
            [brand_id, ids],
        )
    connection.execute("delete from raw.vanished where key && %s and key[1] = %s", [ids, brand_id])


# --- what is left -----------------------------------------------------------------------------------------------------

KIND_OF_COLUMN = {
    PERSON: "visitor", "sender_id": "visitor", **OWN, "external_id": "identity", "identity_id": "identity",
}  # fmt: skip


def forget_workings(connection: psycopg.Connection[Any], brand_id: str, names: Iterable[Name]) -> None:
    """Take the names out of what a publication leaves behind: the tables that the last run worked with, and the words
    of audits. Commits. The caller has its turn to write."""
    names = set(names)
    for schema, relation, column, kind in _columns(connection, ("build",)):
        found = [name.split("\x1f")[-1] for of, name in names if kind in (of, "")]
        connection.execute(
            sql.SQL("delete from {} where brand_id = {} and {} = any({})").format(
                sql.Identifier(schema, relation), sql.Literal(brand_id), sql.Identifier(column), sql.Literal(found)
            )
        )
    for kind, name in names:
        if kind == "visitor":
            connection.execute(
                "update marts.data_quality set observed = replace(observed, %(id)s, '(erased)'),"
                " observed_sentence = replace(observed_sentence::text, %(quoted)s, '(erased)')::jsonb"
                " where position(%(id)s in observed) > 0 or position(%(quoted)s in observed_sentence::text) > 0",
                {"id": name, "quoted": json.dumps(name, ensure_ascii=False)[1:-1]},
            )
    connection.commit()


def places_left(connection: psycopg.Connection[Any], brand_id: str, names: Iterable[Name]) -> list[str]:
    """Tables and columns of raw, build and marts in which a name of an erased person still stands: [] is good."""
    names, left = set(names), []
    for schema, relation, column, kind in _columns(connection, ("raw", "build", "marts")):
        found = [name.split("\x1f")[-1] for of, name in names if kind in (of, "")]
        there = connection.execute(
            sql.SQL("select exists (select 1 from {} where brand_id = {} and {} = any({}))").format(
                sql.Identifier(schema, relation), sql.Literal(brand_id), sql.Identifier(column), sql.Literal(found)
            )
        ).fetchone()
        if there == (True,):
            left.append(f"{schema}.{relation}.{column}")
    visitors = [f"%{json.dumps(name)}%" for kind, name in names if kind == "visitor"]
    quarantined = connection.execute(
        'select exists (select 1 from raw.quarantine where brand_id = %s and "row"::text like any(%s))',
        [brand_id, visitors],
    ).fetchone()
    connection.commit()
    return left + ["raw.quarantine.row"] * (quarantined == (True,))


def _columns(connection: psycopg.Connection[Any], schemas: Iterable[str]) -> list[tuple[str, str, str, str]]:
    """Schema, table, column and kind ('' for any) of every column that may name a person or what is a person's own."""
    rows = connection.execute(
        "select n.nspname, c.relname, a.attname from pg_class as c"
        " inner join pg_namespace as n on n.oid = c.relnamespace"
        " inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where n.nspname = any(%s) and c.relkind in ('r', 'p') and a.attname = any(%s)"
        " and a.atttypid in ('text'::regtype, 'varchar'::regtype) and exists ("
        "  select 1 from pg_attribute as b where b.attrelid = c.oid and b.attname = 'brand_id' and not b.attisdropped)"
        " order by 1, 2, 3",
        [list(schemas), [*KIND_OF_COLUMN, "entity_id"]],
    ).fetchall()
    return [(schema, relation, column, KIND_OF_COLUMN.get(column, "")) for schema, relation, column in rows]
