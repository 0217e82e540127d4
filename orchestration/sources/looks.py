"""Looking at sources: which extracts there are, and, where a dataset says `deletes: compare`, which rows are no more.

A folder shows its days for nothing; a database is asked once a run, and what it showed is kept in raw.shown. Not here:
the queries (connectors/sql.py), or loading what was seen (loading/load.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Protocol, runtime_checkable

import psycopg
from psycopg import sql

from orchestration.sentences import Sentence
from orchestration.sources.connectors.extract import Refusal, Source
from orchestration.sources.contract import Dataset
from orchestration.sources.loading.load import record_refusal
from orchestration.sources.loading.raw_tables import names, table

# A comparison that finds so much gone has met a database that is not the one it knew.
BELIEVED_SHARE = 0.5
BELIEVED_ROWS = 20


class NotBelieved(Refusal):
    """A comparison met another database than the one that raw knows: nothing that it shows is taken."""


class _Seen(Protocol):
    marks: Mapping[date, str]
    resume: str | None


class _Key(Protocol):
    key: tuple[str, ...]
    day: date
    bucket: date | None
    version: str | None


@runtime_checkable
class LookedAt(Protocol):
    """A source whose extracts are found by asking it."""

    dataset: Dataset
    compares: bool

    @property
    def compares_versions(self) -> bool: ...
    @property
    def digest(self) -> str: ...
    def look(self, resume: str | None, today: date) -> Any: ...
    def show(self, days: Mapping[date, str]) -> None: ...
    def announce(self, days: Sequence[date]) -> None: ...
    def checksums(self, today: date) -> dict[date | None, tuple[int, int]] | None: ...
    def keys(self, today: date, buckets: Sequence[date | None] | None) -> Sequence[Any]: ...


def look_at(
    connection: psycopg.Connection[Any], sources: Mapping[str, Source], today: date, compare: bool = True
) -> None:
    """Ask every source that must be asked, and keep what it showed; `compare` also what it has no more, for which all
    of it is read. Commits, source by source.

    A source that can't be asked is recorded as a refused extract of today, and what it showed before stands; one that
    can't be asked for all of it still brings what is new.
    """
    for source in sources.values():
        if not isinstance(source, LookedAt):
            continue
        started = datetime.now(UTC)
        with connection.transaction():
            try:
                with connection.transaction():
                    is_first = _look(connection, source, today)
                    if compare and source.compares and not is_first:
                        _try_to_compare(connection, source, today)
            except Refusal as refusal:
                record_refusal(connection, source.dataset, today, None, refusal, started)


def shown(
    connection: psycopg.Connection[Any], sources: Mapping[str, Source], today: date
) -> dict[str, Mapping[date, str]]:
    """The extract days that each source has, with the fingerprints of their extracts, as last looked at."""
    kept: dict[str, dict[date, str]] = {}
    with connection.transaction():
        for dataset, day, fingerprint in connection.execute(
            "select dataset, extract_day, fingerprint from raw.shown where dataset = any (%s)", [list(sources)]
        ):
            kept.setdefault(dataset, {})[day] = fingerprint
    for name, source in sources.items():
        if isinstance(source, LookedAt):
            source.show(kept.get(name, {}))
    return {name: source.days(today) for name, source in sources.items()}


def announce(sources: Mapping[str, Source], extracts: Iterable[tuple[str, date]]) -> None:
    """Say which extracts will be read now, by day: a database gives many days in one query."""
    wanted: dict[str, list[date]] = {}
    for dataset, day in extracts:
        wanted.setdefault(dataset, []).append(day)
    for name, source in sources.items():
        if isinstance(source, LookedAt):
            source.announce(wanted.get(name, []))


def _look(connection: psycopg.Connection[Any], source: LookedAt, today: date) -> bool:
    """Look for what is new. Whether it was the first look ever: then there is nothing yet that could have vanished."""
    name, digest = source.dataset.name, source.digest
    row = connection.execute("select digest, resume from raw.look where dataset = %s for update", [name]).fetchone()
    resume = row[1] if row and row[0] == digest else None
    before = dict(
        connection.execute("select extract_day, fingerprint from raw.shown where dataset = %s", [name]).fetchall()
    )
    source.show(before)
    seen: _Seen = source.look(resume, today)
    # What lies near the newest row that was seen is read again once a day: a transaction may have been open then.
    marked = [(name, day, f"{digest} {mark} {today}") for day, mark in seen.marks.items()]
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into raw.shown (dataset, extract_day, fingerprint) values (%s, %s, %s)"
            " on conflict (dataset, extract_day) do update set fingerprint = excluded.fingerprint"
            # A comparison of this same day may have added to it.
            " where not starts_with(shown.fingerprint, excluded.fingerprint)",
            marked,
        )
        if resume is None and before:  # another query, or another mapping: every day that it showed is read again
            cursor.execute(
                "update raw.shown set fingerprint = %s where dataset = %s and not extract_day = any (%s)",
                [digest, name, list(seen.marks)],
            )
    connection.execute(
        "insert into raw.look (dataset, digest, resume, looked_at) values (%s, %s, %s, %s)"
        " on conflict (dataset) do update set digest = excluded.digest, resume = excluded.resume,"
        " looked_at = excluded.looked_at",
        [name, digest, seen.resume or resume, datetime.now(UTC)],
    )
    return row is None


def _try_to_compare(connection: psycopg.Connection[Any], source: LookedAt, today: date) -> None:
    """Compare, or record that it could not be done. Raises NotBelieved."""
    started = datetime.now(UTC)
    try:
        with connection.transaction():
            _compare(connection, source, today)
    except NotBelieved:
        raise
    except Refusal as refusal:  # a comparison asks for more than a look does, and a source may not give it the time
        record_refusal(connection, source.dataset, today, None, refusal, started)


def _compare(connection: psycopg.Connection[Any], source: LookedAt, today: date) -> None:
    """Hold the keys that raw has against the source's, and the newest versions of entities: what vanished is to go,
    what raw lacks to come, and what the source now tells otherwise to be read again."""
    dataset = source.dataset
    raw_keys = _raw_keys(dataset)
    buckets: list[date | None] | None = None
    if (theirs := source.checksums(today)) is not None:
        told = "key || version" if source.compares_versions else "key"
        ours = {
            bucket: (int(count), int(total))
            for bucket, count, total in connection.execute(
                sql.SQL(
                    "select bucket, count(*),"
                    " sum(('x' || substr(md5(array_to_string({}, '/')), 1, 12))::bit(48)::bigint)"
                    " from ({}) k group by 1"
                ).format(sql.SQL(told), raw_keys)
            )
        }
        buckets = [bucket for bucket in {*theirs, *ours} if theirs.get(bucket) != ours.get(bucket)]
        if not buckets:
            return
    there: Sequence[_Key] = source.keys(today, buckets)
    found = {one.key: one for one in there}
    held = sql.SQL(
        "select key, version, days from ({}) k"
        " where %(all)s or bucket = any (%(days)s::date[]) or (bucket is null and %(null)s)"
    )
    wanted = {
        "all": buckets is None,
        "days": [one for one in buckets or () if one is not None],
        "null": None in (buckets or ()),
    }
    rows = [(tuple(key), version, days) for key, version, days in connection.execute(held.format(raw_keys), wanted)]
    gone = [(key, days) for key, _, days in rows if key not in found]
    total = connection.execute(sql.SQL("select count(*) from ({}) k").format(raw_keys)).fetchone()
    if len(gone) >= BELIEVED_ROWS and total and len(gone) > BELIEVED_SHARE * total[0]:
        raise NotBelieved(Sentence("gone_too_many", dataset=dataset.name, gone=len(gone), rows=total[0]))
    # A version that is newer than the source's is one that the source took back.
    back = [(key, days) for key, version, days in rows if key in found and version > (found[key].version or version)]
    _take_out(connection, dataset, [(day, key) for key, days in (*gone, *back) for day in days])
    held_versions = {key: version for key, version, _ in rows}
    lacking = {
        key: one.day
        for key, one in found.items()
        if key not in held_versions or held_versions[key] != (one.version or held_versions[key])
    }
    _ask_for_missing(connection, dataset, lacking)


def _take_out(
    connection: psycopg.Connection[Any], dataset: Dataset, rows: Sequence[tuple[date, tuple[str, ...]]]
) -> None:
    """Note rows that are to go, and ask for their extracts once more, which takes them out."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into raw.vanished (dataset, extract_day, key) values (%s, %s, %s) on conflict do nothing",
            [(dataset.name, day, list(key)) for day, key in rows],
        )
        cursor.executemany(
            "update raw.shown set fingerprint = fingerprint || ' -' || %s where dataset = %s and extract_day = %s",
            [(sum(one == day for one, _ in rows), dataset.name, day) for day in sorted({day for day, _ in rows})],
        )


