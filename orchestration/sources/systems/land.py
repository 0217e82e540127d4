"""Landing: a system's REST interface read into files of the landing layout, as its package's `land.yml` says.

`land.yml` says where the interface is and how it pages, in dlt's own words (`client`, `resources`), and of each
resource what is kept of a row, by path, and for which dataset. What the files mean, the package's mapping says, as of
any files. Here alone is dlt (the extra `land`). Not here: that mapping (system.yml), or loading what was landed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from string import Template
from typing import IO, TYPE_CHECKING, Any, cast
from uuid import uuid4

import yaml

from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.listing import day_of
from orchestration.sources.systems.packages import Package

if TYPE_CHECKING:
    from dlt.sources.rest_api.typing import RESTAPIConfig

FILE = "land.yml"
# A folder that begins so is not read: what a landing has not finished, or puts away.
UNFINISHED = ".landing-"
# Of a row the day on which it was landed, as an instant: for rows that say no time of their own.
LANDED = "landed_at"
# Why a row is none: there was nothing in a list within a list.
LEFT_OUT = "left_out"
SOME_MONTHS = timedelta(days=92)


@dataclass(frozen=True)
class Landed:
    """What a landing brought: rows by dataset and day, its days, and the days that were there already and stay."""

    rows: Mapping[tuple[str, date], int]
    days: tuple[date, ...]
    standing: tuple[date, ...]


def land(system: Package, root: Path, first: date | None, last: date) -> Landed:
    """Land the extract days from `first` to `last`, both included, in UTC; first None: from the day after the newest
    one landed. A day whose folder stands is left as it is, so that a landing may be repeated.

    A day appears whole or not at all: its rows are in no folder that is read before all of them are there. Raises
    Refusal, which never shows a secret, where dlt, a secret or a first day is missing, and where the interface fails.
    """
    told = _told(system)
    datasets = sorted({one["dataset"] for resource in told["resources"] for one in resource["lands"]})
    standing = _standing(root, datasets)
    if first is None:
        if not standing:
            raise Refusal(f"{system.title}: nothing was landed in {root} yet: say the first day to land")
        first = max(standing) + timedelta(days=1)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    wanted = [day for day in days if day not in standing]
    before = tuple(day for day in days if day in standing)
    if not wanted:
        return Landed({}, (), before)
    landing = _Landing(system, root, datasets, wanted)
    try:
        landing.fetch(_filled_in(system, told, min(wanted), max(wanted)))
        landing.show()
    finally:
        landing.clear()
    return Landed(landing.rows, tuple(wanted), before)


def _told(system: Package) -> dict[str, Any]:
    file = system.folder / FILE
    if not file.exists():
        raise Refusal(f"{system.title} is not read over REST: it has no {FILE}")
    told: dict[str, Any] = yaml.safe_load(file.read_text())
    return told


def _standing(root: Path, datasets: Iterable[str]) -> set[date]:
    """The days that every dataset has."""
    days = [{day for path in (root / name).glob("*") if (day := day_of(path.name))} for name in datasets]
    return set.intersection(*days)


def _filled_in(system: Package, told: Any, first: date, last: date) -> Any:
    """`$start`, `$end` (excluded) and what stands in the environment, in every text of land.yml."""
    start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    known: dict[str, Any] = {
        "start": start.isoformat(), "end": end.isoformat(),
        "start_epoch": int(start.timestamp()), "end_epoch": int(end.timestamp()),
        "before_epoch": int(start.timestamp()) - 1,  # where one can ask for what is greater alone
        "months_before_epoch": int((start - SOME_MONTHS).timestamp()),  # what was made then may change now
    }  # fmt: skip

    def filled(one: Any) -> Any:
        if isinstance(one, dict):
            return {name: filled(value) for name, value in one.items()}
        if isinstance(one, list):
            return [filled(value) for value in one]
        if not isinstance(one, str):
            return one
        template = Template(one)
        for name in template.get_identifiers():
            if name not in known and not os.environ.get(name):
                raise Refusal(f"{system.title}: the environment variable {name} is not set; landing needs it")
        if one.removeprefix("$") in known:
            return known[one.removeprefix("$")]  # a number stays one
        return template.substitute({**os.environ, **known})

    return filled(told)


@dataclass
class _Landing:
    """Days under way, in a folder of each dataset that nobody reads."""

    system: Package
    root: Path
    datasets: list[str]
    days: list[date]
    rows: dict[tuple[str, date], int] = field(default_factory=dict)
    # The values of some column of a resource that came before, for `among`.
    _known: dict[str, set[str]] = field(default_factory=dict)

    def fetch(self, told: Mapping[str, Any]) -> None:
        """Read every resource, and sort its rows by dataset and day."""
        self.clear()
        folder = f"{UNFINISHED}{uuid4().hex[:12]}"
        self._folders = {name: self.root / name / folder for name in self.datasets}
        for name in self.datasets:
            for day in self.days:
                (self._folders[name] / day.isoformat()).mkdir(parents=True)
        for number, resource in enumerate(told["resources"]):
            with ExitStack() as stack:
                files: dict[tuple[str, date], IO[str]] = {}
                for dataset, day, row in self._rows(told, resource):
                    if (dataset, day) not in files:
                        file = self._folders[dataset] / day.isoformat() / f"{number:02d}-{resource['name']}.jsonl"
                        files[dataset, day] = stack.enter_context(file.open("a", encoding="utf-8"))
                    files[dataset, day].write(json.dumps(row, ensure_ascii=False) + "\n")
                    self.rows[dataset, day] = self.rows.get((dataset, day), 0) + 1

    def show(self) -> None:
        """Let the finished days be seen, oldest first, each at once."""
        for day in self.days:
            for name in self.datasets:
                made = self._folders[name] / day.isoformat()
                (made / "_SUCCESS").touch()
                # A run that died between two datasets left this one's day: it is the same, and goes for the new one.
                if (before := self.root / name / day.isoformat()).exists():
                    before.rename(self._folders[name] / "before")
                    shutil.rmtree(self._folders[name] / "before")
                made.rename(self.root / name / day.isoformat())

    def clear(self) -> None:
        """Take away what a landing has not finished, this one or one that died."""
        for name in self.datasets:
            for left in (self.root / name).glob(f"{UNFINISHED}*"):
                shutil.rmtree(left)

    def _rows(self, told: Mapping[str, Any], resource: Mapping[str, Any]) -> Iterator[tuple[str, date, dict[str, Any]]]:
        landed_at = datetime.combine(self.days[-1], time(), UTC).isoformat()
        for item in _items(self.system, told, resource["name"]):
            day = self._day(item, resource)
            if day is None:
                continue
            for land in resource["lands"]:
                for part in _parts(item, land.get("each", "")):
                    for column, (path, known) in land.get("among", {}).items():
                        part[column] = str(_at(part, path)) in self._known.get(known, ())
                    row = {column: _plain(part, kept) for column, kept in land["keep"].items()}
                    if not _is_so(row, land.get("where", {})):
                        continue
                    row |= {LANDED: landed_at} | ({LEFT_OUT: part[LEFT_OUT]} if LEFT_OUT in part else {})
                    for column in land.get("known", ()):
                        self._known.setdefault(f"{resource['name']}.{column}", set()).add(str(row[column]))
                    yield land["dataset"], day, row

    def _day(self, item: Mapping[str, Any], resource: Mapping[str, Any]) -> date | None:
        """The extract day of an item: of the time that its resource names, or the last one. What is older than the
        first was changed in a way that its time does not tell, unless only what is of these days is meant (`older:
        another's`); other days are another landing's (None)."""
        if "day" not in resource:
            return self.days[-1]
        told = _at(item, resource["day"])
        if told is None:
            return self.days[-1]
        moment = datetime.fromtimestamp(told, UTC) if isinstance(told, int) else datetime.fromisoformat(told)
        day = moment.astimezone(UTC).date()
        if resource.get("older") != "another's":
            day = max(day, self.days[0])
        return day if day in self.days else None


