"""A real browser walks through the screens: filters, languages, drill-down, live, phone, print, both looks.

Needs chromium and its chromedriver; skips, saying so, where there is none. Accessibility by axe-core (tests/vendor).
"""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from little_mart import role_url
from night import DBT_PROJECT, Night, dbt
from platforms import Copies
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait
from town import Town

from dashboard.app import create
from orchestration.marts.access import READER
from orchestration.settings import Settings

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
AXE = Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js"
PHONE, DESK = 390, 1366
pytestmark = [
    pytest.mark.xdist_group("town"),
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium with chromedriver on this machine"),
]
PATHS = (
    "overview", "area/conversations", "area/ads", "dashboard/one_to_one", "dashboard/personalisation", "members",
    "number/Chat-Card-12", "rows/Chat-Card-0", "quality", "live",
)  # fmt: skip


@contextmanager
def served(night: Night, home: Path) -> Iterator[str]:
    """The address of the screens of a platform; live reads its loaded rows."""
    with night.connect() as connection:
        reader = role_url(connection, night.url, READER)
    settings = Settings.from_environment({"CAUSERIE_HOME": str(home), "CAUSERIE_DATABASE_URL": night.url})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create(settings, reader), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{free.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def address(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(town.night, tmp_path_factory.mktemp("screens")) as where:
        yield where


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(DRIVER))
    opened.set_script_timeout(120)
    yield opened
    opened.quit()


@pytest.fixture
def query(town: Town) -> str:
    """Of a brand and days on which something happened."""
    brand = town.brands[0]
    return f"brand={brand.brand_id}&from={brand.around.replace(day=1)}&to={brand.around}"


def look(browser: webdriver.Chrome, width: int, scheme: str = "light") -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features, "media": ""})


def until(browser: webdriver.Chrome, condition: Callable[[webdriver.Chrome], Any]) -> Any:
    return WebDriverWait(browser, 60).until(condition)


def answers(browser: webdriver.Chrome) -> list[tuple[int, str]]:
    """Status and address of everything that the browser has been answered since the last call."""
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    found = (m["params"]["response"] for m in messages if m["method"] == "Network.responseReceived")
    return [(one["status"], one["url"]) for one in found]


def asked_for(browser: webdriver.Chrome) -> set[str]:
    """The hosts that the browser has sent requests to since the last call."""
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    urls = (m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent")
    return {urlsplit(url).netloc for url in urls if urlsplit(url).scheme in ("http", "https", "ws", "wss")}


@pytest.mark.parametrize("path", PATHS)
def test_accessible_on_every_width_and_in_both_looks(
    browser: webdriver.Chrome, address: str, query: str, path: str
) -> None:
    axe = AXE.read_text(encoding="utf-8")
    asked_for(browser)
    for width, scheme in ((PHONE, "light"), (DESK, "dark")):
        look(browser, width, scheme)
        browser.get(f"{address}/{path}?{query}&lang=es")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        browser.execute_script(axe)
        found = browser.execute_async_script(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(done)"
        )
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == [], (path, width, scheme)
    assert asked_for(browser) == {urlsplit(address).netloc}
    said = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert said == []


def test_from_a_filter_to_a_conversation(browser: webdriver.Chrome, address: str, query: str) -> None:
    look(browser, DESK)
    browser.get(f"{address}/overview?{query}&lang=en")
    Select(browser.find_element(By.NAME, "compare")).select_by_value("weekdays")
    browser.find_element(By.CSS_SELECTOR, ".more > summary").send_keys(Keys.ENTER)
    for weekday in range(1, 7):
        browser.find_element(By.CSS_SELECTOR, f"input[name=weekday][value='{weekday}']").send_keys(Keys.SPACE)
    browser.find_element(By.CSS_SELECTOR, ".filters .primary").send_keys(Keys.ENTER)
    until(browser, lambda b: "weekday=6" in b.current_url)
    said = parse_qs(urlsplit(browser.current_url).query)
    assert said["weekday"] == ["1", "2", "3", "4", "5", "6"]
    assert said["compare"] == ["weekdays"]

    browser.find_element(By.CSS_SELECTOR, ".languages a[lang=fr]").send_keys(Keys.ENTER)
    until(browser, lambda b: b.find_element(By.TAG_NAME, "html").get_attribute("lang") == "fr")
    assert "weekday=6" in browser.current_url
    assert browser.find_element(By.TAG_NAME, "h1").text == "Vue d'ensemble"

    browser.get(f"{address}/overview?{query}&lang=fr")
    number = browser.find_element(By.CSS_SELECTOR, ".card .value a").text
    browser.find_element(By.CSS_SELECTOR, ".card .value a").send_keys(Keys.ENTER)
    until(browser, lambda b: "/rows/Chat-Card-0" in b.current_url)
    assert f"{number} lignes" in browser.find_element(By.CSS_SELECTOR, ".lead").text
    browser.find_element(By.CSS_SELECTOR, "td a[href^='/conversation/']").send_keys(Keys.ENTER)
    until(browser, lambda b: "/conversation/" in b.current_url)
    assert "Demandée" in browser.find_element(By.TAG_NAME, "table").text


def test_a_point_of_a_chart_leads_to_its_rows(browser: webdriver.Chrome, address: str, query: str) -> None:
    look(browser, DESK)
    browser.get(f"{address}/dashboard/jumper?{query}&lang=en")
    canvas = until(browser, lambda b: b.find_element(By.CSS_SELECTOR, ".chart.funnel canvas"))
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    # Where the first bar begins is the chart's own knowledge.
    x, y = browser.execute_script(
        "const place = arguments[0].closest('.canvas'), chart = echarts.getInstanceByDom(place);"
        "const [x, y] = chart.convertToPixel({seriesIndex: 0}, [0, 0]), at = place.getBoundingClientRect();"
        "return [at.left + x + 3, at.top + y]",
        canvas,
    )
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **button})
    until(browser, lambda b: "/rows/Engt-Funnel-1" in b.current_url)


