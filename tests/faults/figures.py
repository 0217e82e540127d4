"""A pytest plugin: what the fault scenarios showed, and the README's table of it.

Not here: any scenario.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

BEGIN, END = "<!-- faults:begin -->", "<!-- faults:end -->"
HEAD = "| # | fault | what happens | shown |\n| ---: | --- | --- | --- |\n"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--faults-table", type=Path, metavar="FILE", help="write the figures of the fault scenarios between its marks"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "fault(number, fault, outcome, figure=None): a scenario of the README's table of faults; a figure that stands"
        " here is shown when the test passes, for tests that can't take the fixture",
    )
    config.addinivalue_line("markers", "long: run by `make faults` alone")
    file = config.getoption("--faults-table")
    if file and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Table(file))


def pytest_itemcollected(item: pytest.Item) -> None:
    if mark := item.get_closest_marker("fault"):
        # Properties travel with the reports, from the workers of pytest-xdist too.
        item.user_properties.append(("fault", mark.args))
        if said := mark.kwargs.get("figure"):
            item.user_properties.append(("figure", said))


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes what a scenario showed, in a few words: `figure("lost 0, twice 0")`."""

    def shown(text: str) -> None:
        request.node.user_properties.append(("figure", text))

    return shown


@dataclass
class Scenario:
    """A row of the table. Several tests may show one scenario; what they say alike is said once."""

    fault: str = ""
    outcome: str = ""
    figures: dict[str, list[str]] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        return "; ".join(dict.fromkeys(text for test in sorted(self.figures) for text in self.figures[test]))


class Table:
    """Collects reports and, at the end, writes the table between its two marks."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.scenarios: dict[int, Scenario] = defaultdict(Scenario)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        given = dict(report.user_properties)
        if "fault" not in given or (report.when != "call" and report.passed):
            return
        number, fault, outcome = given["fault"]
        scenario = self.scenarios[number]
        scenario.fault, scenario.outcome = fault, outcome
        if report.passed:
            figures = [str(text) for name, text in report.user_properties if name == "figure"]
        else:
            figures = ["**FAILED**" if report.failed else f"not shown here: {_reason(report)}"]
        scenario.figures[report.nodeid] = figures

    def pytest_sessionfinish(self) -> None:
        before, _, rest = self.file.read_text().partition(BEGIN)
        table, _, after = rest.partition(END)
        # What was not run this time stays as it was shown.
        rows = {int(row.split("|")[1]): f"{row}\n" for row in table.splitlines() if re.match(r"\| \d+ \|", row)}
        rows |= {n: f"| {n} | {one.fault} | {one.outcome} | {one.shown} |\n" for n, one in self.scenarios.items()}
        self.file.write_text(f"{before}{BEGIN}\n{HEAD}{''.join(rows[n] for n in sorted(rows))}{END}{after}")


def _reason(report: pytest.TestReport) -> str:
    # Of a skipped test: (path, line, reason).
    return str(report.longrepr[2]).removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else "skipped"
