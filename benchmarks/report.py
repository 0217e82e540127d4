"""How fast marts.kpi_report answers on a large brand, each question beside its floor, both measured in this run.

The floor of a question is one pass over the facts of its period, with nothing computed. The brand is made up in SQL:
1 million conversations with 9 million messages over three years unless told otherwise.

    .venv/bin/python benchmarks/report.py --conversations 1000000 --keep

Not here: loading (loading.py). Everything happens in a database of its own, dropped at the end unless kept.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
from psycopg import conninfo

from orchestration import warehouse
from orchestration.catalogue import catalogue
from orchestration.compiler import statements
from orchestration.compiler.functions import reader_functions
from orchestration.marts import preparation, publication
from orchestration.marts.dbt_ready import dbt_executable
from orchestration.settings import Settings
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.raw_tables import ensure_indexes
from orchestration.sources.loading.upgrade import migrate

RUNS = 15
# Three years of the brand, to the end of 2024-12-30.
FIRST_DAY, DAYS = date(2022, 1, 1), 1095

# Pseudo-random by hashing, so that every run makes the same brand.
BRAND = """
insert into raw.brands (brand_id, name, timezone, currency, locale, updated_at, extract_day, content_hash, load_id)
values ('bench', 'Benchmark', 'Europe/Paris', 'EUR', 'fr', '2022-01-01', '2022-01-01', sha256('b'), 1);
insert into raw.members (brand_id, member_id, role, updated_at, extract_day, content_hash, load_id)
select 'bench', 'm' || n, n % 7, '2022-01-01', '2022-01-01', sha256(convert_to('m' || n, 'UTF8')), 1
from generate_series(1, 50) as n;
"""
CONVERSATIONS = """
insert into raw.conversations (brand_id, conversation_id, visitor_id, kind, source, channel, medium, initiated_by,
    requested_at, handled_at, member_id, is_blocked, updated_at, extract_day, content_hash, load_id)
select 'bench', 'c' || c.n, 'v' || abs(hashint8(c.n)) %% (%(conversations)s / 3), 'customer', c.source, 'web', 'text',
    'visitor', c.at,
    case when c.source = 'waiting_list' and c.h %% 10 < 9 then c.at + make_interval(secs => c.h %% 7200) end,
    case when c.source <> 'waiting_list' or c.h %% 10 < 9 then 'm' || (1 + c.h %% 50) end,
    c.h %% 100 = 0, c.at, (c.at at time zone 'UTC')::date, sha256(convert_to('c' || c.n, 'UTF8')), 1
from (
    select n, abs(hashint8(n + 7)) as h,
        (array['waiting_list', 'direct', 'hook', 'phygital'])[1 + abs(hashint8(n + 3)) %% 4] as source,
        %(day)s::timestamp at time zone 'UTC' + make_interval(secs =>
            86400 * %(days)s * (n - %(first)s)::double precision / (%(last)s - %(first)s + 1)) as at
    from generate_series(%(first)s::bigint, %(last)s::bigint) as n
) as c;
"""
MESSAGES = """
insert into raw.messages (brand_id, message_id, conversation_id, sender_type, sender_id, sent_at, is_automatic,
    content_type, extract_day, content_hash, load_id)
select 'bench', c.conversation_id || '-' || k, c.conversation_id,
    case when k %% 2 = 1 then 'visitor' else 'member' end,
    case when k %% 2 = 1 then c.visitor_id else c.member_id end,
    c.requested_at + make_interval(secs => k * 45 + case when k > 7 and right(c.conversation_id, 1) = '3'
        then 86400 * 5 else 0 end),
    false,
    (array['text', 'text', 'text', 'photo', 'product', 'text', 'email_request', 'text', 'email_provided'])
        [1 + abs(hashtext(c.conversation_id || k)) %% 9],
    (c.requested_at at time zone 'UTC')::date, sha256(convert_to(c.conversation_id || k, 'UTF8')), 1
