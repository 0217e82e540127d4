"""Writes the dbt documents of raw and staging from the contract, so that no column is described twice.

Here: rendering `_raw__sources.yml` and a `_stg_<family>__models.yml` per family. Not here: what the columns are
(contract.py). Run `python -m orchestration.sources.staging_docs` after a change of the contract; a test holds
them equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from orchestration.sources.contract import DATASETS, FAMILIES, Dataset

STAGING = Path(__file__).parents[2] / "dbt_project" / "models" / "staging"
HEADER = "# Written from orchestration/sources/contract.py by orchestration/sources/staging_docs.py.\n"

EVERY_VERSION = "All versions, since a past figure uses the one of its time."
CURRENT = "Current rows."
# What a staging model has beside its dataset's columns, which raw keeps in another form.
STAGED_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "messages": {"content_types": "All that it held, sorted; content_type is the first of them."},
}
LOADED_COLUMNS = {
    "extract_day": "The extract (a day in UTC) that brought the row.",
    "content_hash": "SHA-256 of the row's columns where its extract has several rows of one key, to decide; else null.",
    "load_id": "The load that brought the row.",
}

LOADER = "causerie run (orchestration/sources/loading): one extract of one day (UTC) at a time, each in one transaction"
# Of datasets of events: an extract of a day is complete when the day is over, and comes in the night after it.
FRESHNESS = {
    "loaded_at_field": "(extract_day + 1)::timestamp at time zone 'UTC'",
    "freshness": {"warn_after": {"count": 36, "period": "hour"}},
}


def _columns(dataset: Dataset, more: Mapping[str, str]) -> list[dict[str, str]]:
    described = {c.name: c.description for c in dataset.columns} | dict(more)
    return [{"name": name, "description": text} for name, text in described.items()]


def _sources() -> dict[str, Any]:
    datasets = [
        {
            "name": d.name,
            "description": f"{d.description} Every version of every extract.",
            **({"config": deepcopy(FRESHNESS)} if d.event_time else {}),
            "columns": columns,
        }
        for d in DATASETS.values()
        for columns in [_columns(d, LOADED_COLUMNS)]
    ]
    touched = {
        "name": "touched",
        "description": "What loads brought, changed or took away since the last publication.",
        "columns": [
            {"name": "brand_id", "description": "Which brand the row is of, as in dim_brand."},
            {"name": "entity", "description": "Kind of the thing: brand, member, conversation, hook and so on."},
            {"name": "entity_id", "description": "The thing."},
            {"name": "load_id", "description": "The load that touched it."},
            {"name": "since", "description": "The earliest instant of which the load says something new about it."},
            {"name": "is_correction", "description": "Whether the load took back or altered something."},
        ],
    }
    ledger = [
        {"name": "load", "description": "The ledger: each time that an extract was loaded or refused."},
        {"name": "load_count", "description": "What became of the rows of a load, by brand."},
    ]
    run = {
        "name": "run",
        "description": "The run that is being built, in one row.",
        "columns": [
            {"name": "run_id", "description": "Which run of the platform, or of the journey that the table tells of."},
            {"name": "started_at", "description": "The run's instant."},
            {"name": "data_through", "description": "End of the newest complete extract day."},
            {"name": "newest_load_id", "description": "The newest load that this run takes in."},
            {"name": "published_through", "description": "End of the newest complete extract day ever published."},
        ],
    }
    zone = {
        "name": "zone",
        "description": "The zones of all brands, and by which rules the server's clock changes in them.",
        "columns": [
            {"name": "timezone", "description": "IANA time zone."},
            {"name": "changes", "description": "The instants from 2000 to 2049 at which the zone's clock changes."},
            {"name": "offsets", "description": "Its offsets from UTC: the first one, and from each change on."},
            {"name": "rules", "description": "Digest of all of these."},
        ],
    }
    connected = {
        "name": "connected",
        "description": "Datasets that the sources file declares connected: from that day on, no row means none.",
        "columns": [
            {"name": "dataset", "description": "One of the contract, as the sources file calls it."},
            {"name": "brand_id", "description": "The brand; null means all of them."},
            {"name": "connected_from", "description": "The first such day, on the brand's clock."},
        ],
    }
    indicator = {
        "name": "indicator",
        "description": "What the catalogue says of each indicator that has values.",
        "columns": [
            {"name": "ref", "description": "Which indicator, as in dim_kpi."},
            {"name": "is_fixed", "description": "Whether its value stands once the period is over."},
            {"name": "definition", "description": "Digest of the SQL that computes it, and of the models below it."},
            {"name": "is_redefined", "description": "Whether it was last published under another definition."},
        ],
    }
    return {
        "version": 2,
        "sources": [
            {
                "name": "raw",
                "description": "Extracts as they arrived, judged row by row.",
                "loader": LOADER,
                "tables": [*datasets, touched, *ledger],
            },
            {
                "name": "build",
                "description": "The run's own book-keeping.",
                "tables": [run, zone, connected, indicator],
            },
        ],
    }


def _models(family: str) -> dict[str, Any]:
    return {
        "version": 2,
        "models": [
            {
                "name": f"stg_{family}__{d.name}",
                "description": f"{d.description} {EVERY_VERSION if d.keeps_every_version else CURRENT}",
                "columns": _columns(d, STAGED_COLUMNS.get(d.name, {})),
            }
            for d in DATASETS.values()
            if d.family == family
        ],
    }


def render() -> dict[Path, str]:
    """The documents by their path."""

    def text(document: dict[str, Any]) -> str:
        return HEADER + yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)

    documents = {STAGING / "_raw__sources.yml": text(_sources())}
    for family in FAMILIES:
        documents[STAGING / family / f"_stg_{family}__models.yml"] = text(_models(family))
    return documents


if __name__ == "__main__":
    for path, content in render().items():
        path.write_text(content, encoding="utf-8")
