"""What lies in a dataset's folder: the files of each extract day, what is wrong with a day's folder, and what is not
read at all.

Not here: reading files (files.py), or which extracts are new (../pending.py).
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from orchestration.sentences import Sentence
from orchestration.sources.connectors.extract import SourceFile
from orchestration.sources.connectors.outside_text import cause, cleaned, is_clean
from orchestration.sources.contract import DATASETS

DAY = re.compile(r"(?:dt=)?(\d{4}-\d{2}-\d{2})")
# A date in a file's name: 2026-03-01, or 20260301.
NAMED_DAY = re.compile(r"(?<!\d)(?:\d{4}-\d{2}-\d{2}|\d{8})(?!\d)")
# A folder that is no day's is looked into only to name where its files lie: so deep, and so many entries.
MOST_DEEP, MOST_ENTRIES = 4, 200
# So many places are named of each folder.
MOST_NAMED = 10


@dataclass(frozen=True)
class Aside:
    """Something that lies in the landing and is not read. `is_failure`: nobody can tell what it holds."""

    place: str
    reason: str
    is_failure: bool = False


@dataclass
class DayFolder:
    """One extract day: its folder, the finished files in it, and why they must not be read."""

    folder: str
    files: list[SourceFile] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass
class Listing:
    days: dict[date, DayFolder] = field(default_factory=dict)
    asides: list[Aside] = field(default_factory=list)


@dataclass(frozen=True)
class _Entry:
    """A file, or a folder that is not looked into or can't be (`trouble`); `parts` are its path below the dataset's."""

    parts: tuple[str, ...]
    size: int = 0
    modified: str = ""
    is_folder: bool = False
    trouble: str | None = None
    changed_on: date | None = None  # in UTC


def day_of(folder: str) -> date | None:
    """The day that a folder's name says: 2026-03-01 or dt=2026-03-01; None for any other name."""
    found = DAY.fullmatch(folder)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None  # 2026-02-30 is no day


def is_unfinished(name: str) -> bool:
    return name.startswith(".") or name.endswith((".tmp", ".part"))


def list_dataset(root: str, dataset: str, days: Collection[date] = ()) -> Listing:
    """The extract days of a dataset below a root, or these of them. Whatever can't be listed is said, never raised.

    An extract day is there when its folder holds something finished; one whose folder holds only _SUCCESS has no files.
    """
    listing = Listing()
    odd: dict[str, str] = {}
    for entry in _entries(f"{root.rstrip('/')}/{dataset}", days):
        _file_away(entry, listing, odd)
    for of_day in listing.days.values():
        of_day.files.sort(key=lambda file: file.name)
    named = [Aside(f"{dataset}/{place}", reason) for place, reason in sorted(odd.items())]
    listing.asides = [
        Aside(f"{dataset}/{one.place}".rstrip("/"), one.reason, one.is_failure) for one in listing.asides
    ] + _first(named, dataset)
    return listing


def list_flat(root: str, by: str, endings: tuple[str, ...]) -> Listing:
    """The finished files of a root itself, each dated by when it was `modified` (UTC) or by a date in its `name`.

    Whatever can't be listed is said, never raised.
    """
    listing = Listing()
    odd: dict[str, str] = {}
    folder, pattern = flat_root(root, endings)
    for entry in _flat(folder):
        if not entry.parts:
            listing.asides.append(_unreadable(cleaned(root), entry))
            continue
        name = entry.parts[0]
        if is_unfinished(name) or not fnmatchcase(name, pattern):
            continue
        if len(entry.parts) > 1 or entry.is_folder:
            odd[cleaned(name)] = Sentence("aside_flat_folder")
            continue
        if not name.endswith(endings):
            odd[cleaned(name)] = Sentence("aside_ending", endings=endings)
            continue
        named = _named_day(name) if by == "name" else None
        day = named or entry.changed_on
        if day is None:  # a link to nothing was changed on no day
            listing.asides.append(_unreadable(cleaned(name), entry))
            continue
        of_day = listing.days.setdefault(day, DayFolder(""))
        if by == "name" and named is None:
            _fault(of_day, Sentence("name_dateless", name=name))
        if entry.trouble:
            _fault(of_day, Sentence("entry_unreadable", name=name, error=entry.trouble))
        elif not is_clean(name):
            _fault(of_day, _unwritable(name))
        else:
            of_day.files.append(SourceFile(name, entry.size, entry.modified))
    listing.asides += _first([Aside(place, reason) for place, reason in sorted(odd.items())], cleaned(root))
    return listing