from raw.conversations as c
cross join generate_series(1, 9) as k
where (k = 1 or c.member_id is not null) and c.extract_day >= %(day)s;
"""
# Of other visitors, on the site: four events a session, every tenth of which pauses for an hour, and up to three of the
# widget. The sessions are strewn over the same three years.
SESSIONS = """
create temporary table session on commit drop as
select
    n, 's' || n as session_id, 'b' || abs(hashint8(n)) %% (%(sessions)s / 2) as visitor_id,
    timestamptz '2022-01-01 00:00+00'
    + make_interval(secs => (n::double precision / %(sessions)s) * 3 * 365 * 86400) as at
from generate_series(1::bigint, %(sessions)s) as n;
"""
SITE_EVENTS = """
insert into raw.site_events (brand_id, event_id, session_id, visitor_id, occurred_at, event_type, extract_day,
    content_hash, load_id)
select 'bench', s.session_id || '-' || k, s.session_id, s.visitor_id,
    s.at + make_interval(secs => k * 40 + case when k = 4 and s.n %% 10 = 0 then 3600 else 0 end),
    case when k = 3 then 'product_view' else 'page_view' end,
    (s.at at time zone 'UTC')::date, sha256(convert_to(s.session_id || k, 'UTF8')), 1
from session as s
cross join generate_series(1, 4) as k;
"""
WIDGET_EVENTS = """
insert into raw.widget_events (brand_id, event_id, session_id, visitor_id, occurred_at, event_type, extract_day,
    content_hash, load_id)
select 'bench', s.session_id || '-' || k, s.session_id, s.visitor_id, s.at + make_interval(secs => k * 50),
    (array['impression', 'open', 'list_members'])[k],
    (s.at at time zone 'UTC')::date, sha256(convert_to(s.session_id || k, 'UTF8')), 1
from session as s
cross join generate_series(1, 3) as k
where k < 3 or s.n %% 2 = 0;
"""
TOUCHED_SESSIONS = """
insert into raw.touched (brand_id, entity, entity_id, load_id)
select 'bench', 'session', session_id, 0 from session
union
select 'bench', 'visitor', visitor_id, 0 from session
"""
# A conversation of ten goes on five days later.
LATER = """
insert into raw.messages (brand_id, message_id, conversation_id, sender_type, sender_id, sent_at, is_automatic,
    content_type, extract_day, content_hash, load_id)
select 'bench', c.conversation_id || '-later', c.conversation_id, 'visitor', c.visitor_id,
    c.requested_at + interval '5 days', false, 'text', %(day)s, sha256(convert_to(c.conversation_id, 'UTF8')), 1
from raw.conversations as c
where c.extract_day = %(day)s::date - 5 and c.member_id is not null and right(c.conversation_id, 1) = '7';
"""
TOUCHED_DAY = """
insert into raw.touched (brand_id, entity, entity_id, load_id)
select distinct 'bench', 'conversation', m.conversation_id, 0 from raw.messages as m where m.extract_day = %(day)s
"""
TOUCHED = "insert into raw.touched (brand_id, entity, entity_id, load_id) values ('bench', 'brand', 'bench', 0)"
# The periods are benchmarked by asking the report itself.
NO_PERIODS = """
create table if not exists build.int_kpi_answered as select * from marts.kpi_period where false;
create table if not exists build.int_kpi_restated as select * from marts.kpi_published where false;
create table if not exists build.int_settling_curved as select * from marts.kpi_settling where false;
create table if not exists build.touched_period as
    select brand_id, grain, period_start from marts.kpi_period where false;
create table if not exists build.int_indicator_days_counted as select * from marts.fct_indicator_day where false;
create table if not exists build.touched_day as select brand_id, local_date from marts.fct_indicator_day where false;
"""
# Of the models of periods these tell since when datasets are known, without which numbers are unknown.
OF_FEEDS = ("int_brands_spanned", "int_feeds_begun")
FLOOR = """
select
    (select count(*) from marts.fct_conversation where brand_id = 'bench' and requested_at >= %(from)s and requested_at < %(to)s)
    + (select count(*) from marts.fct_conversation where brand_id = 'bench' and started_at >= %(from)s and started_at < %(to)s)
    + (select count(*) from marts.fct_conversation where brand_id = 'bench' and established_at >= %(from)s and established_at < %(to)s)
    + (select count(last_message_at) from marts.fct_conversation_day where brand_id = 'bench' and local_date >= %(from)s and local_date < %(to)s)
    + (select count(answered_at) from marts.fct_turn where brand_id = 'bench' and began_at >= %(from)s and began_at < %(to)s)
