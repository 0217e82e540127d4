"""Tries the bundle in a Superset of its own: `make superset-check`.

Makes Superset's environment from requirements.lock (in build/superset, once), a fresh Superset in it, brings the bundle
in, asks its API for numbers and holds each against SQL, lets two people see what the row rule lets them, and opens the
dashboards in Chromium. It reads the installation of CAUSERIE_HOME or CAUSERIE_DATABASE_URL, by a reader's login, and
writes pictures and Superset's log into build/superset. Exit code 0: no difference, and no chart with an error.

Not here: the product's tests, which do not need Superset (tests/unit/test_superset_bundle.py).
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import requests
from install import Superset, install
from psycopg.conninfo import conninfo_to_dict
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from sqlalchemy import URL

from orchestration.marts import login
from orchestration.settings import Settings

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PLACE = ROOT / "build" / "superset"
ENVIRONMENT = PLACE / "environment"
TOTALS = ("Chat-Card-0", "Chat-Card-10", "Chat-Card-12", "Chat-Card-15", "Chat-Card-20", "Chat-Card-73", "Chat-Card-80",
          "Chat-Card-81")  # fmt: skip
DAILY = ("Chat-Card-0", "Chat-Card-10", "Chat-Card-12", "Chat-Card-71", "Chat-Card-81", "Wlst-Card-1")
PERIODS = ("Chat-Card-0", "Chat-Card-10", "Chat-Card-12", "Chat-Card-81")
LISTS = ("Chat-List-1", "One-List-1", "One-List-2", "One-List-3")
DASHBOARDS = sorted(file.stem.replace("_", "-") for file in (HERE / "causerie" / "dashboards").glob("*.yaml"))


class Number(NamedTuple):
    """What was asked of Superset, and the two answers."""

    what: str
    by_superset: Decimal | None
    by_sql: Decimal | None

    @property
    def differs(self) -> bool:
        if self.by_superset is None or self.by_sql is None:
            return self.by_superset is not self.by_sql
        # JSON carries floats.
        return abs(self.by_superset - self.by_sql) > Decimal("1e-9") * max(abs(self.by_sql), Decimal(1))


def environment(programs: Path) -> None:
    """Superset's packages, as the lock has them. Raises CalledProcessError where the registry lacks any."""
    uv, index = shutil.which("uv", path=str(programs)) or "uv", os.environ.get("PIP_INDEX_URL")
    if not (ENVIRONMENT / "bin" / "python").exists():
        subprocess.run([uv, "venv", "--quiet", "--python", "3.11", ENVIRONMENT], check=True)
    subprocess.run(
        [uv, "--quiet", "pip", "sync", *(["--default-index", index] if index else []), "--require-hashes",
         "--python", ENVIRONMENT / "bin" / "python", HERE / "requirements.lock"], check=True,
    )  # fmt: skip


@contextmanager
def superset(password: str, brands: Mapping[str, str]) -> Iterator[str]:
    """A fresh Superset with an administrator, and a person for each role in `brands`; yields its address."""
    home = PLACE / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    settings = os.environ | {
        "SUPERSET_CONFIG_PATH": str(HERE / "superset_config.py"), "SUPERSET_SECRET_KEY": secrets.token_urlsafe(32),
        "SUPERSET_DATABASE_URL": f"sqlite:///{home / 'superset.db'}", "SUPERSET_HOME": str(home),
        "FLASK_APP": "superset",
    }  # fmt: skip
    program = str(ENVIRONMENT / "bin" / "superset")
    people = "\n".join(
        f"manager.add_user({user!r}, {user!r}, 'x', {user + '@example.com'!r},"
        f" [manager.find_role('Alpha'), manager.add_role({role!r})], {password!r})"
        for user, role in brands.items()
    )
    made = (
        "from superset.app import create_app\nwith create_app().app_context():\n"
        "    from superset import db, security_manager as manager\n    "
        + people.replace("\n", "\n    ") + "\n    db.session.commit()"
    )  # fmt: skip
    admin = ["fab", "create-admin", "--username", "admin", "--firstname", "a", "--lastname", "a", "--email",
             "admin@example.com", "--password", password]  # fmt: skip
    with (PLACE / "superset.log").open("w") as log, socket.socket() as free:
        told: dict[str, Any] = {"env": settings, "stdout": log, "stderr": log}
        for command in (["db", "upgrade"], ["init"], admin):
            subprocess.run([program, *command], check=True, **told)
        subprocess.run([str(ENVIRONMENT / "bin" / "python"), "-c", made], check=True, **told)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        serve = [program, "run", "--host", "127.0.0.1", "--port", str(port), "--with-threads"]
        served = subprocess.Popen(serve, **told)
        try:
            yield _answering(f"http://127.0.0.1:{port}", served)
        finally:
            served.terminate()
            served.wait(30)


