"""`causerie verify`: everything published, held against a full rebuild from raw and against every law, all at once.

Here: the scratch database in which raw is built again, and the comparisons. Not here: the laws (expectations/) or
publication (marts/publication.py).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from orchestration import warehouse
from orchestration.assets.progress import Progress
from orchestration.catalogue import catalogue
from orchestration.compiler import statements
from orchestration.compiler.functions import reader_functions
from orchestration.marts import access_check, contracts, dbt_ready, feeds, preparation, publication
from orchestration.marts.contracts import Mart
from orchestration.marts.feeds import Connected
from orchestration.readers.ledger import newest_generation
from orchestration.settings import Settings
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.raw_tables import ensure_indexes
from orchestration.sources.loading.upgrade import migrate

RUN_ID = "verify"
# So many differences of each kind are named; all are counted.
NAMED = 20
# So many periods are counted by plain queries.
SAMPLED_COUNTS = 60
LEDGER = ("load", "load_count", "extract")


class VerificationError(ValueError):
    """The verification can't be made; the message says why and what to do."""


@dataclass
class Verdict:
    """What one comparison came to: how much it looked at, how many differences there are, and the first of them."""

    name: str
    looked_at: str
    differences: int = 0
    named: list[str] = field(default_factory=list)

    def differs(self, line: str) -> None:
        self.differences += 1
        if len(self.named) < NAMED:
            self.named.append(line)

    @property
    def passed(self) -> bool:
        return not self.differences


def verify(settings: Settings, url: str, brand: str | None, progress: Progress) -> list[Verdict]:
    """Every law over every period, and every table against a rebuild, of one brand or all. Writes nothing to marts.

    The caller keeps other writers away. Raises VerificationError, psycopg errors, and publication's.
    """
    manifest = contracts.manifest(settings.manifest)
    marts = contracts.marts_of(manifest)
    with warehouse.connect(url) as published:
        brands = _brands(published, brand)
        generation = newest_generation(published)
        assert generation
        with _scratch(url) as scratch_url, warehouse.connect(scratch_url) as scratch:
            migrate(scratch)
            progress.stage("copy", len(DATASETS))
            _copy_raw(published, scratch, brands, progress)
            connected = feeds.published(published)
            tested = _rebuild(settings, scratch, scratch_url, manifest, generation.data_through, connected, progress)
            progress.stage("judge", 3)
            verdicts = [tested]
            for judged in (
                lambda: _laws(published, scratch, brands),
                lambda: [_record(published, brands)],
                lambda: [_access(published)],
            ):
                verdicts += judged()
                progress.piece(verdicts[-1].name)
            progress.stage("compare", len(marts))
            verdicts += _compare(published, scratch, marts, brands, progress)
    return verdicts


def _brands(connection: psycopg.Connection[Any], brand: str | None) -> list[str]:
    """The brands to verify. Raises VerificationError where nothing is published, or not all that is loaded."""
    if newest_generation(connection) is None:
        raise VerificationError("nothing is published yet: run `causerie run` first")
    row = connection.execute(
        "select exists (select 1 from raw.touched) or coalesce((select max(load_id) from raw.load), 0)"
        " > (select coalesce(max(load_id), 0) from marts.load_ledger)"
    ).fetchone()
    if row and row[0]:
        raise VerificationError("extracts are loaded that are not published yet: run `causerie run` first")
    known = [name for (name,) in connection.execute("select brand_id from marts.dim_brand order by 1")]
    if brand is not None and brand not in known:
        raise VerificationError(f"unknown brand {brand!r}; known: {', '.join(known) or '(none)'}")
    return [brand] if brand else known


# --- the rebuild ------------------------------------------------------------------------------------------------------


@contextmanager
def _scratch(url: str) -> Iterator[str]:
    """URL of an empty database on the same server, dropped at the end."""
    name = sql.Identifier(f"causerie_verify_{os.getpid()}")
    with warehouse.connect(url, autocommit=True) as admin:
        try:
            admin.execute(sql.SQL("create database {}").format(name))
        except psycopg.errors.InsufficientPrivilege as error:
            raise VerificationError(
                f"a rebuild needs a database of its own ({error.diag.message_primary}): let an administrator grant"
                " CREATEDB to this user"
            ) from None
        try:
            yield urlsplit(url)._replace(path=f"/causerie_verify_{os.getpid()}").geturl()
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(name))


