"""The zone database changes under stored days: an operating system is updated, and past clocks are others.

Not here: a brand that moves to another zone (test_late_data.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from brute.landing import write
from landing_of import Raw, brand
from night import Night
from small_days import rows

from orchestration.assets.progress import Progress
from orchestration.marts import zones
from orchestration.settings import Settings
from orchestration.verification import verify

BRANDS = ("paris", "counter")


def rules(connection: psycopg.Connection[Any], *names: str) -> list[str]:
    """The digests of these zones, as a run would write them down."""
    connection.execute("create schema if not exists build")
    zones.write(connection)
    found = dict(connection.execute("select timezone, rules from build.zone").fetchall())
    return [found[name] for name in names]


def test_a_digest_tells_what_the_clock_of_a_zone_does(connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    raw = Raw(connection, tmp_path)
    names = ("Europe/Paris", "Europe/Berlin", "Europe/London", "Europe/Moscow", "Asia/Tokyo", "Asia/Seoul", "UTC")
    raw.take("brands", [brand(brand_id=name, timezone=name) for name in names])
    with connection.transaction():
        paris, berlin, london, moscow, tokyo, seoul, utc = rules(connection, *names)
    # Since 2000 Paris and Berlin have set their clocks alike, and Tokyo and Seoul never.
    assert paris == berlin and tokyo == seoul
    assert len({paris, london, moscow, tokyo, utc}) == 5


@pytest.mark.long
@pytest.mark.fault(
    49,
    "the rules of a zone change under stored days, with an update of the operating system",
    "that brand is built anew, and what moves is recorded as due to settings; other brands stay",
)
def test_other_rules_build_the_brands_of_their_zone_anew(
    new_night: Callable[[], Night], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """As seen from what is stored: the days of Paris were laid by other rules than its zone has now. They were laid by
    those of Tokyo, and then its zone's name was put in their place."""
    night = new_night()
    told = {dataset: [row for row in lines if row["brand_id"] in BRANDS] for dataset, lines in rows().items()}
    told["brands"] = [row | {"timezone": "Asia/Tokyo"} if row["brand_id"] == "paris" else row for row in told["brands"]]
    write(night.landing, told)
    night.run()
    others = "select md5(string_agg(k::text, ',' order by k::text)) from marts.kpi_period k where brand_id <> 'paris'"
    with night.connect() as connection:
        before = connection.execute(others.encode()).fetchall()
        assert zones.outdated_brands(connection) == []
        for table in ("raw.brands", "marts.dim_brand"):
            connection.execute(
                f"update {table} set timezone = 'Europe/Paris' where brand_id = 'paris'".encode()
            )
        assert zones.outdated_brands(connection) == ["paris"]
    night.publish()
    with night.connect() as connection:
        moved = connection.execute(
            "select brand_id, cause, count(*) from marts.kpi_published"
            " where generation = 2 and cause <> 'first' group by 1, 2"
        ).fetchall()
        ((fixed, total),) = connection.execute(
            "select count(*) filter (where cause is null), count(*) from marts.kpi_published where generation = 2"
        ).fetchall()
        assert connection.execute(others.encode()).fetchall() == before
        assert zones.outdated_brands(connection) == []
    assert [(one, cause) for one, cause, _ in moved] == [("paris", "settings")]
    assert (fixed, total > 0) == (0, True)
    settings = Settings.from_environment({"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": night.url})
    assert [line for verdict in verify(settings, night.url, None, Progress()) for line in verdict.named] == []
    figure(f"{moved[0][2]:,} numbers restated as settings, without a cause 0, of other brands 0")
