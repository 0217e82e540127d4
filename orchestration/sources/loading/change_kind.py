"""What a load says anew of a thing: from which instant on, and whether it adds to what was known or corrects it.

Here: the SQL that holds a row against the version that stood before it. A publication reads it off the touched list, to
tell data that came late from data that came in time. Not here: writing the list (load.py).
"""

from __future__ import annotations

from psycopg import sql

from orchestration.sources.contract import Column, Dataset

ALWAYS = sql.SQL("'-infinity'::timestamptz")
NEVER = sql.SQL("'infinity'::timestamptz")


def since_unknown(dataset: Dataset, row: str) -> sql.Composable:
    """The instant from which a row says something, where nothing was known of its key."""
    if dataset.event_time:
        return sql.Identifier(row, dataset.event_time)
    # A setting holds for all time; what else has no time of its own counts from its last change.
    return ALWAYS if dataset.name in ("brands", "members", "identities") else sql.Identifier(row, "updated_at")


def since(dataset: Dataset, new: str, old: str) -> sql.Composable:
    """The instant from which `new` says something else than `old`, both versions of one key that differ."""
    if dataset.keeps_every_version:
        # A version holds from its own change on; the first one speaks for the time before it too.
        return sql.SQL("case when {} < {} then {} else {} end").format(
            sql.Identifier(new, "updated_at"), sql.Identifier(old, "updated_at"), ALWAYS,
            sql.Identifier(new, "updated_at"),
        )  # fmt: skip
    differing = [
        sql.SQL("case when {old} is distinct from {new} then {since} end").format(
            old=sql.Identifier(old, column.name),
            new=sql.Identifier(new, column.name),
            since=_since_column(dataset, column, new, old),
        )
        for column in _compared(dataset)
    ]
    return sql.SQL("coalesce(least({}), {})").format(sql.SQL(", ").join(differing), NEVER)


def is_correction(dataset: Dataset, new: str, old: str) -> sql.Composable:
    """Whether `new` alters what `old` said, rather than telling how it went on."""
    if dataset.keeps_every_version:
        return sql.SQL("false")
    altered: list[sql.Composable] = []
    for column in _compared(dataset):
        was, is_now = sql.Identifier(old, column.name), sql.Identifier(new, column.name)
        if column.type == "instant":
            altered.append(sql.SQL("({0} is not null and {0} is distinct from {1})").format(was, is_now))
        elif not column.holds_from:
            altered.append(sql.SQL("({} is distinct from {})").format(was, is_now))
        elif not column.required and column.holds_from != "updated_at":
            altered.append(
                sql.SQL("({0} is distinct from {1} and ({0} is not null or {2} is null))").format(
                    was, is_now, sql.Identifier(new, column.holds_from)
                )
            )
    return sql.SQL("({})").format(sql.SQL(" or ").join(altered))


def _compared(dataset: Dataset) -> list[Column]:
    return [column for column in dataset.columns if column.name not in (*dataset.key, "updated_at")]


def _since_column(dataset: Dataset, column: Column, new: str, old: str) -> sql.Composable:
    """From when a column's other value holds."""
    if column.type == "instant":
        return sql.SQL("least({}, {})").format(sql.Identifier(old, column.name), sql.Identifier(new, column.name))
    from_the_first = sql.SQL("least({}, {})").format(since_unknown(dataset, old), since_unknown(dataset, new))
    if not column.holds_from:
        return from_the_first
    holds_from = sql.Identifier(new, column.holds_from)
    if column.required or column.holds_from == "updated_at":
        return sql.SQL("coalesce({}, {})").format(holds_from, sql.Identifier(new, "updated_at"))
    return sql.SQL("case when {} is null then coalesce({}, {first}) else {first} end").format(
        sql.Identifier(old, column.name), holds_from, first=from_the_first
    )
