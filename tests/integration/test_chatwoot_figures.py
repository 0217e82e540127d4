"""Chatwoot's tables, connected and published: every figure that is claimed, beside SQL of its own on those tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from asking import report
from chatwoot_figures import FIGURES, figures
from chatwoot_shop import only_with_the_case, shop
from night import Night
from thoroughness import times

from orchestration.sources.connectors.database import Database
from orchestration.sources.connectors.sources_file import read_sources
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import load_extracts
from orchestration.sources.systems import packages
from orchestration.sources.systems.reconcile import reconcile

pytestmark = [only_with_the_case, pytest.mark.xdist_group("chatwoot")]

SEEDS = (7, 11, 23, 1, 2, 3, 4, 5, 6, 8)[: times(1, 10)]
FIRST, DAYS, LOOKED_AT = date(2026, 10, 26), 30, date(2026, 12, 10)
ZONES = {1: "Europe/Paris", 2: "Europe/London"}
# The month, and the weeks that it has: what one period hides shows in another.
PERIODS = [(FIRST, FIRST + timedelta(DAYS - 1))] + [
    (FIRST + timedelta(first), FIRST + timedelta(first + 6)) for first in range(0, DAYS + 7, 7)
]


@dataclass(frozen=True)
class Shops:
    """Shops of several seeds, published as brands of one platform, `seed7-1` and `seed7-2`."""

    night: Night
    urls: dict[int, str]


def load(night: Night, folder: Path, seed: int, url: str) -> None:
    """All that a shop has, as a first `causerie run` would take it."""
    file = folder / f"{seed}.yml"
    brands = ", ".join(f"{n}: {{brand_id: seed{seed}-{n}, currency: EUR}}" for n in ZONES)
    file.write_text(f"systems: {{chatwoot: {{url: '{url}', brands: {{{brands}}}}}}}")
    with night.connect() as connection:
        for name, source in read_sources(file, "unused").items():
            source.show(source.look(None, LOOKED_AT).marks)  # type: ignore[attr-defined]
            days = sorted(source.days(LOOKED_AT))
            source.announce(days)  # type: ignore[attr-defined]
            for result in load_extracts(connection, DATASETS[name], days, source):
                assert result.outcome == "loaded" and not result.counts.rejected, result


@pytest.fixture(scope="module")
def shops(server: str, new_night: Callable[[], Night], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    with ExitStack() as stack:
        night, urls = new_night(), {}
        for seed in SEEDS:
            urls[seed] = stack.enter_context(shop(server, seed))
            load(night, tmp_path_factory.mktemp("sources"), seed, urls[seed])
        night.publish()
        yield Shops(night, urls)


def test_every_figure_is_that_of_chatwoots_own_tables(shops: Shops) -> None:
    differences, compared = [], 0
    for seed, url in shops.urls.items():
        with shops.night.connect() as ours, psycopg.connect(url) as theirs:
            theirs.execute("set timezone = 'UTC'")
            for account, zone in ZONES.items():
                for first, last in PERIODS:
                    start, end = (
                        datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
                        for day in (first, last + timedelta(1))
                    )
                    own = figures(theirs, account, start, end)
                    told = {
                        row.ref: row for row in report(ours, f"seed{seed}-{account}", first, last, refs=list(FIGURES))
                    }
                    for ref, value in own.items():
                        compared += 1
                        answer = told[ref]
                        wanted = None if answer.missing else value
                        if answer.missing and value:
                            differences.append((seed, account, first, ref, value, answer.missing))
                        elif (wanted is None) != (answer.value is None) or (
                            wanted is not None and abs(wanted - (answer.value or 0)) > abs(wanted) / 1_000_000
                        ):
                            differences.append((seed, account, first, ref, value, answer.value))
    assert not differences, differences
    assert compared == len(SEEDS) * len(ZONES) * len(PERIODS) * len(FIGURES)


def test_nothing_of_what_is_not_connected_shows_zero(shops: Shops) -> None:
    connected = set(packages.package("chatwoot").datasets)
    with shops.night.connect() as connection:
        for brand in (f"seed{SEEDS[0]}-1", f"seed{SEEDS[0]}-2"):
            rows = report(connection, brand, FIRST, PERIODS[0][1])
            unknown = {row.ref for row in rows if row.missing}
            assert all(row.value is None for row in rows if row.missing)
            named = {name for row in rows for name in row.missing}
            assert named - connected == set(DATASETS) - connected - {"identities"}
            for ref in ("Chat-Card-81", "Shop-Card-1", "Cust-Card-1", "Wget-Card-01", "Hook-Card-3", "Hook-Card-4",
                        "Amb-Card-52", "Reco-Card-1", "Jour-Card-1", "Engt-Funnel-5", "Sale-Card-10"):  # fmt: skip
                assert ref in unknown
            stated = connection.execute(
                "select distinct ref from marts.kpi_period where brand_id = %s and ref = any(%s) and value is not null",
                [brand, list(unknown)],
            ).fetchall()
            assert stated == []
            lines = connection.execute(
                "select item from marts.kpi_list('Chat-List-1', %s, %s, %s)", [brand, FIRST, PERIODS[0][1]]
            ).fetchall()
            assert lines and all(value is None for (item,) in lines for name, value in item.items() if "8" in name)


def test_reconciling_explains_every_difference(shops: Shops) -> None:
    package = packages.package("chatwoot")
    for seed, url in shops.urls.items():
        with shops.night.connect() as connection:
            for account in ZONES:
                for first, last in PERIODS:
                    brand = f"seed{seed}-{account}"
                    database = Database("Chatwoot", url, None)
                    found = reconcile(connection, package, database, str(account), brand, first, last)
                    assert [(one.name, one.left) for one in found if one.left and not one.is_average] == []
