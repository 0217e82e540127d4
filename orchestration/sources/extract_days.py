"""Which extracts a run asks for: those of given days, and the day on which partitions begin.

Not here: which extracts are new (pending.py), or loading one (loading/load.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from orchestration.settings import Settings
from orchestration.sources.connectors.files import FilesSource
from orchestration.sources.connectors.listing import Aside, day_of, list_root
from orchestration.sources.connectors.sources_file import Sources, read_sources


def today() -> date:
    return datetime.now(UTC).date()


def sources_of(settings: Settings) -> Sources:
    """Where each dataset comes from. Raises SourcesError when the sources file can't be followed."""
    return read_sources(settings.sources_file, settings.landing)


def available(sources: Sources, first: date | None = None, last: date | None = None) -> list[tuple[str, date]]:
    """Every (dataset, day) that the sources show from `first` to `last`, by day and in the contract's order.

    A day that lies ahead is a wrong clock somewhere: it is left alone until it comes.
    """
    last = min(last or today(), today())
    found = [(dataset, day) for dataset, source in sources.items() for day in source.days(today())]
    return sorted((one for one in found if (first or one[1]) <= one[1] <= last), key=lambda one: one[1])


def left_aside(sources: Sources) -> list[Aside]:
    """What lies where these sources read files, and is not read: said once a run, since nobody would look for it."""
    files = [source for source in sources.values() if isinstance(source, FilesSource)]
    found = list(dict.fromkeys(aside for source in files for aside in source.asides(today())))
    by_days = [source for source in files if not source.flat_by]
    for root in dict.fromkeys(source.root for source in by_days):
        found += list_root(root, {source.folder or source.dataset.name for source in by_days if source.root == root})
    return found


def first_day(settings: Settings) -> date:
    """The day of the first extract ever found: the start of the partitions. Today, while none was found.

    Asks no source over the network: it knows what the last look at them remembered, and looks into a local landing.
    """
    try:
        return date.fromisoformat(_memory(settings).read_text())
    except (OSError, ValueError):
        days = (day_of(folder.name) for folder in Path(settings.landing).glob("*/*"))
        return min(filter(None, days), default=today())


def remember_first_day(settings: Settings, days: Iterable[date]) -> None:
    """Note the first of these days for first_day, if it is earlier than what is known."""
    first = min(days, default=None)
    memory = _memory(settings)
    if first and (not memory.exists() or first < first_day(settings)):
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(first.isoformat())


def _memory(settings: Settings) -> Path:
    return settings.home / "first_extract_day"
