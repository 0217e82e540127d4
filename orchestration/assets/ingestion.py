"""Five assets, one per family of sources: each loads its datasets' extracts of a run's days into the schema raw.

Not here: what makes a row bad or which version wins (sources/).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import psycopg
from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    MaterializeResult,
    MetadataValue,
    PartitionsDefinition,
    ResourceParam,
    multi_asset,
)
from psycopg import sql

from expectations import judging
from orchestration.assets import refusals
from orchestration.assets.dbt_build import Build
from orchestration.assets.partitions import days_of
from orchestration.assets.progress import Progress
from orchestration.assets.resources import Warehouse
from orchestration.marts import relations
from orchestration.readers.ledger import COUNTS, Load, loads_after, newest_load, rows_standing
from orchestration.sources import extract_days, looks, pending
from orchestration.sources.connectors.files import FilesSource
from orchestration.sources.contract import DATASETS, Dataset
from orchestration.sources.loading.load import load_extracts
from orchestration.sources.loading.raw_tables import ensure_indexes, table

OWNERS = ["team:data-engineering"]
# One writer of the warehouse at a time: parallel builds would swap each other's views.
POOL = "warehouse"
# A run with this tag loads only the extracts of its days that are new or have changed; without it, every one of them.
# LOOK: it asks the sources itself what they have, and what vanished there; else whoever asked for it has just looked.
ONLY_PENDING_TAG = "causerie/only_pending"
LOOK = "look"

DESCRIPTIONS = {
    "chat": "Brands, members, conversations, messages, calls, ratings, activity: the chat database, day by day.",
    "widget": "What visitors did with the widget and on the site.",
    "hook": "Hooks: one trigger and what followed it.",
    "sales": "Orders and their lines.",
    "personalisation": "Experiences, journeys, their runs and notifications.",
}


def datasets_of(family: str) -> list[Dataset]:
    """Brands first: rows of a brand that is known need not wait."""
    return [dataset for dataset in DATASETS.values() if dataset.family == family]


def ingestion_assets(partitions: PartitionsDefinition) -> list[AssetsDefinition]:
    """The five partitioned assets. Their partitions definition and single-run policy are the same: so one run may
    hold any number of days and families."""
    return [ingestion_asset(family, partitions) for family in DESCRIPTIONS]


def ingestion_asset(family: str, partitions: PartitionsDefinition) -> AssetsDefinition:
    names = [dataset.name for dataset in datasets_of(family)]

    spec = AssetSpec(
        family,
        group_name="ingestion",
        owners=OWNERS,
        kinds={"postgres"},
        description=DESCRIPTIONS[family],
        metadata={
            "datasets": MetadataValue.md("\n".join(f"- `raw.{d.name}`: {d.description}" for d in datasets_of(family)))
        },
        # Another family may stand or fall by itself: an asset here never waits for a sibling.
        tags={"causerie/family": family, "causerie/tier": "source"},
    )

    # Dagster takes the last step by name for the partitions of a whole run: were that a partitioned one, it would plan
    # every dbt model once a day of the run, an event each. So these come before `publication`.
    @multi_asset(
        name=f"ingest_{family}",
        specs=[spec],
        partitions_def=partitions,
        backfill_policy=BackfillPolicy.single_run(),
        pool=POOL,
    )
    def load_days(
        context: AssetExecutionContext,
        warehouse: ResourceParam[Warehouse],
        build: ResourceParam[Build],
        progress: ResourceParam[Progress],
    ) -> Iterator[MaterializeResult[Any]]:
        only_pending = context.run.tags.get(ONLY_PENDING_TAG, "false")
        days = days_of(context.partition_time_window)
        configured = extract_days.sources_of(warehouse.settings)
        # Whoever started the run has looked everywhere; here it is about its days.
        sources = {
            name: source.of(days) if isinstance(source, FilesSource) else source
            for name, source in configured.items()
            if name in names
        }
        with warehouse.connect() as connection:
            newest = newest_load(connection)
            connection.commit()
            if only_pending != "false":
                waiting = pending.pending_extracts(connection, sources, look=only_pending == LOOK)
                found = [(one.dataset, one.day) for one in waiting]
            else:
                looks.look_at(connection, sources, extract_days.today())
                looks.shown(connection, sources, extract_days.today())
                found = extract_days.available(sources, days[0], days[-1])
            connection.commit()
            found = [(dataset, day) for dataset, day in found if days[0] <= day <= days[-1]]
            looks.announce(sources, found)
            if found:
                # What is needed next begins beside what goes on here, which mostly waits.
                build.get_ready(warehouse, relations.stand(connection, warehouse.settings.manifest))
                connection.commit()
                judging.get_ready()
            progress.stage("load", len(found))
            for dataset, some in by_dataset(found).items():
                for result in load_extracts(connection, DATASETS[dataset], some, sources[dataset]):
                    if result.outcome == "refused":
                        context.log.warning(f"{dataset} of {result.day} refused: {result.reason}")
                    progress.piece(f"{dataset} {result.day}")
            with connection.transaction():
                for name in sources:
                    ensure_indexes(connection, DATASETS[name])
                for name in {dataset for dataset, _ in found}:
                    # dbt reads raw next: without fresh statistics its joins go astray after a first load.
                    connection.execute(sql.SQL("analyze {}").format(table(DATASETS[name])))
                analyse_ledger(connection, len(found))
            loads = loads_after(connection, newest, names)
            standing = rows_standing(connection, names, days[0], days[-1])
        by_day: dict[date, list[Load]] = {}
        for one in loads:
            by_day.setdefault(one.extract_day, []).append(one)
        for day in days:
            context.add_asset_metadata(
                {"dagster/row_count": standing.get(day, 0), **counts_of(by_day.get(day, []))},
                partition_key=day.isoformat(),
            )
        yield MaterializeResult(metadata={"datasets loaded by this run": MetadataValue.md(table_of(loads))})
        refused: dict[date, str] = {}
        for one in loads:
            if one.outcome == "refused":
                said = f"{one.dataset} of {one.extract_day}: {one.reason}"
                refused[one.extract_day] = "\n".join(filter(None, [refused.get(one.extract_day), said]))
        refusals.report(context.instance, spec.key, context.run_id, refused)

    return load_days


def analyse_ledger(connection: psycopg.Connection[Any], loaded: int) -> None:
    """Count what the entrance checks read, if so many new loads are a tenth of all: without, they would join extracts
    and profiles as a product, which takes a minute a dataset after a first load of two years."""
    known = connection.execute("select reltuples from pg_class where oid = 'raw.extract'::regclass").fetchone() or (0,)
    if loaded > known[0] / 10:
        connection.execute(
            "analyze raw.extract, raw.load (load_id, dataset, extract_day),"
            " raw.profile (load_id, dataset, extract_day, brand_id, column_name)"
        )


def by_dataset(extracts: Iterable[tuple[str, date]]) -> dict[str, list[date]]:
    """The days of each dataset, in the contract's order: those that follow each other are loaded together."""
    found: dict[str, list[date]] = {name: [] for name in DATASETS}
    for dataset, day in extracts:
        found[dataset].append(day)
    return {dataset: days for dataset, days in found.items() if days}


def counts_of(loads: Sequence[Load]) -> dict[str, int]:
    """What became of the rows of these loads, as numbers that Dagster plots."""
    return {
        "extracts": len(loads),
        "refused": sum(one.outcome == "refused" for one in loads),
        **{name: sum(one.counts[name] for one in loads) for name in COUNTS},
    }


def table_of(loads: Iterable[Load]) -> str:
    """A line for each dataset, in Markdown."""
    by_dataset: dict[str, list[Load]] = {}
    for one in loads:
        by_dataset.setdefault(one.dataset, []).append(one)
    lines = [
        f"| dataset | extracts | refused | {' | '.join(COUNTS)} |",
        f"| --- | {' | '.join(['---:'] * (len(COUNTS) + 2))} |",
    ]
    for dataset, some in sorted(by_dataset.items()):
        lines.append(f"| {dataset} | {' | '.join(f'{number:,}' for number in counts_of(some).values())} |")
    return "\n".join(lines)
