"""The zone database changes under stored days: an operating system is updated, and past clocks are others.

Not here: a brand that moves to another zone (test_late_data.py).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from brute.brands import PLACES
from brute.landing import write
from landing_of import Raw, brand
from night import Night
from small_days import rows

from orchestration import warehouse
from orchestration.assets.progress import Progress
from orchestration.compiler import sql
from orchestration.marts import zones
from orchestration.settings import Settings
from orchestration.sources.loading.upgrade import migrate
from orchestration.verification import verify
from orchestration.warehouse import server

BRANDS = ("paris", "two_midnights")


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


def test_the_stored_rules_tell_what_the_clock_shows(connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    """At instants all over their fifty years, and around each change: half an hour's, Ramadan's, a date left out."""
    raw = Raw(connection, tmp_path)
    names = {str(zone) for zone, _ in PLACES} | {
        "Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Apia", "America/Caracas", "Asia/Pyongyang", "UTC",
    }  # fmt: skip
    raw.take("brands", [brand(brand_id=name, timezone=name) for name in names])
    told = sql.clock("i.at").replace("v_clock_", "z.")
    with connection.transaction():
        rules(connection)
        differing = connection.execute(
            f"select z.timezone, i.at from build.zone as z cross join lateral ("
            "  select g as at from generate_series(timestamptz '2000-01-01 00:00+00', '2049-12-31', '307 minutes') as g"
            "  union all select c + n * interval '59 minutes' from unnest(z.changes) as c, generate_series(-3, 3) as n"
            f" ) as i where {told} is distinct from i.at at time zone z.timezone".encode()
        ).fetchall()
        assert connection.execute("select count(*) from build.zone").fetchone() == (len(names),)
    assert differing == []


@dataclass(frozen=True)
class Host:
    """A server of one's own, made of copied binaries: with them come the zones' rules."""

    settings: Settings
    url: str
    zones: Path

    def update(self, zone: str, like: str) -> None:
        """Give a zone the rules of another, as an update of the operating system would: the server starts anew."""
        warehouse.stop(self.settings)
        shutil.copyfile(self.zones / like, self.zones / zone)
        warehouse.start(self.settings)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    with tempfile.TemporaryDirectory(prefix="causerie-test-") as folder:
        # With the wheel's own libraries, which lie beside its package.
        package = server._binaries().parents[1]
        for one in package.parent.glob(f"{package.name}*"):
            shutil.copytree(one, Path(folder) / one.name)
        installed = Path(folder) / package.name / "pginstall"
        monkeypatch.setattr(server, "_binaries", lambda: installed / "bin")
        settings = Settings.from_environment({"CAUSERIE_HOME": str(Path(folder) / "home")})
        address = warehouse.start(settings)
        try:
            with warehouse.connect(address) as connection:
                migrate(connection)
            yield Host(settings, address, installed / "share" / "timezone")
        finally:
            warehouse.stop(settings)


def numbers(connection: psycopg.Connection[Any], brand_id: str) -> str:
    """What a brand's reports say of each day, hour and weekday and of a slot, and its published periods."""
    asked = "select ref, bucket, bin, value from marts.kpi_report(%(brand)s, '2025-05-31', '2025-06-05', {})"
    ways = (
        "p_breakdown => '{day}'",
        "p_breakdown => '{hour}'",
        "p_breakdown => '{weekday}'",
        "p_weekdays => '{1,7}', p_time_from => '09:30', p_time_to => '18:00'",
    )
    reports = " union all ".join(asked.format(way) for way in ways)
    ((said,),) = connection.execute(
        f"select (select md5(string_agg(r::text, ',' order by r::text)) from ({reports}) as r)"
        " || (select md5(string_agg(k::text, ',' order by k::text)) from"
        "  (select grain, period_start, dimension, dimension_value, ref, bin, value from marts.kpi_period"
        "   where brand_id = %(brand)s) as k)",
        {"brand": brand_id},
    ).fetchall()
    return str(said)


@pytest.mark.long
@pytest.mark.fault(
    49,
    "the rules of a zone change under stored days, with an update of the operating system",
    "no day, hour or slot moves before the next run, which builds the brands of that zone anew, recorded as settings",
)
def test_other_rules_build_the_brands_of_their_zone_anew(
    host: Host, project: tuple[Path, Any], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    shutil.copytree(project[0], tmp_path / "target")
    night = Night(host.url, tmp_path / "landing", tmp_path / "target", project[1])
    told = {dataset: [row for row in lines if row["brand_id"] in BRANDS] for dataset, lines in rows().items()}
    write(night.landing, told)
    night.run()
    with night.connect() as connection:
        before = {brand_id: numbers(connection, brand_id) for brand_id in BRANDS}
        assert zones.outdated_brands(connection) == []
    host.update("Europe/Paris", like="Asia/Tokyo")
    with night.connect() as connection:
        noon = "select extract(hour from timestamptz '2025-06-02 12:00+00' at time zone 'Europe/Paris')"
        assert connection.execute(noon.encode()).fetchone() == (21,)
        assert {brand_id: numbers(connection, brand_id) for brand_id in BRANDS} == before
        assert zones.outdated_brands(connection) == ["paris"]
    night.publish()
    with night.connect() as connection:
        moved = connection.execute(
            "select brand_id, cause, count(*) from marts.kpi_published"
            " where generation = 2 and cause <> 'first' group by 1, 2"
        ).fetchall()
        ((uncaused,),) = connection.execute(
            "select count(*) from marts.kpi_published where generation = 2 and cause is null"
        ).fetchall()
        assert numbers(connection, "two_midnights") == before["two_midnights"]
        assert numbers(connection, "paris") != before["paris"]
        assert zones.outdated_brands(connection) == []
    assert [(one, cause) for one, cause, _ in moved] == [("paris", "settings")]
    assert uncaused == 0
    settings = replace(host.settings, database_url=night.url)
    assert [line for verdict in verify(settings, night.url, None, Progress()) for line in verdict.named] == []
    figure(f"{moved[0][2]:,} numbers restated as settings, without a cause {uncaused}, of other brands 0")
