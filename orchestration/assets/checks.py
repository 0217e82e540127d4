"""Guards as asset checks: the expectations run between ingestion and dbt, and what they find is written down.

Not here: what is expected (expectations/) or dbt's tests (they come with assets/dbt_models.py).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MetadataValue,
    ResourceParam,
    multi_asset_check,
)
from psycopg.types.json import Jsonb

from expectations import completeness, double_entry, feeds, indicators, publishing, settling, stability
from expectations.findings import Finding, GuardName
from orchestration.assets.ingestion import DESCRIPTIONS, POOL, datasets_of
from orchestration.assets.progress import Progress
from orchestration.assets.published import PUBLICATION
from orchestration.assets.resources import Warehouse
from orchestration.catalogue import catalogue
from orchestration.marts import access_check
from orchestration.readers.ledger import waiting_brands
from orchestration.sentences import Sentence, as_json, several
from orchestration.settings import Settings
from orchestration.sources import extract_days, pending
from orchestration.sources.contract import DATASETS, Dataset

# Guards wait for the server, each for one of its processors.
AT_ONCE = 2
# So many lines of a brand are shown with a check that fails.
MOST_OFFENDERS = 50
PERIODS = AssetKey(["next", "kpi_period"])
IS_FRESH = "is_fresh"
MARKUP = re.compile(r"[<>&`*\[\]\\]")


@dataclass(frozen=True)
class Guard:
    """One check. `judge` gives its findings, about `table`; an error among them keeps the run from publishing if the
    guard is blocking."""

    name: str
    table: str
    description: str
    judge: Callable[[psycopg.Connection[Any]], list[Finding]]
    blocking: bool = True


def checks(settings: Settings) -> list[AssetChecksDefinition]:
    """Entrance checks of every family, exit checks of the indicators, and the checks of what has been published."""
    return [
        *(asset_checks(f"{family}_entrance", AssetKey(family), entrance(family)) for family in DESCRIPTIONS),
        asset_checks("figures", PERIODS, FIGURES),
        asset_checks("published", PUBLICATION, published(settings)),
    ]


def asset_checks(name: str, asset: AssetKey, guards: Sequence[Guard]) -> AssetChecksDefinition:
    """These guards of an asset in one step, as many at once as the server has hands for."""

    @multi_asset_check(
        name=name,
        specs=[
            AssetCheckSpec(name=guard.name, asset=asset, blocking=guard.blocking, description=guard.description)
            for guard in guards
        ],
        pool=POOL,
        # A guard that has nothing to judge gives no verdict: Dagster then shows it as skipped, and not as passed.
        can_subset=True,
    )
    def judge(
        context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse], progress: ResourceParam[Progress]
    ) -> Iterator[AssetCheckResult]:
        names = {key.name for key in context.selected_asset_check_keys}
        wanted = [guard for guard in guards if guard.name in names]
        progress.stage("audit", len(wanted))
        waiting = iter(wanted)

        def judge_some(_: int) -> dict[str, list[Finding]]:
            """Guards that nobody else has taken, over a session."""
            found = {}
            with warehouse.connect() as connection:
                for guard in waiting:
                    found[guard.name] = findings = judged(connection, guard)
                    record(connection, context.run.run_id, findings)
                    connection.commit()
                    progress.piece(guard.name)
            return found

        sessions = min(AT_ONCE, len(wanted))
        with ThreadPoolExecutor(sessions) as threads:
            found = {name: of_it for some in threads.map(judge_some, range(sessions)) for name, of_it in some.items()}
        for guard in wanted:
            if not found[guard.name]:
                context.log.info(f"{guard.name}: nothing new to judge")
                continue
            result = as_result(asset, guard.name, found[guard.name], context.run.run_id)
            # Warnings come with the run's summary.
            if not result.passed and result.severity == AssetCheckSeverity.ERROR:
                progress.failed(f"{guard.name}: {result.description}")
            yield result

    return judge


def judged(connection: psycopg.Connection[Any], guard: Guard) -> list[Finding]:
    """What the guard finds, or that it failed: a finding too, which names the guard and says nothing of the data.

    Raises the guard's own error only when the connection is lost, for then the step is tried again.
    """
    try:
        return guard.judge(connection)
    except Exception as error:
        if connection.broken:
            raise
        connection.rollback()
        said = Sentence("guard_failed", kind=type(error).__name__, error=" ".join(str(error).split()))
        return [Finding(GuardName(guard.name), guard.table, True, None, said, Sentence("expect_judging"))]


# --- the guards -------------------------------------------------------------------------------------------------------


def entrance(family: str) -> list[Guard]:
    """Of each dataset, over the profiles of its unpublished extracts."""
    return [
        Guard(
            f"{dataset.name}_profile",
            dataset.name,
            f"Rows of raw.{dataset.name} where there always were some, columns filled as ever; volume, nulls and words"
            " as usual; nothing refused.",
            partial(_profile, dataset),
        )
        for dataset in datasets_of(family)
    ]


def _profile(dataset: Dataset, connection: psycopg.Connection[Any]) -> list[Finding]:
    return feeds.judge_dataset(connection, dataset.name, dataset.required_columns)


def _stability(connection: psycopg.Connection[Any]) -> list[Finding]:
    fixed = {indicator.ref for indicator in catalogue.load().computed if indicator.stability == "fixed"}
    return stability.judge_stability(connection, fixed)


def _publication(connection: psycopg.Connection[Any]) -> list[Finding]:
    return publishing.judge_changes(connection)


def _identities(connection: psycopg.Connection[Any]) -> list[Finding]:
    return indicators.judge_identities(connection)


def _fluctuating(connection: psycopg.Connection[Any]) -> list[Finding]:
    return settling.judge_fluctuating(connection, catalogue.load().dated, catalogue.settling().tolerance)


def _completeness(connection: psycopg.Connection[Any]) -> list[Finding]:
    return completeness.judge_completeness(connection, catalogue.load().dated)


def _double_entry(connection: psycopg.Connection[Any]) -> list[Finding]:
    return double_entry.judge_double_entry(connection)


# Over what marts would be: the laws, whether the rows are all there and say what they should, and whether they move no
# further than they may. What takes longest comes first.
FIGURES = (
    Guard(
        "double_entry",
        "kpi_period",
        "Sampled values equal what plain queries count; of periods left alone, what the reports say.",
        _double_entry,
    ),
    Guard(
        "stability",
        "kpi_period",
        "A fixed indicator of a period that is over says the same as of its end and now.",
        _stability,
    ),
    Guard(
        "fluctuating",
        "kpi_period",
        "Fluctuating indicators move in their lawful direction and range, as far as their past allows.",
        _fluctuating,
    ),
    Guard(
        "completeness",
        "kpi_period",
        "Every expected period and row of the touched periods is there, and no other.",
        _completeness,
    ),
    Guard(
        "publication",
        "kpi_period",
        "A published fixed indicator of a period that is over changes only with a cause.",
        _publication,
    ),
    Guard(
        "identities",
        "kpi_period",
        "What must be true among the indicators of one period is true of every touched one.",
        _identities,
    ),
)


def published(settings: Settings) -> list[Guard]:
    """What is told of a publication that stands: nothing of it can take that back."""
    return [
        Guard(
            IS_FRESH,
            "all",
            "The newest complete extract day is recent, whatever was backfilled last.",
            partial(_freshness, settings),
            blocking=False,
        ),
        Guard(
            "all_is_read",
            "all",
            "Whatever lies in the sources' folders is read.",
            partial(_places, settings),
            blocking=False,
        ),
        Guard(
            "brands_are_described",
            "brands",
            "No row waits for a brand that no extract describes.",
            _waiting,
            blocking=False,
        ),
        Guard(
            "access",
            "marts",
            "Nothing in the catalogue of the database lets a brand read more than its rows, or write.",
            _access,
            blocking=False,
        ),
    ]


def _freshness(settings: Settings, connection: psycopg.Connection[Any]) -> list[Finding]:
    newest = pending.newest_complete_day(connection, extract_days.sources_of(settings))
    return feeds.judge_freshness(newest, datetime.now(UTC), settings.nightly)


def _places(settings: Settings, connection: psycopg.Connection[Any]) -> list[Finding]:
    return feeds.judge_places(extract_days.left_aside(extract_days.sources_of(settings)))


def _waiting(connection: psycopg.Connection[Any]) -> list[Finding]:
    return feeds.judge_waiting(waiting_brands(connection))


def _access(connection: psycopg.Connection[Any]) -> list[Finding]:
    offences = access_check.offenders(connection)
    return [
        Finding(
            "access",
            "marts",
            True,
            not offences,
            several(offences) if offences else Sentence("none_found"),
            Sentence("expect_own_rows"),
            offenders=tuple({"offence": offence} for offence in offences),
        )
    ]


# --- what they found --------------------------------------------------------------------------------------------------


def as_result(key: AssetKey, name: str, findings: Sequence[Finding], run_id: str) -> AssetCheckResult:
    """One result of several findings: passed if all did, an error if an error or an unevaluated rule is among them."""
    failed = [finding for finding in findings if not finding.passed]
    is_error = any(finding.is_error or finding.passed is None for finding in failed)
    return AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not failed,
        severity=AssetCheckSeverity.ERROR if is_error else AssetCheckSeverity.WARN,
        # Dagster shows it as Markdown, HTML included; what people's data say is text.
        description=escaped("; ".join(_said(one) for one in failed)) or "as expected",
        metadata=_metadata(findings) | ({"query of what fails": _query(failed, run_id)} if failed else {}),
    )


def escaped(text: str) -> str:
    """The text without a sign that Markdown or HTML would take for its own; html.unescape gives it back."""
    return MARKUP.sub(lambda found: f"&#{ord(found[0])};", text)


def _query(failed: Sequence[Finding], run_id: str) -> MetadataValue:
    """How to ask for what fails: what the guards wrote down and, of extracts, the rows in quarantine."""
    names = ", ".join(f"'{name}'" for name in sorted({one.name for one in failed}))
    said = (
        "select brand_id, check_name, observed, expected from marts.data_quality"
        f"\nwhere run_id = '{run_id}' and check_name in ({names}) and passed is not true;"
    )
    if datasets := sorted({one.table for one in failed} & DATASETS.keys()):
        some = ", ".join(f"'{name}'" for name in datasets)
        said += (
            "\n\nselect dataset, extract_day, file, line, rule, value from raw.quarantine"
            f"\nwhere dataset in ({some}) order by extract_day desc, file, line;"
        )
    return MetadataValue.md(f"```sql\n{said}\n```")


def _said(one: Finding) -> str:
    of_brand = f" of {one.brand}" if one.brand else ""
    return f"{one.name}{of_brand}: {one.observed} (expected {one.expected})"


def _metadata(findings: Sequence[Finding]) -> dict[str, Any]:
    """What was found by name, and of each brand: its offenders line by line, where there are any."""
    metadata: dict[str, Any] = {"judged": len(findings), "failing": sum(not one.passed for one in findings)}
    for one in findings:
        name = f"{one.name} of {one.brand}" if one.brand else one.name
        if one.offenders:
            metadata[name] = MetadataValue.json([dict(line) for line in one.offenders[:MOST_OFFENDERS]])
        elif not one.brand or not one.passed:
            metadata[name] = f"{one.observed} (expected {one.expected})"
    if of_brands := [one for one in findings if one.brand]:
        metadata["brands judged"] = len({one.brand for one in of_brands})
        metadata["brands as expected"] = len({one.brand for one in of_brands if one.passed})
    return metadata


def record(connection: psycopg.Connection[Any], run_id: str, findings: Iterable[Finding]) -> None:
    """Write findings to marts.data_quality, published or not, as text and as sentences. A retried run replaces its
    own."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into marts.data_quality"
            " (brand_id, run_id, check_name, table_name, severity, passed, observed, observed_sentence, expected,"
            "  expected_sentence, checked_at)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " on conflict (brand_id, run_id, check_name, table_name) do update set severity = excluded.severity,"
            "  passed = excluded.passed, observed = excluded.observed, observed_sentence = excluded.observed_sentence,"
            "  expected = excluded.expected, expected_sentence = excluded.expected_sentence,"
            "  checked_at = excluded.checked_at",
            [
                (one.brand, run_id, one.name, one.table, "error" if one.is_error else "warn", one.passed,
                 str(one.observed), _json(one.observed), str(one.expected), _json(one.expected), datetime.now(UTC))
                for one in findings
            ],
        )  # fmt: skip


def _json(said: str) -> Jsonb | None:
    sentence = as_json(said)
    return Jsonb(sentence) if sentence else None