def flat_root(root: str, endings: tuple[str, ...]) -> tuple[str, str]:
    """The folder of flat files and a pattern of their names: a root may end with a file, or with `orders*.csv`."""
    folder, _, name = root.rpartition("/")
    if "*" in name or name.endswith(endings):
        return folder or ".", name
    return root.rstrip("/"), "*"


def _named_day(name: str) -> date | None:
    for told in NAMED_DAY.findall(name):
        try:
            return date.fromisoformat(told)
        except ValueError:
            continue  # 2026-02-30 is no day
    return None


def _file_away(entry: _Entry, listing: Listing, odd: dict[str, str]) -> None:
    parts = entry.parts
    if any(part.startswith(".") for part in parts):
        return
    day = day_of(parts[0]) if parts else None
    # A file may be called like a day; it is no day's folder.
    if day is None or (len(parts) == 1 and not entry.is_folder and not entry.trouble):
        place = "/".join(map(cleaned, parts))
        if entry.trouble:
            listing.asides.append(_unreadable(place, entry))
        elif entry.is_folder or len(parts) > 1:
            folder = parts if entry.is_folder else parts[:-1]
            odd["/".join(map(cleaned, folder))] = Sentence("aside_no_day")
        elif not is_unfinished(parts[0]):
            odd[place] = Sentence("aside_outside_days")
        return
    of_day = listing.days.get(day) or DayFolder(parts[0])
    if parts[0] != of_day.folder:
        _fault(of_day, Sentence("folder_twice", first=of_day.folder, second=parts[0]))
    elif entry.trouble:
        name = "/".join(parts[1:])
        of_file = Sentence("entry_unreadable", name=name, error=entry.trouble)
        _fault(of_day, of_file if name else Sentence("folder_unreadable", error=entry.trouble))
    elif len(parts) > 2 or (entry.is_folder and len(parts) == 2):
        _fault(of_day, Sentence("folder_inside", name=parts[1]))
    elif entry.is_folder or is_unfinished(parts[1]):
        return  # an empty folder is no extract, and an unfinished file not yet one
    elif not is_clean(parts[1]):
        _fault(of_day, _unwritable(parts[1]))
    elif parts[1] != "_SUCCESS":
        of_day.files.append(SourceFile(parts[1], entry.size, entry.modified))
    listing.days[day] = of_day


def _unreadable(place: str, entry: _Entry) -> Aside:
    return Aside(place, Sentence("aside_unreadable", error=entry.trouble), is_failure=True)


def _unwritable(name: str) -> Sentence:
    return Sentence("name_unwritable", name=name)


def _fault(of_day: DayFolder, fault: Sentence) -> None:
    if (clean := fault.changed(cleaned)) not in of_day.faults:
        of_day.faults.append(clean)


def list_root(root: str, read: Collection[str]) -> list[Aside]:
    """What lies beside the folders of the datasets that are `read` below a root: a misspelt dataset, perhaps."""
    system, base = fsspec.core.url_to_fs(root)
    try:
        system.invalidate_cache()
        names = {
            str(info["name"]).rstrip("/").rsplit("/", 1)[-1]: info["type"] == "directory" or info.get("islink", False)
            for info in system.ls(base, detail=True)
        }
    except FileNotFoundError:
        return []
    except Exception as error:  # whatever a store may raise: the run goes on, and says so
        return [Aside(cleaned(root), Sentence("aside_unlisted", error=cause(error)), is_failure=True)]
    strange = sorted(name for name in names if name not in read and not is_unfinished(name))
    return _first([Aside(cleaned(name), _why(name, names[name])) for name in strange], "the landing")


def _why(name: str, is_folder: bool) -> str:
    if not is_folder:
        return Sentence("aside_outside_datasets")
    if name in DATASETS:
        return Sentence("aside_other_source")
    close = difflib.get_close_matches(name, DATASETS, 1)
    return Sentence("aside_misspelt", name=close[0]) if close else Sentence("aside_unknown")


def _first(found: list[Aside], where: str) -> list[Aside]:
    more = len(found) - MOST_NAMED
    return [*found[:MOST_NAMED], *[Aside(where, Sentence("aside_more", count=more))][: more > 0]]


