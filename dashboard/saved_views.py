"""Views that somebody gave a name: addresses of pages with their filters, in one file of CAUSERIE_HOME.

Not here: what a view shows.
"""

from __future__ import annotations

import json
from pathlib import Path

from filelock import FileLock

LONGEST_NAME = 60
MOST_VIEWS = 200


class ViewError(ValueError):
    """A name or an address that can't be a view's."""


class SavedViews:
    """Names and addresses, by name. Several processes may write: each change is made under a lock, whole."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> dict[str, str]:
        """Addresses by name; none where the file is not there or can't be read."""
        try:
            said = json.loads(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return {str(name): str(said[name]) for name in sorted(said, key=str.casefold)}

    def save(self, name: str, address: str) -> None:
        """Keep an address of this site under a name; one of the same name is replaced. Raises ViewError."""
        name = " ".join(name.split())
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise ViewError(f"a view needs a name of 1 to {LONGEST_NAME} characters")
        if not address.startswith("/") or address.startswith(("//", "/\\")) or len(address) > 4_000:
            raise ViewError("a view is a page of this site")
        self._change(name, address)

    def forget(self, name: str) -> None:
        self._change(name, None)

    def _change(self, name: str, address: str | None) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(self._file.with_suffix(".lock")):
            views = self.all()
            views.pop(name, None)
            if address is not None:
                views[name] = address
            if len(views) > MOST_VIEWS:
                raise ViewError(f"{MOST_VIEWS} views are saved already: delete one first")
            unfinished = self._file.with_suffix(".tmp")
            unfinished.write_text(json.dumps(views, ensure_ascii=False, indent=1), encoding="utf-8")
            unfinished.replace(self._file)
