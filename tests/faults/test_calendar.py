"""Days of 23 and 25 hours, midnights that come twice or not at all.

Not here: indicators on such days (tests/integration/test_small_days.py, test_indicators_exact.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from brute.brands import PLACES
from dagster import GraphDefinition
from dagster._utils.schedules import cron_string_iterator
from town import Town

from orchestration.automation.jobs import nightly
from orchestration.settings import Settings

pytestmark = pytest.mark.xdist_group("town")


@pytest.mark.fault(
    20,
    "days of 23 and 25 h in 6 zones, the Azores and Havana with two midnights among them; a run at 02:30",
    "each event lies in exactly one local day; one run a day",
)
def test_days_of_23_and_25_hours(town: Town, figure: Callable[[str], None]) -> None:
    around = {zone: [day for other, day in PLACES if other == zone] for zone, _ in PLACES}
    lengths: set[float] = set()
    with town.night.connect() as connection:
        for zone, changes in around.items():
            brand = next(brand.brand_id for brand in town.brands if str(brand.zone) == zone)
            for change in changes:
                # An event each quarter of an hour of six days, by the instants of the calendar.
                ((events, days, differing),) = connection.execute(
                    "select count(*), count(d.local_date), count(distinct i.at) from generate_series("
                    "  %(change)s::timestamp at time zone 'UTC' - interval '3 days',"
                    "  %(change)s::timestamp at time zone 'UTC' + interval '3 days', interval '15 minutes') as i (at)"
                    " left join marts.dim_date as d"
                    " on d.brand_id = %(brand)s and i.at >= d.starts_at and i.at < d.ends_at",
                    {"change": change, "brand": brand},
                ).fetchall()
                assert events == days == differing == 6 * 96 + 1, (zone, change)
                lengths |= {
                    float(hours)
                    for (hours,) in connection.execute(
                        "select hours from marts.dim_date where brand_id = %s and local_date between %s and %s",
                        [brand, change - timedelta(days=1), change + timedelta(days=1)],
                    )
                }
        # Every fact has its day, so the days of a brand sum to the whole.
        ((lost,),) = connection.execute(
            "select count(*) from marts.fct_message as m where not exists (select from marts.dim_date as d"
            " where d.brand_id = m.brand_id and m.sent_at >= d.starts_at and m.sent_at < d.ends_at)"
        ).fetchall()
    assert {23, 24, 25} <= lengths
    assert lost == 0
    begin, end = datetime(2024, 10, 1, tzinfo=UTC), datetime(2025, 10, 1, tzinfo=UTC)
    schedule = nightly(GraphDefinition(name="nothing").to_job(), Settings.from_environment())
    found = cron_string_iterator(begin.timestamp(), schedule.cron_schedule, schedule.execution_timezone)
    ticks = takewhile(lambda at: at < end, found)
    runs = Counter(tick.date() for tick in ticks)
    assert set(runs.values()) == {1} and len(runs) == 365
    figure(f"{len(around)} zones, events in no day or in two 0; 365 days, {sum(runs.values())} runs")
