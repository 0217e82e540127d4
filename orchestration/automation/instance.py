"""Dagster's home: which folder it is, and the settings of the instance in it, which are the user's once they are there.

Not here: what those settings are (dagster.yaml of the project).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

FILE = "dagster.yaml"
# SHA-256 of the files that earlier versions put there: such a file is nobody's own, and names modules that have moved.
FORMER = frozenset(
    {
        "d00621f3d407675ad93eeabc07594318448daee299239f2419bc8a22fd221a35",
        "dd6c2cd57b8afd60cb7ab2eb4e0be18c74243acccb1d93396bbfa11800718b07",
        "c5788fe7ed642af245f9b68449dc0893449f3a43f5a78737488e429e912b6119",
        "0579388571c2989c4365e04b6ce567d07e206f82c566693fd4b9914617521505",
        "cd8cb8bd73d1869020783cc02d91b92195b230bfb8f71ccb89e5744936641147",
        "b48678f704597afac2a52ba44c37a0a98eb8ae5fddf75cf9034659a69ef58646",
        "360dfe2dd2bcbb83c13c5beda49dcee9477e43befc0d8cf36e958e55bf136d48",
    }
)


def prepare(settings: Settings) -> Path:
    """The folder where Dagster keeps its own state, made if need be. A dagster.yaml that is there is left alone, unless
    an earlier version of this project wrote it and nobody has changed it since."""
    settings.make_home()
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    ours, theirs = (settings.project / FILE).read_bytes(), home / FILE
    if not theirs.exists() or hashlib.sha256(theirs.read_bytes()).hexdigest() in FORMER:
        fresh = home / f".{FILE}.new"
        fresh.write_bytes(ours)
        fresh.replace(theirs)
    return home


@contextmanager
def opened(settings: Settings) -> Iterator[DagsterInstance]:
    """The instance. While it is open, DAGSTER_HOME names its folder to this process and its children."""
    from dagster import DagsterInstance

    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(prepare(settings))
    try:
        with DagsterInstance.get() as instance:
            yield instance
    finally:
        if before is None:
            del os.environ["DAGSTER_HOME"]
        else:
            os.environ["DAGSTER_HOME"] = before


if __name__ == "__main__":
    prepare(Settings.from_environment())
