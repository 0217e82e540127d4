"""The answer of a PostgreSQL by COPY: whole columns, where a driver's rows would be a Python object for each value.

What comes of a row is what psycopg would have made of it: what is not read here by whole columns, its own loaders read.
Not here: the query (sql.py), any other way to ask (database.py).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from decimal import Decimal
from queue import Queue
from threading import Semaphore, Thread
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import sqlalchemy
from psycopg.abc import Buffer
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn

from orchestration.sources.connectors.database import Answer, Values
from orchestration.sources.connectors.extract import BATCH_ROWS
from orchestration.sources.connectors.mapping import by_word
from orchestration.sources.connectors.reading import BATCH_BYTES

# So many parts are held that have been read and not asked for yet: about as many rows as are loaded in one go.
PARTS_AHEAD = 6
Read = Callable[[pa.Array], Values]
# How the columns of these types are read; the text of an amount as Decimal writes it (1E-7), like any driver's.
READS: dict[str, Read] = {
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "uuid"), lambda texts: texts),
    **dict.fromkeys(("int2", "int4", "int8"), lambda texts: texts.cast(pa.int64())),
    "bool": lambda texts: pc.equal(texts, "t"),
    "timestamptz": lambda texts: texts.cast(pa.timestamp("us", "UTC")),
    "timestamp": lambda texts: texts.cast(pa.timestamp("us")),
    "numeric": lambda texts: by_word(texts, lambda word: str(Decimal(word))),
}
READS_BY_OID = {psycopg.postgres.types[name].oid: read for name, read in READS.items()}


def can_copy(connection: sqlalchemy.Connection) -> bool:
    """Is the other side a PostgreSQL that sends text in UTF-8?"""
    dialect = connection.dialect
    if (dialect.name, dialect.driver) != ("postgresql", "psycopg"):
        return False
    driver: Any = connection.connection.dbapi_connection
    return bool(driver.info.encoding == "utf-8")


def ask_by_copy(connection: sqlalchemy.Connection, asked: Any) -> Answer:
    """Run a query whose rows may be many. Errors of psycopg propagate, here or from its parts."""
    driver: Any = connection.connection.dbapi_connection
    compiled = asked.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    # COPY takes no parameters: they are written into it, quoted.
    statement = psycopg.ClientCursor(driver).mogrify(compiled.string, compiled.construct_params())
    names, oids = _described(driver, statement)
    plain = Transformer(driver)

    def by_value(oid: int, texts: pa.Array) -> list[Any]:
        load = plain.get_loader(oid, Format.TEXT).load
        return [None if text is None else load(text.encode()) for text in texts.to_pylist()]

    def column(oid: int, texts: pa.Array) -> Values:
        if oid in READS_BY_OID:
            try:
                return READS_BY_OID[oid](texts)
            except pa.ArrowInvalid:
                pass  # a time beyond Arrow's, or written in another style
        return by_value(oid, texts)

    def parts() -> Generator[list[Values], None, None]:
        with (
            driver.cursor() as cursor,
            cursor.copy(f"copy ({statement}) to stdout (format csv, force_quote *)") as rows,
        ):
            some: list[Buffer] = []
            size = 0
            for row in _every_row(driver.pgconn, rows):  # one at a time, wherever line breaks are
                some.append(row)
                size += len(row)
                if len(some) == BATCH_ROWS or size > BATCH_BYTES:
                    yield [column(oid, texts) for oid, texts in zip(oids, _texts(some, len(oids)), strict=True)]
                    some, size = [], 0
            if some:
                yield [column(oid, texts) for oid, texts in zip(oids, _texts(some, len(oids)), strict=True)]

    return Answer(names, _ahead(parts(), driver))


def _ahead(parts: Generator[list[Values], None, None], driver: Any) -> Generator[list[Values], None, None]:
    """The same parts, read in a thread of its own: the source goes on while what it brought is being loaded."""
    ready: Queue[list[Values] | BaseException | None] = Queue()
    room = Semaphore(PARTS_AHEAD)
    is_over = False

    def read() -> None:
        try:
            while room.acquire() and not is_over and (part := next(parts, None)) is not None:
                ready.put(part)
            ready.put(None)
        except BaseException as error:  # whoever asked for the rows is told
            ready.put(error)

    reader = Thread(target=read, name="source", daemon=True)
    reader.start()
    try:
        while (part := ready.get()) is not None:
            if isinstance(part, BaseException):
                raise part
            room.release()
            yield part
    finally:
        is_over = True
        room.release()
        if reader.is_alive():
            driver.cancel_safe()  # it may be waiting for rows that nobody wants any more
        reader.join()
        parts.close()


def _every_row(pgconn: PGconn, copy: psycopg.Copy) -> Iterator[Buffer]:
    """What psycopg's own iteration brings, which waits for each row as if it were far away: here for the first alone of
    those that arrive together."""
    while row := copy.read():
        yield row
        while (taken := pgconn.get_copy_data(1))[0] > 0:
            yield taken[1]
        if taken[0] < 0:  # the end, and psycopg has not seen it
            results = list(iter(pgconn.get_result, None))
            if results[0].status != ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(results[0])
            return


def _described(driver: Any, statement: str) -> tuple[list[str], list[int]]:
    """Names and types of a query's columns, which runs nothing yet."""
    # The transaction may not have begun, which psycopg does with its first statement.
    driver.execute("")
    for result in (
        driver.pgconn.prepare(b"", statement.encode()),
        described := driver.pgconn.describe_prepared(b""),
    ):
        if result.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)
    columns = range(described.nfields)
    return [described.fname(at).decode() for at in columns], [described.ftype(at) for at in columns]


def _texts(rows: list[Buffer], columns: int) -> list[pa.Array]:
    """The columns of rows of CSV; what stands without quotes is null."""
    names = [str(at) for at in range(columns)]
    data = b"".join(rows)
    table = pyarrow.csv.read_csv(
        pa.BufferReader(data),
        pyarrow.csv.ReadOptions(column_names=names, block_size=len(data) + 1, use_threads=False),
        pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )
    return [column.combine_chunks() for column in table.columns]
