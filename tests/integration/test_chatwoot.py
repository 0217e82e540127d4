"""Chatwoot's own tables as a source: what the queries say beside SQL of its own, and the least role that may read them.

The schema and the small shops that fill it lie beside the repository; without them nothing is tried here.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
from chatwoot_shop import only_with_the_case, shop
from rich.console import Console

from orchestration import warehouse
from orchestration.assets.ingestion import by_dataset
from orchestration.cli import systems
from orchestration.settings import Settings
from orchestration.sources.connectors.database import Database
from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.check_sources import check_sources
from orchestration.sources.loading.load import load_extracts
from orchestration.sources.looks import announce
from orchestration.sources.pending import pending_extracts
from orchestration.sources.systems import packages, setup

pytestmark = only_with_the_case
CHATWOOT = packages.package("chatwoot")
PERIOD = ("2026-10-25 23:00+00", "2026-11-24 23:00+00")

# What Chatwoot's own tables say: of account 1, over the period, in its Paris days.
HUMAN = """
    m.message_type = 1 and not m.private and (m.sender_type = 'User' or m.sender_type is null
        and (case json_typeof(m.content_attributes) when 'string' then (m.content_attributes #>> '{}')::jsonb
             else m.content_attributes::jsonb end) -> 'automation_rule_id' is null)
    and m.additional_attributes -> 'campaign_id' is null"""
OWN = {
    "requests": "select count(*) from conversations c where c.account_id = 1 and {in_period}",
    "waiting list": f"""
        select count(*) from conversations c where c.account_id = 1 and {{in_period}} and c.campaign_id is null
           and coalesce((select {HUMAN} from messages m
                          where m.conversation_id = c.id and (m.message_type = 0 or {HUMAN})
                          order by m.created_at, m.id limit 1), false) = false""",
    "dialogues": f"""
        select count(*) from (
            select greatest((select min(m.created_at) from messages m
                              where m.conversation_id = c.id and m.message_type = 0),
                            (select min(m.created_at) from messages m where m.conversation_id = c.id and {HUMAN}),
                            c.created_at) as created_at
              from conversations c where c.account_id = 1
               and exists (select from messages m where m.conversation_id = c.id and m.message_type = 0)
               and exists (select from messages m where m.conversation_id = c.id and {HUMAN})) c where {{in_period}}""",
    "surveys": """
        select count(*) from messages c where c.account_id = 1 and c.content_type = 9 and c.message_type = 3
           and {in_period}""",
    "resolutions": """
        select count(*) from (select account_id, name, event_end_time as created_at from reporting_events) c
         where c.account_id = 1 and c.name = 'conversation_resolved' and {in_period}""",
    "videos by members": f"""
        select count(distinct c.conversation_id) from (
            select m.* from messages m where {HUMAN}
               and exists (select from attachments a where a.message_id = m.id and a.file_type = 2)) c
         where c.account_id = 1 and {{in_period}}""",
    "blocked": """
        select count(*) from conversations c join contacts p on p.id = c.contact_id
         where c.account_id = 1 and p.blocked and c.created_at is not null""",
}
# The same from the rows that the queries give.
OURS = {
    "requests": "select count(*) from conversations where requested_at >= %s and requested_at < %s",
    "waiting list": "select count(*) from conversations where source = 'waiting_list' and requested_at >= %s"
    " and requested_at < %s",
    "dialogues": """
        select count(*) from (
            select c.conversation_id,
                   greatest(min(m.sent_at) filter (where m.sender_type = 'visitor'),
                            min(m.sent_at) filter (where m.sender_type = 'member'),
                            min(coalesce(c.handled_at, c.requested_at))) as at,
                   count(*) filter (where m.sender_type = 'visitor') > 0
                   and count(*) filter (where m.sender_type = 'member') > 0 as both_wrote
              from conversations c join messages m using (conversation_id) where not m.is_automatic
             group by 1) d where both_wrote and at >= %s and at < %s""",
    "surveys": "select count(*) from ratings where requested_at >= %s and requested_at < %s",
    "resolutions": "select count(*) from conversation_events where event_type = 'closed' and occurred_at >= %s"
    " and occurred_at < %s",
    "videos by members": "select count(distinct conversation_id) from messages where sender_type = 'member'"
    " and not is_automatic and content_type ~ 'video' and sent_at >= %s and sent_at < %s",
    "blocked": "select count(*) from conversations where is_blocked and %s < %s",
}


@pytest.fixture
def shops(server: str) -> Callable[[int], AbstractContextManager[str]]:
    return partial(shop, server)


def figures(url: str) -> dict[str, tuple[int, int]]:
    """Each figure by Chatwoot's own tables, and by the rows of the queries."""
    in_period = " and ".join(f"c.created_at {sign} '{{}}'::timestamptz at time zone 'UTC'" for sign in (">=", "<"))
    found: dict[str, tuple[int, int]] = {}
    with psycopg.connect(url) as connection:
        connection.execute("set timezone = 'UTC'")
        for name, words in CHATWOOT.datasets.items():
            connection.execute(
                f"create temp view of_{name} as select * from ({words['query']}\n) q where account_id = 1"
            )
        for name, own in OWN.items():
            theirs = connection.execute(own.replace("{in_period}", in_period.format(*PERIOD))).fetchone()
            asked = OURS[name]
            for dataset in CHATWOOT.datasets:
                asked = asked.replace(f"from {dataset} ", f"from of_{dataset} ").replace(
                    f"join {dataset} ", f"join of_{dataset} "
                )
            ours = connection.execute(asked, PERIOD).fetchone()
            assert theirs and ours
            found[name] = (theirs[0], ours[0])
        connection.rollback()
    return found


def test_the_figures_of_the_known_shop(shops: Callable[[int], AbstractContextManager[str]]) -> None:
    with shops(7) as url:
        found = figures(url)
    known = {"requests": 150, "waiting list": 119, "dialogues": 122, "surveys": 58, "videos by members": 12}
    assert {name: found[name][1] for name in known} == known


@pytest.mark.parametrize("seed", [7, 11, 23])
def test_every_figure_is_that_of_chatwoots_own_tables(
    shops: Callable[[int], AbstractContextManager[str]], seed: int
) -> None:
    with shops(seed) as url:
        found = figures(url)
    assert all(theirs == ours for theirs, ours in found.values()), found


def test_a_role_that_may_read_these_columns_alone_connects_it(
    shops: Callable[[int], AbstractContextManager[str]],
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("CAUSERIE_HOME", str(tmp_path))
    with shops(7) as url, psycopg.connect(url, autocommit=True) as admin:
        admin.execute("drop role if exists woot_reader")
        for statement in setup.grants(CHATWOOT, "woot_reader").replace("'...'", "'w'").splitlines():
            admin.execute(statement.encode())
        try:
            parts = urlsplit(url)
            reader = parts._replace(netloc=f"woot_reader:w@{parts.hostname}:{parts.port}", query="").geturl()
            monkeypatch.setenv("CHATWOOT_URL", reader)
            out = Console(record=True, width=200)
            settings = Settings.from_environment()
            with pytest.raises(systems.SystemProblem, match="currency of brand 1"):
                systems.init(out, settings, "chatwoot", "CHATWOOT_URL", None, [])
            file = systems.init(out, settings, "chatwoot", "CHATWOOT_URL", None, ["currency=EUR", "2.currency=GBP"])
            told = out.export_text()
            assert "Site (WebWidget), Mail (Email), WhatsApp (Whatsapp)" in told and ":w@" not in told
            assert Settings.from_environment().sources_file == file
            judged = list(check_sources(connection, read_sources(file, "unused"), date(2026, 11, 27)))
            assert {one.dataset: one.result.counts.read for one in judged}["messages"] == 1262
            assert all(one.is_good and one.examples for one in judged), judged
            assert connection.execute("select count(*) from raw.messages").fetchone() == (0,)
            start, end = (datetime(2026, month, 1, tzinfo=UTC) for month in (11, 12))
            bounds = {"brand": 1, "start": start, "end": end}
            with Database("reconcile", reader, None).connect("reconcile") as other:
                for figure in CHATWOOT.figures:
                    for asked in (figure, *figure.get("causes", ())):
                        other.execute(sa.text(asked["query"]), bounds).fetchall()
            with psycopg.connect(reader) as other:
                for secret in ("content from messages", "email from contacts", "uid from users"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege), other.transaction():
                        other.execute(f"select {secret}".encode())
            admin.execute("alter table messages rename private to hidden")
            with pytest.raises(Refusal, match=r"messages\.private is not there"):
                setup.look_into(CHATWOOT, None, "CHATWOOT_URL")
        finally:
            admin.execute("drop owned by woot_reader; drop role woot_reader")


def test_with_a_key_addresses_tell_whose_an_order_is(
    shops: Callable[[int], AbstractContextManager[str]],
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    file = tmp_path / "sources.yml"
    file.write_text("systems: {chatwoot: {url_env: CHATWOOT_URL, brands: {1: {currency: EUR}, 2: {currency: GBP}}}}")
    monkeypatch.delenv("CAUSERIE_HASH_KEY", raising=False)
    assert "identities" not in read_sources(file, "unused")
    assert "email" not in setup.grants(packages.package("chatwoot"), "woot_reader")
    monkeypatch.setenv("CAUSERIE_HASH_KEY", "a secret of sixteen")
    assert "blocked, updated_at, email) on contacts" in setup.grants(packages.package("chatwoot"), "woot_reader")
    with shops(7) as url, psycopg.connect(url) as woot:
        monkeypatch.setenv("CHATWOOT_URL", url)
        judged = {
            one.dataset: one for one in check_sources(connection, read_sources(file, "unused"), date(2026, 12, 1))
        }
        written = dict(woot.execute("select id::text, email from contacts where email <> ''").fetchall())
    told = judged["identities"]
    assert told.is_good and told.result.counts.read == len(written)
    for row in told.examples:
        address = written[row["visitor_id"]].strip().lower().encode()
        assert row["external_id"] == hmac.new(b"a secret of sixteen", address, "sha256").hexdigest()


def test_the_columns_that_are_named_are_those_that_the_queries_read(
    shops: Callable[[int], AbstractContextManager[str]],
) -> None:
    with shops(7) as url, psycopg.connect(url) as connection:
        queries = [words["query"] for words in CHATWOOT.datasets.values()]
        for figure in CHATWOOT.figures:
            queries += [one["query"] for one in (figure, *figure.get("causes", ()))]
        # A view takes no parameters.
        for parameter, value in ((":brand", "1"), (":start", "timestamptz '2026-11-01'"), (":end", "now()")):
            queries = [re.sub(rf"(?<!:){parameter}\b", value, query) for query in queries]
        for number, query in enumerate(queries):
            connection.execute(f"create temp view of_{number} as select * from ({query}) as asked")
        rows = connection.execute(
            "select distinct a.attrelid::regclass::text, a.attname"
            " from pg_depend d join pg_rewrite r on r.oid = d.objid join"
            " pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid"
            " where r.ev_class::regclass::text like 'of\\_%' and d.refobjsubid > 0"
            " and not a.attrelid::regclass::text like 'of\\_%'"
        ).fetchall()
        named = {(table, column) for table, columns in CHATWOOT.reads.items() for column in columns} - {
            ("schema_migrations", "version")
        }
        assert set(rows) == named


def test_after_deletions_and_late_messages_the_rows_are_those_of_a_first_load(
    shops: Callable[[int], AbstractContextManager[str]],
    databases: Callable[[], AbstractContextManager[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def rows(platform: str) -> dict[str, list[Any]]:
        """What raw holds of each dataset after a run: each key's newest version."""
        sources = read_sources(file, "unused")
        with warehouse.connect(platform) as connection:
            extracts = [(one.dataset, one.day) for one in pending_extracts(connection, sources, date(2026, 12, 1))]
            announce(sources, extracts)
            for name, days in by_dataset(extracts).items():
                for result in load_extracts(connection, DATASETS[name], days, sources[name]):
                    assert result.outcome != "refused", result
            return {
                name: connection.execute(
                    f"select distinct on ({', '.join(dataset.key)}) {', '.join(dataset.column_names)} from raw.{name}"
                    f" order by {', '.join(dataset.key)}, {', '.join(f'{by} desc' for by in dataset.version_order)}"
                ).fetchall()
                for name, dataset in DATASETS.items()
                if name in sources
            }

    file = tmp_path / "sources.yml"
    file.write_text("systems: {chatwoot: {url_env: CHATWOOT_URL, brands: {1: {currency: EUR}, 2: {currency: GBP}}}}")
    with shops(7) as url, databases() as first, databases() as fresh:
        monkeypatch.setenv("CHATWOOT_URL", url)
        before = rows(first)
        with psycopg.connect(url) as woot:
            gone = "select id from conversations where contact_id = (select min(contact_id) from conversations)"
            for table in ("messages", "reporting_events", "csat_survey_responses"):
                woot.execute(f"delete from {table} where conversation_id in ({gone})".encode())
            woot.execute(f"delete from conversations where id in ({gone})".encode())
            woot.execute("delete from contacts where id = (select min(id) from contacts)")
            woot.execute(
                "insert into messages (content, account_id, inbox_id, conversation_id, message_type, created_at,"
                " updated_at, sender_type, sender_id) select '...', account_id, inbox_id, id, 1, '2026-11-10 10:00',"
                " '2026-11-10 10:00', 'User', 1 from conversations where account_id = 1 order by id limit 40"
            )
        after = rows(first)
        assert len(before["messages"]) != len(after["messages"])
        assert after == rows(fresh)
