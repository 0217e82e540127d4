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
        digest, views = night.digest(), made(night, "v")
        manifest = night.target / "manifest.json"
        other = manifest.with_name("other.json")
        other.write_bytes(manifest.read_bytes() + b"\n")
        with night.connect() as connection:
            assert relations.stand(connection, manifest)
            assert not relations.stand(connection, other), "made by another project"
            relations.forget(connection)
            assert not relations.stand(connection, manifest), "whatever became of the build under way"
            connection.rollback()
            connection.execute("drop view next.fct_order")
            assert not relations.stand(connection, manifest), "not all there"
        night.publish()
        again = made(night, "v")
        assert again.keys() == views.keys()
        assert not {oid for oid, _ in again.values()} & {oid for oid, _ in views.values()}
        assert night.digest() == digest
        with night.connect() as connection:
            assert relations.stand(connection, manifest)
