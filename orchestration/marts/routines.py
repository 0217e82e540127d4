"""The functions and views of marts that the catalogue renders as SQL text: only changed ones are made anew.

Not here: the texts (compiler/functions.py), who may call them (access.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import psycopg

from orchestration.marts.dependents import Dependents

_OPENING = re.compile(r"\s*create\s+(?:or\s+replace\s+)?(function|view)\s+marts\.([a-z_][a-z0-9_]*)", re.IGNORECASE)


class RenderedSqlError(ValueError):
    """A text that does not begin by creating one function or view of marts, or a name that comes twice."""


def ensure(connection: psycopg.Connection[Any], texts: Iterable[str], views: Dependents) -> list[str]:
    """Make what these texts say, in their order, and drop what earlier ones made and none makes now.

    Each text creates one function or view, and may go on to comment it. One of another signature replaces the one of
    the same name: two of one name would make calls ambiguous. Returns the names changed. Part of the caller's
    transaction; readers meanwhile use the old ones.
    """
    wanted = _by_name(texts)
    known = {
        name: (kind, digest)
        for name, kind, digest in connection.execute(
            "select object_name, kind, digest from marts.rendered where kind in ('function', 'view')"
        )
    }
    changed = []
    for name in known.keys() - wanted.keys():
        _drop(views, *_signatures(connection, name))
        connection.execute("delete from marts.rendered where object_name = %s", [name])
        changed.append(name)
    for name, (kind, text) in wanted.items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        there = _signatures(connection, name)
        if there and known.get(name) == (kind, digest):
            continue
        _drop(views, *there)
        connection.execute(text.encode())
        connection.execute(
            "insert into marts.rendered (object_name, kind, digest) values (%s, %s, %s)"
            " on conflict (object_name) do update set kind = excluded.kind, digest = excluded.digest",
            [name, kind, digest],
        )
        changed.append(name)
    return sorted(changed)


def _by_name(texts: Iterable[str]) -> dict[str, tuple[str, str]]:
    wanted: dict[str, tuple[str, str]] = {}
    for text in texts:
        opening = _OPENING.match(text)
        if not opening:
            raise RenderedSqlError(f"not `create [or replace] function|view marts.<name>`: {text.strip()[:80]!r}")
        kind, name = opening[1].lower(), opening[2].lower()
        if name in wanted:
            raise RenderedSqlError(f"marts.{name} is rendered twice")
        wanted[name] = (kind, text)
    return wanted


def _signatures(connection: psycopg.Connection[Any], name: str) -> list[str]:
    """What of this name stands in marts, as DROP wants to hear it: `function marts.f(text)`, `view marts.v`."""
    rows = connection.execute(
        """
        select format('function %%s', p.oid::regprocedure) from pg_proc as p
        where p.pronamespace = 'marts'::regnamespace and p.proname = %(name)s
        union all
        select format('view marts.%%I', c.relname) from pg_class as c
        where c.relnamespace = 'marts'::regnamespace and c.relkind = 'v' and c.relname = %(name)s
        """,
        {"name": name},
    )
    return [row[0] for row in rows]


def _drop(views: Dependents, *signatures: str) -> None:
    for signature in signatures:
        views.drop(signature)