def _answering(address: str, served: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + 300
    while time.monotonic() < until and served.poll() is None:
        try:
            if requests.get(f"{address}/health", timeout=5).ok:
                return address
        except requests.RequestException:
            time.sleep(1)
    raise RuntimeError(f"Superset did not start: see {PLACE / 'superset.log'}")


def ask(
    api: Superset, dataset: int, metric: str, brand: str, days: tuple[date, date], column: str, **said: list[str]
) -> Decimal | None:
    """One number of a dataset whose days are in this column. `said`: further filters, by column."""
    filters = [{"col": name, "op": "IN", "val": values} for name, values in said.items()]
    first, last = days
    query = {
        "metrics": [metric], "columns": [], "granularity": column, "row_limit": 10,
        "time_range": f"{first} : {last + timedelta(days=1)}",
        "filters": [{"col": "brand_id", "op": "IN", "val": [brand]}, *filters],
    }  # fmt: skip
    asked = {"datasource": {"id": dataset, "type": "table"}, "queries": [query], "result_format": "json",
             "result_type": "full", "force": True}  # fmt: skip
    rows = api.call("POST", "chart/data", json=asked)["result"][0]["data"]
    value = rows[0][metric] if rows else None
    return None if value is None else Decimal(str(value))


def numbers(api: Superset, connection: psycopg.Connection[Any], brand: str, days: tuple[date, date]) -> list[Number]:
    """What Superset answers beside what marts.kpi_report answers."""
    ids = {one["table_name"]: one["id"] for one in api.all("dataset/")}

    def by_sql(ref: str, breakdown: str = "", bucket: str = "") -> Decimal | None:
        found = connection.execute(
            "select value from marts.kpi_report(%s, %s, %s, p_refs => %s, p_breakdown => %s) where bucket = %s::text[]",
            [brand, *days, [ref], [breakdown] if breakdown else [], [bucket] if bucket else []],
        ).fetchone()
        return found[0] if found else None

    found = []
    for ref in TOTALS:
        value = ask(api, ids["kpi_report_en"], "exact_value", brand, days, "period_start", ref=[ref])
        found.append(Number(f"report {ref}", value, by_sql(ref)))
    for ref, by, bucket in (("Chat-Card-10", "day", str(days[1])), ("Chat-Card-12", "source", "direct"),
                            ("Chat-Card-0", "hour", "14"), ("Chat-Card-10", "weekday", "3")):  # fmt: skip
        value = ask(api, ids["kpi_report_fr"], "exact_value", brand, days, "period_start", ref=[ref],
                    breakdown=[by], bucket=[bucket])  # fmt: skip
        found.append(Number(f"report {ref} by {by} {bucket}", value, by_sql(ref, by, bucket)))
    for ref in DAILY:
        value = ask(api, ids["bi_daily_es"], ref, brand, days, "local_date")
        found.append(Number(f"bi_daily {ref}", value, by_sql(ref)))
    for ref in PERIODS:
        value = ask(api, ids["kpi_period_fr"], "exact_value", brand, days, "period_start", ref=[ref], grain=["day"],
                    dimension=["all"])  # fmt: skip
        found.append(Number(f"kpi_period days of {ref}", value, by_sql(ref)))
    for ref in LISTS:
        found += [*_list(api, connection, ids, ref, brand, days)]
    # Days of a median make no month's: the metric says nothing rather than something wrong.
    value = ask(api, ids["kpi_period_en"], "exact_value", brand, days, "period_start", ref=["Chat-Card-15"],
                grain=["day"], dimension=["all"])  # fmt: skip
    found.append(Number("kpi_period days of Chat-Card-15, which has no sum", value, None))
    return found


def _list(
    api: Superset, connection: psycopg.Connection[Any], ids: Mapping[str, int], ref: str, brand: str,
    days: tuple[date, date],
) -> Iterator[Number]:  # fmt: skip
    """How many lines a list has, and the sum of each of its columns of numbers."""
    name = f"kpi_list_{ref.lower().replace('-', '_')}_es"
    columns = [
        one["column_name"] for one in api.call("GET", f"dataset/{ids[name]}")["result"]["columns"]
        if one["type"] == "NUMERIC"
    ]  # fmt: skip
    first, last = days
    query = {
        "metrics": [], "columns": ["place", *columns], "granularity": "period_start", "row_limit": 10000,
        "time_range": f"{first} : {last + timedelta(days=1)}",
        "filters": [{"col": "brand_id", "op": "IN", "val": [brand]}],
    }  # fmt: skip
    asked = {"datasource": {"id": ids[name], "type": "table"}, "queries": [query], "result_format": "json",
             "result_type": "full", "force": True}  # fmt: skip
    rows = api.call("POST", "chart/data", json=asked)["result"][0]["data"]
    lines = [
        item for (item,) in connection.execute("select item from marts.kpi_list(%s, %s, %s, %s)", [ref, brand, *days])
    ]
    yield Number(f"{ref}: lines", Decimal(len(rows)), Decimal(len(lines)))
    for column in columns:
        shown, wanted = ([one[column] for one in found if one[column] is not None] for found in (rows, lines))
        yield Number(f"{ref}: {column}", sum(map(_decimal, shown), Decimal(0)), sum(map(_decimal, wanted), Decimal(0)))


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value))


