"""How fast the screens are: pages beside the bare statements that they stand for, and many viewers at once.

    .venv/bin/python benchmarks/screens.py [--users 50] [--seconds 30]

On what is published in this installation (`make run`). Ratios of one run: a warm page and a first visit beside the bare
statements of that page (at most 1.5 and 3 times), and the 95th percentile of many users, who click every 5 s, half of
them with filters nobody asked before, beside one user's (at most 3 times).
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlencode

import httpx
import psycopg
from ratios import Ratio, table

from dashboard import elements, filters, pages, words
from dashboard.answers import Kept, ask
from orchestration.catalogue import catalogue
from orchestration.marts.login import reader_url
from orchestration.readers import brand as brands
from orchestration.settings import Settings

PORT = 3099
PATHS = ("/area/conversations", "/area/widget", "/dashboard/jumper", "/area/ratings_and_sales")
CLICK_SECONDS = 5


def median_of(work: Callable[[], object], times: int = 5) -> float:
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


def bare(url: str, path: str, query: list[tuple[str, str]]) -> float:
    """The statements of a page by themselves, on a connection that is there, nothing kept."""
    with psycopg.connect(url, options="-c jit=off") as connection:
        about = brands.about(connection, None, {})
        view = elements.View(about, filters.read(query, about, "en"), words.load("en"), catalogue.load())
        held = pages.load()
        name = path.rsplit("/", 1)[1]
        sections = held.areas[name] if path.startswith("/area") else held.dashboards[name].sections
        drawn = [elements.Drawn(one, view) for section in sections for one in section.elements]
        asked = dict.fromkeys(one for some in drawn for one in some.asks())
        lists = [some.indicator.ref for some in drawn if some.element.kind == "list"]
        return median_of(lambda: ask(connection, Kept(), about, view.filters, asked, lists))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    given = parser.parse_args()
    print(table(ratios(Settings.from_environment(), given.users, given.seconds)))


def ratios(settings: Settings, users: int, seconds: float) -> list[Ratio]:
    """Of each page its first visit and a warm one beside its bare statements; many users beside one."""
    url = reader_url(settings)
    found: list[Ratio] = []
    with served(settings) as address, httpx.Client(base_url=address, timeout=120) as client:
        client.get("/overview")
        for number, path in enumerate(PATHS):
            # Filters of each page's own: nothing of it is kept from another.
            query = [("weekday", str(day)) for day in range(1, 7) if day != number + 1]
            statements = bare(url, path, query)
            first = median_of(lambda path=path, query=query: client.get(path, params=query).raise_for_status(), 1)
            warm = median_of(lambda path=path, query=query: client.get(path, params=query).raise_for_status())
            found.append(Ratio(f"{path}, first visit", "its bare statements", first, statements, 3))
            found.append(Ratio(f"{path}, once more", "its bare statements", warm, statements, 1.5))
        alone, many = viewers(1, seconds), viewers(users, seconds)
    return [*found, Ratio(f"95th percentile of {users} users' clicks", "of one user's", many, alone, 3)]


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """The screens in a process of their own, for viewers have theirs elsewhere; their address."""
    command = [sys.executable, "-m", "orchestration.cli.main", "dashboard", "--port", str(PORT)]
    environment = {**os.environ, "CAUSERIE_HOME": str(settings.home)}
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    try:
        address = f"http://127.0.0.1:{PORT}"
        while server.poll() is None:
            with suppress(httpx.TransportError):
                httpx.get(f"{address}/static/icon.svg")
                break
            time.sleep(0.05)
        yield address
    finally:
        server.terminate()
        server.wait()


def viewers(number: int, seconds: float) -> float:
    """The 95th percentile of the seconds that a click takes."""
    spent: list[float] = []
    until = time.perf_counter() + seconds

    def click_on(seed: int) -> None:
        rng = random.Random(seed)
        time.sleep(rng.uniform(0, CLICK_SECONDS if number > 1 else 0))
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=120) as client:
            while time.perf_counter() < until:
                query: dict[str, str] = {}
                if rng.random() < 0.5:
                    query = {"time_from": f"{rng.randint(0, 11):02d}:{rng.randint(0, 59):02d}", "time_to": "20:00"}
                    query["compare"] = rng.choice(["before", "weekdays"])
                begun = time.perf_counter()
                client.get(f"{rng.choice(PATHS)}?{urlencode(query)}").raise_for_status()
                spent.append(time.perf_counter() - begun)
                time.sleep(max(0.0, CLICK_SECONDS - spent[-1]) if number > 1 else 0.2)

    threads = [threading.Thread(target=click_on, args=(seed,)) for seed in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.quantiles(spent, n=20)[-1] if len(spent) > 1 else spent[0]


if __name__ == "__main__":
    main()
