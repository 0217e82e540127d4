"""A fingerprint of the published data, for tests of order and repetition and for comparing two warehouses.

Not here: publishing (publication.py).
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

# What differs between two histories that lead to the same data.
HISTORIES = frozenset({"publication", "load_ledger", "data_quality", "kpi_published", "brand_generation"})
# Nor is how data are computed.
DEFINITIONS = frozenset({"kpi_line", "kpi_scan", "rendered"})


def digest(connection: psycopg.Connection[Any]) -> str:
    """SHA-256 over every row of every table of marts but histories and definitions, ordered by primary key, as `table
    digest` lines: equal data give equal text, in whatever order and however often they were published, whatever the
    session.

    One line a table, so that a difference says where it is.
    """
    lines = []
    with connection.transaction():
        connection.execute("set local timezone = 'UTC'")
        connection.execute("set local datestyle = 'ISO'")
        connection.execute("set local intervalstyle = 'postgres'")
        tables = connection.execute(
            """
            select c.relname,
                array_agg(a.attname::text order by a.attname),
                array_agg(a.attname::text order by a.attname) filter (where a.atttypid = 'numeric'::regtype),
                (
                    select array_agg(b.attname::text order by p.position)
                    from pg_index as i
                    cross join unnest(i.indkey::int2[]) with ordinality as p (attnum, position)
                    inner join pg_attribute as b on b.attrelid = i.indrelid and b.attnum = p.attnum
                    where i.indrelid = c.oid and i.indisprimary
                )
            from pg_class as c
            inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            where c.relnamespace = 'marts'::regnamespace and c.relkind in ('r', 'p') and c.relname <> all(%s)
            group by c.oid, c.relname
            order by c.relname
            """,
            [sorted(HISTORIES | DEFINITIONS)],
        ).fetchall()
        for table, columns, numerics, key in tables:
            # 1.0 and 1.00 are equal, and publication leaves equal rows alone.
            values = [
                sql.SQL("trim_scale({})" if column in (numerics or ()) else "{}").format(sql.Identifier(column))
                for column in columns
            ]
            statement = sql.SQL(
                "select encode(sha256(convert_to(coalesce(string_agg(md5(row({})::text), '' order by {}), ''),"
                " 'UTF8')), 'hex') from {}"
            ).format(
                sql.SQL(", ").join(values),
                sql.SQL(", ").join(map(sql.Identifier, key or columns)),
                sql.Identifier("marts", table),
            )
            row = connection.execute(statement).fetchone()
            lines.append(f"{table} {row[0] if row else ''}")
    return "\n".join(lines)