def rows_seen(api: Superset, brand: str, days: tuple[date, date]) -> Decimal | None:
    ids = {one["table_name"]: one["id"] for one in api.all("dataset/")}
    return ask(api, ids["bi_daily_en"], "Chat-Card-0", brand, days, "local_date")


def looked_at(address: str, password: str) -> list[str]:
    """Open every dashboard in Chromium, a picture of each; returns what charts say that failed."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not (browser and driver):
        raise RuntimeError("no chromium with chromedriver on this machine")
    options = Options()
    options.binary_location = browser
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    opened = webdriver.Chrome(options=options, service=Service(driver))
    faults = []
    try:
        opened.get(f"{address}/login/")
        _until(opened, "return document.querySelector('input[type=password]')", 120)
        opened.find_element("css selector", "input[type=text]").send_keys("admin")
        opened.find_element("css selector", "input[type=password]").send_keys(password + "\n")
        _until(opened, "return !location.pathname.startsWith('/login')", 60)
        for name in DASHBOARDS:
            # All of the page at once: charts are drawn when they come into sight.
            opened.set_window_size(1400, 2400)
            opened.get(f"{address}/superset/dashboard/causerie-{name}/?standalone=0")
            _until(opened, "return document.querySelectorAll('.dashboard-component-chart-holder').length > 0", 120)
            _until(opened, "return !document.querySelector('.loading, [aria-label=\"Loading\"]')", 240)
            time.sleep(3)
            opened.save_screenshot(str(PLACE / f"{name}.png"))
            said = opened.execute_script(
                "return [...document.querySelectorAll('.ant-alert-error, [data-test=\"alert-error\"]')]"
                ".map(e => e.innerText)"
            )
            faults += [f"{name}: {' '.join(text.split())[:300]}" for text in said]
            shown = opened.execute_script("return document.querySelectorAll('.slice_container').length")
            print(f"{name}: {shown} charts, {len(said)} with an error")
    finally:
        opened.quit()
    return faults


def _until(browser: webdriver.Chrome, condition: str, seconds: int) -> None:
    until = time.monotonic() + seconds
    while not browser.execute_script(condition):
        if time.monotonic() > until:
            raise RuntimeError(f"{browser.current_url}: waited {seconds} s for {condition}")
        time.sleep(1)


def main() -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    environment(Path(sys.executable).parent)
    given = login.grant(Settings.from_environment(), "reader")
    # The password stands in a file of its own, as its last field.
    secret = Path(given.passfile).read_text(encoding="utf-8").strip().rsplit(":", 1)[1]
    parts = conninfo_to_dict(given.url)
    reader = URL.create(
        "postgresql+psycopg2", str(parts["user"]), secret, str(parts["host"]), int(parts["port"] or 5432),
        str(parts["dbname"]),
    ).render_as_string(hide_password=False)  # fmt: skip
    password = secrets.token_urlsafe(16)
    # Superset takes minutes to start, and a reader's transaction may not lie idle so long.
    with psycopg.connect(given.url, options="-c timezone=UTC", autocommit=True) as connection:
        brand, last = connection.execute(
            "select (select min(brand_id) from marts.dim_brand), (max(data_through) - interval '1 second')::date"
            " from marts.publication"
        ).fetchone() or (None, None)
        if not brand:
            sys.exit("nothing is published: `make run` first")
        days = (last - timedelta(days=29), last)
        with superset(password, {"keeper": f"causerie:{brand}", "stranger": "causerie:another"}) as address:
            api = Superset(address, "admin", password)
            install(api, reader)
            install(api, reader)
            found = numbers(api, connection, brand, days)
            seen = {user: rows_seen(Superset(address, user, password), brand, days) for user in ("keeper", "stranger")}
            faults = looked_at(address, password)
    for one in found:
        verdict = "DIFFERS" if one.differs else "equal"
        print(f"{verdict:7} {one.what}: {one.by_superset} by Superset, {one.by_sql} by SQL")
    differing = sum(one.differs for one in found)
    print(f"{len(found)} numbers of {brand}, {days[0]} to {days[1]}: {differing} differences.")
    expected = next(one.by_sql for one in found if one.what == "bi_daily Chat-Card-0")
    print(f"New requests that {seen['keeper']} see by the role of the brand, and {seen['stranger']} by another's.")
    faults += ["the row rule does not hold"] * (seen["keeper"] != expected or seen["stranger"] is not None)
    print(*faults, sep="\n")
    sys.exit(bool(differing or faults))


if __name__ == "__main__":
    main()