def _items(system: Package, told: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The rows of one resource, page after page: dlt waits where it is told to wait, and tries again."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"  # it would call home
    try:
        from dlt.common.exceptions import DictValidationException
        from dlt.extract.exceptions import ResourceExtractionError
        from dlt.sources.rest_api import rest_api_resources
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "dlt":
            raise
        raise Refusal(f"{system.title}: landing needs dlt: pip install causerie[land]") from None
    own = ("day", "older", "lands")
    resources = [{word: deepcopy(value) for word, value in one.items() if word not in own} for one in told["resources"]]
    try:
        found = rest_api_resources(cast("RESTAPIConfig", {"client": told["client"], "resources": resources}))
        yield from next(one for one in found if one.name == name)
    except DictValidationException:  # what it quotes may hold a secret
        raise Refusal(f"{system.title}: this dlt does not understand {FILE}") from None
    except ResourceExtractionError as error:
        raise Refusal(f"{system.title}: {name} can't be read: {_said(error)}") from None


def _said(error: BaseException) -> str:
    """Why, without an address: one may hold what nobody else is to know."""
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None)
        if response is not None:
            return f"the interface answers {response.status_code} {response.reason}"
        cause = cause.__cause__ or cause.__context__
    return f"it does not answer ({type(error.__cause__ or error).__name__})"


