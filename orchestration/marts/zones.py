"""The clock changes of the brands' zones, as the server knows them: they come with its operating system, and change
under days that are stored.

Not here: what a local day is (dbt_project/macros/day_begins.sql), or rebuilding brands (preparation.py).
"""

from __future__ import annotations

from typing import Any

import psycopg

# Each zone's offsets from UTC over the dates that dim_date has, the first one and from each change on, which is looked
# for by days, quarters of an hour and minutes; and a digest of them. No zone has changed its clock and changed it back
# within a day.
RULES = """
with

zone as (
    select distinct b.timezone from raw.brands as b
),

daily as (
    select
        z.timezone,
        d.at,
        (d.at at time zone z.timezone) - (d.at at time zone 'UTC') as utc_offset
    from zone as z
    cross join generate_series(
        timestamptz '2000-01-01 00:00:00+00', timestamptz '2050-01-02 00:00:00+00', interval '1 day'
    ) as d (at)
),

followed as (
    select
        d.timezone,
        d.at,
        d.utc_offset,
        lead(d.utc_offset) over (partition by d.timezone order by d.at) as next_offset
    from daily as d
),

quarter as (
    select
        f.timezone,
        f.next_offset as utc_offset,
        min(q.at) as at
    from followed as f
    cross join generate_series(f.at, f.at + interval '1 day', interval '15 minutes') as q (at)
    where
        f.next_offset <> f.utc_offset
        and (q.at at time zone f.timezone) - (q.at at time zone 'UTC') = f.next_offset
    group by f.timezone, f.at, f.next_offset
),

change as (
    select
        q.timezone,
        min(m.at) as at,
        q.utc_offset
    from quarter as q
    cross join generate_series(q.at - interval '14 minutes', q.at, interval '1 minute') as m (at)
    where (m.at at time zone q.timezone) - (m.at at time zone 'UTC') = q.utc_offset
    group by q.timezone, q.at, q.utc_offset
    union all
    select
        d.timezone,
        d.at,
        d.utc_offset
    from daily as d
    where d.at = timestamptz '2000-01-01 00:00:00+00'
)

select
    c.timezone,
    array_remove(array_agg(nullif(c.at, timestamptz '2000-01-01 00:00:00+00') order by c.at), null) as changes,
    array_agg(c.utc_offset order by c.at) as offsets,
    md5(string_agg(extract(epoch from c.at) || ' ' || extract(epoch from c.utc_offset), ',' order by c.at)) as rules
from change as c
group by c.timezone
"""


def write(connection: psycopg.Connection[Any]) -> None:
    """Write down in `build.zone` by which rules the days of this run are laid. Part of the caller's transaction."""
    connection.execute("drop table if exists build.zone")
    connection.execute(
        "create table build.zone (timezone text primary key, changes timestamptz[] not null,"
        " offsets interval[] not null, rules text not null)"
    )
    connection.execute(f"insert into build.zone (timezone, changes, offsets, rules) {RULES}".encode())


def outdated_brands(connection: psycopg.Connection[Any]) -> list[str]:
    """Published brands whose days were laid by other rules than the server has for their zone now."""
    rows = connection.execute(
        f"select b.brand_id from marts.dim_brand as b join ({RULES}) as z on z.timezone = b.timezone"
        " where b.zone_rules <> z.rules order by b.brand_id".encode()
    )
    return [row[0] for row in rows]
