"""Views of people over marts (an analyst's, in their own schema): set aside while what is under them is altered, and
made again in the same transaction. Where that can't be, the upgrade is refused and names them: nothing is lost by a
cascade.

Not here: the views of marts themselves (routines.py) or of next (dbt), which are made anew anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestration.marts.contracts import MartContractError

MADE_ANEW = ("next", "build")  # by each dbt


@dataclass(frozen=True)
class _View:
    """A view as it was: enough to make it again."""

    schema: str
    name: str
    owner: str
    definition: str
    options: Sequence[str]
    comments: Sequence[tuple[str | None, str]]  # of the view itself (None) and of its columns
    grants: Sequence[tuple[str, str, bool]]  # to whom ('' for everybody), what, and whether they may pass it on

    def __str__(self) -> str:
        return f"{self.schema}.{self.name} of {self.owner}"


class Dependents:
    """What depends on marts, during one transaction whose search_path is pg_catalog alone: `alter` what stands under
    it, `restore` it in the end."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._aside: list[_View] = []

    def alter(self, statement: sql.Composed, table: str, column: str) -> None:
        """Run a statement that changes, or drops, a column of a table of marts."""
        self._run(
            statement,
            "select attrelid, attnum, 'pg_class'::regclass::oid from pg_attribute"
            " where attrelid = format('marts.%%I', %s::text)::regclass and attname = %s",
            table,
            column,
        )

    def drop(self, signature: str) -> None:
        """Drop `view marts.v` or `function marts.f(text)`."""
        kind, _, name = signature.partition(" ")
        catalogue, cast = ("pg_class", "regclass") if kind == "view" else ("pg_proc", "regprocedure")
        self._run(
            sql.SQL("drop {}").format(sql.SQL(signature)),
            f"select %s::{cast}::oid, 0, '{catalogue}'::regclass::oid",
            name,
        )

    def restore(self, own: bool = True) -> None:
        """Make everything again that was set aside, what others stand on first; the views of marts themselves only if
        `own`, and only where they still can be. Raises MartContractError naming a person's view that can't be."""
        for view in reversed(self._aside):
            if view.schema == "marts" and not own:
                continue
            there = self._connection.execute(
                "select to_regclass(format('%%I.%%I', %s::text, %s::text)) is not null", [view.schema, view.name]
            ).fetchone()
            if there == (True,):
                continue
            try:
                with self._connection.transaction():
                    self._make(view)
            except (psycopg.ProgrammingError, psycopg.NotSupportedError) as error:
                if view.schema != "marts":
                    raise MartContractError(
                        f"{view} reads what marts are about to lose ({str(error).splitlines()[0]}):"
                        " change or drop it, then run again; nothing was changed"
                    ) from error
        self._aside.clear()

    def _run(self, statement: sql.Composed, target: str, *names: str) -> None:
        for oid, number, catalogue in self._connection.execute(target.encode(), names).fetchall():
            self._set_aside(oid, number, catalogue)
        try:
            with self._connection.transaction():
                self._connection.execute(statement)
        except psycopg.errors.DependentObjectsStillExist as error:
            raise MartContractError(
                f"marts can't be altered while other objects depend on them: {error.diag.message_detail};"
                " change or drop these, then run again; nothing was changed"
            ) from error

    def _set_aside(self, oid: int, number: int, catalogue: int) -> None:
        found = self._connection.execute(
            """
            with recursive found (oid, depth) as (
                select r.ev_class, 1
                from pg_depend as d
                inner join pg_rewrite as r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
                where
                    d.refclassid = %(catalogue)s::oid and d.refobjid = %(oid)s::oid and r.ev_class <> d.refobjid
                    and (%(number)s = 0 or d.refobjsubid = %(number)s)
                union
                select r.ev_class, f.depth + 1
                from found as f
                inner join pg_depend as d on d.refclassid = 'pg_class'::regclass and d.refobjid = f.oid
                inner join pg_rewrite as r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
                where r.ev_class <> f.oid
            )
            select c.oid, n.nspname, c.relname, c.relkind::text, pg_get_userbyid(c.relowner)
            from (select oid, max(depth) as depth from found group by 1) as f
            inner join pg_class as c on c.oid = f.oid
            inner join pg_namespace as n on n.oid = c.relnamespace
            order by f.depth desc, 1
            """,
            {"oid": oid, "number": number, "catalogue": catalogue},
        ).fetchall()
        for view, schema, name, kind, owner in found:
            if kind != "v":
                raise MartContractError(
                    f"the materialised view {schema}.{name} of {owner} depends on marts, and is not made again by an"
                    " upgrade: drop it, run, and make it again"
                )
            if schema not in MADE_ANEW:
                self._aside.append(self._as_it_is(view, schema, name, owner))
            try:
                with self._connection.transaction():
                    self._connection.execute(sql.SQL("drop view {}").format(sql.Identifier(schema, name)))
            except psycopg.errors.InsufficientPrivilege as error:
                raise MartContractError(
                    f"{schema}.{name} of {owner} depends on marts, and this user may not set it aside:"
                    " ask its owner to drop it, then run again; nothing was changed"
                ) from error

    def _as_it_is(self, oid: int, schema: str, name: str, owner: str) -> _View:
        ask = self._connection.execute
        (row,) = ask("select pg_get_viewdef(oid), reloptions from pg_class where oid = %s", [oid]).fetchall()
        comments = ask(
            "select a.attname, d.description from pg_description as d"
            " left join pg_attribute as a on a.attrelid = d.objoid and a.attnum = d.objsubid and d.objsubid > 0"
            " where d.classoid = 'pg_class'::regclass and d.objoid = %s",
            [oid],
        ).fetchall()
        grants = ask(
            "select coalesce(r.rolname, ''), g.privilege_type, g.is_grantable"
            " from pg_class as c cross join lateral aclexplode(c.relacl) as g"
            " left join pg_roles as r on r.oid = g.grantee"
            " where c.oid = %s and g.grantee <> c.relowner",
            [oid],
        ).fetchall()
        return _View(schema, name, owner, row[0].rstrip().rstrip(";"), row[1] or [], comments, grants)

    def _make(self, view: _View) -> None:
        run = self._connection.execute
        name = sql.Identifier(view.schema, view.name)
        options = sql.SQL(f" with ({', '.join(view.options)})" if view.options else "")
        run(sql.SQL("create view {}{} as {}").format(name, options, sql.SQL(view.definition)))
        for column, text in view.comments:
            what = sql.SQL("column {}").format(sql.Identifier(view.schema, view.name, column)) if column else None
            run(sql.SQL("comment on {} is {}").format(what or sql.SQL("view {}").format(name), sql.Literal(text)))
        for grantee, privilege, passes_on in view.grants:
            to = sql.Identifier(grantee) if grantee else sql.SQL("public")
            more = sql.SQL(" with grant option" if passes_on else "")
            run(sql.SQL("grant {} on {} to {}{}").format(sql.SQL(privilege), name, to, more))
        if run("select current_user <> %s", [view.owner]).fetchone() == (True,):
            run(sql.SQL("alter view {} owner to {}").format(name, sql.Identifier(view.owner)))