def test_the_look_is_kept_and_the_page_prints(browser: webdriver.Chrome, address: str, query: str) -> None:
    look(browser, DESK)
    browser.get(f"{address}/overview?{query}&lang=en")
    theme = "return document.documentElement.dataset.theme"
    browser.find_element(By.ID, "theme").send_keys(Keys.ENTER)
    assert browser.execute_script(theme) == "dark"
    browser.get(f"{address}/quality?{query}&lang=en")
    assert browser.execute_script(theme) == "dark"
    browser.execute_script("localStorage.clear()")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not browser.find_element(By.CSS_SELECTOR, ".tools").is_displayed()
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert printed["data"].startswith("JVBERi0")
    look(browser, DESK)


def test_live_refreshes_itself(browser: webdriver.Chrome, address: str, query: str) -> None:
    look(browser, PHONE)
    browser.get(f"{address}/live?{query}&lang=en")
    until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "#live .card"))
    browser.execute_script("document.querySelector('#live .card').dataset.mark = 'first'")
    until(browser, lambda b: not b.find_elements(By.CSS_SELECTOR, "#live .card[data-mark]"))
    assert "old" in browser.find_element(By.CSS_SELECTOR, "#live .lead").text
    assert not browser.find_element(By.ID, "lost").is_displayed()


def test_without_a_server_the_live_page_says_so(browser: webdriver.Chrome, address: str, query: str) -> None:
    browser.get(f"{address}/live?{query}&lang=en")
    browser.execute_script("document.getElementById('live').dataset.refresh = '/nothing'")
    until(browser, lambda b: b.find_element(By.ID, "lost").is_displayed())


@pytest.mark.long
def test_an_upgrade_under_open_pages(browser: webdriver.Chrome, small_days_again: Copies, tmp_path: Path) -> None:
    """People click on while a later version builds and publishes: a table that they read gains a column, functions are
    made again, a generation follows. Each page answers, and afterwards with the new generation."""
    folder, target = tmp_path / "dbt_project", tmp_path / "target"
    shutil.copytree(DBT_PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs"))
    (model,), (described, *_) = folder.rglob("int_brands_current.sql"), sorted((folder / "models/marts").glob("*.yml"))
    model.write_text(f"select b.*, 'slowly'::text as motto from (\n{model.read_text()}\n) as b\n")
    before, brand, after = described.read_text().partition("  - name: dim_brand\n")
    motto = (
        '    columns:\n      - name: motto\n        data_type: text\n        description: "What it says of itself."\n'
    )
    described.write_text(before + brand + after.replace("    columns:\n", motto, 1))
    paths = ("overview", "live", "quality", "area/conversations", "number/Chat-Card-10", "rows/Chat-Card-0", "members")
    question = "brand=paris&lang=en&from=2025-06-01&to=2025-06-30"
    with small_days_again() as night, served(night, tmp_path) as address, ThreadPoolExecutor(1) as beside:
        later = replace(night, folder=folder, target=target, project=dbt("parse", target=target, folder=folder))

        def walk() -> None:
            for path in paths:
                browser.get(f"{address}/{path}?{question}")
                assert browser.find_elements(By.CSS_SELECTOR, "h1"), path

        answers(browser)
        for _ in range(6):  # often enough for every connection to have prepared what it asks
            walk()
        upgrade = beside.submit(later.publish)
        while not upgrade.done():
            walk()
        walk()
        assert upgrade.result().generation == 2
        browser.get(f"{address}/quality?{question}")
        assert "(publication 2)" in browser.find_element(By.CSS_SELECTOR, ".state").text
        with night.connect() as connection:
            assert connection.execute("select distinct motto from marts.dim_brand").fetchall() == [("slowly",)]
    assert [one for one in answers(browser) if one[0] >= 400] == []
