"""What a contract that has grown means for an installation that was made before: its raw tables gain columns and
datasets, and what was loaded is held against what the contract says now. Nothing needs to be loaded again by hand.

Not here: the tables themselves (raw_tables.py), the migration files (warehouse/migrations/), the rules (row_rules.py).
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from orchestration.sources.contract import DATASETS, WORD_SEPARATOR, Dataset
from orchestration.sources.loading.raw_tables import ensure_tables, names, table
from orchestration.sources.loading.revalidation import correct_counts, note_touched, quarantine_rows
from orchestration.sources.loading.row_rules import FOREIGN_RULE, NEGATIVE_RULE, is_negative
from orchestration.sources.loading.versions import hash_of, tell_apart
from orchestration.warehouse import run_migrations


def migrate(connection: psycopg.Connection[Any]) -> list[str]:
    """Bring the schema `raw` up to date and commit: the migration files, then what the contract says. Safe to repeat,
    and for several callers at once. Returns the files that ran.

    Raises RawTableError where the contract asks for what a loaded table can't give.
    """
    return run_migrations(connection, then=_upgrade)


def _upgrade(connection: psycopg.Connection[Any]) -> None:
    datasets = tuple(DATASETS.values())
    gained = ensure_tables(connection, datasets)
    for dataset in datasets:
        _read_again(connection, dataset, gained.get(dataset.name, ()))
        if dataset.name in gained:
            _hash_again(connection, dataset)
    if gained:
        for dataset in datasets:
            _take_out_negative_amounts(connection, dataset)


def _read_again(connection: psycopg.Connection[Any], dataset: Dataset, gained: tuple[str, ...]) -> None:
    """Let the next run load those extracts once more of which the contract now takes what it did not: a column that was
    ignored as unknown, or a word that put rows into the quarantine."""
    columns = [column for column in dataset.columns if column.values]
    connection.execute(
        """
        update raw.extract e set fingerprint = '' where dataset = %(dataset)s and fingerprint <> '' and (
            exists (select from raw.load l where l.load_id = e.load_id and l.unknown_columns && %(gained)s::text[])
            or exists (
                select from raw.quarantine q
                  join unnest(%(columns)s::text[], %(words)s::text[]) as known (name, words)
                    on q.column_name = known.name
                 where q.dataset = e.dataset and q.extract_day = e.extract_day and q.rule = 'values'
                   and string_to_array(q.value, %(bar)s) <@ string_to_array(known.words, %(bar)s)))
        """,
        {
            "dataset": dataset.name,
            "gained": list(gained),
            "columns": [column.name for column in columns],
            "words": [WORD_SEPARATOR.join(column.values) for column in columns],
            "bar": WORD_SEPARATOR,
        },
    )


def _hash_again(connection: psycopg.Connection[Any], dataset: Dataset) -> None:
    """Rows of one key in one extract are told apart by a hash over all columns, of which there are more now: which of
    them stands may change, and must be what a clean installation says."""
    columns = tuple(dict.fromkeys(("brand_id", "extract_day", "load_id", *dataset.touches.values())))
    hashed = connection.execute(
        sql.SQL(
            "update {} r set content_hash = {hash} where content_hash is not null and content_hash <> {hash}"
            " returning {}"
        ).format(table(dataset), names(columns, "r"), hash=hash_of(dataset, "r"))
    )
    note_touched(connection, dataset, None, hashed)


def _take_out_negative_amounts(connection: psycopg.Connection[Any], dataset: Dataset) -> None:
    """Version 1 of the contract took amounts below 0; those that stand go to the quarantine, as corrections. However
    many they are: an extract that was taken is not refused afterwards."""
    for column in dataset.columns:
        if column.type != "money" or column.least != 0:
            continue
        broken = is_negative(sql.Identifier("o", column.name))
        moved = note_touched(
            connection,
            dataset,
            None,
            quarantine_rows(connection, dataset, table(dataset), broken, NEGATIVE_RULE, column),
        )
        if moved:
            days = sorted({row["extract_day"] for row in moved})
            left = sql.SQL("(select * from {} where extract_day = any ({}))").format(table(dataset), sql.Literal(days))
            tell_apart(connection, dataset, left)
            correct_counts(connection, dataset, moved, rejected=True)
        # What waits for its brand's currency must not come back when that changes.
        connection.execute(
            'update raw.quarantine set rule = %(rule)s, column_name = %(column)s, value = "row" ->> %(column)s'
            ' where dataset = %(dataset)s and rule = %(foreign)s and ("row" ->> %(column)s)::numeric < 0',
            {"rule": NEGATIVE_RULE, "column": column.name, "dataset": dataset.name, "foreign": FOREIGN_RULE},
        )
