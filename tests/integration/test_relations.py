"""Views that stand are left alone by a night, and made again when they do not (orchestration/marts/relations.py)."""

from __future__ import annotations

from night import Night
from platforms import Copies

from orchestration.marts import relations

OF_DBT = """
select n.nspname || '.' || c.relname, c.oid, pg_relation_filenode(c.oid)
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('build', 'next') and c.relkind = %s and obj_description(c.oid) is null
"""


def made(night: Night, kind: str) -> dict[str, tuple[int, int]]:
    """The relations of dbt of a kind, with what they are to the server and which file holds their rows."""
    with night.connect() as connection:
        return {name: (oid, file) for name, oid, file in connection.execute(OF_DBT, [kind])}


def test_a_night_fills_the_tables_and_leaves_the_views(small_days_again: Copies) -> None:
    with small_days_again() as night:
        views, tables, digest = made(night, "v"), made(night, "r"), night.digest()
        assert {"build.stg_chat__messages", "next.fct_message"} <= views.keys()
        night.publish()
        assert made(night, "v") == views
        filled = made(night, "r")
        for name in ("build.int_messages_counted", "build.touched_period", "build.int_kpi_answered"):
            assert tables[name][0] == filled[name][0]
            assert tables[name][1] != filled[name][1]
        assert night.digest() == digest


def test_views_that_do_not_stand_are_made_again(small_days_again: Copies) -> None:
    with small_days_again() as night:
        digest = night.digest()
        manifest = night.target / "manifest.json"
        read = manifest.read_bytes()

        def drop() -> None:
            with night.connect() as connection:
                connection.execute("drop view next.fct_order")

        def break_off() -> None:
            with night.connect() as connection:
                relations.forget(connection)

        try:
            for undo in (drop, break_off, lambda: manifest.write_bytes(read + b"\n")):
                views = made(night, "v")
                undo()
                night.publish()
                again = made(night, "v")
                assert again.keys() == views.keys()
                assert not {oid for oid, _ in again.values()} & {oid for oid, _ in views.values()}
        finally:
            manifest.write_bytes(read)
        assert night.digest() == digest
