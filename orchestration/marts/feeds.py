"""Since when datasets are connected, where the sources file says so: from that day on, no row means none.

Without `connected_from` a feed tells of a brand from its first row on (dbt_project/models/kpi/int_feeds_begun.sql). Not
here: what needs which feed (the catalogue), or what is unknown for want of one (dbt_project/indicators/unmet.sql.j2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg

from orchestration.sources.connectors.extract import Source
from orchestration.sources.connectors.mapping import Naming


@dataclass(frozen=True, order=True)
class Connected:
    """A dataset is connected from the beginning of this day on, on the brand's clock; `brand_id` None: for all
    brands."""

    dataset: str
    brand_id: str | None
    day: date


def declared(sources: Mapping[str, Source]) -> list[Connected]:
    """What the sources file says. A source whose rows are all of one brand (`set: {brand_id: ...}`) connects that
    brand alone."""
    return [
        Connected(name, getattr(source, "naming", Naming()).constants.get("brand_id"), source.connected_from)
        for name, source in sources.items()
        if source.connected_from
    ]


def published(connection: psycopg.Connection[Any]) -> list[Connected]:
    """What is published: each brand by itself."""
    return [
        Connected(*row)
        for row in connection.execute(
            "select distinct split_part(f.feed, '.', 1), f.brand_id, f.connected_from from marts.dim_feed as f"
            " where f.connected_from is not null order by 1, 2"
        )
    ]


def write(connection: psycopg.Connection[Any], connected: Iterable[Connected]) -> None:
    """Write down in `build.connected` what this run takes for declared. Part of the caller's transaction."""
    connection.execute(
        "create table if not exists build.connected"
        " (dataset text not null, brand_id text, connected_from date not null)"
    )
    connection.execute("delete from build.connected")
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into build.connected (dataset, brand_id, connected_from) values (%s, %s, %s)",
            [(one.dataset, one.brand_id, one.day) for one in connected],
        )


def are_outdated(connection: psycopg.Connection[Any], connected: Iterable[Connected]) -> bool:
    """Is what is published of feeds another thing than what the sources file now says?"""
    brands = [brand for (brand,) in connection.execute("select brand_id from marts.dim_brand")]
    wanted = {
        Connected(one.dataset, brand, one.day) for one in connected for brand in brands if one.brand_id in (None, brand)
    }
    return wanted != set(published(connection))
