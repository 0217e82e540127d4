"""Thirteen figures of a period, counted by DuckDB from the raw rows of a brand: what answers in their time without a
model before it. They are held against the report's own.

Not here: making the brand (report.py), or timing the report (scale.py).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psycopg

# What each table gives to the figures; the days of the brand's calendar are given, and not computed.
COLUMNS = {
    "raw.conversations": "conversation_id, kind, source, requested_at, handled_at",
    "raw.messages": "conversation_id, sender_type, sent_at, is_automatic",
    "raw.widget_events": "session_id, visitor_id, occurred_at, event_type",
    "raw.site_events": "session_id, occurred_at",
    "marts.dim_date": "starts_at",
}
# The month on the brand's clock: DuckDB is told the two instants.
WINDOW = """
select min(starts_at), max(ends_at) from marts.dim_date where brand_id = 'bench' and local_date between %s and %s
"""
FIGURES = """
with asked as (
    select *, case when source = 'waiting_list' then handled_at else requested_at end as started_at
    from conversations
    where kind = 'customer'
),

dialogue as (
    select
        m.conversation_id,
        case
            when bool_or(m.sender_type = 'visitor') and bool_or(m.sender_type = 'member')
                then greatest(
                    min(m.at) filter (where m.sender_type = 'visitor'),
                    min(m.at) filter (where m.sender_type = 'member')
                )
        end as established_at,
        bool_or(m.at >= $starts and m.at < $ends) as is_active,
        bool_or(m.at >= $starts and m.at < $ends and m.sender_type = 'member') as is_answered
    from (
        select w.conversation_id, w.sender_type, greatest(w.sent_at, c.started_at) as at
        from messages as w
        inner join asked as c on c.conversation_id = w.conversation_id
        where c.started_at is not null and not w.is_automatic and w.sender_type in ('visitor', 'member')
    ) as m
    group by m.conversation_id
),

-- A session that opened the widget, once a day of the brand's.
visit as (
    select
        w.session_id,
        d.starts_at,
        arg_min(w.visitor_id, w.occurred_at) filter (where w.event_type = 'open') as visitor_id,
        bool_or(w.event_type not in ('open', 'close', 'impression')) as is_active
    from widget_events as w
    asof inner join dim_date as d on w.occurred_at >= d.starts_at
    where w.occurred_at >= $starts and w.occurred_at < $ends
    group by w.session_id, d.starts_at
    having bool_or(w.event_type = 'open')
),

site_event as (
    select occurred_at, lag(occurred_at) over (partition by session_id order by occurred_at) as before
    from site_events
    where occurred_at >= $starts - interval 30 minutes and occurred_at < $ends
)

select
    count(*) filter (where source = 'waiting_list' and requested_at >= $starts and requested_at < $ends),
    count(*) filter (where source = 'waiting_list' and handled_at >= $starts and handled_at < $ends),
    count(*) filter (
        where source = 'waiting_list' and requested_at >= $starts and requested_at < $ends
        and (handled_at is null or handled_at >= $ends)
    ),
    count(*) filter (where requested_at >= $starts and requested_at < $ends),
    count(*) filter (where started_at >= $starts and started_at < $ends),
    (select count(*) filter (where established_at >= $starts and established_at < $ends) from dialogue),
    (select count(*) filter (where is_active and established_at < $ends) from dialogue),
    (select count(*) filter (where is_answered and established_at < $ends) from dialogue),
    avg(epoch(handled_at - requested_at)) filter (
        where source = 'waiting_list' and requested_at >= $starts and requested_at < $ends and handled_at < $ends
    ),
    (select count(*) from visit),
    (select count(distinct visitor_id) from visit),
    (select count(*) from visit where is_active),
    (
        select count(*)
        from site_event
        where occurred_at >= $starts and (before is null or occurred_at >= before + interval 30 minutes)
    )
from asked
"""
REFS = (
    "Wlst-Card-1", "Wlst-Card-10", "Wlst-Card-11", "Chat-Card-0", "Chat-Card-1", "Chat-Card-10", "Chat-Card-20",
    "Chat-Card-21", "Wlst-Card-13", "Wget-Card-01", "Wget-Card-02", "Wget-Card-03", "Pers-Card-1",
)  # fmt: skip
RUNS = 5


def milliseconds(connection: psycopg.Connection[Any], folder: Path, first: str, last: str) -> float:
    """The quickest of several runs over tables of DuckDB's own; SystemExit where a figure is not the report's."""
    import duckdb  # installed by `make bench`, and by nothing else

    folder.mkdir(parents=True, exist_ok=True)
    window = connection.execute(WINDOW, [first, last]).fetchone() or (None, None)
    reported = dict(
        connection.execute(
            "select ref, value from marts.kpi_report('bench', %s::date, %s::date, p_refs => %s)",
            [first, last, list(REFS)],
        ).fetchall()
    )
    with duckdb.connect(str(folder / "raw.duckdb")) as duck:
        for source, columns in COLUMNS.items():
            table = source.rpartition(".")[2]
            file = folder / f"{table}.csv"
            with file.open("wb") as written, connection.cursor() as cursor:
                copy = f"copy (select {columns} from {source}) to stdout (format csv, header)"
                with cursor.copy(copy.encode()) as sent:
                    written.writelines(sent)
            duck.execute(f"create or replace table {table} as from read_csv('{file}')")
            file.unlink()
        asked = {"starts": window[0], "ends": window[1]}
        took = []
        for _ in range(RUNS):
            began = time.perf_counter()
            counted = duck.execute(FIGURES, asked).fetchone() or ()
            took.append((time.perf_counter() - began) * 1000)
    for ref, figure in zip(REFS, counted, strict=True):
        if abs(float(figure) - float(reported[ref])) > 1e-6 * float(reported[ref]):
            raise SystemExit(f"{ref}: DuckDB counts {figure}, the report says {reported[ref]}")
    return min(took)
