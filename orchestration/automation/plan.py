"""How extracts that are to be loaded become a few runs: one a stretch of days, of which the last publishes.

Not here: which extracts those are (sources/pending.py), or who asks (jobs.py, cli/runs.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from dagster import AssetKey

from orchestration.assets.ingestion import DESCRIPTIONS, ONLY_PENDING_TAG
from orchestration.assets.partitions import Stretch, stretches
from orchestration.sources.contract import family_of

# Dagster's tags of a run over a range of partitions; its documentation writes them out, its package names them only
# where it is private (tests/unit/test_dagster_private.py).
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class Batch:
    """One run: which assets, over which stretch of days (None: none, only what follows ingestion)."""

    families: frozenset[str]
    stretch: Stretch | None
    publishes: bool

    def assets(self, following: Iterable[AssetKey]) -> list[AssetKey]:
        """The keys to select; `following` are those that come after ingestion."""
        chosen = [AssetKey(family) for family in DESCRIPTIONS if family in self.families]
        return chosen + (list(following) if self.publishes else [])

    def tags(self, only_pending: bool) -> dict[str, str]:
        if self.stretch is None:
            return {}
        return {**range_tags(self.stretch.first, self.stretch.last), ONLY_PENDING_TAG: str(only_pending).lower()}


def range_tags(first: date, last: date) -> dict[str, str]:
    return {RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: last.isoformat()}


def plan(found: Iterable[tuple[str, date]], unpublished: bool) -> list[Batch]:
    """Runs for these (dataset, day) pairs: one a stretch, oldest first, of which only the last one publishes.

    Without extracts, one run publishes what an earlier one loaded and did not publish; else there is nothing to do.
    """
    parts = stretches((day, family_of(dataset)) for dataset, day in found)
    if not parts:
        return [Batch(frozenset(), None, publishes=True)] if unpublished else []
    return [Batch(one.families, one, publishes=one is parts[-1]) for one in parts]
