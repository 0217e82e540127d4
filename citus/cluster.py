"""A coordinator and its workers on this machine: made, started, joined and stopped.

Not here: where Citus comes from (extension.py), what the cluster is asked (check.py), or the embedded server
(orchestration/warehouse/server.py).
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from orchestration.warehouse import NAME, server

# What Causerie needs of each node (docs/scale.md): these three decide whether it works.
NEEDED = {
    "shared_preload_libraries": "citus",
    # Tables that Citus alters and reads in one transaction, as a publication does.
    "citus.multi_shard_modify_mode": "sequential",
    # Row policies ask a function that reads a table: on a worker, within a question that came from the coordinator.
    "citus.allow_nested_distributed_execution": "on",
}
# A trial of an hour on one machine: nothing need outlive it, and shards move while they are read (logical decoding).
TRIAL = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "''",
    "citus.local_hostname": "127.0.0.1",
    "citus.shard_count": "8",
    "citus.enable_statistics_collection": "off",
    # Shards that have moved are cleared away when the next one moves, and not while somebody may still ask them.
    "citus.defer_shard_delete_interval": "-1",
    "wal_level": "logical",
    "max_prepared_transactions": "200",
    "max_connections": "200",
    "max_locks_per_transaction": "512",
    "shared_buffers": "128MB",
    "work_mem": "64MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


@dataclass(frozen=True)
class Node:
    """One server, in a folder of its own."""

    folder: Path
    programs: Path
    port: int
    passfile: Path

    def url(self, user: str = NAME, database: str = NAME) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}?passfile={quote(str(self.passfile))}"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def run(self, program: str, *arguments: str) -> None:
        """A program of the server's, as the user that may run it. Raises RuntimeError with what it said."""
        account = server.system_user()
        # The server inherits what it is started with: no pipe of ours, or this call would wait for the server's end.
        with tempfile.TemporaryFile("w+") as output:
            result = subprocess.run(
                [str(self.programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                # Nodes ask each other by the same file.
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC", "PGPASSFILE": str(self.passfile)},
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
            output.seek(0)
            said = output.read()
        if result.returncode:
            tail = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
            raise RuntimeError(f"{program} failed in {self.folder}:\n{said}{tail}")

    def start(self) -> None:
        settings = {**NEEDED, **TRIAL, "port": str(self.port)}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self.run("pg_ctl", "-D", str(self.folder), "-l", str(self.log), "-w", "-o", options, "start")

    def stop(self) -> None:
        if (self.folder / "postmaster.pid").exists():
            self.run("pg_ctl", "-D", str(self.folder), "-m", "immediate", "-w", "stop")


@dataclass
class Cluster:
    """A coordinator and the workers that it knows, in one folder, and every server that was started for it."""

    folder: Path
    programs: Path
    passfile: Path
    started: list[Node] = field(default_factory=list)

    @property
    def coordinator(self) -> Node:
        return self.started[0]

    def node(self, name: str) -> Node:
        """One more server, started, with the database and the extension; nobody knows it yet."""
        node = Node(self.folder / name, self.programs, _free_port(), self.passfile)
        node.folder.mkdir(mode=0o700)
        _give_away(node.folder)
        password = self.folder / "password"
        server.write_whole(password, self.passfile.read_text().strip().rpartition(":")[2])
        _give_away(password)
        node.run(
            "initdb", "-D", str(node.folder), "-U", NAME, f"--pwfile={password}", "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        password.unlink()
        self.started.append(node)
        node.start()
        with psycopg.connect(node.url(database="postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(NAME)))
        with psycopg.connect(node.url(), autocommit=True) as connection:
            connection.execute("create extension citus")
        return node

    def join(self, worker: Node) -> None:
        """Tell the coordinator of a worker, and give that what is on every node: shards come by a rebalancing."""
        with psycopg.connect(self.coordinator.url(), autocommit=True) as connection:
            connection.execute("select citus_add_node('127.0.0.1', %s)", [worker.port])
            connection.execute("select replicate_reference_tables('block_writes')")

    def let_in(self, role: str) -> None:
        """Give a role the password of the passfile, so that nodes can ask each other by its name too."""
        password = self.passfile.read_text().strip().rpartition(":")[2]
        with psycopg.connect(self.coordinator.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(password)))


@contextmanager
def cluster(folder: Path, programs: Path, workers: int) -> Iterator[Cluster]:
    """A cluster in an empty folder; its servers end with it, whatever happens."""
    server.let_through(folder, programs)
    passfile = folder / "pgpass"
    server.write_whole(passfile, f"127.0.0.1:*:*:*:{secrets.token_urlsafe(24)}\n")
    _give_away(passfile)
    made = Cluster(folder, programs, passfile)
    try:
        with psycopg.connect(made.node("coordinator").url(), autocommit=True) as connection:
            connection.execute("select citus_set_coordinator_host('127.0.0.1', %s)", [made.coordinator.port])
        for number in range(1, workers + 1):
            made.join(made.node(f"worker-{number}"))
        yield made
    finally:
        for node in made.started:
            node.stop()


def _give_away(path: Path) -> None:
    if account := server.system_user():
        os.chown(path, account.pw_uid, account.pw_gid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