"""  # noqa: E501
SLOT = "p_sources => '{direct,hook}', p_roles => '{1,2,3}', p_time_from => '09:00', p_time_to => '19:00'"
# Sections 1 to 5 of the indicators, by area.
AREAS = ("waiting_list", "hook", "conversations", "ratings_and_sales", "widget")
# question, first date, date after the last, further arguments, what the issue allows in milliseconds
QUESTIONS = (
    ("a month", "2023-05-01", "2023-06-01", "", 150),
    ("a year", "2023-01-01", "2024-01-01", "", 1000),
    ("three years", "2022-01-01", "2025-01-01", "", 3000),
    ("a month, source, role and slot", "2023-05-01", "2023-06-01", SLOT, 400),
    ("a month by day", "2023-05-01", "2023-06-01", "p_breakdown => '{day}'", 500),
)


def main() -> None:
    """Makes the brand, builds and publishes it, and prints the median of each question beside its floor."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--conversations", type=int, default=1_000_000)
    arguments.add_argument("--keep", action="store_true", help="keep the database, and use it again if it is there")
    asked = arguments.parse_args()
    settings = Settings.from_environment()
    admin = warehouse.url(settings)
    database = f"causerie_benchmark_{asked.conversations}"
    url = conninfo.make_conninfo(admin, dbname=database)
    with psycopg.connect(admin, autocommit=True) as connection:
        found = connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone()
        if not found:
            connection.execute(f"create database {database}")
    try:
        if not found:
            make(url, asked.conversations, settings)
        measure(url)
    finally:
        if not asked.keep:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f"drop database if exists {database} (force)")


def make(url: str, conversations: int, settings: Settings, with_periods: bool = False) -> float:
    """The brand in raw, built by dbt and published; the seconds of the two."""
    with warehouse.connect(url) as connection:
        migrate(connection)
        values = {"conversations": conversations, "first": 1, "last": conversations, "day": FIRST_DAY, "days": DAYS}
        for step in (BRAND, CONVERSATIONS, MESSAGES, TOUCHED):
            fill(connection, step, values)
            connection.commit()
        index(connection, ("brands", "members", "conversations", "messages"))
    return build(url, settings, with_periods) + vacuum(url)


def day_more(url: str, place: int, conversations: int, so_far: int, settings: Settings) -> tuple[float, int]:
    """The day so many places after the brand's own, with so many conversations; the seconds of its build and
    publication, and its messages."""
    day = FIRST_DAY + timedelta(days=DAYS + place)
    values = {"conversations": so_far, "first": so_far + 1, "last": so_far + conversations, "day": day, "days": 1}
    with warehouse.connect(url) as connection:
        for step in (CONVERSATIONS, MESSAGES, LATER, TOUCHED_DAY):
            fill(connection, step, values)
        connection.commit()
        found = connection.execute("select count(*) from raw.messages where extract_day = %s", [day]).fetchone()
    seconds = build(url, settings, with_periods=True, day=day)
    return seconds, found[0] if found else 0


def visit(url: str, sessions: int, settings: Settings) -> float:
    """So many sessions on the site of that brand, which stands in marts; the seconds of their build and publication.
    The periods stay as they are."""
    with warehouse.connect(url) as connection:
        for step in (SESSIONS, SITE_EVENTS, WIDGET_EVENTS, TOUCHED_SESSIONS):
            fill(connection, step, {"sessions": sessions})
        connection.commit()
        index(connection, ("site_events", "widget_events"))
    return build(url, settings, with_periods=False) + vacuum(url)