def _entries(folder: str, days: Collection[date]) -> Iterator[_Entry]:
    """Everything in a dataset's folder that a listing must know of; with `days`, of these alone."""
    system, base = fsspec.core.url_to_fs(folder)
    if isinstance(system, LocalFileSystem):
        yield from _local(base, only=_names(days))
        return
    try:
        system.invalidate_cache()
        for top in _names(days) or ("",):
            yield from _stored(system, base.rstrip("/"), top)
    except Exception as error:  # whatever a store may raise: the run goes on, and says so
        yield _Entry(_names(days)[:1], trouble=cause(error))


def _flat(root: str) -> Iterator[_Entry]:
    """Everything in a folder that is one extract a file, and when each was changed."""
    system, base = fsspec.core.url_to_fs(root)
    try:
        system.invalidate_cache()
        if not system.exists(base):
            yield _Entry((), trouble="there is no such folder")
        elif isinstance(system, LocalFileSystem):
            yield from _local(base)
        else:
            for entry in _stored(system, base.rstrip("/"), "", deep=1):
                changed = system.modified(f"{base.rstrip('/')}/{entry.parts[0]}")
                yield replace(entry, changed_on=changed.astimezone(UTC).date())
    except Exception as error:  # whatever a store may raise: the run goes on, and says so
        yield _Entry((), trouble=cause(error))


def _names(days: Collection[date]) -> tuple[str, ...]:
    return tuple(name for day in days for name in (f"{day}", f"dt={day}"))


def _stored(system: fsspec.AbstractFileSystem, base: str, top: str, deep: int | None = None) -> Iterator[_Entry]:
    """The files of a store. One listing tells them all, where it would take as many as there are days otherwise."""
    try:
        found = system.find(f"{base}/{top}".rstrip("/"), maxdepth=deep, detail=True)
    except FileNotFoundError:
        return
    for path, info in sorted(found.items()):
        if path.endswith("/"):
            continue  # how some stores keep an empty folder
        parts = tuple(path[len(base) + 1 :].split("/"))
        yield _Entry(parts, int(info.get("size") or 0), _modified(info))


def _modified(info: Mapping[str, Any]) -> str:
    """Whatever this store changes together with a file's content."""
    tells = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")
    return next((str(info[tell]) for tell in tells if info.get(tell)), "")


def _local(
    base: str, parts: tuple[str, ...] = (), only: Collection[str] = (), left: list[int] | None = None
) -> Iterator[_Entry]:
    """A folder of this machine: links are followed, sizes and times are those of what they lead to.

    Folders of days are read, but nothing below them; others far enough to say where their files lie.
    """
    left = left if left is not None else [MOST_ENTRIES]
    is_odd = bool(parts) and day_of(parts[0]) is None
    # Names as text: over the ten thousand folders of years, paths take half as long again.
    folder = "/".join((base, *parts))
    try:
        names = sorted(only or os.listdir(folder))  # noqa: PTH208
    except FileNotFoundError:
        if not parts and Path(folder).is_symlink():
            yield _Entry(parts, is_folder=True, trouble="it is a link that leads to nothing")
        return
    except OSError as error:
        yield _Entry(parts, is_folder=True, trouble=_why_not(error))
        return
    for name in names:
        if name.startswith("."):
            continue
        if is_odd:
            left[0] -= 1
            if left[0] < 0:
                return
        below = (*parts, name)
        path = f"{folder}/{name}"
        try:
            status = os.stat(path)  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            # A file that went while the folder was read is gone; a link is still there.
            if Path(path).is_symlink():
                yield _Entry(below, trouble="it is a link that leads to nothing")
            continue
        except (OSError, RuntimeError) as error:  # no access; links in a circle
            yield _Entry(below, trouble=_why_not(error))
            continue
        if stat.S_ISREG(status.st_mode):
            changed_on = datetime.fromtimestamp(status.st_mtime, UTC).date()
            yield _Entry(below, status.st_size, str(status.st_mtime), changed_on=changed_on)
        elif not stat.S_ISDIR(status.st_mode):
            yield _Entry(below, trouble="it is neither a file nor a folder")
        elif len(below) == 1 or (is_odd and len(below) < MOST_DEEP):
            yield from _local(base, below, left=left)
        else:
            yield _Entry(below, is_folder=True)


def _why_not(error: Exception) -> str:
    return getattr(error, "strerror", None) or cause(error)