def _ask_for_missing(
    connection: psycopg.Connection[Any], dataset: Dataset, missing: Mapping[tuple[str, ...], date]
) -> None:
    """Ask for the days of rows that the source has and raw has not so, though no cursor passed them."""
    if not missing:
        return
    waiting = connection.execute(
        sql.SQL('select array[{}] from raw.quarantine where dataset = %s and "row" is not null').format(
            sql.SQL(", ").join(sql.SQL('"row" ->> {}').format(sql.Literal(name)) for name in dataset.key)
        ),
        [dataset.name],
    )
    bad = {tuple(key) for (key,) in waiting}
    days = sorted({day for key, day in missing.items() if key not in bad})
    # Days that were shown and never loaded are asked for as it is.
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into raw.shown as s (dataset, extract_day, fingerprint) values (%(name)s, %(day)s, %(mark)s)"
            " on conflict (dataset, extract_day) do update set fingerprint = s.fingerprint || %(mark)s"
            " where exists (select from raw.extract e where e.dataset = %(name)s and e.extract_day = %(day)s"
            " and e.fingerprint = s.fingerprint)",
            [
                {"name": dataset.name, "day": day, "mark": f" +{sum(one == day for one in missing.values())}"}
                for day in days
            ],
        )


def _raw_keys(dataset: Dataset) -> sql.Composed:
    """The keys that raw holds: the day that each is compared under and its updated_at, by its newest version, and its
    extract days."""
    moment = sql.SQL("({} at time zone 'UTC')::date").format(sql.Identifier(dataset.event_time or ""))
    newest = sql.SQL(", ").join(
        sql.SQL("{} desc nulls last").format(sql.Identifier(name)) for name in (*dataset.version_order, "content_hash")
    )
    return sql.SQL(
        "select {key} as key, (array_agg({bucket} order by {newest}))[1] as bucket, {version} as version,"
        " array_agg(distinct extract_day) as days from {raw} group by {names}"
    ).format(
        key=key_array(dataset),
        bucket=moment if dataset.event_time else sql.SQL("null::date"),
        newest=newest,
        version=sql.SQL("to_char(max(updated_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')")
        if dataset.kind == "entity"
        else sql.SQL("''"),
        raw=table(dataset),
        names=names(dataset.key),
    )


def key_array(dataset: Dataset, alias: str | None = None) -> sql.Composed:
    """A row's key as an array of texts."""
    parts = (sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in dataset.key)
    return sql.SQL("array[{}]").format(sql.SQL(", ").join(sql.SQL("{}::text").format(part) for part in parts))