def fill(connection: psycopg.Connection[Any], step: str, values: Mapping[str, Any]) -> None:
    """Rows of raw, with what that took."""
    began = perf_counter()
    connection.execute(step.encode(), values if "%%" in step or "%(" in step else None)
    print(f"  {step.split('(')[0].strip().splitlines()[0]}: {perf_counter() - began:.1f} s", flush=True)


def index(connection: psycopg.Connection[Any], datasets: Sequence[str]) -> None:
    for name in datasets:
        ensure_indexes(connection, DATASETS[name])
        connection.execute(f"analyze raw.{name}".encode())
    connection.commit()


def build(url: str, settings: Settings, with_periods: bool, day: date = FIRST_DAY + timedelta(days=DAYS)) -> float:
    """What is touched, built by dbt and published, data reaching to the end of this day; the seconds of the two.
    Without periods their models stay as they are, or stand empty."""
    kpi = Path(settings.dbt_project) / "models" / "kpi"
    left_out = ["kpi_period", *(path.stem for path in kpi.glob("*.sql") if path.stem not in OF_FEEDS)]
    manifest = json.loads(settings.manifest.read_bytes())
    instant = datetime.combine(day + timedelta(days=1), time(), UTC)
    with warehouse.connect(url) as connection:
        preparation.prepare(connection, manifest, "benchmark", instant, instant)
        if not with_periods:
            connection.execute(NO_PERIODS)
            connection.commit()
    began = building = perf_counter()
    subprocess.run(
        [dbt_executable(), "--quiet", "run", "--project-dir", settings.dbt_project, "--profiles-dir",
         settings.dbt_project, *([] if with_periods else ["--exclude", *left_out])],
        env=os.environ | warehouse.dbt_environment(url), check=True,
    )  # fmt: skip
    print(f"  dbt: {perf_counter() - began:.1f} s", flush=True)
    began = perf_counter()
    with warehouse.connect(url) as connection:
        publication.publish(connection, manifest, "benchmark", instant, [], reader_functions(), statements.tables())
    print(f"  publication: {perf_counter() - began:.1f} s", flush=True)
    return perf_counter() - building


def vacuum(url: str) -> float:
    """What the server does by itself after so many new rows; its seconds."""
    began = perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
    print(f"  vacuum: {perf_counter() - began:.1f} s", flush=True)
    return perf_counter() - began


def measure(url: str) -> None:
    refs = [indicator.ref for indicator in catalogue.load().computed if indicator.area in AREAS]
    with warehouse.connect(url) as connection:
        connection.autocommit = True
        size = connection.execute("select count(*) from marts.fct_message").fetchone()
        print(f"{size[0] if size else 0:,} messages; median and quickest of {RUNS} runs after one, in milliseconds")
        print(f"{'question':34}{'report':>15}{'floor':>15}{'ratio':>8}{'wanted':>9}")
        for name, first, after, more, wanted in QUESTIONS:
            report = (
                "select count(*) from marts.kpi_report('bench', %(from)s::date, %(to)s::date - 1, p_refs => %(refs)s"
                f"{', ' + more if more else ''})"
            )
            values = {"from": first, "to": after, "refs": refs}
            took, floors = timed(connection, (report, FLOOR), values)
            middle, floor = statistics.median(took), statistics.median(floors)
            print(
                f"{name:34}{middle:8.0f}{min(took):7.0f}{floor:8.0f}{min(floors):7.0f}{middle / floor:8.1f}{wanted:9}",
                flush=True,
            )


def timed(connection: psycopg.Connection[Any], queries: Sequence[str], values: dict[str, Any]) -> list[list[float]]:
    """The runs of each query in milliseconds, after one that warms up: by turns, so that a slow moment slows all."""
    took: list[list[float]] = [[] for _ in queries]
    for run in range(RUNS + 1):
        for query, times in zip(queries, took, strict=True):
            began = perf_counter()
            connection.execute(query.encode(), values).fetchall()
            if run > 0:
                times.append((perf_counter() - began) * 1000)
    return took


if __name__ == "__main__":
    main()
