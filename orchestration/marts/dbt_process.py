"""dbt as a run starts it (`causerie-dbt`): it may wait before its first session until it is told to go, a thread keeps
its session from the first model to the last test, and a project that was read is not read again because the database is
another one.

dbt itself closes a session after each of a hundred nodes, and each new one is let in anew and begins with nothing
looked up. And it holds what it has read against host, port and name of the database, of which our models use only the
name, in what a relation is called. Not here: what is built (assets/dbt_models.py).
"""

from __future__ import annotations

import os
import sys
from threading import Event, Thread
from typing import Any

from dbt.adapters.contracts.connection import Connection, ConnectionState
from dbt.adapters.postgres import PostgresAdapter
from dbt.adapters.postgres.connections import PostgresConnectionManager
from dbt.contracts.files import FileHash
from dbt.contracts.graph.manifest import Manifest, ManifestStateCheck
from dbt.parser.manifest import ManifestLoader
from dbt.tracking import track_behavior_change_warn
from dbt_common.behavior_flags import BehaviorFlagRendered
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager

from orchestration import garbage
from orchestration.warehouse import DBT_WAITS

# Whether sessions may be opened: only a process that is to wait is told when.
may_go = Event()
may_go.set()


class KeptSessions(PostgresConnectionManager):
    """dbt's connections, which are closed when the build is over or they are broken."""

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        may_go.wait()
        opened = super().open(connection)
        # What a node asks is one text, and so one transaction as it is (macros/rebuilt_table.sql).
        opened.handle.autocommit = True
        return opened

    def release(self) -> None:
        connection = self.get_if_exists()
        if connection and connection.state == ConnectionState.OPEN and not connection.handle.closed:
            self.rollback_if_open()
        else:
            super().release()


def read_for(project: Manifest, database: str) -> Manifest:
    """The same project as if it had been read for another database: its relations change their name, in place."""
    for node in (*project.nodes.values(), *project.sources.values()):
        if node.relation_name:
            node.relation_name = node.relation_name.replace(f'"{node.database}"', f'"{database}"', 1)
        node.database = database
    for model in project.semantic_models.values():
        if (relation := model.node_relation) and relation.relation_name:
            relation.relation_name = relation.relation_name.replace(f'"{relation.database}"', f'"{database}"', 1)
            relation.database = database
    return project


def _is_written(manager: EventManager, event: BaseEvent, level: EventLevel | None) -> bool:
    """Whether anybody hears of an event: dbt lays each out in full before a logger says that it is below its level, and
    of its nodes it tells ten times as much for debugging as for reading."""
    debugging = (EventLevel.DEBUG, EventLevel.TEST)
    if (level or event.level_tag()) not in debugging:
        return True
    # dbt itself listens too, for one kind of warning.
    listens = any(callback is not track_behavior_change_warn for callback in manager.callbacks)
    return listens or any(logger.level in debugging for logger in manager.loggers)


_fire_event = EventManager.fire_event


def _fire_what_is_written(
    manager: EventManager,
    e: BaseEvent,
    level: EventLevel | None = None,
    node: Any = None,
    force_warn_or_error_handling: bool = False,
) -> None:
    if _is_written(manager, e, level):
        _fire_event(manager, e, level, node, force_warn_or_error_handling)


_state_of_the_project = ManifestLoader.build_manifest_state_check
_what_was_read = ManifestLoader.read_manifest_for_partial_parse


def _state_wherever_it_is_built(loader: ManifestLoader) -> ManifestStateCheck:
    """What decides whether dbt reads everything anew: of the profile, what our models could depend on."""
    state = _state_of_the_project(loader)
    state.profile_hash = FileHash.from_contents(loader.root_project.credentials.schema)
    return state


def _read_before(loader: ManifestLoader) -> Manifest | None:
    project = _what_was_read(loader)
    return project and read_for(project, loader.root_project.credentials.database)


def _told_of_by_the_adapter() -> str:
    """Which module a behaviour flag is of, for a warning. dbt looks for it in the source files of all modules."""
    return PostgresAdapter.__module__


def adapt() -> None:
    """Make of the dbt in this process the one that runs start."""
    PostgresAdapter.ConnectionManager = KeptSessions
    BehaviorFlagRendered._default_source = staticmethod(_told_of_by_the_adapter)  # type: ignore[method-assign]
    EventManager.fire_event = _fire_what_is_written  # type: ignore[method-assign, assignment]
    ManifestLoader.build_manifest_state_check = _state_wherever_it_is_built  # type: ignore[method-assign]
    ManifestLoader.read_manifest_for_partial_parse = _read_before  # type: ignore[method-assign, assignment]


def _listen() -> None:
    """Wait for the word on standard input; whoever was to give it may end without."""
    if not sys.stdin.readline():
        os._exit(1)
    may_go.set()


def main() -> None:
    if os.environ.pop(DBT_WAITS, None):
        may_go.clear()
        Thread(target=_listen, daemon=True).start()
    with garbage.left_alone():
        from dbt.cli.main import cli

        adapt()
        cli()
