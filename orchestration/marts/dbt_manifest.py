"""dbt's manifest is made by set-up and read by everything else: here it is made, and here it is known to be stale.

    python -m orchestration.marts.dbt_manifest

Not here: what stands in it (contracts.py).
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from orchestration.marts.dbt_ready import dbt_executable
from orchestration.settings import IS_PACKAGED, Settings

# What dbt reads. The templates of indicators/ are rendered by us, when they are needed.
SUFFIXES = frozenset({".sql", ".yml", ".md"})


class StaleManifestError(ValueError):
    """The dbt project is not what it was when its manifest was made; the message says what to do."""


def make(settings: Settings) -> None:
    """Let dbt read its project, unless it has read these very files, and note which they were. Raises
    CalledProcessError where dbt can't."""
    found = digest(settings.dbt_project)
    if settings.manifest.exists() and _noted(settings) == found:
        return
    print("Reading the dbt project ...", flush=True)
    # As a run asks for it: for another target, dbt would read it all again.
    parse = [dbt_executable(), "--quiet", "parse", "--target", "build"]
    where = ["--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.dbt_project)]
    subprocess.run([*parse, *where], check=True)
    _note(settings).write_text(found)


def digest(project: Path) -> str:
    """Of every file that dbt reads, by name."""
    files = sorted(path for path in project.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    found = hashlib.sha256()
    for path in files:
        place = path.relative_to(project)
        if place.parts[0] not in ("target", "logs", "dbt_packages"):
            found.update(f"{place.as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def refuse_stale(settings: Settings) -> None:
    """Raises StaleManifestError where a file of the dbt project has changed since set-up. Where set-up left no note,
    nothing is known."""
    if (noted := _noted(settings)) and noted != digest(settings.dbt_project):
        again = "install causerie again" if IS_PACKAGED else "run `make setup`, which lets dbt read it again"
        raise StaleManifestError(f"{settings.dbt_project} has changed since dbt last read it: {again}")


def _noted(settings: Settings) -> str | None:
    note = _note(settings)
    return note.read_text().strip() if note.exists() else None


def _note(settings: Settings) -> Path:
    return settings.manifest.with_name("manifest.sha256")


if __name__ == "__main__":
    make(Settings.from_environment())
