"""Figures for Prometheus: what /metrics and `causerie metrics` say, against requests made and the tables themselves.

Not here: what the pages show (test_dashboard.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from little_mart import role_url
from starlette.testclient import TestClient
from town import Town

pytest.importorskip("prometheus_client", reason="the extra metrics is not installed")
from dagster import DagsterInstance, job, op
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from provider import CLIENT, SECRET, Provider, serving

from dashboard.app import create
from orchestration.automation.run_figures import NewestRun
from orchestration.marts import login
from orchestration.marts.access import READER
from orchestration.readers.published_figures import Published
from orchestration.settings import Settings

pytestmark = pytest.mark.xdist_group("town")
HERE = "http://127.0.0.1"
TOKEN = "a token of this test"


def figures(text: str) -> dict[tuple[str, ...], float]:
    """Value by name and labels, in the order of the labels' names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def collected(*collectors: Any) -> dict[tuple[str, ...], float]:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def connection(town: Town) -> Iterator[psycopg.Connection[Any]]:
    with town.night.connect() as opened:
        yield opened


@pytest.fixture
def reader(town: Town, connection: psycopg.Connection[Any]) -> str:
    return role_url(connection, town.night.url, READER)


def screens(home: Path, reader: str, **settings: str) -> TestClient:
    return TestClient(create(Settings.from_environment({"CAUSERIE_HOME": str(home), **settings}), reader), HERE)


def test_pages_are_counted_by_their_route_and_answers_by_where_they_came_from(
    town: Town, tmp_path: Path, reader: str
) -> None:
    brand = town.brands[0].brand_id
    with screens(tmp_path, reader) as client:
        for path in ("/overview", "/overview", "/number/Chat-Card-0", "/number/Chat-Card-1"):
            assert client.get(f"{path}?brand={brand}").status_code == 200
        assert client.get("/overview?brand=nobody").status_code == 400
        assert client.get("/no/such/page").status_code == 404
        assert client.get("/overview", headers={"host": "elsewhere.example"}).status_code == 421
        found = figures(client.get("/metrics").text)
        again = figures(client.get("/metrics").text)
    requests = {key[1:]: value for key, value in found.items() if key[0] == "causerie_screens_requests_total"}
    assert requests == {
        ("/overview", "200"): 2, ("/number/{ref}", "200"): 2, ("/overview", "400"): 1, ("none", "404"): 1,
        ("none", "421"): 1,
    }  # fmt: skip
    assert found["causerie_screens_request_seconds_count", "/overview"] == 3
    assert found["causerie_screens_request_seconds_sum", "/overview"] > 0
    # The second look at the overview needed nothing new.
    kept, asked = (found["causerie_screens_answers_total", source] for source in ("kept", "database"))
    assert kept >= 1 and asked >= 1
    assert again["causerie_screens_requests_total", "/metrics", "200"] == 1
    assert brand not in " ".join(part for key in found for part in key)


def test_what_runs_left_is_what_the_tables_say(
    connection: psycopg.Connection[Any], tmp_path: Path, reader: str
) -> None:
    with screens(tmp_path, reader) as client:
        found = figures(client.get("/metrics").text)
    generation, published, through = connection.execute(
        "select generation, extract(epoch from published_at)::float8, extract(epoch from data_through)::float8"
        " from marts.publication order by generation desc limit 1"
    ).fetchone() or (None,) * 3
    assert found["causerie_warehouse_up",] == 1
    assert found["causerie_publication_generation",] == generation
    assert found["causerie_publication_timestamp_seconds",] == pytest.approx(published)
    assert found["causerie_data_through_timestamp_seconds",] == pytest.approx(through)
    loaded = connection.execute("select dataset, sum(rows_read), sum(rejected) from marts.load_ledger group by dataset")
    for dataset, read, rejected in loaded.fetchall():
        rows = {key[2]: value for key, value in found.items() if key[:2] == ("causerie_load_rows_total", dataset)}
        assert (rows.pop("read"), rows["rejected"]) == (int(read or 0), int(rejected or 0))
        assert sum(rows.values()) == int(read or 0), "a row is read once, and one thing becomes of it"
    # A load stands in the ledger once a brand, and counts once.
    loads = sum(value for key, value in found.items() if key[0] == "causerie_loads_total")
    assert loads == connection.execute("select count(distinct load_id) from marts.load_ledger").fetchone()[0]  # type: ignore[index]
    judged = connection.execute(
        "select count(*) from marts.data_quality where run_id = (select run_id from marts.data_quality"
        " order by checked_at desc limit 1)"
    ).fetchone()
    assert judged and sum(value for key, value in found.items() if key[0] == "causerie_checks") == judged[0]
    assert found["causerie_checks", "failed", "error"] == 0


def test_a_database_that_is_away_is_a_figure_too(tmp_path: Path) -> None:
    nobody = "postgresql://nobody@127.0.0.1:1/nothing"
    assert collected(Published(lambda: psycopg.connect(nobody, connect_timeout=2))) == {("causerie_warehouse_up",): 0}


def test_a_token_that_is_set_is_asked_for(tmp_path: Path, reader: str) -> None:
    with screens(tmp_path, reader, CAUSERIE_METRICS_TOKEN=TOKEN) as client:
        for sent in ({}, {"authorization": "Bearer another"}, {"authorization": f"Basic {TOKEN}"}):
            assert client.get("/metrics", headers=sent).status_code == 401
        assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serving() as running:
        yield running


@pytest.mark.parametrize("token", ["", TOKEN])
def test_where_people_sign_in_only_the_token_opens_it_and_no_brand_is_told(
    town: Town, tmp_path: Path, provider: Provider, token: str
) -> None:
    environment = {
        "CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": town.night.url, "CAUSERIE_METRICS_TOKEN": token,
        "CAUSERIE_OIDC_ISSUER": provider.issuer, "CAUSERIE_OIDC_CLIENT_ID": CLIENT,
        "CAUSERIE_OIDC_CLIENT_SECRET": SECRET, "CAUSERIE_PUBLIC_URL": HERE,
    }  # fmt: skip
    settings = Settings.from_environment(environment)
    with TestClient(create(settings, login.grant(settings, "viewers").url), HERE) as client:
        assert client.get("/metrics").status_code == 401
        answer = client.get("/metrics", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == (200 if token else 401)
    if token:
        names = {key[0] for key in figures(answer.text)}
        assert "causerie_screens_requests_total" in names and "causerie_loads_total" not in names


@op
def passes() -> int:
    return 1


@op
def fails(number: int) -> None:
    raise ValueError(number)


@job
def passing() -> None:
    passes()


@job
def failing() -> None:
    fails(passes())


def test_the_newest_run_says_how_it_went_and_how_long_each_step_took() -> None:
    with DagsterInstance.ephemeral() as instance:
        assert collected(NewestRun(instance)) == {}
        passing.execute_in_process(instance=instance)
        found = collected(NewestRun(instance))
        assert found["causerie_run_succeeded",] == 1
        assert 0 <= found["causerie_run_step_seconds", "passes"] <= found["causerie_run_seconds",]
        failing.execute_in_process(instance=instance, raise_on_error=False)
        found = collected(NewestRun(instance))
    assert found["causerie_run_succeeded",] == 0
    assert {key[1] for key in found if key[0] == "causerie_run_step_seconds"} == {"passes", "fails"}


def test_the_screens_do_without_the_extra(
    tmp_path: Path, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "dashboard.request_figures", raising=False)
    with screens(tmp_path, reader) as client:
        assert client.get("/metrics").status_code == 404
        assert client.get("/overview").status_code in (200, 400)
