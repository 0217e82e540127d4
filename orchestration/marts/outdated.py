"""Does what is published still stand, or would the definitions at hand publish something else?

Not here: making it stand again (preparation.py), or extracts that are new (sources/pending.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from orchestration.compiler import fingerprint
from orchestration.marts import contracts, feeds, schema, zones
from orchestration.readers.ledger import has_unpublished, newest_generation, newest_load
from orchestration.settings import Settings
from orchestration.sources import extract_days


def reasons(connection: psycopg.Connection[Any], settings: Settings) -> list[str]:
    """Why a run is due though no extract is new, in words; none where all stands, or nothing has been published yet."""
    if newest_generation(connection) is None:
        return []
    published = contracts.marts_of(contracts.manifest(settings.manifest))
    found = []
    if fingerprint.prepared(connection) != fingerprint.kept(settings.home):
        found.append("the definitions of models, indicators or words have changed")
    if missing := schema.missing(connection, published):
        found.append(f"not there as tables: {', '.join(missing)}")
    if brands := zones.outdated_brands(connection):
        found.append(f"the server knows other zone rules for: {', '.join(sorted(brands))}")
    if feeds.are_outdated(connection, feeds.declared(extract_days.sources_of(settings))):
        found.append("the sources file takes other feeds for connected")
    return found


def is_nothing_to_do(connection: psycopg.Connection[Any], settings: Settings, data_through: datetime | None) -> bool:
    """Would a run that builds and publishes now leave everything as it is?"""
    generation = newest_generation(connection)
    if generation is None or generation.data_through != data_through or has_unpublished(connection):
        return False
    row = connection.execute("select coalesce(max(load_id), 0) from marts.load_ledger").fetchone()
    is_told = row is not None and row[0] >= newest_load(connection)
    return is_told and not reasons(connection, settings)
