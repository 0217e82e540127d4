"""The package as somebody installs it: an empty environment, another folder, a home of one's own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.settings import PROJECT

pytestmark = pytest.mark.long


@dataclass
class Installed:
    """An environment with the package in it, the folder where its user stands, and their data folder."""

    programs: Path
    packages: Path
    folder: Path
    data: Path

    def causerie(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = ("CAUSERIE_", "DAGSTER_", "PYTHON", "VIRTUAL_ENV", "DBT_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        return subprocess.run(
            [self.programs / "causerie", *arguments],
            env=environment | {"XDG_DATA_HOME": str(self.data), "HOME": str(self.folder)},
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def files(self) -> set[Path]:
        """What lies among the packages, but for what Python itself compiles there."""
        return {path for path in self.packages.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    # Not pytest's folder, which is its owner's alone: PostgreSQL does not run as root, and its user has to pass.
    with tempfile.TemporaryDirectory(prefix="causerie-wheel-") as folder:
        Path(folder).chmod(0o755)
        yield from _installed(Path(folder))


def _installed(place: Path) -> Iterator[Installed]:
    wheels, environment = place / "wheels", place / "environment"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", wheels, PROJECT], check=True)
    (wheel,) = wheels.glob("causerie-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    uv = [Path(sys.executable).parent / "uv", "--quiet", "pip", "install", "--python", environment / "bin" / "python"]
    index = ["--default-index", os.environ["PIP_INDEX_URL"]] if os.environ.get("PIP_INDEX_URL") else []
    subprocess.run([*uv, *index, "--constraint", PROJECT / "requirements.lock", wheel], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (place / "folder").mkdir()
    found = Installed(environment / "bin", packages, place / "folder", place / "data")
    yield found
    found.causerie("db", "stop")


def test_demo_does_what_make_run_does_and_keeps_out_of_the_packages(installed: Installed) -> None:
    before = installed.files()
    done = installed.causerie("demo", "--days", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("Published generation 1", "Chat-Card-1 ", "Where to look next:", "CAUSERIE_AUTOMATION=on"):
        assert said in done.stdout
    assert installed.files() == before
    assert sorted(path.name for path in installed.folder.iterdir()) == [], "nor into the folder where one stands"
    assert {"landing", "postgres", "dagster", "logs"} <= {p.name for p in (installed.data / "causerie").iterdir()}
    again = installed.causerie("demo", "--days", "3")
    assert (again.returncode, "Nothing new" in again.stdout) == (0, True), again.stdout + again.stderr


def test_what_is_no_python_came_along(installed: Installed) -> None:
    assert "causerie 0." in installed.causerie("--version").stdout
    assert installed.causerie("init", "--help").returncode == 0
    docs = installed.causerie("docs")
    assert docs.returncode == 0, docs.stderr
    assert Path(docs.stdout.strip()).is_relative_to(installed.data)
    code = "from dashboard import site, words, pages; from orchestration import definitions; definitions.build()"
    loaded = subprocess.run([installed.programs / "python", "-c", code], capture_output=True, text=True, check=False,
                            cwd=installed.folder, env={**os.environ, "XDG_DATA_HOME": str(installed.data)})  # fmt: skip
    assert loaded.returncode == 0, loaded.stderr