def _copy_raw(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], brands: Sequence[str], progress: Progress
) -> None:
    """What the loader holds of these brands, as it stands, and all of them noted as touched."""
    for table in (*LEDGER, *DATASETS):
        columns = [
            name
            for (name,) in target.execute(
                "select attname from pg_attribute where attrelid = format('raw.%%I', %s::text)::regclass"
                " and attnum > 0 and not attisdropped order by attnum",
                [table],
            )
        ]
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        rows = sql.SQL("select {} from {}").format(names, sql.Identifier("raw", table))
        if "brand_id" in columns:
            rows += sql.SQL(" where brand_id = any({})").format(sql.Literal(list(brands)))
        into = sql.SQL("copy {} ({}) from stdin (format binary)").format(sql.Identifier("raw", table), names)
        with (
            source.cursor().copy(sql.SQL("copy ({}) to stdout (format binary)").format(rows)) as given,
            target.cursor().copy(into) as taken,
        ):
            for data in given:
                taken.write(data)
        if table in DATASETS:
            ensure_indexes(target, DATASETS[table])
            progress.piece(table)
        target.execute(sql.SQL("analyze {}").format(sql.Identifier("raw", table)))
    target.execute(
        "insert into raw.touched (brand_id, entity, entity_id, load_id)"
        " select b, 'brand', b, (select max(load_id) from raw.load) from unnest(%s::text[]) as b",
        [list(brands)],
    )
    target.commit()