def _parts(item: Mapping[str, Any], each: str, is_within: bool = False) -> Iterator[dict[str, Any]]:
    """The rows of a list inside a row (`refunds.transactions`), each with its `parent` and its `position` from 1. Of a
    list within a list that has nothing in it, one row says so."""
    if not each:
        yield dict(item)
        return
    name, _, rest = each.partition(".")
    inside = item.get(name)
    if isinstance(inside, dict):
        yield from _parts({**inside, "parent": item}, rest, is_within)
        return
    for position, one in enumerate(inside or (), 1):
        yield from _parts({**one, "parent": item, "position": position}, rest, True)
    if not inside and is_within:
        yield {"parent": item, LEFT_OUT: f"nothing in {name}"}


def _at(item: Any, path: str) -> Any:
    """`contacts.0.id` of a row; null where there is no such thing."""
    for name in path.split("."):
        if isinstance(item, list):
            item = item[int(name)] if name.isdecimal() and int(name) < len(item) else None
        else:
            item = item.get(name) if isinstance(item, dict) else None
    return item


def _is_so(item: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    """Has a row, at each path, one of the values; or any (`there`)?"""
    told = ((_at(item, path), allowed) for path, allowed in where.items())
    return all(value is not None if allowed == "there" else value in allowed for value, allowed in told)


def _plain(item: Mapping[str, Any], kept: str | list[Any] | dict[str, Any]) -> Any:
    """What is kept of a row: the value at a path, as a row of a file has it (of a list its plain values, a time in
    seconds as an instant); a text with paths in it (`source-{id}`); the first of several that is there; or, null where
    the row is not so, `{of: ..., where: {path: [values]}}`."""
    if isinstance(kept, list):
        return next((value for one in kept if (value := _plain(item, one)) is not None), None)
    if isinstance(kept, dict):
        return _plain(item, kept["of"]) if _is_so(item, kept["where"]) else None
    if "{" in kept:
        return re.sub(r"{([^}]+)}", lambda path: str(_at(item, path[1])), kept)
    value = _at(item, kept)
    if isinstance(value, int) and not isinstance(value, bool) and kept.endswith("_at"):
        return datetime.fromtimestamp(value, UTC).isoformat()
    if isinstance(value, list):
        return ", ".join(str(one) for one in value if not isinstance(one, dict | list))
    return None if isinstance(value, dict) else value
