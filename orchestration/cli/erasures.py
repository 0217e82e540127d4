"""What `causerie erase` does: a person's rows go, the numbers that they moved are published, and nothing is left.

Not here: which rows those are, and how they are kept out afterwards (sources/loading/erasure.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.assets import resources
from orchestration.assets.progress import Progress
from orchestration.cli import runs
from orchestration.settings import Settings
from orchestration.sources.loading import erasure

ERASURE_RUN = "erasure"


@dataclass(frozen=True)
class Outcome:
    """What was erased, how the run went that published it, and the places where a name still stands."""

    erased: erasure.Erased
    run: runs.Outcome
    left: list[str]


def erase_visitor(settings: Settings, brand_id: str, visitor_id: str, progress: Progress | None = None) -> Outcome:
    """Erase a visitor of a brand. It may be done again: after a failure, it goes on from where it was.

    Raises erasure.ErasureError without a key, or for a brand that is not known.
    """
    with resources.writing(settings, ERASURE_RUN, print) as ours, ours.connect() as connection:
        if connection.execute("select 1 from raw.brands where brand_id = %s", [brand_id]).fetchone() is None:
            raise erasure.ErasureError(f"no extract describes a brand {brand_id!r}")
        connection.commit()
        erased = erasure.erase_visitor(connection, brand_id, visitor_id)
        url = ours.url
    run = runs.run(settings, None, None, progress)
    with resources.writing(settings, ERASURE_RUN, print) as ours, ours.connect() as connection:
        erasure.forget_workings(connection, brand_id, erased.names)
        left = erasure.places_left(connection, brand_id, erased.names)
    # Deleted rows stay in their files until vacuum has been there.
    with resources.warehouse.connect(url, autocommit=True) as connection:
        for table in sorted(erased.rows):
            connection.execute(f"vacuum {table}".encode())
    return Outcome(erased, run, left)
