"""What readers see of a brand before any question: the publication they look at, and who and what there is to ask for.

Not here: the answers (report.py), or what runs left behind (ledger.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from orchestration.catalogue.model import LANGUAGES
from orchestration.readers.report import ReportError, Span
from orchestration.sources.contract import DATASETS

# One statement, so that all of it is of one publication; the details only where the caller does not know it yet.
ABOUT = """
with newest as (
    select generation, data_through, published_at from marts.publication order by generation desc limit 1
),
chosen as (
    select brand_id, name, timezone, currency, locale
    from marts.dim_brand
    where %(brand)s::text is null or brand_id = %(brand)s
    order by brand_id
    limit 1
)
select n.generation, n.data_through, n.published_at, b.brand_id, b.name, b.timezone, b.currency, b.locale,
    case when n.generation is distinct from %(known)s then (
        select jsonb_agg(jsonb_build_array(d.brand_id, d.name) order by d.name) from marts.dim_brand as d
    ) end as brands,
    case when n.generation is distinct from %(known)s then (
        select jsonb_agg(jsonb_build_array(
            m.member_id, coalesce(nullif(concat_ws(' ', m.first_name, m.last_name), ''), m.member_id), m.role
        ) order by m.member_id)
        from marts.dim_member as m where m.brand_id = b.brand_id and m.is_current
    ) end as members,
    case when n.generation is distinct from %(known)s then (
        select jsonb_agg(jsonb_build_array(l.dataset, l.last, l.rows))
        from (
            select dataset, max(extract_day) as last, sum(rows_loaded) as rows
            from marts.load_ledger where brand_id in ('', b.brand_id) group by dataset having sum(rows_loaded) > 0
        ) as l
    ) end as feeds,
    case when n.generation is distinct from %(known)s then (
        select jsonb_object_agg(p.grain, jsonb_build_array(p.first, p.last))
        from (
            select grain, min(period_start) as first, max(period_start) as last
            from marts.kpi_period
            where brand_id = b.brand_id and dimension = 'all' and dimension_value = 'all' and ref = %(ref)s
            group by grain
        ) as p
    ) end as published,
    case when n.generation is distinct from %(known)s then (select array_agg(ref) from marts.dim_kpi) end as indicators
from newest as n left join chosen as b on true
"""
INBOXES = """
select distinct coalesce(c.inbox, '(none)') from marts.fct_conversation as c where c.brand_id = %s order by 1
"""
# An indicator that every period of every brand has.
EVERYWHERE = "Chat-Card-0"


@dataclass(frozen=True)
class Member:
    member_id: str
    name: str
    role: int | None


@dataclass(frozen=True)
class Feed:
    """A dataset that has brought rows: its newest extract day, and how many rows in all."""

    dataset: str
    last_day: date
    rows: int


@dataclass(frozen=True)
class Brand:
    """A brand as a publication shows it. `published`: see report.ask_all; `brands`: every brand that this login sees,
    by id; `indicators`: the refs that the publication knows, of an earlier version perhaps; `inboxes`: those of its
    conversations, `(none)` among them where one names none. `data_through` is None where no extract day is complete."""

    generation: int
    data_through: datetime | None
    published_at: datetime
    brand_id: str
    name: str
    timezone: str
    currency: str
    locale: str | None
    brands: Mapping[str, str]
    members: Mapping[str, Member]
    feeds: Mapping[str, Feed]
    published: Mapping[str, Span]
    indicators: frozenset[str]
    inboxes: tuple[str, ...]

    @property
    def last_day(self) -> date:
        """The newest local day that the data hold completely; the day of the publication where there is none."""
        through = (self.data_through or self.published_at).astimezone(ZoneInfo(self.timezone))
        return through.date() - timedelta(days=1)

    @property
    def language(self) -> str:
        """The language of its locale where the catalogue speaks it, else English."""
        language = (self.locale or "")[:2].lower()
        return language if language in LANGUAGES else LANGUAGES[0]

    @property
    def not_connected(self) -> list[str]:
        """The datasets that have not brought a row yet, in the contract's order."""
        return [name for name in DATASETS if name not in self.feeds]


def about(connection: psycopg.Connection[Any], brand_id: str | None, known: Mapping[tuple[int, str], Brand]) -> Brand:
    """The newest publication's view of a brand; of the first one where none is named.

    `known`: brands by generation and id, as told before; what stands there is not read again. Raises ReportError.
    """
    newest = max((generation for generation, brand in known if brand == brand_id), default=None)
    try:
        with connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(ABOUT, {"brand": brand_id, "known": newest, "ref": EVERYWHERE}).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.InsufficientPrivilege):
        row = None
    if row is None:
        raise ReportError("nothing is published yet: run `causerie run` first")
    if row["brand_id"] is None:
        raise ReportError(f"unknown brand {brand_id!r}" if brand_id else "no brand is published yet")
    if kept := known.get((row["generation"], row["brand_id"])):
        return kept
    feeds = (Feed(name, date.fromisoformat(last), int(rows)) for name, last, rows in row["feeds"] or ())
    return Brand(
        **{name: row[name] for name in ("generation", "data_through", "published_at", "brand_id", "name", "timezone")},
        currency=row["currency"],
        locale=row["locale"],
        brands=dict(row["brands"] or ()),
        members={member: Member(member, name, role) for member, name, role in row["members"] or ()},
        feeds={feed.dataset: feed for feed in feeds},
        indicators=frozenset(row["indicators"] or ()),
        inboxes=_inboxes(connection, row["brand_id"]),
        published={
            grain: (date.fromisoformat(first), date.fromisoformat(last))
            for grain, (first, last) in (row["published"] or {}).items()
        },
    )


def _inboxes(connection: psycopg.Connection[Any], brand_id: str) -> tuple[str, ...]:
    """The inboxes of a brand's conversations, by name; none in marts of an earlier version, which do not tell them."""
    try:
        with connection.transaction():
            return tuple(name for (name,) in connection.execute(INBOXES, [brand_id]))
    except psycopg.errors.UndefinedColumn:
        return ()