def _rebuild(
    settings: Settings,
    scratch: psycopg.Connection[Any],
    url: str,
    manifest: Mapping[str, Any],
    data_through: datetime | None,
    connected: Sequence[Connected],
    progress: Progress,
) -> Verdict:
    """Build and publish the scratch database; what dbt's tests say of it. Raises VerificationError if it can't."""
    now = datetime.now(UTC)
    preparation.prepare(scratch, manifest, RUN_ID, now, data_through, connected)
    progress.stage("build")
    target = settings.home / "verify"
    done = subprocess.run(
        [
            dbt_ready.dbt_executable(), "--no-use-colors", *dbt_ready.dbt_arguments(views_stand=False),
            "--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.dbt_project),
            "--target-path", str(target), "--log-path", str(target),
        ],
        env=warehouse.dbt_environment(url),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    tested = _tests(target / "run_results.json", done)
    publication.publish(scratch, manifest, RUN_ID, now, [], reader_functions(), statements.tables())
    return tested


def _tests(results: Path, done: subprocess.CompletedProcess[str]) -> Verdict:
    if not results.exists():
        raise VerificationError(f"dbt could not rebuild: {' '.join(done.stdout.split())[-1500:]}")
    ran = json.loads(results.read_bytes())["results"]
    tests = [one for one in ran if one["unique_id"].startswith("test.")]
    verdict = Verdict("keys and relations (dbt tests, over the rebuild)", f"{len(tests)} tests")
    for one in ran:
        if one["status"] not in ("success", "pass", "warn"):
            verdict.differs(f"{one['unique_id']}: {one['status']} {' '.join(str(one['message']).split())[:300]}")
    return verdict


# --- the laws ---------------------------------------------------------------------------------------------------------


def _laws(published: psycopg.Connection[Any], scratch: psycopg.Connection[Any], brands: Sequence[str]) -> list[Verdict]:
    """What the guards of a run say of the rebuild, where every period is touched: all that is closed, every member,
    many more samples. And of what is published, that it is what the reports answer."""
    from expectations import answers, completeness, double_entry, indicators, stability

    dated = catalogue.load().dated
    fixed = {indicator.ref for indicator in dated if indicator.stability == "fixed"}
    verdicts = []
    for name, findings in (
        ("law of stability", stability.judge_stability(scratch, fixed, sampled=None)),
        ("identities", indicators.judge_identities(scratch)),
        ("completeness of kpi_period", completeness.judge_completeness(scratch, dated)),
        ("double entry: kpi_period as plain queries count", double_entry.judge_double_entry(scratch, SAMPLED_COUNTS)),
        ("kpi_period as kpi_report answers", answers.judge_answers(published, brands, dated)),
    ):
        verdict = Verdict(name, f"{len(findings)} brands")
        for finding in findings:
            if finding.passed is None:
                verdict.differs(f"{finding.brand}: {finding.observed}")
            for offender in finding.offenders:
                verdict.differs(", ".join(f"{column} {value}" for column, value in offender.items()))
        verdicts.append(verdict)
    scratch.rollback()
    return verdicts


def _access(connection: psycopg.Connection[Any]) -> Verdict:
    """Nothing in the catalogue of the database lets a brand see more than its rows."""
    verdict = Verdict("access: each brand reads its own rows", "every table, view, function and role")
    for offence in access_check.offenders(connection):
        verdict.differs(offence)
    return verdict


RECORDED = """
with over as (
    select k.*
    from marts.kpi_period as k
    inner join marts.dim_date as d
        on
            d.brand_id = k.brand_id
            and d.local_date = (k.period_start + case k.grain
                when 'day' then interval '1 day' when 'week' then interval '7 days' when 'month' then interval '1 month'
                when 'quarter' then interval '3 months' else interval '1 year' end)::date
    where
        k.brand_id = any(%(brands)s)
        and d.starts_at <= (select p.data_through from marts.publication as p order by p.generation desc limit 1)
),

last as (
    select distinct on (brand_id, grain, period_start, dimension, dimension_value, ref, bin) *
    from marts.kpi_published
    where brand_id = any(%(brands)s)
    order by brand_id, grain, period_start, dimension, dimension_value, ref, bin, generation desc
)

select
    brand_id, grain, period_start, dimension, dimension_value, ref, bin,
    l.value as recorded, o.value as published
from over as o
full join last as l using (brand_id, grain, period_start, dimension, dimension_value, ref, bin)
-- A number that has never had a value need not be recorded: nothing has happened to it.
where l.value is distinct from o.value
order by 1, 2, 3, 4, 5, 6, 7
"""


def _record(connection: psycopg.Connection[Any], brands: Sequence[str]) -> Verdict:
    """The last value recorded of each number of a period that is over is the published one."""
    numbers = connection.execute(
        "select count(*) from marts.kpi_published where brand_id = any(%s)", [list(brands)]
    ).fetchone()
    verdict = Verdict(
        "law of publication: kpi_published ends at kpi_period", f"{numbers[0] if numbers else 0:,} values"
    )
    for *key, recorded, published in connection.execute(RECORDED, {"brands": list(brands)}):
        verdict.differs(f"kpi_published {_key(key)}: value {_text(recorded)} recorded, {_text(published)} published")
    return verdict


# --- the comparison ---------------------------------------------------------------------------------------------------


def _compare(
    published: psycopg.Connection[Any],
    rebuilt: psycopg.Connection[Any],
    marts: Sequence[Mart],
    brands: Sequence[str],
    progress: Progress,
) -> list[Verdict]:
    """Each table's fingerprint by brand; where two differ, their rows, side by side."""
    verdicts = []
    for connection in (published, rebuilt):
        connection.execute("set timezone = 'UTC'; set datestyle = 'ISO'; set intervalstyle = 'postgres'")
    for mart in marts:
        ours, theirs = (_fingerprints(connection, mart, brands) for connection in (published, rebuilt))
        verdict = Verdict(f"marts.{mart.name} as rebuilt", f"{sum(count for count, _ in ours.values()):,} rows")
        for brand in sorted(ours.keys() | theirs.keys()):
            if ours.get(brand) != theirs.get(brand):
                _name_differences(published, rebuilt, mart, brand, verdict)
        verdicts.append(verdict)
        progress.piece(mart.name)
    return verdicts


def _values(mart: Mart) -> list[sql.Composable]:
    # 1.0 and 1.00 are equal, and publication leaves equal rows alone.
    return [
        sql.SQL("trim_scale({})" if column.data_type == "numeric" else "{}").format(sql.Identifier(column.name))
        for column in mart.columns
    ]


def _fingerprints(connection: psycopg.Connection[Any], mart: Mart, brands: Sequence[str]) -> dict[str, tuple[int, Any]]:
    rows = connection.execute(
        sql.SQL(
            "select brand_id, count(*), sum(('x' || left(md5(row({})::text), 15))::bit(60)::bigint::numeric)"
            " from {} where brand_id = any(%s) group by brand_id"
        ).format(sql.SQL(", ").join(_values(mart)), sql.Identifier("marts", mart.name)),
        [list(brands)],
    )
    return {brand: (count, total) for brand, count, total in rows}


def _name_differences(
    published: psycopg.Connection[Any], rebuilt: psycopg.Connection[Any], mart: Mart, brand: str, verdict: Verdict
) -> None:
    """Walk both tables in the order of their key, and name what is missing, not expected, or different."""
    ours, theirs = (_rows(connection, mart, brand) for connection in (published, rebuilt))
    mine, other = next(ours, None), next(theirs, None)
    while mine or other:
        if other is None or (mine and mine[0] < other[0]):
            assert mine
            verdict.differs(f"{mart.name} {_key(mine[0])}: published, but not in the rebuild")
            mine = next(ours, None)
        elif mine is None or other[0] < mine[0]:
            verdict.differs(f"{mart.name} {_key(other[0])}: in the rebuild, but not published")
            other = next(theirs, None)
        else:
            for column, was, should_be in zip(mart.column_names, mine[1], other[1], strict=True):
                if was != should_be:
                    said = f"{_text(was)} published, {_text(should_be)} rebuilt"
                    verdict.differs(f"{mart.name} {_key(mine[0])}: {column} {said}")
            mine, other = next(ours, None), next(theirs, None)


def _rows(
    connection: psycopg.Connection[Any], mart: Mart, brand: str
) -> Iterator[tuple[tuple[str, ...], tuple[str | None, ...]]]:
    """Key and columns of a brand's rows as text, in the order of the key's bytes."""
    key = sql.SQL(", ").join(sql.SQL('{}::text collate "C"').format(sql.Identifier(name)) for name in mart.key)
    columns = sql.SQL(", ").join(sql.SQL("{}::text").format(value) for value in _values(mart))
    with connection.cursor(name=f"rows_of_{mart.name}") as cursor:
        cursor.itersize = 5000
        cursor.execute(
            sql.SQL("select array[{key}], array[{columns}] from {table} where brand_id = %s order by {key}").format(
                key=key, columns=columns, table=sql.Identifier("marts", mart.name)
            ),
            [brand],
        )
        for found, values in cursor:
            yield tuple(found), tuple(values)


def _key(values: Sequence[Any]) -> str:
    return "(" + ", ".join(str(value) for value in values) + ")"


def _text(value: Any) -> str:
    return "nothing" if value is None else str(value)
